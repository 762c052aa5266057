package rehearse

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/quota"
)

// Delay is how the network delays.
type Delay string

// The delays. Each is of one way; the answer takes as long again.
const (
	None   Delay = "none"
	Jitter Delay = "jitter" // anything up to Most
	Stall  Delay = "stall"  // every other second all requests take Most more
)

// Scenario is one run.
type Scenario struct {
	Profile  catalogue.Profile
	Options  budget.Options
	Endpoint string
	Items    int           // in each request
	Purpose  quota.Purpose // of the units of a daily quota; all of it is there for quota.Rescue alone
	For      time.Duration // of saturated demand
	Delay    Delay
	Most     time.Duration // default 200 ms
	Seed     uint64

	// Busy and Idle make the demand come and go. Zero: it never ends.
	Busy, Idle time.Duration

	// Lost is how many of 1,000 answers are lost; the client gives up on them after GiveUp (default 5 s).
	Lost   int
	GiveUp time.Duration

	// Trace receives every request's moments of sending and arrival, in order of sending.
	Trace func(sent, arrived time.Duration)
}

const (
	mostDefault   = 200 * time.Millisecond
	giveUpDefault = 5 * time.Second
	// maxFlight bounds what a client without windows has in flight.
	maxFlight = 20_000
)

// Layer is what a run made of one layer.
type Layer struct {
	Rule   string `json:"rule"`
	Layer  string `json:"layer"`
	Worst  int    `json:"worst"` // units in the worst span, for a window
	Limit  int    `json:"limit"`
	Permil int    `json:"utilisation_permille"` // of what the layer alone would sustain over the run
}

// Result is what a run showed.
type Result struct {
	Sent       int           `json:"sent"`  // requests
	Units      int           `json:"units"` // items, or requests where an endpoint has none
	Violations int           `json:"violations"`
	Permil     int           `json:"utilisation_permille"` // of the layer that binds
	Binding    string        `json:"binding"`
	Last       time.Duration `json:"last_arrival_ns"`
	Layers     []Layer       `json:"layers"`
}

// ErrUnlimited reports an endpoint that nothing limits.
var ErrUnlimited = errors.New("no limit covers the endpoint")

// ErrExcluded reports an endpoint that a tier or plan does not have.
var ErrExcluded = errors.New("the tier does not include the endpoint")

const account = "main"

// epoch is when virtual time begins; the moment has no meaning.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// run is a scenario in progress.
type run struct {
	Scenario
	world
	random *rand.Rand
	budget *budget.Budget
	way    *budget.Way
	quotas quotas
	venues []venue
	err    error // why nothing more can be sent
	flight int
	wake   time.Duration // the next planned look at the gate; 0: none
	early  bool          // count as answered when sent: wrong on purpose, for the test of the judge
	out    Result
}

// Simulate saturates an endpoint and lets an independent venue count. Errors: ErrUnlimited; ErrExcluded; gate.ErrNever when a request
// can never pass; those of the options.
func Simulate(s Scenario) (Result, error) {
	r, err := newRun(s)
	if err != nil {
		return Result{}, err
	}
	r.at(0, r.demand)
	r.world.run(s.For)
	// What is under way still arrives and is counted, though nothing more is sent.
	r.For = 0
	r.world.run(s.For + time.Minute)
	if r.err != nil {
		return Result{}, fmt.Errorf("rehearse %q: %w", s.Endpoint, r.err)
	}
	return r.result(s.For), nil
}

func newRun(s Scenario) (*run, error) {
	if s.Most == 0 {
		s.Most = mostDefault
	}
	if s.GiveUp == 0 {
		s.GiveUp = giveUpDefault
	}
	b, err := budget.New(s.Profile, s.Options, epoch())
	if err != nil {
		return nil, fmt.Errorf("rehearse %q: %w", s.Endpoint, err)
	}
	way, err := b.Way(budget.Request{Endpoint: s.Endpoint, Account: account})
	if err != nil {
		return nil, fmt.Errorf("rehearse %q: %w", s.Endpoint, err)
	}
	r := &run{Scenario: s, way: way, random: rand.New(rand.NewPCG(s.Seed, 1)), budget: b}
	if r.venues, err = venues(s); err != nil {
		return nil, fmt.Errorf("rehearse %q: %w", s.Endpoint, err)
	}
	if r.quotas, err = quotasOf(s); err != nil {
		return nil, fmt.Errorf("rehearse %q: %w", s.Endpoint, err)
	}
	return r, nil
}

// Daily reports whether a daily quota governs the endpoint, so that a run says something only after days.
func (s Scenario) Daily() bool {
	all, err := venues(s)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(v venue) bool {
		return slices.ContainsFunc(v.layers, func(l catalogue.Layer) bool { return l.Kind() == catalogue.QuotaKind })
	})
}

// tier is the tier that the figures are of.
func (s *Scenario) tier() string { return cmp.Or(s.Options.Tier, s.Profile.Tier) }

// demand sends all that may leave now and plans when to look again.
func (r *run) demand() {
	r.wake = 0
	for r.now < r.For && r.flight < maxFlight {
		if idle := r.idle(); idle > 0 {
			r.plan(r.now + idle)
			return
		}
		now := epoch().Add(r.now)
		at, err := r.budget.Probe(now, r.way, r.Items)
		if err != nil {
			r.err = tooMany(r.budget, r.way, r.Items, err)
			return
		}
		if at.After(now) {
			r.plan(at.Sub(epoch()))
			return
		}
		id, short, again := r.quotas.take(now, r.Items)
		if short != nil {
			r.plan(again.Sub(epoch()))
			return
		}
		p, ticket, err := r.budget.Enter(now, r.way, r.Items, time.Time{})
		if err != nil || ticket != nil {
			panic(fmt.Sprintf("probe said %s at %s, enter said ticket %v, error %v", at, now, ticket, err))
		}
		r.send(p, id)
	}
}

// tooMany says how many items a request can carry, when that is why it never passes.
func tooMany(b *budget.Budget, w *budget.Way, items int, err error) error {
	if most := b.Most(w); most < items {
		return fmt.Errorf("%d in a request, which carries %d at most: %w", items, most, err)
	}
	return err
}

// plan looks at the gate again at a moment, unless it is looked at sooner.
func (r *run) plan(t time.Duration) {
	if r.wake != 0 && r.wake <= t {
		return
	}
	r.wake = t
	r.at(t, func() {
		if r.wake == t {
			r.demand()
		}
	})
}

// idle is how long the demand still pauses.
func (r *run) idle() time.Duration {
	if r.Idle == 0 {
		return 0
	}
	if in := r.now % (r.Busy + r.Idle); in >= r.Busy {
		return r.Busy + r.Idle - in
	}
	return 0
}

func (r *run) send(p gate.Permit, id string) {
	r.flight++
	r.out.Sent++
	r.out.Units += max(1, r.Items)
	sent := r.now
	if r.early {
		r.budget.Done(epoch().Add(r.now), p, gate.Answered, r.Items)
	}
	arrives := sent + r.delay()
	r.at(arrives, func() {
		r.out.Last = r.now
		for i := range r.venues {
			v := &r.venues[i]
			if v.Arrive(r.now, v.cost) && v.after > 0 {
				v.Overdraw(r.now, v.after)
			}
		}
		if r.Trace != nil {
			r.Trace(sent, r.now)
		}
		outcome, back := gate.Answered, r.delay()
		if r.Lost > 0 && r.random.IntN(1000) < r.Lost {
			outcome, back = gate.Unknown, r.GiveUp
		}
		r.at(r.now+back, func() {
			r.flight--
			r.budget.Done(epoch().Add(r.now), p, outcome, r.Items)
			if outcome == gate.Answered {
				r.quotas.confirm(epoch().Add(r.now), id, r.Items)
			}
			r.demand()
		})
	})
}

func (r *run) delay() time.Duration {
	switch r.Delay {
	case Jitter:
		return time.Duration(r.random.Int64N(int64(r.Most)))
	case Stall:
		if r.now/time.Second%2 == 1 {
			return r.Most
		}
	}
	return 0
}

// result compares with what each layer alone would sustain.
func (r *run) result(span time.Duration) Result {
	for i := range r.venues {
		v := &r.venues[i]
		r.out.Violations += v.Violations
		w := 0
		for _, l := range v.layers {
			out := Layer{Rule: v.rule, Layer: layerText(l)}
			var sustained int64
			switch l.Kind() {
			case catalogue.WindowKind, catalogue.QuotaKind:
				out.Limit, out.Worst = v.Windows[w].N, v.Windows[w].Worst()
				sustained = int64(out.Limit) * int64(span) / int64(l.Per)
				w++
			case catalogue.BucketKind:
				out.Limit = l.Burst
				sustained = int64(l.Rate) * int64(span) / int64(perOf(l))
			}
			out.Permil = int(int64(v.Arrived) * 1000 / max(1, sustained))
			r.out.Layers = append(r.out.Layers, out)
		}
	}
	binding := slices.MaxFunc(r.out.Layers, func(a, b Layer) int { return a.Permil - b.Permil })
	r.out.Permil, r.out.Binding = binding.Permil, binding.Rule+": "+binding.Layer
	return r.out
}
