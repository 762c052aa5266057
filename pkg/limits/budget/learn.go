package budget

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/signal"
)

// word is what the venue has said of an account's tier.
type word struct {
	tier string
	at   time.Time // when it said so to this process; zero: another process told
}

// Learned is the size of a window that the venue has named, larger than the one in the catalogue.
type Learned struct {
	Name
	Per time.Duration `json:"per"`
	N   int           `json:"n"`
}

// LearnTier puts the figures of a tier in force for an account, as the venue has just named it, in whatever case. A tier that the profile
// does not know changes nothing.
func (b *Budget) LearnTier(now time.Time, account, tier string) (changed bool) {
	tier, known := b.KnownTier(tier)
	if !known {
		return false
	}
	if b.tiers[account].tier == tier {
		b.tiers[account] = word{tier, now}
		return false
	}
	return b.tierOf(now, strings.Clone(account), word{tier, now})
}

// LearnTiers puts tiers in force, by account, that another process has heard.
func (b *Budget) LearnTiers(now time.Time, tiers map[string]string) {
	for account, tier := range tiers {
		if tier, known := b.KnownTier(tier); known && b.tiers[account].tier != tier {
			b.tierOf(now, account, word{tier: tier})
		}
	}
}

// KnownTier is a tier as the profile writes it; known is false when it has none of that name.
func (b *Budget) KnownTier(tier string) (as string, known bool) {
	for _, t := range b.profile.Tiers {
		if strings.EqualFold(t, tier) {
			return t, true
		}
	}
	return "", false
}

func (b *Budget) tierOf(now time.Time, account string, w word) (changed bool) {
	b.tiers[account] = w
	for _, c := range b.counters {
		if b.rules[c.rule].Scope == catalogue.IP || c.key != account || c.tier == w.tier || len(b.rules[c.rule].Tiers) == 0 {
			continue
		}
		c.tier, c.learned, changed = w.tier, nil, true // what a window was said to be was said of the other tier
		b.gate.Set(now, c.Counter, b.ruleOf(c))
	}
	return changed
}

// Tier is the tier in force for an account.
func (b *Budget) Tier(account string) string { return cmp.Or(b.tiers[account].tier, b.opts.Tier) }

// Tiers are the tiers that were learned, by account.
func (b *Budget) Tiers() map[string]string {
	out := make(map[string]string, len(b.tiers))
	for account, w := range b.tiers {
		out[account] = w.tier
	}
	return out
}

// Heard are those that the venue has named to this process since a moment. What it said earlier it may have said otherwise to
// another process by now.
func (b *Budget) Heard(since time.Time) map[string]string {
	var out map[string]string
	for account, w := range b.tiers {
		if !w.at.IsZero() && !w.at.Before(since) {
			if out == nil {
				out = map[string]string{}
			}
			out[account] = w.tier
		}
	}
	return out
}

// named takes in how large the venue says that a window is, of which it does not say which: the one that is documented with that
// size, or else the shortest that lasts until the reset.
func (b *Budget) named(now time.Time, c *counter, s signal.Count) {
	if c == nil || s.Limit <= 0 {
		return
	}
	var of *catalogue.Layer
	layers := b.rules[c.rule].Of(c.tier)
	for i := range layers {
		l := &layers[i]
		switch {
		case l.Kind() != catalogue.WindowKind:
		case l.Most.N == s.Limit:
			b.learn(now, c, l, s.Limit)
			return
		case s.Reset > 0 && l.Per >= s.Reset && (of == nil || l.Per < of.Per):
			of = l
		}
	}
	if of != nil {
		b.learn(now, c, of, s.Limit)
	}
}

// learn raises a window up to the documented figure. What the venue has named smaller stays so.
func (b *Budget) learn(now time.Time, c *counter, l *catalogue.Layer, n int) (changed bool) {
	if n = min(n, l.Most.N); n <= max(l.N, c.learned[l.Per]) {
		return false
	}
	if c.learned == nil {
		c.learned = map[time.Duration]int{}
	}
	c.learned[l.Per] = n
	b.gate.Set(now, c.Counter, b.ruleOf(c))
	return true
}

// Learned are the sizes of windows that the venue has named, in a fixed order.
func (b *Budget) Learned() (out []Learned) {
	for _, c := range b.counters {
		for _, per := range slices.Sorted(maps.Keys(c.learned)) {
			out = append(out, Learned{NameOf(c.Counter), per, c.learned[per]})
		}
	}
	slices.SortFunc(out, func(x, y Learned) int {
		return cmp.Or(cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Key, y.Key), cmp.Compare(x.Per, y.Per))
	})
	return out
}

// LearnLimits raises windows to sizes that the venue has named to another process, up to the documented ones. What the profile does
// not have is left out.
func (b *Budget) LearnLimits(now time.Time, all []Learned) (changed bool) {
	for _, x := range all {
		i := slices.IndexFunc(b.rules, func(r rule) bool { return r.Name == x.Rule })
		if i < 0 {
			continue
		}
		c := b.counter(i, x.Key)
		for _, l := range b.rules[i].Of(c.tier) {
			if l.Kind() == catalogue.WindowKind && l.Per == x.Per && b.learn(now, c, &l, x.N) {
				changed = true
			}
		}
	}
	return changed
}
