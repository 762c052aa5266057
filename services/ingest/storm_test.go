package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

const (
	// stormIncidents is how many times something goes wrong with the feed in a test; SLUICE_FEED_INCIDENTS is another number.
	stormIncidents = 300
	stormSeed      = 1
)

// storm trades in a market while the private feed of main is cut, frozen, halved and starved.
type storm struct {
	*plant
	wire   *wire
	random *rand.Rand
	makers []string // resting orders of main, oldest first
	happen map[string]int
	blind  []span // when the socket may have told nothing, oldest first
	frozen []span // when it said nothing and was open
	lost   uint64 // the connect of the feed that was spoilt last, 0 when only silence was
}

// span is a time from and to, in Unix µs; to is 0 while it lasts.
type span struct{ from, to int64 }

// inStorm runs a test with a storm over a venue that settles slowly enough to be cut off in between. spoil may break the feed.
func inStorm(t *testing.T, spoil func(*feed), test func(s *storm)) {
	l := &wire{}
	box := sandbox.Config{MineAfter: 3 * time.Second, ConfirmAfter: 9 * time.Second}
	inPlantAt(t, box, func(c *Config) {
		c.Markets = []msgs.ConditionID{msgs.ConditionID(coin().ConditionID)}
		l.dialer, l.client = c.Dialer, c.HTTP
	}, func(v *life) {
		l.put(v.feeds[0])
		if spoil != nil {
			spoil(v.feeds[0])
		}
	}, func(t *testing.T, p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RetrySettlement.PerMille, f.FailSettlement.PerMille = 150, 100 })
		s := &storm{plant: p, wire: l, random: rand.New(rand.NewPCG(stormSeed, 0)), happen: map[string]int{}}
		p.ready()
		test(s)
	})
}

// incidents lets n things go wrong while main trades, and everything end.
func (s *storm) incidents(n int) {
	for range n {
		s.trade()
		s.incident()
		s.wait(time.Duration(s.random.IntN(12_000)) * time.Millisecond)
	}
	for _, id := range s.makers {
		s.cancel("main", id)
	}
	s.wait(3 * time.Minute)
}

// trade places an order of main that takes, and now and then one that rests, lets somebody take, or cancels.
func (s *storm) trade() {
	yes, no := coin().Tokens[0], coin().Tokens[1]
	switch s.random.IntN(4) {
	case 0:
		s.order("main", yes, polymarket.Buy, "0.52", "5", polymarket.FAK)
	case 1:
		s.order("main", no, polymarket.Buy, "0.49", "5", polymarket.GTC)
	case 2: // the same price as the best bid, so that somebody's large sale meets it
		s.makers = append(s.makers, s.order("main", yes, polymarket.Buy, "0.51", "5", polymarket.GTC))
		much := strconv.Itoa(100 + s.random.IntN(400))
		s.order("second", yes, polymarket.Buy, "0.52", much, polymarket.GTC) // what it sells it must have
		s.order("second", yes, polymarket.Sell, "0.51", much, polymarket.GTC)
	case 3:
		s.makers = append(s.makers, s.order("main", yes, polymarket.Buy, "0.20", "7", polymarket.GTC))
	}
	if len(s.makers) > 5 {
		s.cancel("main", s.makers[0])
		s.makers = s.makers[1:]
	}
}

// incident is one thing that goes wrong, for a random while.
func (s *storm) incident() {
	while := time.Duration(s.random.IntN(20_000)) * time.Millisecond
	kind := s.random.IntN(7)
	s.shut(kind != 2)
	switch kind {
	case 0, 1:
		s.happen["cut"]++
		s.venue.CutSockets()
	case 2:
		s.happen["freeze"]++
		began := time.Now().UnixMicro()
		s.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
		s.sleep(3 * while)
		s.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = false })
		s.frozen = append(s.frozen, span{began, time.Now().UnixMicro()})
	case 3, 4:
		s.happen["half-open"]++
		s.wire.halve()
	case 5:
		s.happen["cut, and reads fail"]++
		s.wire.set(true)
		s.venue.CutSockets()
		s.sleep(10 * while) // longer than the overlap of readings, sometimes
		s.wire.set(false)
	case 6:
		s.happen["cut again and again"]++
		for range 2 + s.random.IntN(4) {
			s.venue.CutSockets()
			s.sleep(while / 5)
		}
	}
	s.wait(while)
	if s.random.IntN(25) == 0 {
		s.happen["restart of ingest"]++
		s.shut(false)
		s.lost = 0 // the next one counts anew
		s.stop()
		s.trade()
		s.sleep(20 * while)
		s.start()
		s.wait(while)
	}
}

// sleep lets time go by while main trades on.
func (s *storm) sleep(d time.Duration) {
	s.pass(d / 2)
	s.trade()
	s.pass(d - d/2)
}

// wait lets time go by, and notes when the feed is whole again.
func (s *storm) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.pass(time.Second)
		f := s.life.feeds[0] // which does not know at once that its socket is half open
		if n := len(s.blind) - 1; n >= 0 && s.blind[n].to == 0 && s.svc.Ready() == nil && f.heard.Load() != s.lost {
			s.blind[n].to, s.lost = time.Now().UnixMicro(), 0
		}
	}
}

// shut notes that the socket may tell nothing from now on, and nothing more on this connection when it is renewed.
func (s *storm) shut(renewed bool) {
	if renewed {
		s.lost = s.life.feeds[0].heard.Load()
	}
	if n := len(s.blind) - 1; n < 0 || s.blind[n].to != 0 {
		s.blind = append(s.blind, span{from: time.Now().UnixMicro()})
	}
}

// unseen reports whether what was so between two moments can have been neither heard nor read.
func (s *storm) unseen(from, to int64) bool {
	return slices.ContainsFunc(s.blind, func(b span) bool { return b.from <= from && to <= b.to }) ||
		// At the end of a freeze, of which ingest cannot know, nothing is read.
		slices.ContainsFunc(s.frozen, func(b span) bool { return b.from <= from && from <= b.to })
}

// entry is what the venue's journal says of a trade or an order.
type entry struct {
	Kind    string
	AtUS    int64 `json:"at_us"`
	Account string
	OrderID string `json:"order_id"`
	TradeID string `json:"trade_id"`
	Status  string
	Filled  string
	Legs    []struct {
		Leg     int
		Account string
		OrderID string `json:"order_id"`
	}
}

// verdict is the difference between the venue's journal and a feed.
type verdict struct {
	Lost, Twice, Disordered, Foreign int // statuses of trade legs
	Unheard                          int // RETRYING that came and went while the feed was blind
	OrdersLost, OrdersTwice          int
	Legs, Statuses, Implied, Orders  int // how much was compared
	Finals                           map[string]int
}

// compare holds the feed of an account against the venue's journal.
func (s *storm) compare(account string) verdict {
	s.t.Helper()
	entries := s.journal()
	f := verdict{Finals: map[string]int{}}
	told := map[string][]string{}
	for _, e := range s.trades(account) {
		for _, l := range e.Legs {
			key := fmt.Sprintf("%s/%d of %s", e.TradeID, l.Leg, l.OrderID)
			told[key] = append(told[key], string(e.Status))
			f.Statuses++
			if e.Implied {
				f.Implied++
			}
		}
	}
	type passed struct {
		status string
		at     int64
	}
	lived := map[string][]passed{}
	for _, x := range entries {
		for _, l := range x.Legs {
			if l.Account == account {
				key := fmt.Sprintf("%s/%d of %s", x.TradeID, l.Leg, l.OrderID)
				lived[key] = append(lived[key], passed{x.Status, x.AtUS})
			}
		}
	}
	for key, life := range lived {
		f.Legs++
		at, got := 0, told[key]
		f.Finals[life[len(life)-1].status]++
		for i, step := range life {
			n := 0
			for _, g := range got {
				if g == step.status {
					n++
				}
			}
			f.Twice += max(0, n-1)
			switch {
			case n == 0 && step.status == "RETRYING" && s.unseen(step.at, life[i+1].at):
				f.Unheard++
			case n == 0:
				f.Lost++
				s.t.Logf("lost: %s of %s, which went through %v; told %v", step.status, key, life, got)
			case at < len(got) && got[at] != step.status:
				f.Disordered++
				s.t.Logf("disordered: %s went through %v; told %v", key, life, got)
				at++
			default:
				at++
			}
		}
		delete(told, key)
	}
	f.Foreign = len(told)
	s.compareOrders(account, entries, &f)
	return f
}

// compareOrders asks for the last state of each order that was not placed and ended unseen, and for nothing twice.
func (s *storm) compareOrders(account string, entries []entry, f *verdict) {
	type life struct{ first, last entry }
	lives := map[string]*life{}
	for _, x := range entries {
		if x.Kind != "order" || x.Account != account {
			continue
		}
		if lives[x.OrderID] == nil {
			lives[x.OrderID] = &life{first: x}
		}
		lives[x.OrderID].last = x
	}
	heard, last := map[string]int{}, map[string]msgs.FeedOrder{}
	for _, o := range s.orders(account) {
		key := string(o.OrderID) + orderStatus(&o) + o.SizeMatched.String()
		if heard[key]++; heard[key] > 1 {
			f.OrdersTwice++
		}
		last[string(o.OrderID)] = o
	}
	words := map[string]string{"live": "LIVE", "matched": "MATCHED", "cancelled": "CANCELED", "killed": "UNMATCHED"}
	for id, l := range lives {
		f.Orders++
		o, ok := last[id]
		switch {
		case !ok && s.unseen(l.first.AtUS, l.last.AtUS):
		case !ok, orderStatus(&o) != words[l.last.Status], o.SizeMatched.String() != l.last.Filled:
			f.OrdersLost++
			s.t.Logf("order %s ended as %s with %s; told %s with %s", id, l.last.Status, l.last.Filled, orderStatus(&o), o.SizeMatched)
		}
	}
}

func (s *storm) journal() (out []entry) {
	for _, b := range s.venue.Journal(0) {
		var kind struct{ Kind string }
		if err := json.Unmarshal(b, &kind); err != nil {
			s.t.Fatal(err)
		}
		if kind.Kind != "trade" && kind.Kind != "order" {
			continue
		}
		var x entry
		if err := json.Unmarshal(b, &x); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// wrong sums up what must not be.
func (f *verdict) wrong() int {
	return f.Lost + f.Twice + f.Disordered + f.Foreign + f.OrdersLost + f.OrdersTwice
}

// TestFeedHasEveryStatusOnce lets main trade as taker and maker for hours while its feed is cut, frozen, half open, cut again and
// again, cut for long with nothing to be read, and ingest restarted, each at random. Then the feed is held against the venue's
// journal: each status of each leg once and in order. Only a RETRYING that came and went while nothing could be heard is
// nowhere to be read.
func TestFeedHasEveryStatusOnce(t *testing.T) {
	n := stormIncidents
	if text := os.Getenv("SLUICE_FEED_INCIDENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	inStorm(t, nil, func(s *storm) {
		s.incidents(n)
		f := s.compare("main")
		t.Logf("%d incidents %v: %+v", n, s.happen, f)
		if f.wrong() != 0 {
			t.Errorf("wrong: %+v", f)
		}
		if f.Legs < n/2 || f.Implied < n/20 || f.Finals["FAILED"] == 0 || f.Finals["CONFIRMED"] == 0 || f.Orders < n || len(s.happen) < 6 {
			t.Errorf("this shows little: %+v after %v", f, s.happen)
		}
	})
}

// TestComparisonSeesABrokenFeed: a feed that forgets what it has stored says things twice, and one that is never read loses
// what was said during a cut.
func TestComparisonSeesABrokenFeed(t *testing.T) {
	t.Run("forgetful", func(t *testing.T) {
		var forgetful *feed
		inStorm(t, func(f *feed) { forgetful = f }, func(s *storm) {
			for range 10 {
				s.incidents(2)
				if _, err := ask(s.t.Context(), forgetful, func(context.Context) (int, error) {
					clear(forgetful.stored.history.seen)
					return 0, nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			if f := s.compare("main"); f.Twice == 0 {
				t.Errorf("nothing is told twice: %+v", f)
			}
		})
	})
	t.Run("deaf", func(t *testing.T) {
		nothing := func(f *feed) {
			next := f.clob.HTTP.Transport
			f.clob.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/data/trades" {
					q := r.URL.Query()
					q.Set("before", "1")
					r.URL.RawQuery = q.Encode()
				}
				return next.RoundTrip(r)
			})}
		}
		inStorm(t, nothing, func(s *storm) {
			s.incidents(20)
			if f := s.compare("main"); f.Lost == 0 {
				t.Errorf("nothing is lost: %+v", f)
			}
		})
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
