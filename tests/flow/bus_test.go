package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// subjectOf is where a command of an order or control verb goes.
func subjectOf(account, verb string) string {
	if verb == msgs.VerbHalt || verb == msgs.VerbResume {
		return msgs.CmdSubject(msgs.FamilyControl, msgs.Account(account), verb)
	}
	return msgs.CmdSubject(msgs.FamilyOrder, msgs.Account(account), verb)
}

// quoted is JSON written with ' for ".
func quoted(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "'", `"`)
}

// send sends a command of main as a strategy does, and returns its sequence. The JSON is written with ' for ".
func (p *plant) send(verb, format string, args ...any) uint64 {
	p.t.Helper()
	return p.sendTo("main", verb, quoted(format, args...))
}

// sendTo sends a command of any account.
func (p *plant) sendTo(account, verb, body string, headers ...string) uint64 {
	p.t.Helper()
	return p.publish(p.bus, subjectOf(account, verb), []byte(body), headers...)
}

// publish sends a message as a request and returns the sequence under which it is stored.
func (p *plant) publish(nc *nats.Conn, subject string, body []byte, headers ...string) uint64 {
	p.t.Helper()
	m := nats.NewMsg(subject)
	m.Data = body
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	a, err := nc.RequestMsg(m, patience)
	if err != nil {
		p.t.Fatalf("%s: %v", subject, err)
	}
	var ack struct {
		Seq   uint64
		Error any
	}
	if err := json.Unmarshal(a.Data, &ack); err != nil || ack.Seq == 0 {
		p.t.Fatalf("%s answered %s", subject, a.Data)
	}
	return ack.Seq
}

// submit sends a submit of main for Yes of the coin. more is further JSON with ' for ", each with its comma.
func (p *plant) submit(id, side, kind, price, size string, more ...string) uint64 {
	p.t.Helper()
	return p.sendTo("main", "submit", submitOf(coin, id, side, kind, price, size, more...))
}

// submitOf is a submit for Yes of a market, by its slug.
func submitOf(slug, id, side, kind, price, size string, more ...string) string {
	return quoted("{'client_order_id':'%s','market':'%s','outcome':'Yes','side':'%s','type':'%s','price':'%s','size':'%s'%s}",
		id, slug, side, kind, price, size, strings.Join(more, ""))
}

// event is an event as a strategy of any language sees it.
type event struct {
	Seq    uint64 // of its message
	Stored time.Time
	raw    json.RawMessage

	Type          string
	N             uint64
	AtMS          int64           `json:"at_ms"`
	CmdSeq        uint64          `json:"cmd_seq"`
	RequestID     string          `json:"request_id"`
	ClientOrderID string          `json:"client_order_id"`
	OrderID       string          `json:"order_id"`
	TokenID       string          `json:"token_id"`
	State         string          `json:"state"`
	Final         bool            `json:"final"`
	Late          bool            `json:"late"`
	Filled        string          `json:"filled"`
	Remaining     string          `json:"remaining"`
	AvgPrice      string          `json:"avg_price"`
	Reason        string          `json:"reason"`
	By            string          `json:"by"`
	VenueStatus   string          `json:"venue_status"`
	Meta          json.RawMessage `json:"meta"`
	Error         *msgs.Error     `json:"error"`
	Cancelled     int             `json:"cancelled"`
	Killed        int             `json:"killed_in_queue"`
	StillOpen     []msgs.OrderRef `json:"still_open"`
	Barrier       *msgs.Barrier   `json:"barrier"`
	Doubts        []msgs.Error    `json:"doubts"`
	Unexplained   bool            `json:"unexplained"`
	Fill          *struct {
		TradeID string `json:"trade_id"`
		Leg     int
		Price   string
		Size    string
		Role    string
	}
	Orders []struct {
		ClientOrderID string `json:"client_order_id"`
		OrderID       string `json:"order_id"`
		Salt          uint64
	}
}

// word is an event in a story.
func (e *event) word() string {
	w := strings.TrimPrefix(e.Type, "order.")
	switch {
	case e.Reason != "" && e.Type == "order.cancelled":
		w += ":" + e.Reason
	case e.Error != nil:
		w += ":" + string(e.Error.Code)
	case e.Fill != nil && e.Type == "order.filled":
		w += ":" + e.Fill.Size
	}
	if e.Final {
		w += "."
	}
	return w
}

// stream is what was read of a stream so far.
type stream struct {
	last   uint64
	events []event // of orders
	books  []event // of the ledger
}

// log is every event of an account's orders, in order. A test may read while what stands between it and the venue reads too.
func (p *plant) log(account string) []event {
	p.t.Helper()
	p.reading <- struct{}{}
	defer func() { <-p.reading }()
	l := p.logs[account]
	if l == nil {
		l = &stream{}
		p.logs[account] = l
	}
	s := p.stream(msgs.LogStream(msgs.Account(account)))
	for m := range p.stored(s, l.last+1) {
		l.last = m.Sequence
		var env struct{ Events []json.RawMessage }
		if err := json.Unmarshal(m.Data, &env); err != nil {
			p.t.Fatalf("%s:%d: %v", account, m.Sequence, err)
		}
		for _, raw := range env.Events {
			e := event{Seq: m.Sequence, Stored: m.Time, raw: raw}
			if err := json.Unmarshal(raw, &e); err != nil {
				p.t.Fatalf("%s:%d: %v", account, m.Sequence, err)
			}
			if strings.HasPrefix(e.Type, "ledger.") {
				l.books = append(l.books, e)
			} else {
				l.events = append(l.events, e)
			}
		}
	}
	return l.events[:len(l.events):len(l.events)] // what was read is not written again
}

// stream is the handle of a stream; asking for it anew each time would double the test's own traffic.
func (p *plant) stream(name string) jetstream.Stream {
	p.t.Helper()
	if s, known := p.handles.Load(name); known {
		return s.(jetstream.Stream)
	}
	ctx, cancel := p.deadline()
	defer cancel()
	s, err := p.b.JetStream().Stream(ctx, name)
	if err != nil {
		p.t.Fatalf("stream %s: %v", name, err)
	}
	p.handles.Store(name, s)
	return s
}

// stored walks the messages of a stream from a sequence on to its present end.
func (p *plant) stored(s jetstream.Stream, from uint64) func(func(*jetstream.RawStreamMsg) bool) {
	return func(yield func(*jetstream.RawStreamMsg) bool) {
		ctx, cancel := p.deadline()
		defer cancel()
		info, err := s.Info(ctx)
		if err != nil {
			p.t.Fatalf("stream: %v", err)
		}
		for seq := max(from, info.State.FirstSeq); seq <= info.State.LastSeq; seq++ {
			m, err := s.GetMsg(ctx, seq)
			if p.cfg.lost && errors.Is(err, jetstream.ErrMsgNotFound) {
				continue // the test has removed it
			}
			if err != nil {
				p.t.Fatalf("read %s:%d: %v", info.Config.Name, seq, err)
			}
			if !yield(m) {
				return
			}
		}
	}
}

// about reports whether an event is about an order of main.
func (e *event) about(id string) bool {
	for _, o := range e.Orders {
		if o.ClientOrderID == id && (e.Type == "order.submitting") {
			return true
		}
	}
	return e.ClientOrderID == id
}

// story is what the log says of an order, in words; a final event ends with a full stop.
func (p *plant) story(account, id string) string {
	p.t.Helper()
	var out []string
	for _, e := range p.log(account) {
		if e.about(id) {
			out = append(out, e.word())
		}
	}
	return strings.Join(out, " ")
}

// tells compares the story of an order of main.
func (p *plant) tells(id, story string) {
	p.t.Helper()
	if got := p.story("main", id); got != story {
		p.t.Errorf("%s:\n  %s\nwant\n  %s", id, got, story)
	}
}

// last is the latest event with the state of an order; its zero value when there is none.
func (p *plant) last(account, id string) event {
	p.t.Helper()
	l := p.log(account)
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].ClientOrderID == id && l[i].State != "" {
			return l[i]
		}
	}
	return event{}
}

// of lists the events of main that a command led to.
func (p *plant) of(account string, seq uint64) []event {
	p.t.Helper()
	var out []event
	for _, e := range p.log(account) {
		if e.CmdSeq == seq {
			out = append(out, e)
		}
	}
	return out
}

// ofType lists the events of a type.
func (p *plant) ofType(account, kind string) []event {
	p.t.Helper()
	var out []event
	for _, e := range p.log(account) {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

// final waits until orders of main are over.
func (p *plant) final(ids ...string) {
	p.t.Helper()
	p.finalOf("main", ids...)
}

func (p *plant) finalOf(account string, ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		p.until(id+" is over; story: "+p.story(account, id), func() bool { return p.last(account, id).Final })
	}
}

// is waits until an order of main has a state.
func (p *plant) is(id, state string) {
	p.t.Helper()
	p.until(id+" is "+state, func() bool { return p.last("main", id).State == state })
}

// settled waits until the story of an order of main contains a word.
func (p *plant) has(id, word string) {
	p.t.Helper()
	p.until(id+" "+word, func() bool { return strings.Contains(p.story("main", id)+" ", word) })
}

// ears keep what was said on the bus and is in no stream.
type ears struct {
	mu   sync.Mutex
	said []*nats.Msg
}

// listen hears market data that is not stored.
func (p *plant) listen() *ears {
	p.t.Helper()
	e := &ears{}
	for _, subject := range []string{"md.>", "svc.none"} {
		if _, err := p.b.NATS().Subscribe(subject, func(m *nats.Msg) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.said = append(e.said, m)
		}); err != nil {
			p.t.Fatal(err)
		}
	}
	return e
}

func (e *ears) all() []*nats.Msg {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*nats.Msg(nil), e.said...)
}
