package lend

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/pkg/limits/catalogue"
)

// venueOf is the venue's own proportion, 500 in 1 s, 3,500 in 10 s and 36,000 in 600 s, at a part of it.
func venueOf(part int) figures {
	return figures{place: []catalogue.Layer{window(500/part, time.Second), window(3500/part, 10*time.Second), window(36_000/part, 10*time.Minute)},
		cancel: []catalogue.Layer{window(3000/part, 10*time.Second)}, orders: wide, cancels: wide}
}

// live are the members that have not ended.
func (w *world) live() []*member {
	return slices.DeleteFunc(slices.Clone(w.members), func(m *member) bool { return !m.alive })
}

// granter is who grants; nil: nobody.
func (w *world) granter() *member {
	for _, m := range w.live() {
		if m.g != nil && m.rev == w.rev {
			return m
		}
	}
	return nil
}

// TestRandomFleetsStayWithin lets fleets of random size under random figures die, stop, stand still, be cut off and lose messages at random,
// with demand that comes and goes: no limit is ever exceeded.
func TestRandomFleetsStayWithin(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(t, seed, figures{})
			w.slow, w.lose = w.rng.IntN(30), w.rng.IntN(30)
			n := 5 + w.rng.IntN(100)
			w.figures = figures{cancel: []catalogue.Layer{window(10+w.rng.IntN(100), 10*time.Second)}, cancels: wide,
				place:  []catalogue.Layer{window(n, time.Second), window(n*(1+w.rng.IntN(9)), 10*time.Second), window(n*(5+w.rng.IntN(20)), time.Minute)},
				orders: catalogue.Layer{Rate: 1 + w.rng.IntN(2*n), Burst: 1 + w.rng.IntN(2*n)}}
			w.venue[place], w.venue[cancel] = server(w.figures.place...), server(w.figures.cancel...)
			size, each := 1+w.rng.IntN(6), w.between(time.Second, 30*time.Second)
			for w.now < 4*time.Minute {
				for len(w.live()) < size {
					m := w.join()
					for k := range 1 + w.rng.IntN(3) {
						w.after(w.between(0, 20*time.Second), func() { m.flood(place, fmt.Sprint(m.id, k), w.between(0, 5*time.Minute)) })
					}
					m.flood(cancel, m.id+"0", w.between(0, time.Minute))
				}
				w.run(w.between(0, 2*each))
				w.mishap()
			}
			w.run(time.Minute)
			if w.over > 0 {
				t.Errorf("%d of %v were more than is allowed", w.over, w.took)
			}
			if w.took[place] == 0 {
				t.Error("nothing arrived")
			}
		})
	}
}

// mishap lets something happen to somebody.
func (w *world) mishap() {
	m := w.live()[w.rng.IntN(len(w.live()))]
	switch w.rng.IntN(5) {
	case 0:
		m.kill()
	case 1:
		m.end()
	case 2:
		m.stop(w.between(0, 40*time.Second))
	case 3:
		m.cut = true
		w.after(w.between(0, 40*time.Second), func() { m.cut = false })
	case 4:
		if g := w.granter(); g != nil {
			g.kill()
		}
	}
}

// TestFleetsUseWhatIsAllowed saturates 1, 4 and 16 members, of which one dies every minute or two, for an hour.
func TestFleetsUseWhatIsAllowed(t *testing.T) {
	for _, size := range []int{1, 4, 16} {
		for _, every := range []time.Duration{0, 2 * time.Minute, time.Minute, 5 * time.Second} {
			t.Run(fmt.Sprintf("%d members, a death each %v", size, every), func(t *testing.T) {
				const span = 30 * time.Minute
				w := newWorld(t, uint64(size), venueOf(10))
				add := func() {
					m := w.join()
					for k := range 2 {
						m.flood(place, fmt.Sprint(m.id, "-", k), span)
					}
				}
				for range size {
					add()
				}
				for i := 0; w.now < span; i++ {
					step := every
					if step == 0 {
						step = span
					}
					w.run(min(step, span-w.now))
					if every == 0 {
						continue
					}
					m := w.granter()
					if live := w.live(); m == nil || i%2 == 1 {
						m = live[w.rng.IntN(len(live))]
					}
					m.kill()
					add()
				}
				all := allowed(span, w.figures.place...)
				t.Logf("%d of %d, %d permille; %d deaths, %d over", w.took[place], all, w.took[place]*1000/all, len(w.members)-size, w.over)
				if w.over > 0 {
					t.Errorf("%d were more than is allowed", w.over)
				}
			})
		}
	}
}
