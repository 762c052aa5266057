package limits

import (
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

// BenchmarkAcquire is one acquire and its end, each with a look at the clock, beside the library's Allow and Wait for one
// bucket, which have no end. BenchmarkGate is the counting alone, beside AllowN, with the moment given to both.
func BenchmarkAcquire(b *testing.B) {
	b.Run("x-time-rate-allow", func(b *testing.B) {
		l := rate.NewLimiter(1e9, 1e9)
		b.ReportAllocs()
		for b.Loop() {
			l.Allow()
		}
	})
	b.Run("x-time-rate-wait", func(b *testing.B) {
		l, ctx := rate.NewLimiter(1e9, 1e9), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	for rules, name := range map[int]string{1: "one-layer", 4: "all-layers"} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			w, err := wide(b, rules).Way(order(0))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				p, err := w.Acquire(ctx, 1)
				if err != nil {
					b.Fatal(err)
				}
				p.Answered()
			}
		})
	}
}

// BenchmarkContended is the same from sixteen goroutines.
func BenchmarkContended(b *testing.B) {
	const goroutines = 16 / 2 // for each of two processors
	b.Run("x-time-rate-wait", func(b *testing.B) {
		l := rate.NewLimiter(1e9, 1e9)
		b.SetParallelism(goroutines)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = l.Wait(b.Context())
			}
		})
	})
	for rules, name := range map[int]string{1: "one-layer", 4: "all-layers"} {
		b.Run(name, func(b *testing.B) {
			w, err := wide(b, rules).Way(order(0))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetParallelism(goroutines)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if p, err := w.Acquire(b.Context(), 1); err == nil {
						p.Answered()
					}
				}
			})
		})
	}
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
			now := time.Now()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				p, k, err := l.budget.Enter(now, w, 1, time.Time{})
				if k != nil || err != nil {
					b.Fatal(err)
				}
				l.budget.Done(now, p, gate.Answered, -1)
			}
		})
	}
}
