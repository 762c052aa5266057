package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of what a figure can sensibly be; beyond them a file has a slip of the pen.
const (
	maxFigure = 10_000_000
	maxPer    = 31 * 24 * time.Hour
	maxBatch  = 10_000

	// day is the span of every quota: the book counts nothing else.
	day = 24 * time.Hour
)

// complaint receives a mistake and the path of what is mistaken.
type complaint func(path, reason string, args ...any)

// check finds the mistakes of a profile that can be seen without the others.
func (p *Profile) check(at string, say complaint) {
	if p.Name == "" {
		say(at, "a profile needs a name")
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		say(at+".date", "profile %q needs a date like 2026-11-15", p.Name)
	}
	if p.Source == "" {
		say(at, "profile %q needs a source", p.Name)
	}
	if p.Tier != "" && len(p.Tiers) > 0 && !slices.Contains(p.Tiers, p.Tier) {
		say(at+".tier", "tier %q is not among %v", p.Tier, p.Tiers)
	}
	for i := range p.Rules {
		p.Rules[i].check(fmt.Sprintf("%s.rules[%d]", at, i), p, say)
		if slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Name == p.Rules[i].Name }) < i {
			say(fmt.Sprintf("%s.rules[%d]", at, i), "rule %q stands twice in profile %q", p.Rules[i].Name, p.Name)
		}
	}
	for i, c := range p.Caps {
		for tier := range c.Of {
			if !slices.Contains(p.Tiers, tier) {
				say(fmt.Sprintf("%s.caps[%d]", at, i), "cap %q names tier %q, which is not among %v", c.Name, tier, p.Tiers)
			}
		}
	}
	if s := p.Provider; s != nil && s.Batch < 1 {
		say(at+".provider", "provider %q needs a batch of at least 1", p.Name)
	}
}

func (r *Rule) check(at string, p *Profile, say complaint) {
	if r.Name == "" {
		say(at, "a rule needs a name")
	}
	if !slices.Contains(scopes(), r.Scope) {
		say(at, "rule %q: scope %q is not one of %v", r.Name, r.Scope, scopes())
	}
	if r.Class != "" && !slices.Contains(classes(), r.Class) {
		say(at, "rule %q: class %q is not one of %v", r.Name, r.Class, classes())
	}
	if r.Date != "" {
		if _, err := time.Parse(time.DateOnly, r.Date); err != nil {
			say(at, "rule %q: date %q is not like 2026-11-15", r.Name, r.Date)
		}
	}
	if r.Batch < 0 || r.Batch > maxBatch {
		say(at, "rule %q: batch %d is not between 0 and %d", r.Name, r.Batch, maxBatch)
	}
	if r.Page != nil && (r.Page.Limit < 1 || r.Page.Offset < 0) {
		say(at, "rule %q: a page needs a limit of at least 1 and no negative offset", r.Name)
	}
	r.compile(at, p.API, say)
	if (len(r.Layers) == 0) == (len(r.Tiers) == 0) {
		say(at, "rule %q needs layers or tiers, and not both", r.Name)
	}
	checkLayers(at+".layers", r, r.Layers, say)
	for i, t := range r.Tiers {
		if !slices.Contains(p.Tiers, t.Tier) {
			say(fmt.Sprintf("%s.tiers[%d]", at, i), "rule %q: tier %q is not among %v", r.Name, t.Tier, p.Tiers)
		}
		checkLayers(fmt.Sprintf("%s.tiers[%d].layers", at, i), r, t.Layers, say)
	}
	if n := len(r.Tiers); n > 0 && n != len(p.Tiers) {
		say(at+".tiers", "rule %q has %d of the %d tiers", r.Name, n, len(p.Tiers))
	}
}

// compile makes the patterns. Those of charges come first: they are the more exact.
func (r *Rule) compile(at, api string, say complaint) {
	r.patterns = r.patterns[:0]
	add := func(where, s string, cost Charge) {
		p, ok := parsePattern(s, api)
		if !ok && api == "" && strings.Contains(s, " /") {
			say(where, "rule %q: the profile has no api, and %q names none; write api METHOD /path, or give the profile an api", r.Name, s)
		} else if !ok {
			say(where, "rule %q: %q is no endpoint; write METHOD /path, api METHOD /path, api * or *", r.Name, s)
		}
		p.cost = cost
		r.patterns = append(r.patterns, p)
	}
	for i, c := range r.Charges {
		where := fmt.Sprintf("%s.charges[%d]", at, i)
		if c.Request < 0 || c.Item < 0 || c.Request+c.Item == 0 {
			say(where, "rule %q: %q needs a cost above zero", r.Name, c.To)
		}
		if c.After && c.Request < 1 {
			say(where, "rule %q: %q is charged afterwards and so needs a cost for the request", r.Name, c.To)
		}
		add(where, c.To, c)
	}
	for i, s := range r.For {
		add(fmt.Sprintf("%s.for[%d]", at, i), s, Charge{To: s, Request: 1})
	}
	if len(r.patterns) == 0 {
		say(at, "rule %q is for nothing", r.Name)
	}
}

func checkLayers(at string, r *Rule, layers []Layer, say complaint) {
	for i, l := range layers {
		where := fmt.Sprintf("%s[%d]", at, i)
		for _, reason := range l.mistakes() {
			say(where, "rule %q: %s", r.Name, reason)
		}
		if most := max(l.N, l.Burst); most > 0 && r.Least() > most {
			say(where, "rule %q: a request costs at least %d, which %d can never pay", r.Name, r.Least(), most)
		}
		if j := slices.IndexFunc(layers, func(o Layer) bool { return o.same(l) }); j < i {
			say(where, "rule %q has the same layer twice", r.Name)
		}
	}
}

// Least is what the dearest endpoint of a rule costs with one item.
func (r *Rule) Least() (most int) {
	for _, p := range r.patterns {
		most = max(most, p.cost.Request+p.cost.Item)
	}
	return most
}

// mistakes are what is wrong with a layer by itself.
func (l Layer) mistakes() (out []string) {
	say := func(reason string, args ...any) { out = append(out, fmt.Sprintf(reason, args...)) }
	kinds := 0
	for _, set := range []bool{l.N != 0, l.Rate != 0, l.Quota != 0, l.Unlimited, l.None} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		say("a layer has exactly one of n, rate, quota, unlimited and none, not %d", kinds)
		return out
	}
	for _, v := range []int{l.N, l.Rate, l.Burst, l.Quota} {
		if v < 0 || v > maxFigure {
			say("%d is not between 1 and %d", v, maxFigure)
		}
	}
	if l.Per < 0 || l.Per > maxPer || l.Grain < 0 || l.Grain > maxPer {
		say("span %s (grain %s) is not between 0 and %s", l.Per, l.Grain, maxPer)
	}
	switch l.Kind() {
	case WindowKind, QuotaKind:
		if l.Per == 0 {
			say("a window and a quota need a span (per)")
		}
		if l.Quota != 0 && l.Per != 0 && l.Per != day {
			say("a quota is counted by the day: per is %s and must be 24h", l.Per)
		}
		if l.Burst != 0 || l.Negative {
			say("only a bucket has burst and negative")
		}
	case BucketKind:
		if l.Burst < 1 {
			say("a bucket needs a burst of at least 1")
		}
		if l.Peak || l.Grain != 0 {
			say("only a window has peak and grain")
		}
	default:
		if l.Per != 0 || l.Burst != 0 || l.Negative || l.Peak || l.Grain != 0 {
			say("unlimited and none have no figures")
		}
	}
	return out
}

// same reports whether two layers say something about the same thing, so that of two figures one counts.
func (l Layer) same(o Layer) bool {
	return l.Kind() == o.Kind() && (l.Kind() == BucketKind || l.Per == o.Per)
}
