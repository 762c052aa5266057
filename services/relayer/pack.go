package relayer

import (
	"slices"

	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Ceilings of a unit.
const (
	// maxUnitGas keeps a unit well within a block, and its estimate below what endpoints try.
	maxUnitGas = 20_000_000
	// maxUnitRequests bounds a unit's events, of which none may outgrow a message of the log.
	maxUnitRequests = 200
	// legGas is what a call takes at most, as measured in a wallet's transaction of its own: the dearest is a conversion on the real contracts.
	legGas = 600_000
	// transferGas is the same for calls that move or permit one asset.
	transferGas = 130_000
)

// gasOf is what a request adds to a unit at most.
func (r *request) gas() uint64 {
	switch r.Verb {
	case msgs.VerbSplit, msgs.VerbMerge, msgs.VerbRedeem, msgs.VerbConvert:
		return legGas
	case msgs.VerbApprove, msgs.VerbDeploy:
		return 0
	}
	return transferGas
}

// verdict is a request that ends without a unit.
type verdict struct {
	r   *request
	err *msgs.Error // nil: there is nothing to do on chain
	msgs.Effect
}

// plan is what packing makes of the queue and the world.
type plan struct {
	pack    *Pack // nil: nothing to rehearse
	ends    []verdict
	waiting []*request // cannot go now, for the reason beside
	why     *msgs.Error
	untilMS int64
}

// plan packs the queue: the earliest to leave first, as much as fits into a unit, by the carrier that is open.
func (t *decision) plan(l *Looked) plan {
	rs := t.queue()
	rs = but(rs, func(r *request) bool { return r.late(t.nowMS) }) // the next tick drops it
	p, only := t.planCreation(l, rs)
	if only {
		return p
	}
	rs = but(rs, func(r *request) bool { return r.Verb == msgs.VerbDeploy })
	// The configuration may have changed since a transfer was taken: it ends alone, not with its whole unit at the signature.
	rs = but(rs, func(r *request) bool {
		err := t.unlisted(r)
		if err != nil {
			p.ends = append(p.ends, verdict{r: r, err: err})
		}
		return err != nil
	})
	// What came after the look was asked for is packed with the next: of its positions nothing is known.
	rs = but(rs, func(r *request) bool {
		return r.needsPositions() && slices.ContainsFunc(r.positions(), func(id polymarket.TokenID) bool { _, read := l.Positions[id]; return !read })
	})
	if l.Unsure != nil {
		p.waiting, p.why = but(rs, func(r *request) bool { return !r.needsHeld() }), l.Unsure
		rs = but(rs, (*request).needsHeld)
	}
	rs = fitting(rs)
	missing := t.approvals.missing(t.id.Contracts)
	c := t.choose(l, rs)
	rs = but(rs, func(r *request) bool { return slices.Contains(c.waiting, r) })
	if len(c.waiting) > 0 {
		p.waiting, p.why, p.untilMS = slices.Concat(p.waiting, c.waiting), c.why, c.untilMS
	}
	b, ends := build(t.id, l, rs, missing, t.ghostly)
	p.ends = slices.Concat(p.ends, ends)
	if len(b.calls) == 0 {
		return p
	}
	p.pack = &Pack{Requests: b.requests(), Calls: b.calls, Nonce: l.Nonce, Carrier: c.carrier, Approvals: b.grants > 0, AtMS: l.AtMS, Block: l.Block, Chain: l.Chain, Shares: b.shares,
		Purpose: purposeOf(rs)}
	if t.id.Kind == polymarket.Proxy {
		p.pack.Relay = l.Relay
	}
	return p
}

// fitting takes requests as long as a unit holds them.
func fitting(rs []*request) []*request {
	gas := uint64(len(polymarket.Contracts{}.Approvals())) * transferGas
	for i, r := range rs {
		if gas += r.gas(); gas > maxUnitGas || i == maxUnitRequests {
			return rs[:i]
		}
	}
	return rs
}

// planCreation plans for a wallet that is not on chain, and ends requests to create one that is. Only reports that nothing else
// can be planned.
func (t *decision) planCreation(l *Looked, rs []*request) (p plan, only bool) {
	var deploys, others []*request
	for _, r := range rs {
		if r.Verb == msgs.VerbDeploy {
			deploys = append(deploys, r)
		} else {
			others = append(others, r)
		}
	}
	able, _ := t.id.Kind.Can()
	if l.Deployed || able.Create == "" { // one that needs no making, or is made by its first use, counts as made
		for _, r := range deploys {
			p.ends = append(p.ends, verdict{r: r})
		}
		return p, len(deploys) > 0 && len(others) == 0
	}
	if len(deploys) == 0 {
		p.waiting, p.why = others, failure(msgs.NotDeployed, "the wallet "+addressText(t.id.Wallet)+" is not on chain", "ask for deploy, or check that the account's wallet kind is right")
		return p, true
	}
	c := t.choose(l, deploys)
	if c.carrier == "" {
		p.waiting, p.why, p.untilMS = deploys, c.why, c.untilMS
		return p, true
	}
	p.pack = &Pack{Requests: ids(deploys), Create: true, Carrier: c.carrier, AtMS: l.AtMS, Block: l.Block, Chain: l.Chain, Purpose: quota.Essential}
	for _, r := range deploys {
		p.pack.Shares = append(p.pack.Shares, msgs.TxShare{RequestID: r.ID})
	}
	return p, true
}

// needsHeld reports whether a request must know what resting orders need.
func (r *request) needsHeld() bool {
	switch c := r.command.(type) {
	case *msgs.Merge:
		return !c.AllowHeld
	case *msgs.Transfer:
		return !c.AllowHeld
	case *msgs.Convert, *msgs.Unwrap:
		return true
	}
	return false
}
