package budget

import (
	"cmp"
	"slices"

	"sluice/pkg/limits/gate"
)

// Name says which counter is meant, across processes.
type Name struct {
	Rule string `json:"rule"`
	Key  string `json:"key,omitempty"`
}

// NameOf is the name of a counter.
func NameOf(c *gate.Counter) Name {
	rule, key := c.Name()
	return Name{rule, key}
}

// Gate is what the budget counts with.
func (b *Budget) Gate() *gate.Gate { return b.gate }

// Meter finds or makes a counter by its name; nil when the profile has no such rule.
func (b *Budget) Meter(n Name) *gate.Counter {
	i := slices.IndexFunc(b.rules, func(r rule) bool { return r.Name == n.Rule })
	if i < 0 {
		return nil
	}
	return b.counter(i, n.Key).Counter
}

// Meters are all counters that have been used, in a fixed order.
func (b *Budget) Meters() []*gate.Counter {
	var out []*gate.Counter
	for _, c := range b.counters {
		out = append(out, c.Counter)
	}
	slices.SortFunc(out, func(x, y *gate.Counter) int {
		p, q := NameOf(x), NameOf(y)
		return cmp.Or(cmp.Compare(p.Rule, q.Rule), cmp.Compare(p.Key, q.Key))
	})
	return out
}

// MetersOf are the counters that requests of a kind are charged to. Its error is ErrRoutes.
func (b *Budget) MetersOf(q Request) ([]*gate.Counter, error) {
	w, err := b.Way(q)
	if err != nil {
		return nil, err
	}
	var out []*gate.Counter
	for _, c := range w.counters {
		out = append(out, c.Counter)
	}
	return out, nil
}
