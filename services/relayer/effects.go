package relayer

import (
	"maps"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// effects are what each request of a unit changed. Together they are what the chain shows, whatever was expected. What differs from
// that, or was not known, goes to the redemption of which positions it is; money to the redemptions by their conditions, where the
// payouts explain all that came; and the rest to one request, see heir.
func effects(shares []msgs.TxShare, chain msgs.Effect, payouts map[msgs.ConditionID]money.Cash) map[msgs.RequestID]msgs.Effect {
	out := map[msgs.RequestID]msgs.Effect{}
	rest := maps.Clone(chain)
	for _, s := range shares {
		e := msgs.Effect{}
		for asset, change := range s.Effect {
			e[asset] = change
			if chain != nil {
				rest[asset] -= change
			}
		}
		out[s.RequestID] = e
	}
	if chain == nil || len(shares) == 0 {
		return out
	}
	move := func(asset string, change money.Cash, to msgs.RequestID) {
		out[to][asset] += change
		rest[asset] -= change
	}
	for _, s := range shares {
		if s.Redeems == "" {
			continue
		}
		for asset := range s.Effect {
			move(asset, rest[asset], s.RequestID)
		}
	}
	if paid := redeemed(shares, payouts); paid == rest[assetPUSD] {
		for _, s := range shares {
			if s.Redeems != "" {
				move(assetPUSD, payouts[s.Redeems], s.RequestID)
			}
		}
	}
	for asset, change := range rest {
		move(asset, change, heir(shares, asset))
	}
	for _, e := range out {
		maps.DeleteFunc(e, func(_ string, change money.Cash) bool { return change == 0 })
	}
	return out
}

// heir is who is told of what nobody is known to have brought: of money the first redemption, of shares the first conversion; else the
// first of which something was not known, else the first.
func heir(shares []msgs.TxShare, asset string) msgs.RequestID {
	first := func(is func(msgs.TxShare) bool) int { return slices.IndexFunc(shares, is) }
	at := first(func(s msgs.TxShare) bool { return s.Unknown && (s.Redeems != "") == (asset == assetPUSD) })
	if at < 0 {
		at = first(func(s msgs.TxShare) bool { return s.Unknown })
	}
	return shares[max(0, at)].RequestID
}

// redeemed is what the redemptions of a unit were paid. It is more than what came to the wallet where the transaction redeems for
// others too.
func redeemed(shares []msgs.TxShare, payouts map[msgs.ConditionID]money.Cash) (sum money.Cash) {
	for _, s := range shares {
		if s.Redeems != "" {
			sum += payouts[s.Redeems]
		}
	}
	return sum
}

// stepEffects are what each request of an EOA's unit changed. Each of its calls is a transaction whose effect the chain tells apart, so
// that what was not known before goes to whom the call is for.
func stepEffects(u *unit, steps []Step) map[msgs.RequestID]msgs.Effect {
	out, shares := map[msgs.RequestID]msgs.Effect{}, map[msgs.RequestID]msgs.TxShare{}
	for _, s := range u.Shares {
		shares[s.RequestID] = s
	}
	for i, step := range steps {
		var own []msgs.TxShare
		for _, id := range u.Payload.Calls[i].RequestIDs {
			if share, first := shares[id]; first {
				own = append(own, share)
				delete(shares, id)
			}
		}
		for id, e := range effects(own, step.Effect, nil) {
			out[id] = e
		}
	}
	for id, share := range shares { // no call is for it alone
		out[id] = share.Effect
	}
	return out
}
