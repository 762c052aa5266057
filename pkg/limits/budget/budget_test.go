package budget

import (
	"errors"
	"testing"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

func begin() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }

func profileOf(t *testing.T, name string) catalogue.Profile {
	t.Helper()
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func budgetOf(t *testing.T, name string, o Options) *Budget {
	t.Helper()
	b, err := New(profileOf(t, name), o, begin())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func half() int { return Permille / 2 }

// used is how much of a layer is used, by rule and key.
func used(b *Budget, now time.Time, rule, key string) (used, limit int) {
	for _, l := range b.Status(now) {
		if l.Rule == rule && l.Key == key {
			return l.Used, l.Limit
		}
	}
	return -1, -1
}

func way(t *testing.T, b *Budget, q Request) *Way {
	t.Helper()
	w, err := b.Way(q)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func send(t *testing.T, b *Budget, now time.Time, q Request) *Way {
	t.Helper()
	w := way(t, b, q)
	p, k, err := b.Enter(now, w, q.Items, time.Time{})
	if k != nil || err != nil {
		t.Fatalf("%+v does not leave: %v", q, err)
	}
	b.Done(now, p, gate.Answered, -1)
	return w
}

// TestOneRequestIsChargedInEachScope sends a batch and a heavy read, and wants the cost of each scope.
func TestOneRequestIsChargedInEachScope(t *testing.T) {
	b, now := budgetOf(t, "polymarket-2026-11", Options{Factor: Permille}), begin()
	send(t, b, now, Request{Endpoint: "POST /orders", Account: "main", Items: 15})
	for _, c := range []struct {
		id, rule, key string
		want          int
	}{{"C-11", "signer orders", "main", 15}, {"C-11", "clob place batch", "", 1}, {"S0-10", "clob", "", 1}, {"S0-2", "everything", "", 1}} {
		t.Run(c.id+" "+c.rule, func(t *testing.T) {
			if n, _ := used(b, now, c.rule, c.key); n != c.want {
				t.Errorf("used %d, want %d", n, c.want)
			}
		})
	}
	p := budgetOf(t, "polynode", Options{Factor: Permille, Tier: "Growth"})
	send(t, p, now, Request{Endpoint: "GET /v3/wallets/0xabc/trades", Key: "k"})
	send(t, p, now, Request{Endpoint: "GET /v3/wallets/0xabc/positions", Key: "k"})
	if all, _ := used(p, now, "v3", "k"); all != 2 {
		t.Errorf("S4-15: the plan's window has %d", all)
	}
	if heavy, _ := used(p, now, "v3_heavy", "k"); heavy != 1 {
		t.Errorf("S4-15: the heavy window has %d", heavy)
	}
	free := budgetOf(t, "polynode", Options{})
	if _, _, err := free.Enter(now, way(t, free, Request{Endpoint: "GET /v3/trades", Key: "k"}), 0, time.Time{}); !errors.Is(err, gate.ErrNever) {
		t.Errorf("S4-14: a plan without REST: %v", err)
	}
}

// TestKalshiCostsTokens sends single orders and a batched cancel and wants their tokens at one bucket.
func TestKalshiCostsTokens(t *testing.T) {
	b, now := budgetOf(t, "kalshi", Options{Factor: Permille}), begin()
	send(t, b, now, Request{Endpoint: "POST /portfolio/orders", Key: "k"})
	send(t, b, now, Request{Endpoint: "DELETE /portfolio/orders/batched", Key: "k", Items: 20})
	send(t, b, now, Request{Endpoint: "GET /markets", Key: "k"})
	if n, of := used(b, now, "kalshi writes", "k"); n != 50 || of != 200 {
		t.Errorf("S1-27: writes used %d of %d, want 50 of 200", n, of)
	}
	if n, of := used(b, now, "kalshi reads", "k"); n != 10 || of != 200 {
		t.Errorf("S1-27: reads used %d of %d, want 10 of 200", n, of)
	}
}

// TestFactorAndCeilingScale wants the share of each figure, and a stretched span where the share is below one request.
func TestFactorAndCeilingScale(t *testing.T) {
	for _, c := range []struct {
		id, profile, endpoint, rule string
		o                           Options
		limit                       int
		per                         time.Duration
	}{
		{"S0-54", "polymarket-2026-02", "gamma GET /events", "gamma events", Options{}, 400, 10 * time.Second},
		{"S0-24", "polymarket-2026-02", "gamma GET /events", "gamma events", Options{Factor: Permille}, 500, 10 * time.Second},
		{"C-9", "polymarket-2026-02", "gamma GET /events", "gamma events", Options{Ceiling: 200}, 100, 10 * time.Second},
		{"S3-26", "kraken", "GET /x", "kraken", Options{Ceiling: 200}, 3, time.Minute},
		{"C-9 below one", "polymarket-safe", "data GET /positions", "safe positions", Options{Factor: Permille, Ceiling: 200}, 1, 5 * time.Minute},
	} {
		t.Run(c.id, func(t *testing.T) {
			b := budgetOf(t, c.profile, c.o)
			send(t, b, begin(), Request{Endpoint: c.endpoint, Key: ""})
			for _, l := range b.Status(begin()) {
				if l.Rule == c.rule {
					if l.Limit != c.limit || l.Per != c.per {
						t.Errorf("%d in %s, want %d in %s", l.Limit, l.Per, c.limit, c.per)
					}
					if want := (c.limit - 1) * Permille / c.limit; l.Headroom() != want {
						t.Errorf("S3-25: headroom %d permille, want %d", l.Headroom(), want)
					}
					return
				}
			}
			t.Error("the rule is not counted")
		})
	}
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile("polymarket")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Factor: -1}, {Factor: 1001}, {Ceiling: 2000}, {Tier: "Tin"}} {
		if _, err := New(p, o, begin()); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	peak := budgetOf(t, "polymarket-2026-02", Options{Factor: Permille, NoPeaks: true})
	n := 0
	for ; ; n++ {
		if at, err := peak.Probe(begin(), way(t, peak, Request{Endpoint: "POST /order", Account: "a"}), 1); err != nil || at.After(begin()) {
			break
		}
		send(t, peak, begin(), Request{Endpoint: "POST /order", Account: "a", Items: 1})
	}
	if n != 3500 {
		t.Errorf("C-4: %d at once without the peak, want 3,500", n)
	}
}

// TestRefusalIsLaidAtTheRightDoor lets each kind of refusal come and wants the counter that it is about to rest, and no other.
func TestRefusalIsLaidAtTheRightDoor(t *testing.T) {
	for _, c := range []struct {
		id, profile, tier string
		q, other          Request // the refused one, and one that must not mind
		s                 signal.Signal
	}{
		{"S4-25 scope", "polynode", "Growth", Request{Endpoint: "GET /v3/trades", Key: "k"}, Request{Endpoint: "GET /v3/markets/search", Key: "k"},
			signal.Signal{Kind: signal.Throttled, Scope: "v3_heavy", Wait: time.Minute, Named: true}},
		{"S2-7 quota", "relayer-2026-11", "", Request{Endpoint: "POST /submit", Key: "k"}, Request{Endpoint: "GET /nonce", Key: "k"},
			signal.Signal{Kind: signal.QuotaGone, Wait: time.Minute, Named: true}},
		{"S2-7 another builder", "relayer-2026-11", "", Request{Endpoint: "POST /submit", Key: "k"}, Request{Endpoint: "POST /submit", Key: "other"},
			signal.Signal{Kind: signal.QuotaGone, Wait: time.Minute, Named: true}},
		{"C-11 signer", "polymarket-2026-11", "", Request{Endpoint: "POST /order", Account: "a", Items: 1}, Request{Endpoint: "POST /order", Account: "b", Items: 1},
			signal.Signal{Kind: signal.Throttled, Wait: time.Minute, Named: true, Signer: signal.Count{Known: true, Remaining: 0}}},
		{"C-1 edge", "polymarket-2026-11", "", Request{Endpoint: "POST /order", Account: "a", Items: 1}, Request{Endpoint: "DELETE /order", Account: "a", Items: 1},
			signal.Signal{Kind: signal.Throttled, Wait: time.Minute, Named: true}},
		{"restart", "polymarket-2026-11", "", Request{Endpoint: "POST /order", Account: "a", Items: 1}, Request{Endpoint: "DELETE /order", Account: "a", Items: 1},
			signal.Signal{Kind: signal.Restarting, Wait: time.Minute, Named: true}},
		{"cancel only", "polymarket-2026-11", "", Request{Endpoint: "POST /orders", Account: "a", Items: 1}, Request{Endpoint: "DELETE /order", Account: "a", Items: 1},
			signal.Signal{Kind: signal.CancelOnly, Wait: time.Minute, Named: true}},
	} {
		t.Run(c.id, func(t *testing.T) {
			b, now := budgetOf(t, c.profile, Options{Factor: Permille, Tier: c.tier}), begin()
			w := send(t, b, now, c.q)
			b.Heed(now, now, w, &c.s, half)
			if at, err := b.Probe(now, w, c.q.Items); err != nil || at.Sub(now) < time.Minute {
				t.Errorf("the refused one may leave after %s, %v", at.Sub(now), err)
			}
			if at, err := b.Probe(now, way(t, b, c.other), c.other.Items); err != nil || at.After(now) {
				t.Errorf("%s waits %s, %v", c.other.Endpoint, at.Sub(now), err)
			}
		})
	}
}

// TestBlockedAddressStopsEverything takes a page of HTML for what it is.
func TestBlockedAddressStopsEverything(t *testing.T) {
	b, now := budgetOf(t, "polymarket", Options{}), begin()
	w := send(t, b, now, Request{Endpoint: "GET /book"})
	b.Heed(now, now, w, &signal.Signal{Kind: signal.Blocked, Wait: 5 * time.Minute, Named: true}, half)
	for _, e := range []string{"GET /book", "POST /order", "gamma GET /markets"} {
		if at, err := b.Probe(now, way(t, b, Request{Endpoint: e, Account: "a"}), 1); err != nil || at.Sub(now) < 5*time.Minute {
			t.Errorf("%s may leave after %s, %v", e, at.Sub(now), err)
		}
	}
}

// TestStormClosesAndReopensLittleByLittle refuses thrice in a row and wants half a minute of rest and then one at a time.
func TestStormClosesAndReopensLittleByLittle(t *testing.T) {
	b, now := budgetOf(t, "coingecko", Options{Factor: Permille}), begin()
	q := Request{Endpoint: "coingecko GET /x"}
	w := way(t, b, q)
	var p gate.Permit
	for range 3 {
		at, err := b.Probe(now, w, 0)
		if err != nil {
			t.Fatal(err)
		}
		now = at
		p, _, _ = b.Enter(now, w, 0, time.Time{})
		sent := now
		now = now.Add(100 * time.Millisecond)
		b.Done(now, p, gate.Answered, -1)
		b.Heed(now, sent, w, &signal.Signal{Kind: signal.Throttled}, half)
	}
	at, err := b.Probe(now, w, 0)
	if err != nil || at.Sub(now) < 30*time.Second {
		t.Fatalf("after a storm it may leave in %s, %v", at.Sub(now), err)
	}
	now = at.Add(2 * time.Minute) // the window is empty, only the ramp holds back
	if p, _, err = b.Enter(now, w, 0, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if again, _ := b.Probe(now, w, 0); !again.After(now) {
		t.Error("two at once after a storm")
	}
	b.Done(now, p, gate.Answered, -1)
	b.Heed(now, now, w, nil, half)
	for range 5 { // two, four, eight …
		now = now.Add(25 * time.Second)
		p, k, err := b.Enter(now, w, 0, time.Time{})
		if k != nil || err != nil {
			t.Fatal("it does not reopen")
		}
		b.Done(now, p, gate.Answered, -1)
		b.Heed(now, now, w, nil, half)
	}
}

// TestRoutesAreBounded asks for endpoints with ids in them.
func TestRoutesAreBounded(t *testing.T) {
	b := budgetOf(t, "polymarket", Options{})
	var err error
	for i := range maxRoutes + 1 {
		if _, err = b.Way(Request{Endpoint: "GET /data/order/" + time.Duration(i).String()}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrRoutes) {
		t.Errorf("without end: %v", err)
	}
	if !b.Covered("POST /order") || budgetOf(t, "kraken", Options{}).Covered("other GET /x") || b.Batch("POST /orders") != 15 {
		t.Error("what is covered, and the batch, are not as documented")
	}
}
