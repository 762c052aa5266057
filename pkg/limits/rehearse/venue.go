package rehearse

import (
	"fmt"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/referee"
)

// venue is one rule of the profile at the other side.
type venue struct {
	rule   string
	cost   int // what must be there
	after  int // what is charged beyond it, below zero if need be
	layers []catalogue.Layer
	referee.Server
}

// venues are the documented layers of all rules that an endpoint falls under, in full: no factor, no learning. A quota is a window
// like any other here. Errors: ErrUnlimited, ErrExcluded.
func venues(s Scenario) (out []venue, err error) {
	tier := s.tier()
	e := catalogue.ParseEndpoint(s.Endpoint, s.Profile.API)
	for i := range s.Profile.Rules {
		rule := &s.Profile.Rules[i]
		cost, ok := rule.Cost(e)
		if !ok {
			continue
		}
		v := venue{rule: rule.Name, cost: cost.Request + cost.Item*s.Items}
		if cost.After && rule.Of(tier)[0].Negative {
			v.cost, v.after = cost.Request, cost.Item*s.Items
		}
		for _, l := range rule.Of(tier) {
			switch l.Kind() {
			case catalogue.WindowKind:
				v.Windows = append(v.Windows, &referee.Window{N: l.N, Per: l.Per})
			case catalogue.QuotaKind:
				v.Windows = append(v.Windows, &referee.Window{N: l.Quota, Per: l.Per})
			case catalogue.BucketKind:
				v.Buckets = append(v.Buckets, &referee.Bucket{Rate: l.Rate, Burst: l.Burst, Per: perOf(l)})
			case catalogue.NoneKind:
				return nil, fmt.Errorf("%s, %s: %w", rule.Name, tier, ErrExcluded)
			default:
				continue
			}
			v.layers = append(v.layers, l)
		}
		if len(v.layers) > 0 {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil, ErrUnlimited
	}
	return out, nil
}

// perOf is the span of a bucket's rate: a second unless said.
func perOf(l catalogue.Layer) time.Duration {
	if l.Per == 0 {
		return time.Second
	}
	return l.Per
}

// layerText is a layer as people read it.
func layerText(l catalogue.Layer) string {
	switch l.Kind() {
	case catalogue.WindowKind:
		return fmt.Sprintf("%d in %s", l.N, l.Per)
	case catalogue.QuotaKind:
		return fmt.Sprintf("%d units in %s", l.Quota, l.Per)
	}
	return fmt.Sprintf("%d/%s, burst %d", l.Rate, perOf(l), l.Burst)
}
