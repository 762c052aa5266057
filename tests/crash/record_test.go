package crash

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/msgs/msgstest"
	"sluice/pkg/sandbox/judge"
)

func (p *plant) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.t.Context(), patience)
}

// self is this test binary.
func self(t testing.TB) string {
	t.Helper()
	at, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// logbook is what the account's log has told so far.
type logbook struct {
	p     *plant
	next  uint64            // sequence
	state map[string]string // last state by client_order_id
	event []logged
}

// logged is one event of the log, as far as the tests look at it.
type logged struct {
	Seq           uint64    `json:"-"`
	Stored        time.Time `json:"-"`
	Owner         string    `json:"-"`
	Type          string    `json:"type"`
	CmdSeq        uint64    `json:"cmd_seq"`
	ClientOrderID string    `json:"client_order_id"`
	OrderID       string    `json:"order_id"`
	State         string    `json:"state"`
	Final         bool      `json:"final"`
	Late          bool      `json:"late"`
	Error         *msgs.Error
	Orders        []struct {
		ClientOrderID string `json:"client_order_id"`
		OrderID       string `json:"order_id"`
		Salt          uint64 `json:"salt"`
	} `json:"orders"`
}

func (p *plant) logbook() *logbook { return &logbook{p: p, next: 1, state: map[string]string{}} }

// read takes in what has been written since the last time.
func (l *logbook) read() {
	l.p.t.Helper()
	ctx, cancel := l.p.call()
	defer cancel()
	stream, err := l.p.js.Stream(ctx, msgs.LogStream(account))
	if err != nil {
		l.p.t.Fatal(err)
	}
	for {
		m, err := stream.GetMsg(ctx, l.next, jetstream.WithGetMsgSubject(msgs.EvtSubject(msgs.FamilyOrder, account)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return
		}
		if err != nil {
			l.p.t.Fatal(err)
		}
		var env struct {
			Owner  string
			Events []logged
		}
		if err := json.Unmarshal(m.Data, &env); err != nil {
			l.p.t.Fatal(err)
		}
		for _, e := range env.Events {
			e.Seq, e.Stored, e.Owner = m.Sequence, m.Time, env.Owner
			l.event = append(l.event, e)
			if e.Type == string(msgs.KindSubmitting) {
				for _, o := range e.Orders {
					l.state[o.ClientOrderID] = string(msgs.Submitting)
				}
			} else if e.State != "" {
				l.state[e.ClientOrderID] = e.State
			}
		}
		l.next = m.Sequence + 1
	}
}

// rest waits until every order of the storm is decided and has an outcome.
func (l *logbook) rest(s *storm) {
	l.p.t.Helper()
	for end := time.Now().Add(2 * patience); ; pass(100 * time.Millisecond) {
		l.read()
		left := l.unfinished(s)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			for _, id := range left {
				l.p.t.Errorf("order %s, stored at %d, has come to no end: %s", id, s.submitted[id], l.story(id))
			}
			return
		}
	}
}

// unfinished are the orders without an event, though they are stored, and those without an outcome.
func (l *logbook) unfinished(s *storm) (ids []string) {
	for id := range s.orders {
		switch state := l.state[id]; {
		case state == "" && s.submitted[id] > 0, state == string(msgs.Submitting), state == string(msgs.Unknown):
			ids = append(ids, id)
		}
	}
	return ids
}

// story is what the log tells of an order.
func (l *logbook) story(id string) string {
	var words []string
	for _, e := range l.event {
		about := e.ClientOrderID == id
		for _, o := range e.Orders {
			about = about || o.ClientOrderID == id
		}
		if about {
			words = append(words, fmt.Sprintf("%s %s %s %s (%d)", e.Stored.Format("15:04:05.000"), e.Owner, e.Type, e.State, e.Seq))
		}
	}
	return strings.Join(words, ", ")
}

// open is how many intents have no outcome, and how many one that says that nobody knows.
func (l *logbook) open() (sending, unknown int) {
	for _, s := range l.state {
		switch s {
		case string(msgs.Submitting):
			sending++
		case string(msgs.Unknown):
			unknown++
		}
	}
	return sending, unknown
}

// events are those of a kind about an order.
func (l *logbook) events(kind, id string) (out []logged) {
	for _, e := range l.event {
		about := e.ClientOrderID == id
		for _, o := range e.Orders {
			about = about || o.ClientOrderID == id
		}
		if e.Type == kind && about {
			out = append(out, e)
		}
	}
	return out
}

// settling is how long the judge may look again at a plant that runs: a trade settles within a second.
const settling = 20 * time.Second

// schemas are compiled once: they are the same for every test.
var schemas = sync.OnceValues(msgstest.New)

// described holds what was said in a record of the bus against the closed schemas: events, the private feed, dead letters. Commands are
// what tests make of them, and the books of the relayer's units are read by their keepers alone.
func described(t testing.TB, record io.Reader) {
	t.Helper()
	v, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.CheckRecord(record, func(subject string) bool {
		return strings.HasPrefix(subject, "cmd.") || strings.HasPrefix(subject, msgs.QuotaSubject(""))
	})
	if err != nil || n == 0 {
		t.Errorf("of what was said %d messages were held against their schemas: %v", n, err)
	}
}

// judged runs sluice judge on the plant, and gives its verdict and the record of the bus that it has judged.
func (p *plant) judged() (judge.Verdict, string) {
	p.t.Helper()
	record := filepath.Join(p.t.TempDir(), "record.jsonl")
	cmd := exec.Command(program(p.t), "judge", "-o", "json", "--journal", p.urls.CLOB+"/_sandbox/journal", "--nats", p.serviceURL(p.port),
		"--accounts", cmp.Or(p.judgeOf, account), "--settle", "0s", "--record", record)
	cmd.Env = []string{"HOME=" + built.dir}
	var errs strings.Builder
	cmd.Stderr = &errs
	b, err := cmd.Output()
	var v judge.Verdict
	if fail := json.Unmarshal(b, &v); fail != nil {
		p.t.Fatalf("judge: %v, %v\n%s%s", err, fail, b, errs.String())
	}
	return v, record
}

// content demands that the judge finds nothing wrong.
func (p *plant) content() judge.Verdict {
	p.t.Helper()
	v := p.charged(nil)
	if len(v.Unfamiliar) > 0 {
		p.t.Errorf("the judge does not know %v", v.Unfamiliar)
	}
	return v
}

// charged demands that the judge finds exactly so much wrong, once the plant has come to rest, and that everything said is described.
func (p *plant) charged(want map[judge.Kind]int) (v judge.Verdict) {
	p.t.Helper()
	for end := time.Now().Add(settling); ; {
		var record string
		v, record = p.judged()
		got := wrongs(p.t, v)
		if maps.Equal(got, want) {
			f, err := os.Open(record)
			if err != nil {
				p.t.Fatal(err)
			}
			defer f.Close()
			described(p.t, f)
			return v
		}
		if time.Now().After(end) {
			p.t.Errorf("the judge finds %v, want %v\n%s", got, want, v)
			return v
		}
	}
}

// journalLine is a line of the sandbox's journal, as far as the tests look at it.
type journalLine struct {
	Kind    string `json:"kind"`
	AtUS    int64  `json:"at_us"`
	Account string `json:"account"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Body    string `json:"body"`
	Fate    string `json:"fate"`
	Word    string `json:"-"` // its status
	Answer  string `json:"answer"`
	Request int64  `json:"request"`
	OrderID string `json:"order_id"`
	TokenID string `json:"token_id"`
	Price   string `json:"price"`
	Size    string `json:"size"`
	TradeID string `json:"trade_id"`
	Legs    []struct {
		Leg     int    `json:"leg"`
		Account string `json:"account"`
		OrderID string `json:"order_id"`
		Size    string `json:"size"`
	} `json:"legs"`
}

// journal reads the sandbox's journal.
func (p *plant) journal() (lines []journalLine) {
	p.t.Helper()
	r, err := http.Get(p.urls.CLOB + "/_sandbox/journal")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	d := json.NewDecoder(bufio.NewReader(r.Body))
	for d.More() {
		var l struct {
			journalLine
			Status json.RawMessage `json:"status"` // a number or a word
		}
		if err := d.Decode(&l); err != nil {
			p.t.Fatal(err)
		}
		l.Word = strings.Trim(string(l.Status), `"`)
		lines = append(lines, l.journalLine)
	}
	return lines
}

// atVenue is what the venue has had for one token, price and size: which orders, and how much of them was traded.
type atVenue struct {
	ids    map[string]bool
	traded money.Size
}

// seen is what the venue has had of the account, by what the journal says.
func (p *plant) seen() map[key]*atVenue {
	p.t.Helper()
	out, byID, trades := map[key]*atVenue{}, map[string]*atVenue{}, map[string]journalLine{}
	for _, l := range p.journal() {
		switch {
		case l.Kind == "order" && l.Account == account:
			k := key{l.TokenID, plain(l.Price), plain(l.Size)}
			if out[k] == nil {
				out[k] = &atVenue{ids: map[string]bool{}}
			}
			out[k].ids[l.OrderID] = true
			byID[l.OrderID] = out[k]
		case l.Kind == "trade":
			trades[l.TradeID] = l // the last line of a trade counts
		}
	}
	for _, l := range trades {
		for _, leg := range l.Legs {
			if v := byID[leg.OrderID]; v != nil && l.Word != "FAILED" {
				v.traded += size(p.t, leg.Size)
			}
		}
	}
	return out
}

func size(t testing.TB, decimal string) money.Size {
	t.Helper()
	s, err := money.Parse[money.Size](decimal)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is a decimal without zeros at its end.
func plain(decimal string) string {
	if !strings.Contains(decimal, ".") {
		return decimal
	}
	return strings.TrimRight(strings.TrimRight(decimal, "0"), ".")
}

// wrongs are the counts of a verdict that are not zero. Limits are left out: each executor starts with full buckets, and
// here they start one after the other.
func wrongs(t testing.TB, v judge.Verdict) map[judge.Kind]int {
	t.Helper()
	all := map[judge.Kind]int{}
	b, err := json.Marshal(v.Wrong)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(k judge.Kind, n int) bool { return n == 0 || k == "lost" || k == judge.LimitsExceeded })
	return all
}
