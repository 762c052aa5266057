package relay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

// quoted is JSON written with ' for ".
func quoted(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "'", `"`)
}

// ask sends a command of main. The JSON is written with ' for "; coin and election stand for the condition ids of two markets.
func (p *plant) ask(verb, id, format string, args ...any) uint64 {
	p.t.Helper()
	return p.askAs("main", verb, id, format, args...)
}

// askAs is ask for any account.
func (p *plant) askAs(account, verb, id, format string, args ...any) uint64 {
	p.t.Helper()
	body := quoted("{'request_id':'%s'", id)
	if format != "" {
		body += "," + quoted(format, args...)
	}
	for word, slug := range map[string]string{"'coin'": coin, "'election'": election} {
		body = strings.ReplaceAll(body, strings.ReplaceAll(word, "'", `"`), fmt.Sprintf("%q", market(p.t, slug).ConditionID))
	}
	return p.publish(msgs.CmdSubject(msgs.FamilyTx, msgs.Account(account), verb), []byte(body+"}"))
}

// publish sends a message as a request and returns the sequence under which it is stored.
func (p *plant) publish(subject string, body []byte) uint64 {
	p.t.Helper()
	m := nats.NewMsg(subject)
	m.Data = body
	a, err := p.bus.RequestMsg(m, patience)
	if err != nil {
		p.t.Fatalf("%s: %v", subject, err)
	}
	var ack struct{ Seq uint64 }
	if err := json.Unmarshal(a.Data, &ack); err != nil || ack.Seq == 0 {
		p.t.Fatalf("%s answered %s", subject, a.Data)
	}
	return ack.Seq
}

// The markets that tests use: an ordinary one and a neg-risk one.
const (
	coin     = "sandbox-coin"
	election = "sandbox-election"
)

// market is a sandbox market by its slug.
func market(t interface{ Fatalf(string, ...any) }, slug string) sandbox.Market {
	for _, m := range sandbox.Markets() {
		if m.Slug == slug {
			return m
		}
	}
	t.Fatalf("no market %s", slug)
	return sandbox.Market{}
}

// event is an event as a strategy of any language sees it.
type event struct {
	Seq    uint64    `json:"-"` // of its message
	Stored time.Time `json:"-"`
	Raw    string    `json:"-"`

	Type       string            `json:"type"`
	AtMS       int64             `json:"at_ms"`
	CmdSeq     uint64            `json:"cmd_seq"`
	RequestID  string            `json:"request_id"`
	RequestIDs []string          `json:"request_ids"`
	Unit       string            `json:"unit"`
	Carrier    string            `json:"carrier"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Nonce      string            `json:"nonce"`
	TxHash     string            `json:"tx_hash"`
	Block      uint64            `json:"block"`
	Effect     map[string]string `json:"effect"`
	GasPOL     string            `json:"gas_pol"`
	Final      bool              `json:"final"`
	Error      *msgs.Error       `json:"error"`
	UntilMS    int64             `json:"until_ms"`
	Code       msgs.Code         `json:"code"`
	LeavesByMS int64             `json:"leaves_by_ms"`
	Cause      string            `json:"cause"`
	Fix        string            `json:"fix"`
}

// about reports whether an event concerns a request.
func (e *event) about(id string) bool { return e.RequestID == id || slices.Contains(e.RequestIDs, id) }

// log is every event of an account's on-chain work, in order.
func (p *plant) log(account string) []event {
	p.t.Helper()
	var out []event
	for m := range p.stored(msgs.LogStream(msgs.Account(account))) {
		if m.Subject != msgs.EvtSubject(msgs.FamilyTx, msgs.Account(account)) {
			continue
		}
		var env struct{ Events []json.RawMessage }
		if err := json.Unmarshal(m.Data, &env); err != nil {
			p.t.Fatalf("%s:%d: %v", account, m.Sequence, err)
		}
		for _, raw := range env.Events {
			e := event{Seq: m.Sequence, Stored: m.Time, Raw: string(raw)}
			if err := json.Unmarshal(raw, &e); err != nil {
				p.t.Fatalf("%s:%d: %v in %s", account, m.Sequence, err, raw)
			}
			out = append(out, e)
		}
	}
	return out
}

// stored walks the messages of a stream, reading each once.
func (p *plant) stored(stream string) func(func(*jetstream.RawStreamMsg) bool) {
	return func(yield func(*jetstream.RawStreamMsg) bool) {
		for _, m := range p.fetch(stream) {
			if !yield(m) {
				return
			}
		}
	}
}

// fetch reads what has come to a stream since the last time and returns all of it.
func (p *plant) fetch(stream string) []*jetstream.RawStreamMsg {
	p.t.Helper()
	ctx, cancel := p.deadline()
	defer cancel()
	s := p.streams[stream]
	if s == nil {
		h, err := p.b.JetStream().Stream(ctx, stream)
		if err != nil {
			p.t.Fatalf("stream %s: %v", stream, err)
		}
		s = &reading{stream: h}
		p.streams[stream] = s
	}
	info, err := s.stream.Info(ctx)
	if err != nil {
		p.t.Fatalf("stream %s: %v", stream, err)
	}
	for seq := max(s.last+1, info.State.FirstSeq); seq <= info.State.LastSeq; seq++ {
		m, err := s.stream.GetMsg(ctx, seq)
		if err != nil {
			p.t.Fatalf("read %s:%d: %v", stream, seq, err)
		}
		s.all, s.last = append(s.all, m), seq
	}
	return s.all
}

// reading is a stream as far as it was read.
type reading struct {
	stream jetstream.Stream
	last   uint64
	all    []*jetstream.RawStreamMsg
}

// of are the events of a kind about a request; empty words are any.
func (p *plant) of(account, kind, id string) (out []event) {
	p.t.Helper()
	for _, e := range p.log(account) {
		if (kind == "" || e.Type == kind) && (id == "" || e.about(id)) {
			out = append(out, e)
		}
	}
	return out
}

// end is the final event about a request; nil while there is none. The refusal of a repeat with other content is none; of two the
// later one counts, which says itself that the one before was wrong.
func (p *plant) end(account, id string) (last *event) {
	p.t.Helper()
	for _, e := range p.log(account) {
		if e.Error != nil && e.Error.Code == msgs.DuplicateID {
			continue
		}
		if e.RequestID == id && (e.Type == "tx.confirmed" || e.Type == "tx.failed" || e.Type == "tx.dropped") {
			last = &e
		}
	}
	return last
}

// confirmed waits until a request of main is confirmed and gives the event.
func (p *plant) confirmed(ids ...string) event { p.t.Helper(); return p.confirmedAs("main", ids...) }

// confirmedAs waits until requests are confirmed and gives the last one's event.
func (p *plant) confirmedAs(account string, ids ...string) (last event) {
	p.t.Helper()
	for _, id := range ids {
		last = p.ended(account, id)
		if last.Type != "tx.confirmed" {
			p.t.Errorf("%s %s ends as %s", account, id, last.Raw)
		}
	}
	return last
}

// ended waits for the end of a request.
func (p *plant) ended(account, id string) (e event) {
	p.t.Helper()
	p.until(account+"'s "+id+" has an end", func() bool {
		last := p.end(account, id)
		if last != nil {
			e = *last
		}
		return last != nil
	})
	return e
}

// failed waits until a request has failed with a code.
func (p *plant) failed(account, id string, code msgs.Code) event {
	p.t.Helper()
	e := p.ended(account, id)
	if e.Type == "tx.confirmed" || e.Error == nil || e.Error.Code != code {
		p.t.Errorf("%s %s ends as %s, want %s", account, id, e.Raw, code)
	}
	if e.Error != nil && e.Error.Fix == "" {
		p.t.Errorf("%s %s fails without a word about what to do: %s", account, id, e.Raw)
	}
	return e
}
