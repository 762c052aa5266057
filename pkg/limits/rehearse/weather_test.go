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
	manner manner
	span   time.Duration
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
	refusedLater                  int             // when the client could know better
	later                         []time.Duration // latency then
}

// manner is what a client does about the venue's answers.
type manner int

const (
	heeds manner = iota // all that the limits heed
	waits               // it waits as long as a refusal says, or else a second, and sends as before
	deaf                // nothing
)

// The venue's figures are documented twice as large, or somebody else comes and goes: at first a client knows nothing of it, and what it
// is refused within the first minute no manners prevent.
const (
	weatherFor = 30 * time.Minute
	unknowing  = time.Minute
	othersFor  = 5 * time.Minute // for those that learn nothing
)

func newWeather(t *testing.T, limit int, m manner, o budget.Options) *weather {
	t.Helper()
	p, err := catalogue.Build(catalogue.Profile{Name: "w", Source: "test", Date: "2026-11-15", API: "x", Rules: []catalogue.Rule{
		{Name: "all", Scope: catalogue.APIKey, Class: catalogue.Order, For: []string{"POST /x"}, Layers: []catalogue.Layer{{N: 1000, Per: 10 * time.Second}}}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &weather{random: rand.New(rand.NewPCG(3, 4)), manner: m, window: &referee.Window{N: limit, Per: 10 * time.Second}}
	w.server.Windows = []*referee.Window{w.window}
	if w.budget, err = budget.New(p, o, epoch()); err != nil {
		t.Fatal(err)
	}
	if w.way, err = w.budget.Way(budget.Request{Endpoint: "POST /x", Account: "main"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *weather) run(span time.Duration) {
	w.span = span
	w.at(0, w.demand)
	w.at(0, w.others)
	w.world.run(span)
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
			if w.now > unknowing {
				w.later = append(w.later, w.now-sent)
			}
			now := epoch().Add(w.now)
			w.budget.Done(now, p, gate.Answered, -1)
			w.heed(now, epoch().Add(sent), answer)
			w.demand()
		})
	})
}

func (w *weather) heed(now, sent time.Time, answer signal.Signal) {
	switch {
	case w.manner == heeds:
		w.budget.Heed(now, sent, w.way, &answer, func() int { return w.random.IntN(1000) })
	case w.manner == waits && answer.Kind == signal.Throttled:
		w.budget.Stop(now, now.Add(max(answer.Wait, time.Second)), gate.Order, "")
	}
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
		if w.refused++; w.now > unknowing {
			w.refusedLater++
		}
		s.Kind = signal.Throttled
		if !w.quiet {
			s.Named, s.Wait = true, max(free, time.Second).Truncate(time.Second)
		}
		return s, 0
	}
	w.good++
	return s, 0
}

// figures are what was used of what there was, and refused of what was sent, in permille.
func (w *weather) figures() (goodput, refused int) {
	room := int(w.span/w.window.Per)*w.window.N - w.tenanted
	return w.good * 1000 / room, w.refused * 1000 / max(1, w.sent)
}

// millionths are how many of a million that were sent were refused when the client could know better.
func (w *weather) millionths() int { return w.refusedLater * 1_000_000 / max(1, w.sent) }

// TestBadWeather lets the limiter meet venues that are not as documented: half the limit, with and without words about it, and a key that
// somebody else uses too. Beside it run clients that count as exactly and heed nothing, or wait as they are told, or also use four fifths
// only. These are refused all the time; ours hardly ever, and it still uses most of what there is.
func TestBadWeather(t *testing.T) {
	for _, c := range []struct {
		name          string
		limit, tenant int
		quiet         bool

		goodput, refused int // ours: permille, at least and at most
		later            int // and refused of a million at most, when it could know
		others, fifths   int // permille that the others are refused at least, with all of the figures and with four fifths
	}{
		{"M-7 half the limit", 500, 0, false, 975, 6, 0, 490, 370},
		{"M-7 half the limit, nothing said", 500, 0, true, 865, 7, 400, 490, 370},
		{"M-7 another tenant on the key", 1000, 300, false, 865, 1, 250, 180, 100},
		{"M-7 another tenant, nothing said", 1000, 300, true, 705, 1, 1000, 180, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(m manner, o budget.Options, span time.Duration) *weather {
				w := newWeather(t, c.limit, m, o)
				w.tenant, w.quiet = c.tenant, c.quiet
				w.run(span)
				return w
			}
			ours := run(heeds, full(), weatherFor)
			goodput, refused := ours.figures()
			t.Logf("goodput %d permille, refused %d permille of sent and %d of a million later", goodput, refused, ours.millionths())
			if goodput < c.goodput || refused > c.refused || ours.millionths() > c.later {
				t.Errorf("want at least %d, and at most %d and %d", c.goodput, c.refused, c.later)
			}
			for _, o := range []struct {
				name  string
				w     *weather
				least int
			}{
				{"nothing is heeded", run(deaf, full(), othersFor), c.others},
				{"waits as told", run(waits, full(), othersFor), c.others},
				{"waits as told, four fifths", run(waits, budget.Options{}, othersFor), c.fifths},
			} {
				goodput, refused := o.w.figures()
				t.Logf("%s: goodput %d permille, refused %d permille of sent", o.name, goodput, refused)
				if refused < o.least {
					t.Errorf("%s: refused %d permille, and at least %d were expected of this weather", o.name, refused, o.least)
				}
			}
		})
	}
}

// TestQueueingVenueIsNotFlooded halves the true limit of a venue that delays what is over instead of refusing it: its only
// sign is slowness. A client that heeds nothing waits ever longer; ours keeps the delay near its threshold, which is half a second here, and
// two in the other row.
func TestQueueingVenueIsNotFlooded(t *testing.T) {
	run := func(m manner, o budget.Options, span time.Duration) (p50, p99, later time.Duration, goodput int) {
		w := newWeather(t, 500, m, o)
		w.queues = true
		w.run(span)
		slices.Sort(w.latency)
		slices.Sort(w.later)
		n := len(w.latency)
		return w.latency[n/2], w.latency[n*99/100], w.later[len(w.later)*99/100], w.good * 1000 / (int(span/w.window.Per) * w.window.N)
	}
	_, without, _, _ := run(deaf, full(), othersFor)
	patient := full()
	patient.Pulse.OrderMin = 2 * time.Second
	for _, c := range []struct {
		name        string
		o           budget.Options
		goodput     int
		most, later time.Duration // p99, of all and when it could know
	}{
		{"M-7 half a second", full(), 930, 4100 * time.Millisecond, 650 * time.Millisecond},
		{"M-7 two seconds", patient, 990, 4100 * time.Millisecond, 2700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			p50, p99, later, goodput := run(heeds, c.o, weatherFor)
			t.Logf("p50 %s, p99 %s, %s behind the first minute, goodput %d permille; heeding nothing p99 %s", p50, p99, later, goodput, without)
			if p99 > c.most || later > c.later || without < 9*time.Second || goodput < c.goodput {
				t.Errorf("want at most %s and %s, and at least %d", c.most, c.later, c.goodput)
			}
		})
	}
}
