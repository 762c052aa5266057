package limits

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/signal"
)

// TestCallerSleepsUntilTheOldestCallLeavesTheWindow makes the ten calls that a free price source allows in a minute, and one more,
// which waits for the first to be a minute old; then a burst of which nothing is dropped.
func TestCallerSleepsUntilTheOldestCallLeavesTheWindow(t *testing.T) {
	t.Run("S0-20 S3-18 S3-19 waits, and drops nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, began := open(t, "coingecko", budget.Options{Factor: budget.Permille}), time.Now()
			call := func() time.Duration {
				p, err := l.Acquire(t.Context(), Request{Endpoint: "GET /simple/price"})
				if err != nil {
					t.Fatal(err)
				}
				p.Answered()
				return time.Since(began)
			}
			for range 10 {
				if at := call(); at != 0 {
					t.Fatalf("a call of the first ten left after %s", at)
				}
				time.Sleep(time.Second)
				began = began.Add(time.Second)
			}
			if at := call() + 10*time.Second; at < time.Minute || at > time.Minute+time.Second {
				t.Errorf("the eleventh left after %s, want a minute", at)
			}
			for range 30 {
				call()
			}
			if took := time.Since(began) + 10*time.Second; took < 4*time.Minute || took > 4*time.Minute+20*time.Second {
				t.Errorf("forty-one calls took %s, want a little over four minutes", took)
			}
		})
	})
}

// TestBothWindowsOfOrdersAreKept sends orders as fast as they may for 25 minutes: 3,500 in the first ten seconds, and 60 a second
// in the long run.
func TestBothWindowsOfOrdersAreKept(t *testing.T) {
	t.Run("S0-18 S0-13 a peak, and a mean", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, began := open(t, "polymarket-2026-02", budget.Options{Factor: budget.Permille}), time.Now()
			var at []time.Duration
			for time.Since(began) < 25*time.Minute {
				p, err := l.Acquire(t.Context(), order(1))
				if err != nil {
					t.Fatal(err)
				}
				p.Answered()
				at = append(at, time.Since(began))
			}
			in := func(from, to time.Duration) (n int) {
				for _, a := range at {
					if a >= from && a < to {
						n++
					}
				}
				return n
			}
			if n := in(0, 10*time.Second); n != 3500 {
				t.Errorf("%d in the first ten seconds, want 3,500", n)
			}
			if n := in(0, 20*time.Minute); n < 71_000 || n > 72_000 {
				t.Errorf("%d in twenty minutes, want 60 a second", n)
			}
			for i := 36_000; i < len(at); i++ {
				if at[i]-at[i-36_000] <= 10*time.Minute {
					t.Fatalf("36,001 within %s", at[i]-at[i-36_000])
				}
			}
		})
	})
}

// TestLittleThatRemainsIsSpread: a fifth of a window remains, says an answer; the next calls are spread to the reset instead of
// leaving at once.
func TestLittleThatRemainsIsSpread(t *testing.T) {
	t.Run("S1-12 slower below a fifth", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			took := func(remaining int) time.Duration {
				l := open(t, "kraken-public", budget.Options{Factor: budget.Permille})
				began := time.Now()
				for i := range 4 {
					p, err := l.Acquire(t.Context(), Request{Endpoint: "GET /0/public/Ticker"})
					if err != nil {
						t.Fatal(err)
					}
					a := Answer{Items: -1}
					if i == 0 {
						a.Signal = signal.Signal{Kind: signal.Good, Window: signal.Count{Known: true, Limit: 15, Remaining: remaining, Reset: 30 * time.Second}}
					}
					p.Done(a)
				}
				return time.Since(began)
			}
			if d := took(14); d != 0 {
				t.Errorf("with 14 of 15 left four calls took %s", d)
			}
			if d := took(2); d < 5*time.Second {
				t.Errorf("with 2 of 15 left four calls took %s", d)
			}
		})
	})
}

// TestProviderKeysHaveWindowsOfTheirOwn: what one PolyNode key has used is there for another, and a refusal that names a scope and
// a moment stops that scope of that key alone until then.
func TestProviderKeysHaveWindowsOfTheirOwn(t *testing.T) {
	t.Run("S4-13 S4-16 S4-15 per key, until the moment named", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polynode", budget.Options{Factor: budget.Permille, Tier: "Starter"})
			get := func(key, path string) Request { return Request{Endpoint: "GET " + path, Key: key} }
			for range 1000 {
				p, ok := l.Try(get("one", "/v3/trades"))
				if !ok {
					t.Fatal("a plan of a thousand refused one of them")
				}
				p.Answered()
			}
			if _, ok := l.Try(get("one", "/v3/markets")); ok {
				t.Error("heavy calls did not count in the plan's window")
			}
			p, ok := l.Try(get("two", "/v3/trades"))
			if !ok {
				t.Fatal("another key has nothing left")
			}
			body := fmt.Sprintf(`{"error":"rate limit exceeded","scope":"v3_heavy","reset_at":%d}`, time.Now().Unix()+20)
			p.Done(Answer{Items: -1, Signal: signal.Read(signal.Answer{Status: 429, Body: []byte(body)}, time.Now())})
			if at, err := l.Probe(get("two", "/v3/trades")); err != nil || time.Until(at) < 20*time.Second {
				t.Errorf("the scope is free in %s, %v; want 20 s", time.Until(at), err)
			}
			if at, err := l.Probe(get("two", "/v3/markets")); err != nil || time.Until(at) > 0 {
				t.Errorf("the other scope is free in %s, %v; want now", time.Until(at), err)
			}
		})
	})
}

// TestEveryTradingEndpointHasALimit: each request that places or ends orders is covered by a rule of its own and by the signer's.
func TestEveryTradingEndpointHasALimit(t *testing.T) {
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile("polymarket")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Endpoint{PostOrder, PostOrders, DeleteOrder, DeleteOrders, CancelAll, CancelMarket} {
		t.Run("S0-53 "+string(e), func(t *testing.T) {
			own, signer := 0, 0
			for i := range p.Rules {
				r := &p.Rules[i]
				if _, ok := r.Cost(catalogue.ParseEndpoint(string(e), p.API)); !ok {
					continue
				}
				switch {
				case r.Scope == catalogue.Signer:
					signer++
				case r.Width() == 1:
					own++
				}
			}
			if own != 1 || signer != 1 {
				t.Errorf("%d rules of its own and %d of the signer's, want one of each", own, signer)
			}
		})
	}
}

// TestStatusShowsEachSource spends what note 3 spends of its sources and reads use, headroom and whether a source is limited.
func TestStatusShowsEachSource(t *testing.T) {
	for name, w := range map[string]struct {
		calls, headroom int // permille
		limited         bool
	}{
		"coingecko": {1, 900, false}, "kraken": {1, 933, false}, "binance": {1, 999, false}, "alpaca": {1, 995, false}, "capital": {0, 1000, false}, "kraken-public": {15, 0, true},
	} {
		t.Run("S3-22 S3-25 S3-30 "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := open(t, name, budget.Options{Factor: budget.Permille})
				for range w.calls {
					p, err := l.Acquire(t.Context(), Request{Endpoint: "GET /x", Key: "key"})
					if err != nil {
						t.Fatal(err)
					}
					p.Answered()
				}
				if w.calls == 0 {
					if _, err := l.Probe(Request{Endpoint: "GET /x", Key: "key"}); err != nil {
						t.Fatal(err)
					}
				}
				s := l.Status()
				if len(s) != 1 || s[0].API != name || s[0].Used != w.calls || s[0].Headroom() != w.headroom || s[0].Limited(time.Now()) != w.limited {
					t.Errorf("%+v, headroom %d", s, s[0].Headroom())
				}
			})
		})
	}
}

// TestHigherLimitsAndLessTrafficAreExplained: the guide to limits names the programmes that raise them and what makes them matter
// less.
func TestHigherLimitsAndLessTrafficAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	for id, words := range map[string][]string{
		"S1-25 the Market Maker programme": {"Market Maker programme", "Verified", "Partner", "volume"},
		"S1-26 four strategies":            {"sockets instead of polling", "batches", "cache", "programme"},
		"S2-57 how to ask for a tier":      {"builders@polymarket.com", "3,000 a day", "expected volume"},
	} {
		t.Run(id, func(t *testing.T) {
			for _, w := range words {
				if !strings.Contains(string(text), w) {
					t.Errorf("docs/limits.md does not say %q", w)
				}
			}
		})
	}
}
