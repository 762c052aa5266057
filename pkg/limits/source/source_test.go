package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits/catalogue"
)

var errDown = errors.New("down")

// fake is a source that can be down, slow, throttled or spent.
type fake struct {
	name  string
	err   error
	slow  time.Duration
	spent bool
	calls int
}

func (f *fake) source() Source[string, string] {
	return Source[string, string]{Name: f.name, Ready: func() bool { return !f.spent }, Fetch: func(ctx context.Context, q string) (string, error) {
		f.calls++
		if f.slow > 0 {
			select {
			case <-time.After(f.slow):
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		return q + " of " + f.name, f.err
	}}
}

func chain(t *testing.T, data string) (*Chain[string, string], map[string]*fake, []string) {
	t.Helper()
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Chains(), func(c catalogue.Chain) bool { return c.Data == data })
	if i < 0 {
		t.Fatalf("no chain for %s", data)
	}
	var sources []Source[string, string]
	fakes := map[string]*fake{}
	names := slices.DeleteFunc(slices.Clone(c.Chains()[i].Sources), func(n string) bool { return n == catalogue.Cache })
	for _, n := range names {
		fakes[n] = &fake{name: n}
		sources = append(sources, fakes[n].source())
	}
	return NewChain(Breaker{}, sources...), fakes, names
}

// TestChainFailsOverInOrder fails each source of the documented chains in turn, and at last all of them.
func TestChainFailsOverInOrder(t *testing.T) {
	for _, w := range []struct{ id, data, order string }{
		{"S3-8", "crypto_prices", "kraken binance coingecko kraken-public binance-public"},
		{"S3-9", "stock_prices", "capital alpaca coingecko"},
		{"S3-10", "balances", "kraken binance alpaca"},
	} {
		t.Run(w.id, func(t *testing.T) {
			c, fakes, names := chain(t, w.data)
			if got := strings.Join(names, " "); got != w.order {
				t.Fatalf("the order is %s", got)
			}
			if _, err := c.Fetch(t.Context(), "SOL"); err != nil {
				t.Fatal(err)
			}
			for i, n := range names {
				a, err := c.Fetch(t.Context(), "BTC")
				if err != nil || a.Source != n || a.Stale || a.Value != "BTC of "+n {
					t.Fatalf("with %d down: %+v, %v", i, a, err)
				}
				if best, ok := c.Best(); !ok || best != n && fakes[best].err == nil {
					t.Errorf("S3-11: best is %s, %v", best, ok)
				}
				fakes[n].err = errDown
			}
			a, err := c.Fetch(t.Context(), "BTC")
			if err != nil || !a.Stale || a.Value != "BTC of "+names[len(names)-1] {
				t.Errorf("S3-12 S3-27: from the cache %+v, %v", a, err)
			}
			if _, err := c.Fetch(t.Context(), "ETH"); !errors.Is(err, errDown) || strings.Count(err.Error(), "\n") != len(names)-1 {
				t.Errorf("nothing cached: %v", err)
			}
		})
	}
}

// TestCircuitOpensAndClosesByItself fails a source three times, wants it left alone for half a minute, then tried once, then
// used again.
func TestCircuitOpensAndClosesByItself(t *testing.T) {
	t.Run("S3-21 open and closed again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sick, well := &fake{name: "sick", err: errDown}, &fake{name: "well"}
			c := NewChain(Breaker{}, sick.source(), well.source())
			fetch := func() string {
				a, err := c.Fetch(t.Context(), "q")
				if err != nil {
					t.Fatal(err)
				}
				return a.Source
			}
			for range 10 {
				fetch()
			}
			if sick.calls != 3 || c.States()[0].Circuit != "open" {
				t.Fatalf("S3-21: called %d times, %+v", sick.calls, c.States())
			}
			time.Sleep(31 * time.Second)
			if best, _ := c.Best(); best != "sick" {
				t.Errorf("not tried again: best is %s", best)
			}
			if fetch(); sick.calls != 4 {
				t.Errorf("half open it was called %d times, want one more", sick.calls-3)
			}
			if fetch(); sick.calls != 4 {
				t.Error("open again, and called")
			}
			sick.err = nil
			time.Sleep(31 * time.Second)
			if s := fetch(); s != "sick" || c.States()[0].Circuit != "closed" {
				t.Errorf("well again: %s, %+v", s, c.States())
			}
		})
	})
}

// TestThrottleIsNoSickness throttles a source for long and spends another's limits.
func TestThrottleIsNoSickness(t *testing.T) {
	busy, spent, well := &fake{name: "busy", err: fmt.Errorf("429: %w", ErrThrottled)}, &fake{name: "spent", spent: true}, &fake{name: "well"}
	c := NewChain(Breaker{}, busy.source(), spent.source(), well.source())
	for range 10 {
		if a, err := c.Fetch(t.Context(), "q"); err != nil || a.Source != "well" {
			t.Fatal(a, err)
		}
	}
	if c.States()[0].Circuit != "closed" || busy.calls != 10 || spent.calls != 0 {
		t.Errorf("%+v, spent was called %d times", c.States(), spent.calls)
	}
}

// TestSlowSourceIsLeft answers too late, and a caller who leaves ends it all.
func TestSlowSourceIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, well := &fake{name: "slow", slow: time.Minute}, &fake{name: "well"}
		c := NewChain(Breaker{}, slow.source(), well.source())
		began := time.Now()
		if a, err := c.Fetch(t.Context(), "q"); err != nil || a.Source != "well" || time.Since(began) != 5*time.Second {
			t.Errorf("S3-13: %+v, %v after %s", a, err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Fetch(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who left got %v", err)
		}
	})
}

// TestCacheIsBounded asks for more than it remembers.
func TestCacheIsBounded(t *testing.T) {
	f := &fake{name: "f"}
	c := NewChain(Breaker{}, f.source())
	for i := range maxCached + 10 {
		if _, err := c.Fetch(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.cached) != maxCached || len(c.order) != maxCached {
		t.Errorf("%d remembered", len(c.cached))
	}
}

// TestBatchesAreAsFewAsPossible splits lists by the documented sizes.
func TestBatchesAreAsFewAsPossible(t *testing.T) {
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		id, source string
		calls      [3]int // for 100, 500 and 1,000 symbols
	}{
		{"S3-14 S3-15", "coingecko", [3]int{1, 2, 4}}, {"S3-15 C-7", "binance-public", [3]int{1, 5, 10}}, {"S3-15 C-7", "binance", [3]int{2, 10, 20}},
		{"S3-14 C-7", "kraken-public", [3]int{2, 10, 20}}, {"S3-15 C-7", "kraken", [3]int{5, 25, 50}}, {"S3-15", "alpaca", [3]int{1, 5, 10}},
	} {
		t.Run(w.id+" "+w.source, func(t *testing.T) {
			p, err := cat.Profile(w.source)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range []int{100, 500, 1000} {
				got := Batches(make([]int, n), p.Provider.Batch)
				sum := 0
				for _, b := range got {
					sum += len(b)
				}
				if len(got) != w.calls[i] || Calls(n, p.Provider.Batch) != w.calls[i] || sum != n {
					t.Errorf("%d symbols are %d calls, want %d", n, len(got), w.calls[i])
				}
			}
		})
	}
	out, err := Each(t.Context(), []int{1, 2, 3, 4, 5}, 2, func(_ context.Context, part []int) ([]int, error) {
		if part[0] == 5 {
			return nil, errDown
		}
		return part, nil
	})
	if !slices.Equal(out, []int{1, 2, 3, 4}) || !errors.Is(err, errDown) || Calls(0, 5) != 0 {
		t.Errorf("%v, %v", out, err)
	}
}
