package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// plant is the executor between a real NATS server and the sandbox venue, in virtual time. Market facts and the private
// feed come from the test itself, by the venue's REST interface.
type plant struct {
	t     *testing.T
	b     *actortest.Bubble
	venue *sandbox.Sandbox
	cfg   Config
	svc   *Service
	clob  polymarket.CLOB // of main
	stop  func()          // ends the executor and waits for it
	seen  map[string]string
	mute  bool // the feed says nothing

	arrange func(*Service) // before each start; nil: nothing
}

// inPlant runs a test with the executor started for the account main. adjust may change the configuration first.
func inPlant(t *testing.T, adjust func(*plant), test func(t *testing.T, p *plant)) {
	t.Helper()
	// Two collections empty the NATS client's pool of timers: one that an earlier bubble has made would stop this one.
	runtime.GC()
	runtime.GC()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		v, err := sandbox.New(sandbox.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		pipe := b.Pipe()
		pipe.Serve(v.Handler())
		p := &plant{t: t, b: b, venue: v, seen: map[string]string{}}
		p.cfg = Config{Env: msgs.Sandbox, Owner: "test", NATS: b.NATS(), CLOB: "http://venue", HTTP: pipe.Client(), Accounts: []Account{accountNamed(t, "main")}}
		if testing.Verbose() {
			p.cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		}
		if adjust != nil {
			adjust(p)
		}
		p.clob = polymarket.CLOB{BaseURL: "http://venue", HTTP: pipe.Client(), ChainID: polymarket.Polygon, Key: p.cfg.Accounts[0].Key}
		if p.clob.Creds, err = p.clob.CreateOrDeriveKey(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1, "main"); err != nil {
			t.Fatal(err)
		}
		p.publishFacts()
		p.start()
		p.pass(time.Second)
		if err := p.svc.Ready(); err != nil {
			t.Fatal(err)
		}
		test(t, p)
		p.stop()
	})
}

func accountNamed(t testing.TB, name string) Account {
	t.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name != name {
			continue
		}
		key, err := polymarket.ParseKey(a.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		funder, err := polymarket.ParseAddress(a.Funder)
		if err != nil {
			t.Fatal(err)
		}
		return Account{Name: msgs.Account(name), Key: key, Kind: polymarket.WalletKind(a.SignatureType), Funder: funder}
	}
	t.Fatalf("no account %s", name)
	return Account{}
}

// start runs the executor with the plant's configuration.
func (p *plant) start() {
	p.t.Helper()
	svc, err := New(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.svc = svc
	if p.arrange != nil {
		p.arrange(svc)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := svc.Run(ctx); err != nil {
			p.t.Errorf("run: %v", err)
		}
	})
	p.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	p.t.Cleanup(p.stop)
}

// publishFacts says what the venue says of its markets.
func (p *plant) publishFacts() {
	p.t.Helper()
	for _, m := range sandbox.Markets() {
		f := msgs.Market{V: 1, ConditionID: msgs.ConditionID(m.ConditionID), Slug: m.Slug, TickSize: m.TickSize, MinSize: 5 * money.Unit, NegRisk: m.NegRisk,
			Domain: "2", Accepting: true, AtMS: time.Now().UnixMilli()}
		for i, token := range m.Tokens {
			f.Tokens = append(f.Tokens, msgs.MarketToken{TokenID: msgs.TokenID(token), Outcome: []string{"Yes", "No"}[i]})
		}
		p.publish(msgs.MDSubject(venue, "market", m.ConditionID), f)
	}
}

func (p *plant) publish(subject string, v any) {
	p.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.b.JetStream().Publish(p.t.Context(), subject, b); err != nil {
		p.t.Fatal(err)
	}
}

// pass lets time go by in steps, telling the private feed's news after each.
func (p *plant) pass(d time.Duration) {
	p.t.Helper()
	const step = 100 * time.Millisecond
	for ; d > 0; d -= step {
		time.Sleep(min(d, step))
		p.b.Wait()
		p.feed()
		p.b.Wait()
	}
}

// feed publishes every trade status of main that was not published before.
func (p *plant) feed() {
	p.t.Helper()
	if p.mute {
		return
	}
	trades, err := p.clob.Trades(p.t.Context(), polymarket.TradeFilter{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, tr := range trades {
		if p.seen[tr.ID] == tr.Status {
			continue
		}
		p.seen[tr.ID] = tr.Status
		f := msgs.FeedTrade{V: 1, Account: "main", Env: msgs.Sandbox, TradeID: msgs.TradeID(tr.ID), Status: msgs.TradeStatus(tr.Status),
			TakerOrderID: msgs.OrderID(tr.TakerOrderID), ConditionID: msgs.ConditionID(tr.Market), TxHash: msgs.TxHash(tr.TxHash), Source: msgs.FromREST}
		for _, x := range tr.Fills(p.clob.Creds.Key) {
			f.Legs = append(f.Legs, msgs.FeedLeg{Leg: x.Leg, OrderID: msgs.OrderID(x.OrderID), TokenID: msgs.TokenID(x.AssetID), Side: msgs.Side(x.Side),
				Price: x.Price, Size: x.Size, Role: msgs.Role(x.Role)})
		}
		p.publish(msgs.FeedSubject("main", "trade"), f)
	}
}

// send publishes a command of main and returns its sequence. text is the JSON with ' for ".
func (p *plant) send(verb, text string) uint64 {
	p.t.Helper()
	family := msgs.FamilyOrder
	if verb == msgs.VerbHalt || verb == msgs.VerbResume {
		family = msgs.FamilyControl
	}
	m := nats.NewMsg(msgs.CmdSubject(family, "main", verb))
	m.Data = []byte(strings.ReplaceAll(text, "'", `"`))
	ack, err := p.b.JetStream().PublishMsg(p.t.Context(), m)
	if err != nil {
		p.t.Fatal(err)
	}
	return ack.Sequence
}

// submit sends a submit for the first market. more is further JSON.
func (p *plant) submit(id string, side msgs.Side, kind msgs.OrderType, price, size string, more ...string) uint64 {
	p.t.Helper()
	return p.send("submit", fmt.Sprintf(`{'client_order_id':'%s','market':'%s','outcome':'Yes','side':'%s','type':'%s','price':'%s','size':'%s'%s}`,
		id, sandbox.Markets()[0].Slug, side, kind, price, size, strings.Join(more, "")))
}

// events reads the whole log of main.
func (p *plant) events() []msgs.Event {
	p.t.Helper()
	s, err := p.b.JetStream().Stream(p.t.Context(), msgs.LogStream("main"))
	if err != nil {
		p.t.Fatal(err)
	}
	info, err := s.Info(p.t.Context(), jetstream.WithSubjectFilter(msgs.EvtSubject("order", "main")))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []msgs.Event
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(p.t.Context(), seq)
		if err != nil {
			p.t.Fatal(err)
		}
		var env msgs.Envelope
		if err := json.Unmarshal(m.Data, &env); err != nil {
			p.t.Fatal(err)
		}
		out = append(out, env.Events...)
	}
	return out
}

// story is what the log says of one order, in words.
func (p *plant) story(id string) string {
	p.t.Helper()
	var out []string
	for _, e := range p.events() {
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			for _, in := range s.Orders {
				if string(in.ClientOrderID) == id {
					out = append(out, "submitting")
				}
			}
		}
		o := orderIn(e)
		if o == nil || string(o.ClientOrderID) != id {
			continue
		}
		word := strings.TrimPrefix(string(e.Kind()), "order.")
		switch e := e.(type) {
		case *msgs.OrderCancelled:
			word += ":" + string(e.Reason)
		case *msgs.OrderRejected:
			word += ":" + string(e.Error.Code)
		case *msgs.OrderCancelRejected:
			word += ":" + string(e.Error.Code)
		case *msgs.OrderFilled:
			word += ":" + e.Fill.Size.String()
		}
		if o.Final {
			word += "."
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// want compares an order's story.
func (p *plant) want(id, story string) {
	p.t.Helper()
	if got := p.story(id); got != story {
		p.t.Errorf("%s:\n  %s\nwant\n  %s", id, got, story)
	}
}

// posts counts, by the venue's journal, how often an order id was sent.
func (p *plant) posts() map[string]int {
	p.t.Helper()
	out := map[string]int{}
	for _, line := range p.venue.Journal(0) {
		var r struct {
			Kind   string `json:"kind"`
			Method string `json:"method"`
			Path   string `json:"path"`
			Body   string `json:"body"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			p.t.Fatal(err)
		}
		if r.Method != "POST" || r.Path != "/order" && r.Path != "/orders" {
			continue
		}
		for _, part := range strings.Split(r.Body, `"salt":`)[1:] {
			salt, _, _ := strings.Cut(part, ",")
			out[salt]++
		}
	}
	return out
}
