package catalogue

import (
	"fmt"
	"slices"
)

// maxDepth bounds how far profiles are built from profiles, and so finds circles.
const maxDepth = 8

// Profile is the profile of that name with everything that it is built from. Its error names a profile that does not exist.
func (c *Catalogue) Profile(name string) (Profile, error) { return c.resolve(name, 0) }

func (c *Catalogue) resolve(name string, depth int) (Profile, error) {
	own := c.profiles[name]
	if own == nil {
		return Profile{}, fmt.Errorf("find profile %q: there are %v", name, c.Names())
	}
	if depth > maxDepth {
		return Profile{}, fmt.Errorf("build profile %q: more than %d levels, or a circle", name, maxDepth)
	}
	out := *own
	out.Rules, out.Tiers, out.Caps = nil, nil, slices.Clone(own.Caps)
	for _, from := range own.From {
		p, err := c.resolve(from, depth+1)
		if err != nil {
			return Profile{}, fmt.Errorf("build profile %q: %w", name, err)
		}
		if err := out.take(p); err != nil {
			return Profile{}, fmt.Errorf("build profile %q: %w", name, err)
		}
	}
	if err := out.take(*own); err != nil {
		return Profile{}, fmt.Errorf("build profile %q: %w", name, err)
	}
	return out, nil
}

// take merges the rules of another profile: those of the same name become one, with the smaller figures. Its error names a rule that is
// counted per one thing here and per another there: whoever counts or shows it by its name would take the one for the other.
func (p *Profile) take(o Profile) error {
	for _, t := range o.Tiers {
		if !slices.Contains(p.Tiers, t) {
			p.Tiers = append(p.Tiers, t)
		}
	}
	for _, r := range o.Rules {
		if r.Source == "" {
			r.Source = o.Source
		}
		if r.Date == "" {
			r.Date = o.Date
		}
		if have := p.Rule(r.Name); have != nil {
			if have.Scope != r.Scope {
				return fmt.Errorf("rule %q is counted per %s in %q and per %s elsewhere: give it another name", r.Name, r.Scope, o.Name, have.Scope)
			}
			have.take(r)
			continue
		}
		r.Layers = known(r.Layers)
		r.Tiers = slices.Clone(r.Tiers)
		for i := range r.Tiers {
			r.Tiers[i].Layers = known(r.Tiers[i].Layers)
		}
		p.Rules = append(p.Rules, r)
	}
	return nil
}

// known copies layers whose documented figure is their own.
func known(layers []Layer) []Layer {
	out := slices.Clone(layers)
	for i, l := range out {
		if l.Most == (Figure{}) {
			out[i].Most = l.figure()
		}
	}
	return out
}

func (r *Rule) take(o Rule) {
	if o.Source != r.Source {
		r.Source += "; " + o.Source
	}
	r.Date = max(r.Date, o.Date)
	for _, p := range o.patterns {
		if !slices.Contains(r.patterns, p) {
			r.patterns = append(slices.Clip(r.patterns), p)
		}
	}
	r.Layers = smaller(r.Layers, known(o.Layers))
	r.Tiers = slices.Clone(r.Tiers)
	for _, t := range o.Tiers {
		i := slices.IndexFunc(r.Tiers, func(have TierLayers) bool { return have.Tier == t.Tier })
		if i < 0 {
			r.Tiers = append(r.Tiers, TierLayers{t.Tier, known(t.Layers)})
			continue
		}
		r.Tiers[i].Layers = smaller(r.Tiers[i].Layers, known(t.Layers))
	}
	if o.Batch != 0 && (r.Batch == 0 || o.Batch < r.Batch) {
		r.Batch = o.Batch
	}
	if r.Page == nil {
		r.Page = o.Page
	}
}

// smaller unites two lists of layers: of two about the same thing the smaller figure, and as most the larger.
func smaller(a, b []Layer) []Layer {
	out := slices.Clone(a)
	for _, l := range b {
		i := slices.IndexFunc(out, l.same)
		if i < 0 {
			out = append(out, l)
			continue
		}
		have := &out[i]
		have.Most = Figure{max(have.Most.N, l.Most.N), max(have.Most.Rate, l.Most.Rate), max(have.Most.Burst, l.Most.Burst), max(have.Most.Quota, l.Most.Quota)}
		have.N, have.Rate, have.Burst, have.Quota = min(have.N, l.N), min(have.Rate, l.Rate), min(have.Burst, l.Burst), min(have.Quota, l.Quota)
		have.Grain, have.Peak = max(have.Grain, l.Grain), have.Peak && l.Peak
		have.Negative = have.Negative && l.Negative
	}
	return out
}
