package limits

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// wide is a limiter whose figures are out of reach, so that only the counting is measured.
func wide(b *testing.B, rules int) *Limiter {
	b.Helper()
	p := catalogue.Profile{Name: "wide", Source: "test", Date: "2026-11-15", API: "clob"}
	all := []catalogue.Rule{
		{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{"POST /order"},
			Layers: []catalogue.Layer{{N: 30_000, Per: time.Millisecond}, {N: 60_000, Per: 2 * time.Millisecond}, {N: 120_000, Per: 4 * time.Millisecond}}},
		{Name: "clob", Scope: catalogue.IP, For: []string{"clob *"}, Layers: []catalogue.Layer{{N: 60_000, Per: 2 * time.Millisecond}}},
		{Name: "everything", Scope: catalogue.IP, For: []string{"*"}, Layers: []catalogue.Layer{{N: 60_000, Per: 2 * time.Millisecond}}},
		{Name: "orders", Scope: catalogue.Signer, Class: catalogue.Order, Charges: []catalogue.Charge{{To: "POST /order", Item: 1}},
			Layers: []catalogue.Layer{{Rate: 9_000_000, Burst: 9_000_000}}},
	}
	if rules == 1 {
		all = []catalogue.Rule{{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{"POST /order"}, Layers: []catalogue.Layer{{N: 120_000, Per: 4 * time.Millisecond}}}}
	}
	p.Rules = all
	built, err := catalogue.Build(p)
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(built, budget.Options{Factor: budget.Permille, Pulse: signal.PulseConfig{Slow: time.Hour, OrderMin: time.Hour}})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// contender is one thing whose cost is measured beside others: a call, and its end where it has one.
type contender struct {
	name string
	once func() (Permit, error)
}

// contenders are the library's bucket, and the limiter with one layer and with all of an order's.
func contenders(b *testing.B) []contender {
	b.Helper()
	ctx := b.Context()
	allow, wait := rate.NewLimiter(1e9, 1e9), rate.NewLimiter(1e9, 1e9)
	out := []contender{
		{"x/time/rate-Allow", func() (Permit, error) { allow.Allow(); return Permit{}, nil }},
		{"x/time/rate-Wait", func() (Permit, error) { return Permit{}, wait.Wait(ctx) }},
	}
	for _, of := range []struct {
		name  string
		rules int
	}{{"one-layer", 1}, {"all-layers", 4}} {
		w, err := wide(b, of.rules).Way(order(0))
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, contender{of.name, func() (Permit, error) { return w.Acquire(ctx, 1) }})
	}
	return out
}

// BenchmarkAcquire is what an acquire costs, from one goroutine and from sixteen, beside Allow and Wait of x/time/rate, which have no
// end, and what its end costs with it. The contenders take turns of about a millisecond, so that what else the machine does falls on all of
// them; told are the medians.
func BenchmarkAcquire(b *testing.B) {
	for _, goroutines := range []int{1, 16} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			of := contenders(b)
			took, whole := make([][]time.Duration, len(of)), make([][]time.Duration, len(of))
			for b.Loop() {
				for i, c := range of {
					t, w := turn(b, c.once, goroutines)
					took[i], whole[i] = append(took[i], t), append(whole[i], w)
				}
			}
			for i, c := range of {
				b.ReportMetric(median(took[i]), c.name+"-ns")
				if i > 1 {
					b.ReportMetric(median(whole[i]), c.name+"-and-end-ns")
				}
			}
		})
	}
}

func median(of []time.Duration) float64 {
	slices.Sort(of)
	return float64(of[len(of)/2].Nanoseconds())
}

// turn is how long one of many calls takes, and how long with its end.
func turn(b *testing.B, once func() (Permit, error), goroutines int) (call, whole time.Duration) {
	const together = 16_000 // fewer than may be open, so that nobody waits
	each := together / goroutines
	var all sync.WaitGroup
	open := make([]Permit, together)
	lap := func(do func(*Permit) error) time.Duration {
		began := time.Now()
		for g := range goroutines {
			all.Go(func() {
				for i := range each {
					if err := do(&open[g*each+i]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		return time.Since(began) / together
	}
	call = lap(func(p *Permit) (err error) { *p, err = once(); return err })
	end := lap(func(p *Permit) error { p.Answered(); return nil })
	return call, call + end
}

// BenchmarkGate is what the counting costs without lock and clock.
func BenchmarkGate(b *testing.B) {
	b.Run("x-time-rate-allow-n", func(b *testing.B) {
		l, now := rate.NewLimiter(1e9, 1e9), time.Now()
		for b.Loop() {
			now = now.Add(time.Microsecond)
			l.AllowN(now, 1)
		}
	})
	for rules, name := range map[int]string{1: "one-layer", 4: "all-layers"} {
		b.Run(name, func(b *testing.B) {
			l := wide(b, rules)
			w, err := l.budget.Way(order(0))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			now := time.Duration(0)
			for b.Loop() {
				now += time.Microsecond
				p, k, err := l.budget.EnterSince(now, w, 1, time.Time{})
				if k != nil || err != nil {
					b.Fatal(err)
				}
				l.budget.DoneSince(now, p, gate.Answered, -1)
			}
		})
	}
}
