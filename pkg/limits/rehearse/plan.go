package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/quota"
)

// Backlog is a number of orders, or other items, that wait to be sent.
type Backlog struct {
	Profile  catalogue.Profile
	Options  budget.Options
	Endpoint string
	Items    int           // in all
	Batch    int           // in one request; 0: one
	Purpose  quota.Purpose // of the units of a daily quota; all of it is there for quota.Rescue alone
	Answer   time.Duration // how long an answer takes
}

// Forecast is when a backlog will be drained.
type Forecast struct {
	Requests int           `json:"requests"`
	Last     time.Duration `json:"last_sent_ns"` // when the last request leaves
	Binding  string        `json:"binding"`      // the layer that is waited for longest; empty: none
	Waits    []Wait        `json:"waits"`        // the longest first
}

// Wait is how long a backlog waits for one layer.
type Wait struct {
	Rule  string        `json:"rule"`
	Layer string        `json:"layer"`
	For   time.Duration `json:"wait_ns"`
}

// MaxBacklog bounds what is planned: beyond it the layers' steady rates say it as well.
const MaxBacklog = 1_000_000

// Plan says when a backlog is drained and which limit binds, by running the limiter over it in virtual time. Errors:
// ErrUnlimited; ErrExcluded; gate.ErrNever when a batch can never pass; those of the options.
func Plan(b Backlog) (Forecast, error) {
	b.Batch = max(1, b.Batch)
	if b.Items < 0 || b.Items > MaxBacklog {
		return Forecast{}, fmt.Errorf("plan %d items: not between 0 and %d", b.Items, MaxBacklog)
	}
	s := Scenario{Profile: b.Profile, Options: b.Options, Endpoint: b.Endpoint, Items: b.Batch, Purpose: b.Purpose}
	if _, err := venues(s); err != nil {
		return Forecast{}, fmt.Errorf("plan %q: %w", b.Endpoint, err)
	}
	books, err := quotasOf(s)
	if err != nil {
		return Forecast{}, fmt.Errorf("plan %q: %w", b.Endpoint, err)
	}
	bud, err := budget.New(b.Profile, b.Options, epoch())
	if err != nil {
		return Forecast{}, fmt.Errorf("plan %q: %w", b.Endpoint, err)
	}
	way, err := bud.Way(budget.Request{Endpoint: b.Endpoint, Account: account})
	if err != nil {
		return Forecast{}, fmt.Errorf("plan %q: %w", b.Endpoint, err)
	}
	p := planning{Backlog: b, budget: bud, way: way, quotas: books, waits: map[string]*Wait{}}
	return p.run()
}

type planning struct {
	Backlog
	world
	budget *budget.Budget
	way    *budget.Way
	quotas quotas
	waits  map[string]*Wait
}

func (p *planning) run() (f Forecast, err error) {
	for left := p.Items; left > 0; {
		n := min(left, p.Batch)
		now := epoch().Add(p.now)
		at, err := p.budget.Probe(now, p.way, n)
		if err != nil {
			return Forecast{}, fmt.Errorf("plan %q: %w", p.Endpoint, tooMany(p.budget, p.way, n, err))
		}
		if at.After(now) {
			p.blame(now, at)
			p.world.run(at.Sub(epoch()))
			continue
		}
		id, short, again := p.quotas.take(now, n)
		if short != nil {
			p.wait(short.rule, short.layer, again.Sub(now))
			p.world.run(again.Sub(epoch()))
			continue
		}
		permit, ticket, err := p.budget.Enter(now, p.way, n, time.Time{})
		if err != nil || ticket != nil {
			return Forecast{}, fmt.Errorf("plan %q: %w", p.Endpoint, cmp.Or(err, gate.ErrBusy))
		}
		p.at(p.now+p.Answer, func() {
			p.budget.Done(epoch().Add(p.now), permit, gate.Answered, n)
			p.quotas.confirm(epoch().Add(p.now), id, n)
		})
		p.world.run(p.now) // an answer without delay is there at once
		left -= n
		f.Requests, f.Last = f.Requests+1, p.now
	}
	for _, w := range p.waits {
		f.Waits = append(f.Waits, *w)
	}
	slices.SortFunc(f.Waits, func(a, b Wait) int {
		return cmp.Or(cmp.Compare(b.For, a.For), cmp.Compare(a.Rule+a.Layer, b.Rule+b.Layer))
	})
	if len(f.Waits) > 0 {
		f.Binding = f.Waits[0].Rule + ": " + f.Waits[0].Layer
	}
	return f, nil
}

// blame lays a wait at the door of the layer that is free last.
func (p *planning) blame(now, until time.Time) {
	layers := p.budget.Status(now)
	last := slices.MaxFunc(layers, func(a, b budget.Layer) int { return a.FreeAt.Compare(b.FreeAt) })
	layer := fmt.Sprintf("%d in %s", last.Limit, last.Per)
	if last.Kind == string(catalogue.BucketKind) {
		layer = fmt.Sprintf("bucket of %d, full in %s", last.Limit, last.Per)
	}
	p.wait(last.Rule, layer, until.Sub(now))
}

func (p *planning) wait(rule, layer string, span time.Duration) {
	w := p.waits[rule+layer]
	if w == nil {
		w = &Wait{Rule: rule, Layer: layer}
		p.waits[rule+layer] = w
	}
	w.For += span
}
