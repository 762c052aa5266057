package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// listing is a venue that has markets and nothing else.
type listing struct {
	mu      sync.Mutex
	markets []map[string]any
	asked   int
	compact map[string]string // answers of /clob-markets
}

// terms lets the venue tell a market's fees; empty is none.
func (l *listing) terms(id, fees string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.compact == nil {
		l.compact = map[string]string{}
	}
	if fees != "" {
		fees = `,"fd":` + fees
	}
	l.compact[id] = `{"c":"` + id + `","mts":0.01,"mos":5` + fees + `}`
}

// market adds a market with two tokens.
func (l *listing) market(i int, open bool) string {
	id := fmt.Sprintf("0x%064x", i)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.markets = append(l.markets, map[string]any{"condition_id": id, "market_slug": fmt.Sprint("m", i), "minimum_tick_size": 0.01, "minimum_order_size": 5,
		"enable_order_book": true, "accepting_orders": open, "closed": !open, "active": true,
		"tokens": []map[string]any{{"token_id": fmt.Sprint(1000 + 2*i), "outcome": "Yes"}, {"token_id": fmt.Sprint(1001 + 2*i), "outcome": "No"}}})
	return id
}

// close ends a market.
func (l *listing) close(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.markets[i]["closed"], l.markets[i]["accepting_orders"] = true, false
}

// ServeHTTP answers /markets, two a page, /markets/{id} and /clob-markets/{id}.
func (l *listing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id := strings.TrimPrefix(r.URL.Path, "/clob-markets/"); id != r.URL.Path {
		if l.compact[id] == "" {
			http.Error(w, `{"error":"market not found"}`, http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, l.compact[id])
		return
	}
	l.asked++
	if id := strings.TrimPrefix(r.URL.Path, "/markets/"); id != r.URL.Path {
		for _, m := range l.markets {
			if m["condition_id"] == id {
				_ = json.NewEncoder(w).Encode(m)
				return
			}
		}
		http.Error(w, `{"error":"market not found"}`, http.StatusNotFound)
		return
	}
	from := 0
	if c := r.URL.Query().Get("next_cursor"); c != "MA==" {
		_, _ = fmt.Sscan(c, &from)
	}
	to := min(from+2, len(l.markets))
	next := fmt.Sprint(to)
	if to == len(l.markets) {
		next = "LTE="
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": l.markets[from:to], "next_cursor": next})
}

// inCatalogue runs a test with a catalogue over a listing; follows holds what it asked to follow.
func inCatalogue(t *testing.T, test func(t *testing.T, b *actortest.Bubble, l *listing, k *catalogue, follows *[][]token)) {
	t.Helper()
	forgetTimers()
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe, js := &listing{}, b.Pipe(), b.JetStream()
		pipe.Serve(l)
		if err := actor.EnsureStreams(t.Context(), js, 1); err != nil {
			t.Fatal(err)
		}
		cfg := Config{}.withDefaults()
		var follows [][]token
		k := &catalogue{clob: &polymarket.CLOB{BaseURL: "http://venue", HTTP: pipe.Client()}, js: js, limit: 3, log: cfg.Log, count: newCounters(),
			changes: make(chan change, changesQueue), again: make(chan struct{}, 1), loaded: make(chan struct{}), facts: map[msgs.ConditionID]msgs.Market{},
			follow: func(ts []token) { follows = append(follows, slices.Clone(ts)) }}
		test(t, b, l, k, &follows)
	})
}

// All pages are read, closed markets are left out, and no more are followed than the limit says, at any refresh.
func TestOpenMarketsAreFollowedUpToTheLimit(t *testing.T) {
	inCatalogue(t, func(t *testing.T, b *actortest.Bubble, l *listing, k *catalogue, follows *[][]token) {
		l.market(0, false)
		for i := 1; i <= 5; i++ {
			l.market(i, true)
		}
		for range 2 {
			if err := k.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if last := (*follows)[len(*follows)-1]; len(k.facts) != 3 || len(last) != 6 || last[0].id != "1002" {
				t.Fatalf("%d facts, following %v", len(k.facts), last)
			}
		}
		// One closes: its last fact says so, its tokens are given up, and the next open market takes its place.
		l.close(2)
		for range 2 {
			if err := k.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if last := (*follows)[len(*follows)-1]; len(k.facts) != 3 || last[2].id != "1006" || last[4].id != "1008" {
			t.Errorf("following %v", last)
		}
		if f := lastOf[msgs.Market](t, k.js, msgs.MarketStream, msgs.MDSubject(venue, "market", fmt.Sprintf("0x%064x", 2))); !f.Closed || f.Accepting {
			t.Errorf("the fact of the closed market: %+v", f)
		}
	})
}

// Hints from the socket: a resolution and a tick change go out at once with what the socket said, a new market is read and
// followed, and what is already known costs no question.
func TestHintsChangeFactsAtOnce(t *testing.T) {
	inCatalogue(t, func(t *testing.T, b *actortest.Bubble, l *listing, k *catalogue, follows *[][]token) {
		first := l.market(1, true)
		if err := k.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked := l.asked
		fact := func(id string) msgs.Market {
			return lastOf[msgs.Market](t, k.js, msgs.MarketStream, msgs.MDSubject(venue, "market", id))
		}
		apply := func(c change) {
			t.Helper()
			if err := k.apply(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		apply(change{market: msgs.ConditionID(first)})
		apply(change{market: msgs.ConditionID(first), tick: "0.001"})
		if f := fact(first); f.TickSize != "0.001" || !f.Accepting {
			t.Errorf("after the tick change: %+v", f)
		}
		apply(change{market: msgs.ConditionID(first), resolved: true, winner: "1003"})
		if f := fact(first); !f.Closed || f.Accepting || !f.Tokens[1].Winner || f.Tokens[0].Winner {
			t.Errorf("after the resolution: %+v", f)
		}
		if l.asked != asked {
			t.Errorf("the venue was asked %d times for what it had said", l.asked-asked)
		}
		second := l.market(2, true)
		apply(change{market: msgs.ConditionID(second)})
		if last := (*follows)[len(*follows)-1]; fact(second).Slug != "m2" || len(last) != 2 || last[0].id != "1004" {
			t.Errorf("following %v", last)
		}
	})
}

// The venue is away at the start: the facts are there as soon as it is back, with back-off between, and a fact's at_ms follows
// each refresh.
func TestFactsWaitForTheVenueAndStayFresh(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		p.venue.SetFaults(func(f *sandbox.Faults) { f.ServerError = sandbox.Fault{Next: 3, On: "/markets"} })
		p.start()
		p.pass(2 * time.Second)
		if err := p.svc.Ready(); err == nil {
			t.Error("ready without facts")
		}
		p.ready()
		if n := p.venue.Faults().ServerError.Next; n != 0 {
			t.Errorf("%d faults are left: the venue was not asked", n)
		}
		id := msgs.MDSubject(venue, "market", coin().ConditionID)
		before := lastOf[msgs.Market](t, p.b.JetStream(), msgs.MarketStream, id)
		p.pass(refreshEvery + time.Second)
		after := lastOf[msgs.Market](t, p.b.JetStream(), msgs.MarketStream, id)
		if d := after.AtMS - before.AtMS; d < refreshEvery.Milliseconds() || d > 2*refreshEvery.Milliseconds() {
			t.Errorf("at_ms moved by %d ms", d)
		}
	})
}

// Everything that is wrong with a configuration is reported at once.
func TestCheckReportsEverything(t *testing.T) {
	c := Config{Env: "prod", CLOB: "clob", WSMarket: "http://x", Markets: []msgs.ConditionID{"0x1"}, TokensPerConn: 501, MaxMarkets: -1, Replicas: 9,
		Profile: Profile{Heartbeat: time.Hour}, Accounts: []Account{{Name: "all"}, {Name: "a"}, {Name: "a"}}}
	err := c.Check()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`env "prod"`, "no nats connection", `clob "clob"`, "ws_market", "ws_user", "tokens_per_conn 501", "max_markets", "replicas 9",
		`market "0x1"`, "profile: heartbeat", "data time-out", `account "all"`, "named twice", "neither credentials", "neither address"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %q in:\n%s", want, err)
		}
	}
	if _, err := New(c); err == nil {
		t.Error("New takes it")
	}
	for name, want := range map[string]time.Duration{ProfileHFT: time.Minute, ProfileDashboard: 5 * time.Minute, ProfileLow: 15 * time.Minute, ProfileBatch: 2 * time.Minute} {
		p, err := ProfileNamed(name)
		if err != nil || p.DataTimeout != want || p.Heartbeat != 5*time.Second || (p.BaseDelay == 5*time.Second) != (name == ProfileLow) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if c := (Config{}).withDefaults(); c.Profile.Name != ProfileDashboard || c.UserProfile.Name != ProfileDashboard {
		t.Errorf("by default the profiles are %q and %q", c.Profile.Name, c.UserProfile.Name)
	}
	if _, err := ProfileNamed("fast"); err == nil {
		t.Error("an unknown profile is taken")
	}
}

// Tokens that are given up are unsubscribed, their last book is not fresh, and they hold the state back no more. A token that
// the venue has no book for does not either, but it is still asked for.
func TestGoneAndBooklessTokensHoldNothingBack(t *testing.T) {
	d := newDesk(t, yes, no)
	d.hear(t, snapshot(yes, 1000, someBids, someAsks))
	asked := 0
	for range 200 {
		asked += len(d.pass(t, time.Second)) / 2
	}
	if s, cause := d.state(); s != stateUp || asked != 2 {
		t.Errorf("after 200 s without a book: %s %s, asked %d times", s, cause, asked)
	}
	d.leave(yes)
	send := d.pass(t, lookEvery)
	if len(send) != 1 || !strings.Contains(send[0], "unsubscribe") || !strings.Contains(send[0], yes) {
		t.Errorf("sent %q", send)
	}
	if b := d.books[yes]; len(b) != 2 || b[1].Fresh || d.tokens() != 1 || d.size() != 1 {
		t.Errorf("books: %+v", b)
	}
	d.hear(t, snapshot(no, 1000, someBids, someAsks))
	if s, _ := d.state(); s != stateUp || d.absent != 0 || d.markets.fresh != 1 {
		t.Errorf("%s, %d absent, %d fresh", s, d.absent, d.markets.fresh)
	}
}

// A connection that brings no book is renewed once; then its tokens are taken to have none.
func TestConnectionWithoutBooksIsRenewedOnce(t *testing.T) {
	d := newDesk(t, yes)
	if _, err := d.look(d.now.Add(snapshotTimeout)); !errors.Is(err, errSnapshot) {
		t.Fatalf("not renewed: %v", err)
	}
	d.hello("m1.2")
	began := time.Now()
	for s := time.Second; s < 5*time.Minute; s += time.Second {
		if _, err := d.look(began.Add(s)); err != nil {
			t.Fatalf("renewed again after %s: %v", s, err)
		}
	}
	if s, _ := d.state(); s != stateUp {
		t.Errorf("state %s", s)
	}
}
