package relayer

import (
	"fmt"
	"slices"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Times of looking.
const (
	lookAgain  = 5 * time.Second  // after an endpoint did not answer
	lookClosed = 30 * time.Second // while no carrier is open
	lookOld    = time.Second      // after what was read was older than what is known, or not so any more when it was rehearsed
	// lagLasts is how long a block that is older than one that has been seen is taken for an endpoint that lags; later it is another
	// chain, as when the sandbox begins anew.
	lagLasts = time.Minute
	// packAge is how old a look may be when its pack is sealed: balances and orders move.
	packAge = 30 * time.Second
	// maxSeals bounds the units that a request has been in without an end.
	maxSeals = 3
)

// looked packs what is queued, ends what needs no unit or cannot be, and has the rest rehearsed.
func (t *decision) looked(l *Looked) {
	if t.unit != nil || !t.ready || !t.due() {
		return
	}
	if l.Err != nil {
		t.wait(t.dueNow(), l.Err, 0)
		t.look(lookAgain)
		return
	}
	if t.unsettled(l.Nonce) && t.nowMS-t.settledMS >= lagLasts.Milliseconds() {
		t.wait(t.dueNow(), failure(msgs.NonceTaken, fmt.Sprintf("a unit that was given up can still have effect, and the wallet's nonce is %d now, which is not the unit's", l.Nonce),
			"wait until what has used the nonces is final; if that lasts, see whether the endpoints show the right chain"), 0)
		t.look(lookClosed)
		return
	}
	lags := l.Block < t.block && t.nowMS-t.settledMS < lagLasts.Milliseconds()
	if l.AtMS <= t.settledMS || lags || t.unsettled(l.Nonce) {
		t.look(lookOld)
		return
	}
	if l.Approvals || len(l.Missing) > 0 {
		t.emit(t.readApprovals(l))
		read := *t.Wallet // what is said in this decision counts in it
		read.approvals = approvals{ReadMS: l.AtMS, Block: l.Block, Missing: t.Events[0].(*msgs.TxApprovals).Missing}
		t.Wallet = &read
	}
	p := t.plan(l)
	for _, v := range p.ends {
		t.end(v)
	}
	if len(p.waiting) > 0 && p.why != nil {
		t.wait(p.waiting, p.why, p.untilMS)
	}
	if p.pack != nil {
		t.early(Rehearse{*p.pack})
		return
	}
	again := lookClosed
	if left := time.Duration(p.untilMS-t.nowMS) * time.Millisecond; left > 0 && left < again {
		again = left
	}
	t.look(again)
}

// unsettled reports whether something that was given up may have used its nonce: nothing is sealed before that is final.
func (t *decision) unsettled(nonce uint64) bool {
	return slices.ContainsFunc(t.ghosts, func(g *unit) bool { return !g.Payload.Create && g.Payload.Nonce != nonce })
}

// dueNow lists what is due.
func (t *decision) dueNow() []*request {
	return but(t.queue(), func(r *request) bool { return r.LeavesByMS > t.nowMS })
}

// end gives the final word about a request that needs no unit.
func (t *decision) end(v verdict) {
	if v.err != nil {
		t.emit(&msgs.TxFailed{Head: v.r.about(msgs.KindTxFailed), Error: v.err, Final: true, Meta: v.r.meta()})
		return
	}
	t.emit(&msgs.TxConfirmed{Head: v.r.about(msgs.KindTxConfirmed), Effect: v.Effect, GasPOL: "0", Final: true, Meta: v.r.meta()})
}

// rehearsed seals a pack that went well, or ends what would revert.
func (t *decision) rehearsed(m *Rehearsed) {
	if t.unit != nil || !t.ready {
		return
	}
	rs, fresh := t.still(m)
	switch {
	case !fresh:
		if t.due() {
			t.look(lookOld) // endpoints that do not agree about the nonce give the same again at once
		}
	case m.Err != nil:
		t.wait(rs, m.Err, 0)
		t.look(lookAgain)
	case m.Failed >= 0:
		t.wouldRevert(m, rs)
	default:
		t.sealed(m, rs)
	}
}

// still gives the requests of a pack; fresh is false when the pack is not what would be made now.
func (t *decision) still(m *Rehearsed) (rs []*request, fresh bool) {
	p := &m.Pack
	if t.nowMS-p.AtMS > packAge.Milliseconds() || p.AtMS <= t.settledMS || len(p.Requests) == 0 {
		return nil, false
	}
	for _, id := range p.Requests {
		r := t.requests[id]
		if r == nil || r.Unit != "" || r.late(t.nowMS) {
			return nil, false
		}
		rs = append(rs, r)
	}
	if m.Err == nil && t.fenced(p) && (m.Nonce != p.Nonce || t.unsettled(p.Nonce)) {
		return nil, false
	}
	return rs, true
}

// fenced reports whether a pack has a nonce of the wallet.
func (t *decision) fenced(p *Pack) bool { return !p.Create && t.id.Kind != polymarket.EOA }

// wouldRevert ends what would revert, so that the rest can go. When the permissions were not read for this pack they are the
// first suspect: somebody may have taken one back.
func (t *decision) wouldRevert(m *Rehearsed, rs []*request) {
	if t.approvals.ReadMS != 0 && t.approvals.ReadMS < m.Pack.AtMS {
		t.doubtApprovals()
		t.lookFor(0, true)
		return
	}
	bad := rs
	if m.Failed < len(m.Pack.Calls) {
		if own := m.Pack.Calls[m.Failed].Requests; len(own) > 0 {
			bad = but(rs, func(r *request) bool { return !slices.Contains(own, r.ID) })
		}
	}
	for _, r := range bad {
		t.end(verdict{r: r, err: failure(msgs.WouldRevert, "it would revert: "+m.Cause, "look at balances, permissions and the market's state; nothing was spent")})
	}
	if t.approvals.ReadMS != 0 {
		t.doubtApprovals()
	}
	t.lookFor(0, true)
}

// sealed closes a unit and has it carried.
func (t *decision) sealed(m *Rehearsed, rs []*request) {
	u, err := t.seal(&m.Pack)
	if err != nil {
		for _, r := range rs {
			t.end(verdict{r: r, err: failure(msgs.TooLarge, "its unit cannot be made: "+err.Error(), "report this")})
		}
		return
	}
	e := step(msgs.KindTxSealed, u)
	e.Payload, e.Shares = &u.Payload, u.Shares
	t.emit(e)
	t.emit(step(msgs.KindTxSubmitting, u))
	d := t.carry(u)
	switch c := d.(type) {
	case Submit:
		c.Purpose, c.SendBy = m.Pack.Purpose, sendBy(rs)
		d = c
	case Bring:
		c.SendBy = sendBy(rs)
		d = c
	}
	t.deed(d)
}
