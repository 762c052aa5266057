package lend

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
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
// with demand that comes and goes: no limit is ever exceeded. When nothing happens any more, they use what there is.
func TestRandomFleetsStayWithin(t *testing.T) {
	seeds, least := uint64(randomFleets), 900
	if os.Getenv("SLUICE_FLEET_FULL") == "1" {
		seeds, least = 300, 700 // among so many is one signer alone who borrows all, a question at a time
	}
	for seed := range seeds {
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
				w.audit()
				w.mishap()
			}
			w.run(time.Minute)
			if w.over > 0 {
				t.Errorf("%d of %v were more than is allowed", w.over, w.took)
			}
			if w.took[place] == 0 {
				t.Error("nothing arrived")
			}
			during := w.took[place] * 1000 / allowed(w.now, w.figures.place...)
			after := w.afterwards(2 * time.Minute)
			t.Logf("%d permille used of what the address may, and what was wanted is random; %d permille afterwards, %d slow, %d lost", during, after, w.slow, w.lose)
			if w.over > 0 || after < least {
				t.Errorf("afterwards %d too many, %d permille used, want at least %d", w.over, after, least)
			}
		})
	}
}

// afterwards saturates a fleet to which nothing happens any more, and says how many permille of the steady rate it uses in the last
// half of a span.
func (w *world) afterwards(span time.Duration) int {
	if len(w.live()) == 0 {
		w.join()
	}
	live := w.live()
	for i := range 1 + w.figures.place[0].N/w.figures.orders.Rate { // signers enough for all that the address may
		m := live[i%len(live)]
		m.flood(place, fmt.Sprint(m.id, "after", i), span)
	}
	w.run(span / 2)
	before, most := w.took[place], 0
	for i, l := range w.figures.place {
		if n := int(time.Duration(l.N) * (span / 2) / l.Per); i == 0 || n < most {
			most = n
		}
	}
	w.run(span / 2)
	return (w.took[place] - before) * 1000 / most
}

// audit compares what who grants counts as on the way with what it knows of it: loans, its own, and what earlier ones had reserved.
func (w *world) audit() {
	m := w.granter()
	if m == nil {
		return
	}
	for _, t := range m.g.order {
		sum := m.g.local.stake(t).out()
		for _, x := range m.g.ghosts {
			if x.t == t {
				sum += x.n
			}
		}
		for _, s := range m.g.sessions {
			if st := s.stakes[t.Name]; st != nil {
				sum += st.out()
			}
		}
		if n := m.g.gate.View(m.clock(), t.c).Flight; n != sum {
			w.t.Fatalf("%d units of %s are counted as on the way, and %d are", n, t.Rule, sum)
		}
	}
}

// mishap lets something happen to somebody.
func (w *world) mishap() {
	m := w.live()[w.rng.IntN(len(w.live()))]
	switch w.rng.IntN(6) {
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
	case 5: // nobody has the bus
		back := w.between(0, 10*time.Second)
		for _, m := range w.live() {
			m.cut = true
			w.after(back+w.between(0, 300*time.Millisecond), func() { m.cut = false })
		}
	}
}

// TestFleetsUseWhatIsAllowed saturates 1, 4 and 16 members, of which one dies every minute, each second time the one that grants, under
// the venue's own proportion at a twentieth. SLUICE_FLEET_FULL=1 runs longer, at a tenth, and with other spans between deaths.
func TestFleetsUseWhatIsAllowed(t *testing.T) {
	span, part, all := 20*time.Minute, 20, []time.Duration{time.Minute}
	if os.Getenv("SLUICE_FLEET_FULL") == "1" {
		span, part, all = 70*time.Minute, 10, []time.Duration{never, 2 * time.Minute, time.Minute, 20 * time.Second, 5 * time.Second}
	}
	for _, size := range sizes() {
		for _, every := range all {
			t.Run(fmt.Sprintf("%d members, a death each %v", size, every), func(t *testing.T) {
				w := newWorld(t, uint64(size), venueOf(part))
				w.slow = 2
				w.wear(size, span, every)
				most := allowed(span, w.figures.place...)
				t.Logf("%d of %d, %d permille; %d deaths", w.took[place], most, w.took[place]*1000/most, len(w.members)-size)
				if w.over > 0 {
					t.Errorf("%d were more than is allowed", w.over)
				}
				if every >= time.Minute && w.took[place]*100 < most*98 {
					t.Errorf("%d used, want at least 98 percent of %d", w.took[place], most)
				}
			})
		}
	}
}

// never is longer than any test.
const never = 1000 * time.Hour

// wear saturates so many members, of which one dies now and then and is replaced.
func (w *world) wear(size int, span, every time.Duration) {
	for i := 0; w.now < span; i++ {
		if m := w.granter(); i > 0 && m != nil && i%2 == 1 {
			m.kill()
		} else if live := w.live(); i > 0 {
			live[w.rng.IntN(len(live))].kill()
		}
		for len(w.live()) < size {
			m := w.join()
			m.flood(place, m.id+"-a", span)
			m.flood(place, m.id+"-b", span)
		}
		w.run(min(every, span-w.now))
	}
}

// TestForgottenReserveIsCaught kills who grants in the middle of a window, and lets the next one forget what was lent and reserved: what is
// then too much is exactly what the record had not yet counted. Built right, nothing is.
func TestForgottenReserveIsCaught(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		w := newWorld(t, 1, figures{place: []catalogue.Layer{window(10, time.Second), window(100, 10*time.Minute)}, cancel: []catalogue.Layer{window(10, time.Second)}, orders: wide, cancels: wide})
		w.broken.forgets = forgets
		m := w.join()
		m.flood(place, "a", time.Hour)
		w.run(5700 * time.Millisecond)
		m.kill()
		counted := 0
		for _, k := range must(ReadRecord(w.record)).Counters {
			for _, x := range k.Cells {
				if k.Rule == "place" {
					counted += x.N
				}
			}
		}
		w.run(time.Second)
		uncounted := w.took[place] - counted
		w.join().flood(place, "b", time.Hour)
		w.run(5 * time.Minute)
		switch {
		case uncounted == 0:
			t.Fatal("the record had counted everything, so that forgetting does no harm")
		case forgets && w.over != uncounted:
			t.Errorf("%d too many, want the %d that were forgotten", w.over, uncounted)
		case !forgets && w.over > 0:
			t.Errorf("%d too many", w.over)
		}
	}
}

// lapse lets a member borrow, takes it away with what it has at hand, and another use everything. Later, when everything is used, the
// first wants to send again. It says how many units it had at hand.
func (w *world) lapse(away func(m *member)) (late *flood, held int) {
	other := w.join()
	other.flood(place, "b", time.Millisecond) // so that it grants
	w.run(11 * time.Second)
	m := w.join()
	c := m.book.Meter(budget.Name{Rule: "place"})
	for _, at := range []*gate.Counter{c, m.book.Meter(budget.Name{Rule: "orders", Key: "a"})} { // for requests that are given up before it comes
		m.Lend(m.clock(), at, gate.Want{Units: 50, Class: gate.Order, Accounts: 1})
	}
	w.run(100 * time.Millisecond)
	away(m)
	held = c.Lent(gate.Ordinary)
	other.flood(place, "b", time.Hour)
	for end := w.now + 2*time.Minute; w.now < end || w.venue[place].Windows[0].Used(w.now) < w.figures.place[0].N; {
		w.run(100 * time.Millisecond)
	}
	m.stops = w.now
	return m.flood(place, "a", time.Hour), held
}

// TestCutOffMemberSendsNothingOnALoanThatEnded cuts off a member that has borrowed, or lets it stand still: it sends nothing of that once the
// loan has ended. Built wrong, all that it had at hand is too much, and the referee says so.
func TestCutOffMemberSendsNothingOnALoanThatEnded(t *testing.T) {
	for name, away := range map[string]func(m *member){
		"cut off":      func(m *member) { m.cut = true },
		"stands still": func(m *member) { m.stop(time.Hour) },
	} {
		for _, endless := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, built wrong %v", name, endless), func(t *testing.T) {
				w := newWorld(t, 3, figures{place: []catalogue.Layer{window(1000, 10*time.Second)}, cancel: []catalogue.Layer{window(10, time.Second)}, orders: wide, cancels: wide})
				w.broken.endless = endless
				late, held := w.lapse(away)
				if held == 0 {
					t.Fatal("nothing was at hand when the loan could not be prolonged")
				}
				if w.over > 0 {
					t.Fatalf("%d too many before", w.over)
				}
				w.run(500 * time.Millisecond)
				if !endless && (late.sent > 0 || w.over > 0) {
					t.Errorf("%d left on a loan that had ended; %d too many", late.sent, w.over)
				}
				if endless && w.over != held {
					t.Errorf("%d too many, want the %d that were at hand", w.over, held)
				}
			})
		}
	}
}
