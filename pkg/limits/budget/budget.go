package budget

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// Bounds of a budget.
const (
	// maxRoutes bounds the kinds of requests: endpoints times accounts. A path with an id in it instead of a template would
	// grow without end.
	maxRoutes = 10_000
	// maxItems bounds one request; no venue takes as many.
	maxItems = 100_000
)

// ErrRoutes reports more kinds of requests than a budget holds.
var ErrRoutes = errors.New("too many kinds of requests: name endpoints by their template")

// Request is one request that wants to leave.
type Request struct {
	// Endpoint as the catalogue writes it: "POST /order", or "gamma GET /markets" for another API than the profile's.
	Endpoint string

	Account string // who signs
	Key     string // the credentials it bears, where limits are per key; empty: Account
	Items   int    // orders in it, or ids; 0 for what has none

	// Class overrides the catalogue's when Set.
	Class Class
}

// Class is a class that may be left to the catalogue.
type Class struct {
	Set bool
	As  gate.Class
}

// As is the class to be taken instead of the catalogue's.
func As(c gate.Class) Class { return Class{true, c} }

// Budget counts a profile. It is not safe for several goroutines at once.
type Budget struct {
	profile catalogue.Profile
	opts    Options
	base    time.Time
	gate    *gate.Gate

	rules    []rule
	counters map[counterKey]*counter
	brakes   map[brakeKey]*gate.Counter
	routes   map[Request]*Way // by what does not change: no items
	tiers    map[string]word  // learned, by account

	pulse *signal.Pulse
	slow  int // answers that were taken for throttles

	refused map[string]*Throttle // what the venue refused for the rate, by rule
}

// rule is a rule of the profile and the classes of what falls under it.
type rule struct {
	*catalogue.Rule
	classes uint8
}

type counterKey struct {
	rule int
	key  string
}

// counter is a gate's counter with what was learned about it.
type counter struct {
	*gate.Counter
	rule    int
	key     string
	tier    string
	learned map[time.Duration]int // window sizes that the venue has named
}

// Way is how requests of one kind are charged. It stays valid until the profile is replaced.
type Way struct {
	lane     *gate.Lane
	counters []*counter // the narrowest first
	class    gate.Class
	account  string
	endpoint catalogue.Endpoint
	batch    int
	after    bool // some cost is known only from the answer
	singles  bool // another endpoint takes several such requests as one
}

// Class is the class of a way.
func (w *Way) Class() gate.Class { return w.class }

// New puts a profile in force from base on. Errors: the options' and those of a tier that the profile does not have.
func New(p catalogue.Profile, o Options, base time.Time) (*Budget, error) {
	b := &Budget{base: base, gate: gate.New(base, o.Gate), counters: map[counterKey]*counter{}, brakes: map[brakeKey]*gate.Counter{},
		routes: map[Request]*Way{}, tiers: map[string]word{}, refused: map[string]*Throttle{}, pulse: signal.NewPulse(o.Pulse)}
	return b, b.set(p, o)
}

func (b *Budget) set(p catalogue.Profile, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.Tier == "" {
		o.Tier = p.Tier
	}
	if o.Tier != "" && !p.HasTier(o.Tier) {
		return fmt.Errorf("use profile %q: tier %q is not among %v", p.Name, o.Tier, p.Tiers)
	}
	b.profile, b.opts, b.rules = p, o, nil
	for i := range p.Rules {
		b.rules = append(b.rules, rule{Rule: &p.Rules[i]})
	}
	for _, e := range p.Endpoints() {
		of, class := b.of(e)
		for _, i := range of {
			b.rules[i].classes |= 1 << class
		}
	}
	return nil
}

// Replace puts another profile or other options in force. What was counted stays counted: a rule of the same name and
// scope goes on from what it holds.
func (b *Budget) Replace(now time.Time, p catalogue.Profile, o Options) error {
	old := b.rules
	if err := b.set(p, o); err != nil {
		return err
	}
	moved := map[counterKey]*counter{}
	for _, c := range b.counters {
		for i, r := range b.rules {
			if r.Name == old[c.rule].Name && r.Scope == old[c.rule].Scope {
				c.rule, c.tier = i, known(p, c.tier, b.opts.Tier)
				moved[counterKey{i, c.key}] = c
				b.gate.Set(now, c.Counter, b.ruleOf(c))
			}
		}
	}
	b.counters = moved
	b.routes = map[Request]*Way{}
	return nil
}

func known(p catalogue.Profile, tier, other string) string {
	if p.HasTier(tier) {
		return tier
	}
	return other
}

// of are the rules that an endpoint falls under, the narrowest first, and its class.
func (b *Budget) of(e catalogue.Endpoint) (of []int, class gate.Class) {
	class, named := gate.Read, false
	for i, r := range b.rules {
		if _, ok := r.Cost(e); !ok {
			continue
		}
		of = append(of, i)
		if c, ok := classOf(r.Class); ok && (!named || c < class) {
			class, named = c, true
		}
	}
	// A rule for everything is the widest: it comes last, so that an unnamed throttle is laid at the narrowest door.
	for i := 1; i < len(of); i++ {
		for j := i; j > 0 && b.rules[of[j]].Width() < b.rules[of[j-1]].Width(); j-- {
			of[j], of[j-1] = of[j-1], of[j]
		}
	}
	return of, class
}

func classOf(c catalogue.Class) (gate.Class, bool) {
	switch c {
	case catalogue.Cancel:
		return gate.Cancel, true
	case catalogue.Order:
		return gate.Order, true
	case catalogue.Read:
		return gate.Read, true
	case catalogue.Bulk:
		return gate.Bulk, true
	}
	return 0, false
}

// Way finds or makes the way of a kind of request. Its error is ErrRoutes.
func (b *Budget) Way(q Request) (*Way, error) {
	q.Items = 0
	if r := b.routes[q]; r != nil {
		return r, nil
	}
	if len(b.routes) >= maxRoutes {
		return nil, ErrRoutes
	}
	q.Endpoint, q.Account, q.Key = strings.Clone(q.Endpoint), strings.Clone(q.Account), strings.Clone(q.Key)
	e := catalogue.ParseEndpoint(q.Endpoint, b.profile.API)
	of, class := b.of(e)
	if q.Class.Set {
		class = q.Class.As
	}
	r := &Way{class: class, account: q.Account, endpoint: e, singles: b.Batch(e.API+" "+e.Method+" "+e.Path+"s") > 1}
	var legs []gate.Leg
	for _, i := range of {
		cost, _ := b.rules[i].Cost(e)
		c := b.counter(i, keyOf(b.rules[i].Scope, q))
		r.counters = append(r.counters, c)
		r.after = r.after || cost.After
		if n := b.rules[i].Batch; n > 0 && (r.batch == 0 || n < r.batch) {
			r.batch = n
		}
		legs = append(legs, gate.Leg{Counter: c.Counter, Request: cost.Request, Item: cost.Item, After: cost.After})
	}
	if class <= gate.Order {
		legs = append(legs, gate.Leg{Counter: b.brake(class, "")}, gate.Leg{Counter: b.brake(class, q.Account)})
	}
	r.lane = b.gate.Lane(class, legs...)
	b.routes[q] = r
	return r, nil
}

// keyOf is whom a request is counted for in a scope.
func keyOf(s catalogue.Scope, q Request) string {
	switch s {
	case catalogue.Signer:
		return q.Account
	case catalogue.APIKey, catalogue.Relayer:
		if q.Key != "" {
			return q.Key
		}
		return q.Account
	}
	return ""
}

func (b *Budget) counter(i int, key string) *counter {
	if c := b.counters[counterKey{i, key}]; c != nil {
		return c
	}
	c := &counter{rule: i, key: key, tier: known(b.profile, b.Tier(key), b.opts.Tier)}
	c.Counter = b.gate.Counter(b.ruleOf(c), key)
	b.counters[counterKey{i, key}] = c
	return c
}

func (b *Budget) ruleOf(c *counter) gate.Rule {
	r := scaled(b.rules[c.rule].Rule, c.tier, b.opts, c.learned)
	r.Classes = b.rules[c.rule].classes
	return r
}

// Enter asks for a request with so many items to leave: a permit, or a ticket for its turn, or gate.ErrNever, gate.ErrBusy,
// *gate.MissError.
func (b *Budget) Enter(now time.Time, w *Way, items int, deadline time.Time) (gate.Permit, *gate.Ticket, error) {
	if !w.carries(items) {
		return gate.Permit{}, nil, gate.ErrNever
	}
	return b.gate.Enter(now, w.lane, items, deadline)
}

// EnterSince is Enter at a moment told as the time since the budget's base.
func (b *Budget) EnterSince(since time.Duration, w *Way, items int, deadline time.Time) (gate.Permit, *gate.Ticket, error) {
	if !w.carries(items) {
		return gate.Permit{}, nil, gate.ErrNever
	}
	return b.gate.EnterSince(since, w.lane, items, deadline)
}

// Probe says when a request could leave, and takes nothing. Its error is gate.ErrNever.
func (b *Budget) Probe(now time.Time, w *Way, items int) (time.Time, error) {
	if !w.carries(items) {
		return time.Time{}, gate.ErrNever
	}
	return b.gate.Probe(now, w.lane, items)
}

// carries reports whether one request may have so many items.
func (w *Way) carries(items int) bool {
	return items >= 0 && items <= maxItems && (w.batch == 0 || items <= w.batch)
}

// Covered reports whether some rule counts an endpoint.
func (b *Budget) Covered(endpoint string) bool {
	of, _ := b.of(catalogue.ParseEndpoint(endpoint, b.profile.API))
	return len(of) > 0
}

// Batch is how many items one request of an endpoint may carry; 0: no such limit.
func (b *Budget) Batch(endpoint string) (n int) {
	of, _ := b.of(catalogue.ParseEndpoint(endpoint, b.profile.API))
	for _, i := range of {
		if m := b.rules[i].Batch; m > 0 && (n == 0 || m < n) {
			n = m
		}
	}
	return n
}

// Most is how many items one request of a way can carry and ever leave.
func (b *Budget) Most(w *Way) int {
	n := min(maxItems, w.lane.Most())
	if w.batch > 0 {
		n = min(n, w.batch)
	}
	return n
}

// Exchange swaps permits for one request of another way, all or nothing.
func (b *Budget) Exchange(now time.Time, old []gate.Permit, w *Way, items int) (gate.Permit, bool) {
	if !w.carries(items) {
		return gate.Permit{}, false
	}
	return b.gate.Exchange(now, old, w.lane, items)
}

// Turn is the gate's.
func (b *Budget) Turn(now time.Time) ([]*gate.Ticket, time.Time) { return b.gate.Turn(now) }

// Waiting is how many requests wait.
func (b *Budget) Waiting() int { return b.gate.Waiting() }

// Leave is the gate's.
func (b *Budget) Leave(k *gate.Ticket) bool { return b.gate.Leave(k) }

// Done closes a permit; items are those that the answer names.
func (b *Budget) Done(now time.Time, p gate.Permit, o gate.Outcome, items int) {
	b.gate.Done(now, p, o, items)
}

// DoneSince is Done at a moment told as the time since the budget's base.
func (b *Budget) DoneSince(since time.Duration, p gate.Permit, o gate.Outcome, items int) {
	b.gate.DoneSince(since, p, o, items)
}

// Profile is the profile in force.
func (b *Budget) Profile() catalogue.Profile { return b.profile }
