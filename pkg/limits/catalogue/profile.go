package catalogue

import (
	"slices"
	"time"
)

// Scope says what a rule counts per.
type Scope string

// The scopes. A request is counted once for each scope whose rules it falls under.
const (
	IP       Scope = "ip"       // the address that requests come from
	Signer   Scope = "signer"   // the account that signs
	APIKey   Scope = "api-key"  // the credentials that a request bears
	Relayer  Scope = "relayer"  // the builder or relayer key
	Provider Scope = "provider" // a whole provider, whoever asks
)

func scopes() []Scope { return []Scope{IP, Signer, APIKey, Relayer, Provider} }

// Class says whom a request must not keep waiting.
type Class string

// The classes, most urgent first. A rule without one does not change the class of what it is for.
const (
	Cancel Class = "cancel"
	Order  Class = "order"
	Read   Class = "read"
	Bulk   Class = "bulk"
)

func classes() []Class { return []Class{Cancel, Order, Read, Bulk} }

// Profile is what one venue or provider documents, at one date.
type Profile struct {
	Name   string `yaml:"name"`
	Date   string `yaml:"date"` // of the documents, as 2026-11-15
	Source string `yaml:"source"`

	// API is what an endpoint belongs to that is written without one.
	API string `yaml:"api"`

	// From takes in the rules of other profiles, of each layer the smaller figure.
	From []string `yaml:"from"`

	// Tier is assumed until another is learned. Tiers are in rising order.
	Tier  string   `yaml:"tier"`
	Tiers []string `yaml:"tiers"`

	Rules    []Rule            `yaml:"rules"`
	Caps     []Cap             `yaml:"caps"`
	Provider *Source           `yaml:"provider"`
	URLs     map[string]string `yaml:"urls"`
}

// Rule is one counter for each value of its scope.
type Rule struct {
	Name   string `yaml:"name"`
	Scope  Scope  `yaml:"scope"`
	Class  Class  `yaml:"class"`
	Source string `yaml:"source"` // the profile's, if empty
	Date   string `yaml:"date"`   // the profile's, if empty

	// For are endpoints that cost one for each request. Charges are those that cost something else.
	For     []string `yaml:"for"`
	Charges []Charge `yaml:"charges"`

	Layers []Layer      `yaml:"layers"`
	Tiers  []TierLayers `yaml:"tiers"`

	Batch int   `yaml:"batch"` // items in one request at most; 0: no such limit
	Page  *Page `yaml:"page"`

	patterns []pattern
}

// Charge is what a request of an endpoint costs: Request, and Item for each item in it.
type Charge struct {
	To      string `yaml:"to"`
	Request int    `yaml:"request"`
	Item    int    `yaml:"item"`
	After   bool   `yaml:"after"` // the items are known only from the answer
}

// TierLayers are the layers of a rule for one tier.
type TierLayers struct {
	Tier   string  `yaml:"tier"`
	Layers []Layer `yaml:"layers"`
}

// Layer is one figure. Exactly one of N, Rate, Quota, Unlimited and None is set.
type Layer struct {
	// A sliding window: N in any span of Per. Grain is the coarseness of the server's clock, 0 when it is exact. A peak is
	// a figure beside the proper window, which can be left out.
	N     int           `yaml:"n"`
	Per   time.Duration `yaml:"per"`
	Grain time.Duration `yaml:"grain"`
	Peak  bool          `yaml:"peak"`

	// A token bucket: Rate tokens in each Per (a second unless said), Burst at most. Negative: what is charged afterwards
	// may take it below zero.
	Rate     int  `yaml:"rate"`
	Burst    int  `yaml:"burst"`
	Negative bool `yaml:"negative"`

	// A quota: so many units in any Per, counted durably by the quota book and not by the limiter.
	Quota int `yaml:"quota"`

	Unlimited bool `yaml:"unlimited"`
	None      bool `yaml:"none"` // nothing is allowed

	// Most is the larger figure of the profiles that this one was built from: how far an answer of the venue may raise
	// it. In a layer that stands in a file it is the figure itself.
	Most Figure `yaml:"-"`
}

// Figure is the size of a layer without its kind.
type Figure struct{ N, Rate, Burst, Quota int }

func (l Layer) figure() Figure { return Figure{l.N, l.Rate, l.Burst, l.Quota} }

// Kind is the kind of a layer.
type Kind string

// The kinds of layers.
const (
	WindowKind    Kind = "window"
	BucketKind    Kind = "bucket"
	QuotaKind     Kind = "quota"
	UnlimitedKind Kind = "unlimited"
	NoneKind      Kind = "none"
)

// Kind is what the layer is.
func (l Layer) Kind() Kind {
	switch {
	case l.N != 0:
		return WindowKind
	case l.Rate != 0:
		return BucketKind
	case l.Quota != 0:
		return QuotaKind
	case l.None:
		return NoneKind
	}
	return UnlimitedKind
}

// Page bounds one page of a list: rows at most, and how far it can be paged by offset.
type Page struct {
	Limit  int `yaml:"limit"`
	Offset int `yaml:"offset"`
}

// Clamp is the nearest page that the venue serves; ok is false when the offset lies beyond what can be reached.
func (p Page) Clamp(limit, offset int) (l, o int, ok bool) {
	return min(max(1, limit), p.Limit), min(max(0, offset), p.Offset), offset <= p.Offset
}

// Cap is an amount that is no rate, by tier: -1 is unlimited, 0 is by agreement.
type Cap struct {
	Name string         `yaml:"name"`
	Of   map[string]int `yaml:"of"`
}

// Source describes a provider of data among others.
type Source struct {
	Kind     string   `yaml:"kind"`     // free or authenticated
	Priority string   `yaml:"priority"` // critical, high or medium
	Fallback string   `yaml:"fallback"` // another profile, or cache
	Batch    int      `yaml:"batch"`    // symbols in one call at most
	Data     []string `yaml:"data"`
}

// Chain is the order in which sources are tried for a kind of data.
type Chain struct {
	Data    string   `yaml:"data"`
	Sources []string `yaml:"sources"`
}

// Rule is the rule of that name, or nil.
func (p *Profile) Rule(name string) *Rule {
	if i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Name == name }); i >= 0 {
		return &p.Rules[i]
	}
	return nil
}

// Of are the layers of a rule for a tier. A rule without tiers has the same for all; an unknown tier gets those of the
// first, the lowest.
func (r *Rule) Of(tier string) []Layer {
	if len(r.Tiers) == 0 {
		return r.Layers
	}
	i := max(0, slices.IndexFunc(r.Tiers, func(t TierLayers) bool { return t.Tier == tier }))
	return r.Tiers[i].Layers
}

// HasTier reports whether a profile knows a tier; one without tiers knows all, since they change nothing.
func (p *Profile) HasTier(tier string) bool {
	return len(p.Tiers) == 0 || slices.Contains(p.Tiers, tier)
}
