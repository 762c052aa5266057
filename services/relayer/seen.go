package relayer

import (
	"fmt"
	"slices"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// seen takes where a unit stands. The chain's word decides; the relayer's says only that nothing more will come of it there.
func (t *decision) seen(m *Seen) {
	if m.Elsewhere != "" {
		t.elsewhere(m)
		return
	}
	u := t.unit
	if u == nil || u.name() != m.Unit {
		t.seenGhost(m)
		return
	}
	switch {
	case len(m.Steps) > 0:
		t.seenSteps(u, m)
	case m.Executed && m.Final && len(t.inUnit(u)) == 0:
		t.laid(u) // a second creation of the wallet: the first has ended its requests
	case m.Executed && m.Final:
		t.executed(u, m, t.inUnit(u))
	case m.NonceUsed && u.is(polymarket.Proxy) && u.Carrier == msgs.ByOwnGas: // the hub's nonce says nothing about what the owner brings
	case m.NonceUsed:
		t.nonceUsed(u, m)
	case m.Expired:
		t.expired(u)
	case m.Executed && m.Block != 0:
		t.mined(u, m)
	case m.Reverted:
		t.reverted(u, m)
	case m.State == polymarket.TxFailed || m.State == polymarket.TxInvalid:
		t.relayerFailed(u, m)
	case u.Phase == following && u.Block != 0 && m.Block == 0:
		// The block was undone: its carrier has it as before.
		e := step(msgs.KindTxSubmitted, u)
		e.RelayerID = u.ID
		t.emit(e)
	}
}

// elsewhere takes the word that a unit was sealed for another chain than the one that is shown. Whether it was executed there nobody
// knows, so that the log is in doubt; who accepts that ends the unit.
func (t *decision) elsewhere(m *Seen) {
	u := t.unit
	i := slices.IndexFunc(t.ghosts, func(g *unit) bool { return g.name() == m.Unit })
	if i >= 0 {
		u = t.ghosts[i]
	} else if u == nil || u.name() != m.Unit {
		return
	}
	why := failure(msgs.LogInDoubt, fmt.Sprintf("unit %s was sealed for the chain whose first block is %s, and the endpoints show one that begins with %s: "+
		"whether it was executed is not known", u.name(), u.Payload.Chain, m.Elsewhere), elsewhereFix)
	switch {
	case !t.rules.AcceptLog && !t.held:
		t.emit(&msgs.TxHeld{Head: msgs.Head{Type: msgs.KindTxHeld}, Doubts: []msgs.Error{*why}})
	case !t.rules.AcceptLog:
	case i >= 0:
		t.laid(u)
	default:
		rs := t.inUnit(u)
		t.giveUp(u, nil, why, false)
		for _, r := range rs {
			t.fail(r, u, why, "")
		}
	}
}

const elsewhereFix = "name endpoints of that chain, or start once with --accept-log, which ends what was sealed for it; what is asked until then is dropped"

// mined tells of a block that is not final, once for each.
func (t *decision) mined(u *unit, m *Seen) {
	if u.TxHash == m.TxHash && u.Block == m.Block {
		return
	}
	e := step(msgs.KindTxMined, u)
	e.TxHash, e.Block = m.TxHash, m.Block
	t.emit(e)
}

// executed confirms the requests of a unit that the wallet has performed for good, and each other unit at its nonce is dead.
func (t *decision) executed(u *unit, m *Seen, rs []*request) {
	t.granted(u, m.Block)
	carrier := m.Carrier
	if carrier == "" {
		carrier = u.Carrier
	}
	shares := effects(u.Shares, m.Effect, m.Payouts)
	gas := m.GasPaid
	for _, id := range u.Payload.RequestIDs {
		e := &msgs.TxConfirmed{Unit: u.name(), Carrier: carrier, TxHash: m.TxHash, Block: m.Block, Effect: shares[id], GasPOL: gas.Exactly(), Final: true}
		switch i := slices.IndexFunc(rs, func(r *request) bool { return r.ID == id }); {
		case i >= 0:
			e.Head, e.Meta = rs[i].about(msgs.KindTxConfirmed), rs[i].meta()
		case t.ended.byID[id] != nil && t.ended.byID[id].Last != msgs.KindTxConfirmed:
			e.Head, e.Late = msgs.Head{Type: msgs.KindTxConfirmed, CmdSeq: t.ended.byID[id].CmdSeq, ReqID: string(id)}, true
		default:
			continue
		}
		gas = evm.Wei{} // told once: what a unit's requests paid adds up
		t.emit(e)
	}
}

// nonceUsed ends a unit that can never have effect: something else has used its nonce. Its requests are sealed once more, unless
// that has happened to them before.
func (t *decision) nonceUsed(u *unit, m *Seen) {
	ours := slices.ContainsFunc(t.ghosts, func(g *unit) bool {
		return u.sharesNonce(g) && (m.UsedBy == "" || g.Payload.Hash == m.UsedBy)
	})
	why := failure(msgs.NonceTaken, fmt.Sprintf("nonce %s of the wallet was used by a transaction that is not Sluice's", u.nonce()), "find out who else acts for the wallet, then send it again")
	if ours {
		why.Cause = fmt.Sprintf("nonce %s of the wallet was used by an earlier unit", u.nonce())
	}
	if u.is(polymarket.Proxy) && (m.State == polymarket.TxFailed || m.State == polymarket.TxInvalid || m.Message != "") {
		why.Code, why.Cause = msgs.Reverted, "the relay hub used its nonce and the calls failed: "+m.Message
	}
	var back, failed []*request
	for _, r := range t.inUnit(u) {
		if !ours && r.Lost > 0 {
			failed = append(failed, r)
		} else {
			back = append(back, r)
		}
	}
	e := &msgs.TxReleased{Head: msgs.Head{Type: msgs.KindTxReleased}, Unit: u.name(), RequestIDs: ids(back), Cause: why.Cause, Code: why.Code, Lost: !ours}
	t.emit(e)
	for _, r := range failed {
		t.fail(r, u, why, m.TxHash)
	}
}

// expired takes the end of a batch that can never be performed any more. Its requests are signed for anew; those whose batches the relayer
// has taken again and again, and never performed, end.
func (t *decision) expired(u *unit) {
	why := failure(msgs.RelayerFailed, "the batch's deadline passed and it was not performed", "wait; it is signed anew")
	if u.ID == "" {
		t.giveUp(u, t.inUnit(u), why, false)
		return
	}
	why.Cause = "the relayer took the batch and did not perform it before its deadline"
	t.handBack(u, t.inUnit(u), why, false)
}

// reverted takes the final failure of a transaction that the owner paid for.
func (t *decision) reverted(u *unit, m *Seen) {
	why := failure(msgs.Reverted, "the transaction was reverted on chain: "+m.Message, "look at balances, permissions and the market's state")
	rs := t.inUnit(u)
	t.giveUp(u, nil, why, u.is(polymarket.Safe))
	t.doubtApprovals()
	for _, r := range rs {
		t.fail(r, u, why, m.TxHash)
	}
}

// relayerFailed takes the relayer's word that it will do nothing more. It proves nothing: the payload can still have effect.
func (t *decision) relayerFailed(u *unit, m *Seen) {
	if u.Phase != following || u.Carrier != msgs.ByRelayer {
		return
	}
	why := failure(msgs.RelayerFailed, fmt.Sprintf("the relayer took the unit and reports %s: %s", m.State, m.Message), "wait; it is watched until its nonce is used")
	switch {
	case u.is(polymarket.Safe):
		t.reroute(u, msgs.ByOwnGas, why, true, nil)
	case u.is(polymarket.Proxy):
		t.handBack(u, t.inUnit(u), why, true)
	case u.Code != msgs.RelayerFailed:
		t.hold(u, why, u.Payload.DeadlineS*1000, max(u.Payload.DeadlineS*1000, t.at(retryLast)), true, nil)
		t.deed(u.follow())
	}
}

// seenGhost takes the fate of a unit that was given up. One that was executed after all beats every word that was said about its
// requests; the open unit of the same nonce is dead then.
func (t *decision) seenGhost(m *Seen) {
	i := slices.IndexFunc(t.ghosts, func(g *unit) bool { return g.name() == m.Unit })
	if i < 0 {
		return
	}
	g := t.ghosts[i]
	switch {
	case m.Executed && m.Final:
		if u := t.unit; u != nil && u.sharesNonce(g) {
			var back []*request
			for _, r := range t.inUnit(u) {
				if !slices.Contains(g.Payload.RequestIDs, r.ID) {
					back = append(back, r)
				}
			}
			t.emit(&msgs.TxReleased{Head: msgs.Head{Type: msgs.KindTxReleased}, Unit: u.name(), RequestIDs: ids(back), Code: msgs.NonceTaken,
				Cause: fmt.Sprintf("nonce %s of the wallet was used by an earlier unit", u.nonce())})
		}
		var rs []*request
		for _, id := range g.Payload.RequestIDs {
			if r := t.requests[id]; r != nil {
				rs = append(rs, r)
			}
		}
		t.executed(g, m, rs)
		if len(t.Events) == 0 || !slices.ContainsFunc(t.Events, func(e msgs.Event) bool { return e.Kind() == msgs.KindTxConfirmed }) {
			t.laid(g)
		}
	case m.NonceUsed, m.Expired:
		t.laid(g)
	}
}

// laid says that a unit that was given up can have no effect any more.
func (t *decision) laid(g *unit) {
	t.emit(&msgs.TxReleased{Head: msgs.Head{Type: msgs.KindTxReleased}, Unit: g.name(), Code: msgs.NonceTaken, Cause: "it can have no effect any more"})
}

// seenSteps ends the requests of an EOA's unit, each by its own calls, once all calls are final.
func (t *decision) seenSteps(u *unit, m *Seen) {
	if slices.ContainsFunc(m.Steps, func(s Step) bool { return !s.Final }) || len(m.Steps) != len(u.Payload.Calls) {
		return
	}
	shown := stepEffects(u, m.Steps)
	failed := false
	paid := map[int]bool{}
	for _, r := range t.inUnit(u) {
		e := &msgs.TxConfirmed{Head: r.about(msgs.KindTxConfirmed), Unit: u.name(), Carrier: msgs.ByOwnGas, Final: true, Meta: r.meta()}
		var bad *msgs.Error
		gas := evm.Wei{}
		for i, s := range m.Steps {
			own := slices.Contains(u.Payload.Calls[i].RequestIDs, r.ID)
			if !own && len(u.Payload.Calls[i].RequestIDs) > 0 {
				continue
			}
			if !paid[i] {
				gas, paid[i] = gas.Plus(s.GasPaid), true
			}
			if own || r.Verb == msgs.VerbApprove {
				e.TxHash, e.Block = s.TxHash, max(e.Block, s.Block)
			}
			if s.Err != nil && bad == nil && (own || r.Verb == msgs.VerbApprove) {
				bad = s.Err
			}
		}
		if bad != nil {
			failed = true
			t.fail(r, u, bad, e.TxHash)
			continue
		}
		e.Effect, e.GasPOL = shown[r.ID], gas.Exactly()
		t.emit(e)
	}
	if failed {
		t.doubtApprovals()
		return
	}
	t.granted(u, 0)
}
