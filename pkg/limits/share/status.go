package share

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/limits/budget"
)

// Account is the state of an account's counters as all processes together have used them; when no granter answers, as this one
// has. A counter that this process has been asked to slow down shows that.
func (n *Node) Account(ctx context.Context, account string) []budget.Layer {
	var all, own []budget.Layer
	n.limiter.Under(func(now time.Time, b *budget.Budget) {
		own = b.Account(now, account)
		if n.grants != nil {
			all = n.grants.Book().Account(now, account)
		}
	})
	if all == nil {
		if m, err := n.cfg.NATS.RequestWithContext(ctx, n.subject("status"), []byte(account)); err == nil && json.Unmarshal(m.Data, &all) != nil {
			all = nil
		}
	}
	if all == nil {
		return own
	}
	return merged(all, own)
}

// merged shows of each layer the fuller and slower of two states.
func merged(all, own []budget.Layer) []budget.Layer {
	for i := range all {
		a := &all[i]
		for _, o := range own {
			if o.Rule != a.Rule || o.Key != a.Key || o.Kind != a.Kind || o.Per != a.Per && o.Full != a.Full {
				continue
			}
			a.Used, a.Waiting, a.Cut = max(a.Used, o.Used), max(a.Waiting, o.Waiting), min(a.Cut, o.Cut)
			if o.FreeAt.After(a.FreeAt) {
				a.FreeAt = o.FreeAt
			}
		}
	}
	return all
}

func (n *Node) heardStatus(m *nats.Msg) {
	if !n.granting() {
		return
	}
	var all []budget.Layer
	n.limiter.Under(func(now time.Time, _ *budget.Budget) { all = n.grants.Book().Account(now, string(m.Data)) })
	n.send(n.cfg.NATS, m.Reply, "", all)
}

// Granting reports whether this process grants.
func (n *Node) Granting() (yes bool) {
	n.limiter.Under(func(time.Time, *budget.Budget) { yes = n.grants != nil })
	return yes
}
