package rehearse

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/referee"
	"sluice/pkg/limits/signal"
)

// weather is a venue that is not as documented, and a client that always wants more. Documented are 1,000 in 10 s.
type weather struct {
	world
	random *rand.Rand
	budget *budget.Budget
	way    *budget.Way
	deaf   bool // the client heeds nothing
	flight int
	wake   time.Duration

	window *referee.Window
	server referee.Server
	queues bool          // delays what is over instead of refusing it
	busy   time.Duration // until when the queueing venue is served up
	quiet  bool          // its refusals name no wait and bear no counts

	tenant                        int // permille of the limit that somebody else uses
	sent, good, refused, tenanted int
	latency                       []time.Duration
}

const weatherFor = 30 * time.Minute

func newWeather(t *testing.T, limit int) *weather {
	t.Helper()
	p, err := catalogue.Build(catalogue.Profile{Name: "w", Source: "test", Date: "2026-11-15", API: "x", Rules: []catalogue.Rule{
		{Name: "all", Scope: catalogue.APIKey, Class: catalogue.Order, For: []string{"POST /x"}, Layers: []catalogue.Layer{{N: 1000, Per: 10 * time.Second}}}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &weather{random: rand.New(rand.NewPCG(3, 4)), window: &referee.Window{N: limit, Per: 10 * time.Second}}
	w.server.Windows = []*referee.Window{w.window}
	if w.budget, err = budget.New(p, full(), epoch()); err != nil {
		t.Fatal(err)
	}
	if w.way, err = w.budget.Way(budget.Request{Endpoint: "POST /x", Account: "main"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *weather) run() {
	w.at(0, w.demand)
	w.at(0, w.others)
	w.world.run(weatherFor)
}

// others is the other tenant of the same key: anything from nothing to six tenths, another share each half minute.
func (w *weather) others() {
	if w.now%(30*time.Second) < 100*time.Millisecond && w.tenant > 0 {
		w.tenant = 1 + w.random.IntN(600)
	}
	for range w.tenant * w.window.N / 1000 / 100 {
		w.server.Overdraw(w.now, 1) // it is never refused
		w.tenanted++
	}
	w.at(w.now+100*time.Millisecond, w.others)
}

func (w *weather) demand() {
	w.wake = 0
	for w.flight < 5000 {
		now := epoch().Add(w.now)
		at, err := w.budget.Probe(now, w.way, 0)
		if err != nil {
			return
		}
		if at.After(now) {
			next := at.Sub(epoch())
			if w.wake == 0 || next < w.wake {
				w.wake = next
				w.at(next, func() {
					if w.wake == next {
						w.demand()
					}
				})
			}
			return
		}
		p, _, err := w.budget.Enter(now, w.way, 0, time.Time{})
		if err != nil {
			return
		}
		w.send(p)
	}
}

func (w *weather) send(p gate.Permit) {
	w.flight++
	w.sent++
	sent := w.now
	w.at(sent+w.hop(), func() {
		answer, after := w.serve()
		w.at(w.now+after+w.hop(), func() {
			w.flight--
			w.latency = append(w.latency, w.now-sent)
			now := epoch().Add(w.now)
			w.budget.Done(now, p, gate.Answered, -1)
			if !w.deaf {
				w.budget.Heed(now, epoch().Add(sent), w.way, &answer, func() int { return w.random.IntN(1000) })
			}
			w.demand()
		})
	})
}

func (w *weather) hop() time.Duration { return time.Duration(20+w.random.IntN(30)) * time.Millisecond }

// serve answers a request, or holds it back until there is room.
func (w *weather) serve() (signal.Signal, time.Duration) {
	if w.queues {
		each := w.window.Per / time.Duration(w.window.N)
		w.busy = max(w.busy, w.now-time.Second) + each // idle time saves up for a burst of a second
		w.good++
		return signal.Signal{Kind: signal.Good}, max(0, w.busy-w.now)
	}
	ok := w.server.Arrive(w.now, 1)
	free := w.server.Next(w.now, 1) - w.now
	s := signal.Signal{Kind: signal.Good}
	if !w.quiet {
		left := w.window.N - w.window.Used(w.now)
		s.Window = signal.Count{Known: true, Limit: w.window.N, Remaining: left, Reset: w.window.Per}
	}
	if !ok {
		w.refused++
		s.Kind = signal.Throttled
		if !w.quiet {
			s.Named, s.Wait = true, max(free, time.Second).Truncate(time.Second)
		}
		return s, 0
	}
	w.good++
	return s, 0
}

func (w *weather) figures() (goodput, refused int) {
	room := int(weatherFor/w.window.Per)*w.window.N - w.tenanted
	return w.good * 1000 / room, w.refused * 1000 / max(1, w.sent)
}

// TestBadWeather lets the limiter meet venues that are not as documented: half the limit, with and without words about it,
// and a key that somebody else uses too. A client that heeds nothing is refused all the time; ours is hardly ever, and
// still uses most of what there is.
func TestBadWeather(t *testing.T) {
	for _, c := range []struct {
		name               string
		limit, tenant      int
		quiet              bool
		goodput, refused   int // permille, at least and at most
		deafRefusedAtLeast int
	}{
		{"half the limit", 500, 0, false, 850, 10, 400},
		{"half the limit, nothing said", 500, 0, true, 750, 20, 400},
		{"another tenant on the key", 1000, 300, false, 700, 5, 150},
		{"another tenant, nothing said", 1000, 300, true, 600, 20, 150},
	} {
		t.Run(c.name, func(t *testing.T) {
			deaf, ours := newWeather(t, c.limit), newWeather(t, c.limit)
			deaf.deaf = true
			for _, w := range []*weather{deaf, ours} {
				w.tenant, w.quiet = c.tenant, c.quiet
				w.run()
			}
			_, deafRefused := deaf.figures()
			goodput, refused := ours.figures()
			if goodput < c.goodput || refused > c.refused || deafRefused < c.deafRefusedAtLeast {
				t.Errorf("goodput %d permille, refused %d permille; heeding nothing %d", goodput, refused, deafRefused)
			}
			t.Logf("goodput %d permille, refused %d permille of sent; heeding nothing %d", goodput, refused, deafRefused)
		})
	}
}

// TestQueueingVenueIsNotFlooded halves the true limit of a venue that delays what is over instead of refusing it: its only
// sign is slowness. A client that heeds nothing waits ever longer; ours keeps the delay near the threshold.
func TestQueueingVenueIsNotFlooded(t *testing.T) {
	deaf, ours := newWeather(t, 500), newWeather(t, 500)
	deaf.deaf = true
	p99 := func(w *weather) time.Duration {
		w.queues = true
		w.run()
		slices.Sort(w.latency)
		return w.latency[len(w.latency)*99/100]
	}
	d, o := p99(deaf), p99(ours)
	goodput := ours.good * 1000 / (int(weatherFor/ours.window.Per) * ours.window.N)
	if o > 4500*time.Millisecond || d < 9*time.Second || goodput < 850 {
		t.Errorf("p99 %s, goodput %d permille; heeding nothing %s", o, goodput, d)
	}
	t.Logf("p50 %s, p99 %s, goodput %d permille; heeding nothing p99 %s", ours.latency[len(ours.latency)/2], o, goodput, d)
}
