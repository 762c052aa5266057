package ingest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

func tradeEvent(id string, status msgs.TradeStatus, legs ...int) *msgs.FeedTrade {
	t := &msgs.FeedTrade{V: 1, Account: "main", Env: msgs.Sandbox, AtMS: time.Now().UnixMilli(), Source: msgs.FromSocket, TradeID: msgs.TradeID(id), Status: status,
		Legs: []msgs.FeedLeg{}}
	for _, l := range legs {
		t.Legs = append(t.Legs, msgs.FeedLeg{Leg: l, OrderID: "0x1", TokenID: yes, Side: msgs.Buy, Price: 500_000, Size: 1_000_000, Role: msgs.Maker})
	}
	return t
}

func orderEvent(id, status string, matched int64, from msgs.FeedSource) *msgs.FeedOrder {
	return &msgs.FeedOrder{V: 1, Account: "main", Env: msgs.Sandbox, Source: from, OrderID: msgs.OrderID(id), Status: status, TokenID: yes, Side: msgs.Buy,
		Price: 500_000, OriginalSize: 10_000_000, SizeMatched: money.Size(matched), RecvMS: time.Now().UnixMilli()}
}

// streams makes the streams of main.
func streams(t *testing.T, b *actortest.Bubble) jetstream.JetStream {
	t.Helper()
	js := b.JetStream()
	if err := actor.EnsureStreams(t.Context(), js, 1, "main"); err != nil {
		t.Fatal(err)
	}
	return js
}

func openLog(t *testing.T, js jetstream.JetStream) *feedLog {
	t.Helper()
	l := newFeedLog(js, "main")
	if err := l.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func storedTrades(t *testing.T, js jetstream.JetStream) []msgs.FeedTrade {
	return stored[msgs.FeedTrade](t, js, msgs.AskStream("main"), msgs.FeedSubject("main", "trade"))
}

// Three writers without any lease store the same events, each in an order of its own: every event is stored once.
func TestSeveralWritersStoreEachEventOnce(t *testing.T) {
	forgetTimers()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := streams(t, b)
		var writers sync.WaitGroup
		for w := range 3 {
			l := openLog(t, js)
			random := rand.New(rand.NewPCG(uint64(w), 7))
			writers.Go(func() {
				for _, i := range random.Perm(40) {
					if _, err := l.storeTrade(t.Context(), tradeEvent(fmt.Sprint(i), msgs.Matched, 0, 1)); err != nil {
						t.Error(err)
					}
					if _, err := l.storeOrder(t.Context(), orderEvent(fmt.Sprint(i), "LIVE", 0, msgs.FromSocket)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		seen := map[msgs.TradeID]int{}
		for _, e := range storedTrades(t, js) {
			seen[e.TradeID]++
		}
		for i := range 40 {
			if n := seen[msgs.TradeID(fmt.Sprint(i))]; n != 1 {
				t.Errorf("trade %d is stored %d times", i, n)
			}
		}
		if n := len(stored[msgs.FeedOrder](t, js, msgs.AskStream("main"), msgs.FeedSubject("main", "order"))); n != 40 {
			t.Errorf("%d orders stored", n)
		}
	})
}

// A log that starts reads what is stored: neither an event of before nor one whose acknowledgement was lost is stored again.
func TestRestartedLogRemembers(t *testing.T) {
	forgetTimers()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := streams(t, b)
		first := openLog(t, js)
		for _, s := range []msgs.TradeStatus{msgs.Matched, msgs.Mined, msgs.Retrying, msgs.Mined, msgs.Confirmed} {
			if _, err := first.storeTrade(t.Context(), tradeEvent("a", s, 2)); err != nil {
				t.Fatal(err)
			}
		}
		second := openLog(t, js)
		for l, want := range map[*feedLog]bool{first: false, second: false} {
			if got, err := l.storeTrade(t.Context(), tradeEvent("a", msgs.Confirmed, 2)); err != nil || got != want {
				t.Errorf("stored again: %v, %v", got, err)
			}
		}
		// Of a trade known in part, the leg that is new, from its beginning.
		if got, err := second.storeTrade(t.Context(), tradeEvent("a", msgs.Confirmed, 2, 5)); err != nil || !got {
			t.Errorf("the new leg was not stored: %v", err)
		}
		all := storedTrades(t, js)
		if last := all[len(all)-1]; len(all) != 7 || len(last.Legs) != 1 || last.Legs[0].Leg != 5 {
			t.Errorf("%d events, want 4 of the first leg and 3 of the new one; the last is %+v", len(all), last)
		}
	})
}

// What REST says of the past is no news; what it says of the future is.
func TestReadingNeverGoesBack(t *testing.T) {
	h := newHistory()
	h.addOrder(orderEvent("o", "LIVE", 4, msgs.FromSocket))
	for _, c := range []struct {
		status  string
		matched int64
		news    bool
	}{{"LIVE", 4, false}, {"LIVE", 3, false}, {"LIVE", 5, true}, {"CANCELED", 4, true}, {"MATCHED", 10, true}} {
		if got := h.newsOrder(orderEvent("o", c.status, c.matched, msgs.FromREST)); got != c.news {
			t.Errorf("%s/%d is news: %v", c.status, c.matched, got)
		}
	}
	h.addOrder(orderEvent("o", "CANCELED", 4, msgs.FromSocket))
	if h.newsOrder(orderEvent("o", "DELAYED", 4, msgs.FromREST)) {
		t.Error("a cancelled order comes back to life by a late reading")
	}
	if v := h.view(); len(v.orders) != 0 {
		t.Errorf("open: %v", v.orders)
	}
}

// Each status of a trade is told once, behind those that it implies, whatever comes late.
func TestStatusesAreToldInTheOrderOfTheSettlement(t *testing.T) {
	const broadcast, matched, mined, retrying, confirmed, failed = msgs.NotBroadcasted, msgs.Matched, msgs.Mined, msgs.Retrying, msgs.Confirmed, msgs.Failed
	for _, c := range []struct {
		heard []msgs.TradeStatus
		told  string
	}{
		{[]msgs.TradeStatus{matched, mined, confirmed}, "MATCHED MINED CONFIRMED"},
		{[]msgs.TradeStatus{confirmed, mined, matched, confirmed}, "(MATCHED) (MINED) CONFIRMED"},
		{[]msgs.TradeStatus{mined, matched, confirmed}, "(MATCHED) MINED CONFIRMED"},
		{[]msgs.TradeStatus{broadcast, mined}, "MATCHED_NOT_BROADCASTED (MATCHED) MINED"},
		{[]msgs.TradeStatus{matched, broadcast}, "MATCHED"},
		{[]msgs.TradeStatus{retrying, failed, retrying}, "(MATCHED) RETRYING FAILED"},
		{[]msgs.TradeStatus{failed, mined}, "(MATCHED) FAILED"},
		{[]msgs.TradeStatus{matched, mined, retrying, mined, retrying, confirmed}, "MATCHED MINED RETRYING CONFIRMED"},
		{[]msgs.TradeStatus{failed, confirmed}, "(MATCHED) FAILED CONFIRMED"}, // odd, and not for us to hide
		{[]msgs.TradeStatus{confirmed, "REVIEWED"}, "(MATCHED) (MINED) CONFIRMED REVIEWED"},
		{[]msgs.TradeStatus{"QUEUED", matched, "REVIEWED", confirmed}, "QUEUED MATCHED REVIEWED (MINED) CONFIRMED"},
	} {
		h := newHistory()
		var told []string
		for _, s := range c.heard {
			e := tradeEvent("t", s, 0)
			for next := h.nextTrade(e); next != nil; next = h.nextTrade(e) {
				h.addTrade(next)
				word := string(next.Status)
				if next.Implied {
					word = "(" + word + ")"
				}
				told = append(told, word)
			}
		}
		if got := strings.Join(told, " "); got != c.told {
			t.Errorf("heard %v: told %s, want %s", c.heard, got, c.told)
		}
	}
}

// A leg that was not known is told from the beginning, the others are not told again.
func TestLegFoundLaterIsToldFromTheBeginning(t *testing.T) {
	h := newHistory()
	h.addTrade(tradeEvent("t", msgs.Matched, 2))
	e := tradeEvent("t", msgs.Mined, 2, 5)
	var told []string
	for next := h.nextTrade(e); next != nil; next = h.nextTrade(e) {
		h.addTrade(next)
		told = append(told, fmt.Sprint(next.Status, legsOf(next)))
	}
	if got := strings.Join(told, " "); got != "MATCHED[5] MINED[2 5]" {
		t.Errorf("told %s", got)
	}
}

// A reading begins where the feed was whole, whatever a socket has said since; earlier for a trade that is not final, but
// never more than a day; what lies further back is asked for one by one.
func TestReadingBeginsWhereTheFeedWasWhole(t *testing.T) {
	h := newHistory()
	now := time.Now()
	h.whole = now.Add(-time.Hour).UnixMilli()
	at := func(id string, status msgs.TradeStatus, ago time.Duration) {
		e := tradeEvent(id, status, 0)
		e.MatchedMS = now.Add(-ago).UnixMilli()
		h.addTrade(e)
	}
	want := func(ago time.Duration, open ...msgs.TradeID) {
		t.Helper()
		v := h.view()
		if got, want := v.after, now.Add(-ago-overlap).UnixMilli(); got != want {
			t.Errorf("it begins %s too late", time.Duration(got-want)*time.Millisecond)
		}
		if !slices.Equal(v.trades, open) {
			t.Errorf("open are %v, want %v", v.trades, open)
		}
	}
	at("new", msgs.Confirmed, time.Minute)
	want(time.Hour)
	at("open", msgs.Matched, 2*time.Hour)
	want(2*time.Hour, "open")
	at("stuck", msgs.Mined, 40*time.Hour)
	want(time.Hour+lookback, "open", "stuck")
	at("open", msgs.Failed, 2*time.Hour)
	at("stuck", msgs.Confirmed, 40*time.Hour)
	want(time.Hour)
	at("hopeless", msgs.Matched, abandonAfter+2*time.Hour)
	want(time.Hour)
}

// Of more orders than one reading looks up, each has its turn.
func TestEveryOpenOrderHasItsTurn(t *testing.T) {
	var ids []msgs.OrderID
	for i := range 3*maxLookups/2 + 7 {
		ids = append(ids, msgs.OrderID(fmt.Sprintf("%04d", i)))
	}
	asked := map[msgs.OrderID]int{}
	var last msgs.OrderID
	for range 4 {
		round := turn(ids, &last)
		if len(round) != maxLookups {
			t.Fatalf("%d in a round", len(round))
		}
		for _, id := range round {
			asked[id]++
		}
	}
	for _, id := range ids {
		if asked[id] < 2 {
			t.Errorf("%s was asked for %d times in four rounds", id, asked[id])
		}
	}
	if turn(nil, &last) != nil {
		t.Error("nothing has a turn")
	}
}

// The stream refuses everything for a while, and the account trades on. When the stream takes again every event is there once.
func TestSlowStreamLosesNoFeedEvents(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		for id, s := range p.tradeAgainstFullStream(150) {
			if s[msgs.Matched] != 1 || s[msgs.Mined] != 1 || s[msgs.Confirmed] != 1 {
				t.Fatalf("trade of %s has statuses %v", id, s)
			}
		}
		requireNoRepeats(t, p, "main")
	})
}

// The same with a queue that is soon full: the socket is held back, the venue cuts it off, and still every trade comes to its
// end on the feed, once.
func TestFullQueueHoldsTheSocketBack(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		p.tweak = func(l *life) { l.feeds[0].queue = make(chan feedItem, 8) }
		p.start()
		p.ready()
		for id, s := range p.tradeAgainstFullStream(150) {
			if s[msgs.Confirmed] != 1 {
				t.Fatalf("trade of %s has statuses %v", id, s)
			}
		}
		requireNoRepeats(t, p, "main")
	})
}

// tradeAgainstFullStream makes n trades while the account's stream refuses appends, lets it take again, and returns the
// statuses of each trade by the order's id.
func (p *plant) tradeAgainstFullStream(n int) map[string]map[msgs.TradeStatus]int {
	t := p.t
	t.Helper()
	js := p.b.JetStream()
	p.order("main", coin().Tokens[0], polymarket.Buy, "0.10", "5", polymarket.GTC)
	p.pass(time.Second)
	st, err := js.Stream(t.Context(), msgs.AskStream("main"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := st.CachedInfo().Config
	full := cfg
	full.MaxMsgs = max(1, int64(st.CachedInfo().State.Msgs))
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range n {
		ids = append(ids, p.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC))
		p.pass(50 * time.Millisecond)
	}
	p.pass(30 * time.Second)
	if got := len(p.trades("main")); got != 0 {
		t.Fatalf("%d trades were stored by a stream that refuses", got)
	}
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	p.pass(3 * time.Minute)
	out := map[string]map[msgs.TradeStatus]int{}
	for _, id := range ids {
		out[id] = map[msgs.TradeStatus]int{}
	}
	for _, e := range p.trades("main") {
		for _, l := range e.Legs {
			if of, ok := out[string(l.OrderID)]; ok {
				of[e.Status]++
			}
		}
	}
	return out
}

// Cuts and freezes at random moments of a trading hour: every trade reaches its end on the feed, and every order that was heard
// of; no status comes twice. (Of an order that came and went while nothing was heard, the venue keeps no list.)
func TestRandomCutsLeaveTheFeedComplete(t *testing.T) {
	inPlant(t, func(c *Config) { c.UserProfile, _ = ProfileNamed(ProfileHFT) }, func(t *testing.T, p *plant) {
		p.ready()
		random := rand.New(rand.NewPCG(3, 4))
		var filled, cancelled []string
		for range 40 {
			switch random.IntN(4) {
			case 0:
				p.venue.CutSockets()
			case 1:
				p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = !f.FreezeFeed })
			}
			p.pass(time.Duration(random.IntN(3000)) * time.Millisecond)
			filled = append(filled, p.order("main", coin().Tokens[random.IntN(2)], polymarket.Buy, "0.60", "5", polymarket.GTC))
			id := p.order("main", coin().Tokens[0], polymarket.Buy, "0.20", "5", polymarket.GTC)
			p.pass(time.Duration(random.IntN(20000)) * time.Millisecond)
			p.cancel("main", id)
			cancelled = append(cancelled, id)
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = false })
		p.pass(10 * time.Minute)
		for _, id := range filled {
			if s := p.statuses("main", id); s[msgs.Confirmed] != 1 {
				t.Errorf("trade of %s has statuses %v", id, s)
			}
		}
		last := map[msgs.OrderID]string{}
		for _, o := range p.orders("main") {
			last[o.OrderID] = orderStatus(&o)
		}
		heard := 0
		for _, id := range cancelled {
			s, ok := last[msgs.OrderID(id)]
			if ok && s != "CANCELED" {
				t.Errorf("order %s was last heard of as %q", id, s)
			}
			if ok {
				heard++
			}
		}
		if heard < len(cancelled)/4 {
			t.Errorf("only %d of %d orders were heard of: the test shows little", heard, len(cancelled))
		}
		requireNoRepeats(t, p, "main")
	})
}

// A maker's leg is told by the account's API key among the trade's maker orders, with its own token, side and price.
func TestMakerLegIsTheAccountsOwn(t *testing.T) {
	inPlant(t, func(c *Config) { c.Accounts = append(c.Accounts, accountNamed(t, "second")) }, func(t *testing.T, p *plant) {
		p.ready()
		bid := p.lastBook(coin().Tokens[0]).Bids[0].Price
		better := money.Format(bid + 0)
		maker := p.order("main", coin().Tokens[0], polymarket.Buy, better, "5", polymarket.GTC)
		p.pass(time.Second)
		deep := p.lastBook(coin().Tokens[0]).Bids[0].Size
		taker := p.order("second", coin().Tokens[0], polymarket.Sell, better, deep.String(), polymarket.GTC)
		p.pass(time.Minute)
		legs := func(account, order string) (out []msgs.FeedLeg) {
			for _, e := range p.trades(account) {
				if e.Status == msgs.Matched {
					for _, l := range e.Legs {
						if l.OrderID == msgs.OrderID(order) {
							out = append(out, l)
						} else {
							t.Errorf("%s has a leg of %s", account, l.OrderID)
						}
					}
				}
			}
			return out
		}
		made, took := legs("main", maker), legs("second", taker)
		if len(made) != 1 || made[0].Role != msgs.Maker || made[0].Leg < 1 || made[0].Side != msgs.Buy || made[0].Size != 5*money.Unit {
			t.Errorf("maker legs: %+v", made)
		}
		if !slices.ContainsFunc(took, func(l msgs.FeedLeg) bool { return l.Role == msgs.Taker && l.Leg == 0 && l.Side == msgs.Sell }) {
			t.Errorf("taker legs: %+v", took)
		}
	})
}

// The end comes while events wait for a stream that does not take them: they are stored as soon as it does, before Run returns.
func TestWhatWasReceivedIsStoredBeforeTheEnd(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.ready()
		js := p.b.JetStream()
		p.order("main", coin().Tokens[0], polymarket.Buy, "0.10", "5", polymarket.GTC)
		p.pass(time.Second)
		st, err := js.Stream(t.Context(), msgs.AskStream("main"))
		if err != nil {
			t.Fatal(err)
		}
		cfg := st.CachedInfo().Config
		full := cfg
		full.MaxMsgs = max(1, int64(st.CachedInfo().State.Msgs))
		if _, err := js.UpdateStream(t.Context(), full); err != nil {
			t.Fatal(err)
		}
		id := p.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC)
		p.pass(2 * time.Second)
		time.AfterFunc(time.Second, func() {
			if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
				t.Error(err)
			}
		})
		p.stop()
		if s := p.statuses("main", id); s[msgs.Matched] != 1 || s[msgs.Confirmed] != 1 {
			t.Errorf("after the end the trade has statuses %v", s)
		}
	})
}
