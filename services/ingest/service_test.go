package ingest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// requireVenueBook compares the last published book of a token with the one that the venue shows by REST.
func (p *plant) requireVenueBook(token string) {
	p.t.Helper()
	clob := polymarket.CLOB{BaseURL: p.cfg.CLOB, HTTP: p.cfg.HTTP}
	want, err := clob.Book(p.t.Context(), token)
	if err != nil {
		p.t.Fatal(err)
	}
	got := p.lastBook(token)
	if !got.Fresh {
		p.t.Errorf("book of %s is not fresh", token)
	}
	if g, w := levels(got.Bids), levels(appendSide(nil, want.Bids[:min(len(want.Bids), msgs.MaxLevels)])); g != w {
		p.t.Errorf("bids of %s:\n%s, the venue has\n%s", token, g, w)
	}
	if g, w := levels(got.Asks), levels(appendSide(nil, want.Asks[:min(len(want.Asks), msgs.MaxLevels)])); g != w {
		p.t.Errorf("asks of %s:\n%s, the venue has\n%s", token, g, w)
	}
	if got.TickSize != want.Tick.String() {
		p.t.Errorf("tick of %s is %s, the venue's is %s", token, got.TickSize, want.Tick)
	}
}

func levels(ls []msgs.Level) string {
	b, err := json.Marshal(ls)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Every token of every market has its book as last value, equal to the venue's, and every market its fact.
func TestEveryTokenHasItsBookAndEveryMarketItsFact(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		for _, m := range sandbox.Markets() {
			for _, token := range m.Tokens {
				p.requireVenueBook(token)
			}
			f := lastOf[msgs.Market](t, p.b.JetStream(), msgs.MarketStream, msgs.MDSubject(venue, "market", m.ConditionID))
			if f.Slug != m.Slug || f.TickSize != m.TickSize || f.NegRisk != m.NegRisk || !f.Accepting || len(f.Tokens) != 2 || f.Domain != "2" {
				t.Errorf("fact of %s: %+v", m.Slug, f)
			}
		}
	})
}

// After random orders of a second account the published books are still the venue's, seq has no gaps within a conn.
func TestBookEqualsVenuesAfterRandomChanges(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		m := coin()
		books := hear[msgs.Book](t, p.b.Connect(), msgs.MDSubject(venue, "book", m.Tokens[0]))
		random := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			side := []polymarket.Side{polymarket.Buy, polymarket.Sell}[random.IntN(2)]
			price := money.Format(money.Price(400_000 + 10_000*random.Int64N(20)))
			p.order("second", m.Tokens[random.IntN(2)], side, price, fmt.Sprint(5+random.IntN(20)), polymarket.GTC)
			p.pass(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		p.pass(time.Second)
		p.requireVenueBook(m.Tokens[0])
		p.requireVenueBook(m.Tokens[1])
		got := books()
		if len(got) < 20 {
			t.Fatalf("only %d books were published", len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i].Conn != got[i-1].Conn || got[i].Seq != got[i-1].Seq+1 {
				t.Errorf("book %s/%d follows %s/%d", got[i].Conn, got[i].Seq, got[i-1].Conn, got[i-1].Seq)
			}
		}
	})
}

// A cut of all sockets: the books are withdrawn at once, the connections come back, subscribe everything again, and the
// books are fresh under a new conn.
func TestCutWithdrawsBooksAndResubscribesAll(t *testing.T) {
	inPlant(t, func(c *Config) { c.TokensPerConn = 4 }, func(t *testing.T, p *plant) {
		p.ready()
		before := p.lastBook(coin().Tokens[0])
		p.venue.CutSockets()
		p.pass(time.Millisecond)
		for _, m := range sandbox.Markets() {
			if b := p.lastBook(m.Tokens[1]); b.Fresh {
				t.Errorf("book of %s is fresh although its connection is cut", m.Slug)
			}
		}
		p.ready()
		for _, m := range sandbox.Markets() {
			p.requireVenueBook(m.Tokens[0])
			p.requireVenueBook(m.Tokens[1])
		}
		if after := p.lastBook(coin().Tokens[0]); after.Conn == before.Conn || after.Seq != 1 {
			t.Errorf("the book after the cut is %s/%d, before it was %s/%d", after.Conn, after.Seq, before.Conn, before.Seq)
		}
	})
}

// The venue keeps the sockets open and answers PING, but sends nothing any more. The age of the data gives it away.
func TestFrozenFeedIsFoundByTheAgeOfItsData(t *testing.T) {
	inPlant(t, func(c *Config) { c.Profile, _ = ProfileNamed(ProfileHFT) }, func(t *testing.T, p *plant) {
		p.ready()
		status := hear[msgs.FeedStatus](t, p.b.Connect(), msgs.StatusSubject(venue))
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
		p.pass(40 * time.Second)
		if b := p.lastBook(coin().Tokens[0]); !b.Fresh {
			t.Error("the book was withdrawn before the data time-out")
		}
		p.pass(30 * time.Second)
		if b := p.lastBook(coin().Tokens[0]); b.Fresh {
			t.Error("a minute after the last data the book is still fresh")
		}
		found := false
		for _, s := range status() {
			found = found || s.Channel == channelMarket && s.State == stateDown && s.Cause != ""
		}
		if !found {
			t.Errorf("no connection was said to be down: %+v", status())
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = false })
		p.pass(2 * time.Minute)
		p.ready()
		p.requireVenueBook(coin().Tokens[0])
	})
}

// A fill and its settlement arrive on the feed, each status once, with the account's own leg.
func TestTradeIsFedOncePerStatusWithTheOwnLeg(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		id := p.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "10", polymarket.GTC)
		p.pass(5 * time.Minute)
		want := []msgs.TradeStatus{msgs.Matched, msgs.Mined, msgs.Confirmed}
		got := p.trades("main")
		if len(got) != len(want) {
			t.Fatalf("%d trade events: %+v", len(got), got)
		}
		for i, e := range got {
			if e.Status != want[i] || len(e.Legs) != 1 || e.Legs[0].OrderID != msgs.OrderID(id) || e.Legs[0].Role != msgs.Taker || e.Legs[0].Leg != 0 {
				t.Errorf("event %d: %+v", i, e)
			}
		}
		requireNoRepeats(t, p, "main")
	})
}

// requireNoRepeats fails when an event stands twice in an account's feed.
func requireNoRepeats(t *testing.T, p *plant, account string) {
	t.Helper()
	seen := map[string]int{}
	for _, e := range p.trades(account) {
		for _, l := range e.Legs {
			seen[fmt.Sprintf("trade %s leg %d %s", e.TradeID, l.Leg, e.Status)]++
		}
	}
	for _, e := range p.orders(account) {
		seen[fmt.Sprintf("order %s %s %s", e.OrderID, orderStatus(&e), e.SizeMatched)]++
	}
	for k, n := range seen {
		if n > 1 {
			t.Errorf("%s is stored %d times", k, n)
		}
	}
}

// While the socket is away, orders are placed, filled and cancelled. After the reconnect the feed has the final word about
// each, and nothing twice, also when the same happens again after a restart of ingest.
func TestFeedIsCompleteAfterACut(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		token := coin().Tokens[0]
		resting := p.order("main", token, polymarket.Buy, "0.40", "10", polymarket.GTC)
		p.pass(time.Second)
		p.venue.CutSockets()
		filled := p.order("main", token, polymarket.Buy, "0.52", "7", polymarket.GTC)
		p.cancel("main", resting)
		p.pass(10 * time.Second)
		p.ready()
		p.stop()
		late := p.order("main", token, polymarket.Buy, "0.52", "8", polymarket.GTC)
		p.start()
		p.ready()
		p.pass(2 * time.Minute)
		for _, id := range []string{filled, late} {
			if s := p.statuses("main", id); s[msgs.Confirmed] != 1 {
				t.Errorf("trade of %s has statuses %v", id, s)
			}
		}
		last := ""
		for _, o := range p.orders("main") {
			if o.OrderID == msgs.OrderID(resting) {
				last = orderStatus(&o)
			}
		}
		if last != "CANCELED" {
			t.Errorf("the cancelled order was last heard of as %q", last)
		}
		requireNoRepeats(t, p, "main")
	})
}

// statuses counts the trade events of one order.
func (p *plant) statuses(account, order string) map[msgs.TradeStatus]int {
	out := map[msgs.TradeStatus]int{}
	for _, e := range p.trades(account) {
		for _, l := range e.Legs {
			if l.OrderID == msgs.OrderID(order) {
				out[e.Status]++
			}
		}
	}
	return out
}

func (p *plant) cancel(name, id string) {
	p.t.Helper()
	_, key := sandboxAccount(p.t, name)
	clob := polymarket.CLOB{BaseURL: p.cfg.CLOB, HTTP: p.cfg.HTTP, ChainID: polygon, Key: key}
	creds, err := clob.CreateOrDeriveKey(p.t.Context(), 0)
	if err != nil {
		p.t.Fatal(err)
	}
	clob.Creds = creds
	if out, _ := clob.CancelOrder(p.t.Context(), id); out.Failure != nil {
		p.t.Fatal(out.Failure)
	}
}

// Questions are answered from the last values.
func TestQuestionsAreAnswered(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		m := coin()
		book := p.lastBook(m.Tokens[0])
		nc := p.b.Connect()
		price := question[msgs.PriceAnswer](t, nc, "price", `{"market":"sandbox-coin","outcome":"Yes","side":"BUY"}`)
		if price.Price != book.Asks[0].Price || !price.Fresh {
			t.Errorf("buying costs %+v, the best ask is %s", price, book.Asks[0].Price)
		}
		price = question[msgs.PriceAnswer](t, nc, "price", `{"token_id":"`+m.Tokens[0]+`","side":"SELL"}`)
		if price.Price != book.Bids[0].Price {
			t.Errorf("selling brings %s, the best bid is %s", price.Price, book.Bids[0].Price)
		}
		mid := question[msgs.PriceAnswer](t, nc, "midpoint", `{"market":"`+m.ConditionID+`","outcome":"yes"}`)
		if mid.Price != (book.Asks[0].Price+book.Bids[0].Price)/2 {
			t.Errorf("midpoint is %s", mid.Price)
		}
		if tick := question[msgs.TickAnswer](t, nc, "tick_size", `{"token_id":"`+m.Tokens[1]+`"}`); tick.TickSize != "0.01" || tick.MinSize == 0 {
			t.Errorf("tick answer %+v", tick)
		}
		if got := question[msgs.Book](t, nc, "book", `{"token_id":"`+m.Tokens[0]+`"}`); levels(got.Bids) != levels(book.Bids) {
			t.Errorf("book answer %+v", got)
		}
		if all := question[msgs.MarketsAnswer](t, nc, "markets", `{}`); len(all.Markets) != len(sandbox.Markets()) {
			t.Errorf("%d markets answered", len(all.Markets))
		}
		for verb, ask := range map[string]string{"book": `{`, "price": `{"token_id":"12"}`, "tick_size": `{"market":"nowhere"}`, "midpoint": `{}`} {
			if e := question[msgs.ErrorReply](t, nc, verb, ask); e.Error == nil || e.Error.Code == "" || e.Error.Fix == "" {
				t.Errorf("%s %s: no error in the reply", verb, ask)
			}
		}
	})
}

// question asks svc.ingest and decodes the reply.
func question[T any](t *testing.T, nc *nats.Conn, verb, ask string) T {
	t.Helper()
	var v T
	m, err := nc.RequestWithContext(t.Context(), "svc.ingest."+verb, []byte(ask))
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	if err := json.Unmarshal(m.Data, &v); err != nil {
		t.Fatalf("%s: %v in %s", verb, err, m.Data)
	}
	return v
}

// A tick change reaches book and fact at once.
func TestTickChangeReachesBookAndFact(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		m := coin()
		if err := p.venue.ChangeTick(m.Slug, "0.001"); err != nil {
			t.Fatal(err)
		}
		p.pass(time.Second)
		for _, token := range m.Tokens {
			p.requireVenueBook(token)
			if b := p.lastBook(token); b.TickSize != "0.001" {
				t.Errorf("the book's tick is %s", b.TickSize)
			}
		}
		if f := lastOf[msgs.Market](t, p.b.JetStream(), msgs.MarketStream, msgs.MDSubject(venue, "market", m.ConditionID)); f.TickSize != "0.001" {
			t.Errorf("the fact's tick is %s", f.TickSize)
		}
	})
}

// The server of the last values starts anew and has forgotten them: ingest says them again.
func TestLastValuesComeBackAfterNATSRestart(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		p.b.Restart()
		p.pass(10 * time.Second)
		for _, m := range sandbox.Markets() {
			p.requireVenueBook(m.Tokens[0])
			lastOf[msgs.Market](t, p.b.JetStream(), msgs.MarketStream, msgs.MDSubject(venue, "market", m.ConditionID))
		}
		id := p.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "10", polymarket.GTC)
		p.pass(5 * time.Second)
		if s := p.statuses("main", id); s[msgs.Matched] != 1 || s[msgs.Confirmed] != 1 {
			t.Errorf("after the restart the trade has statuses %v", s)
		}
	})
}
