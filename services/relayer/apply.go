package relayer

import (
	"cmp"
	"slices"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Apply takes an event into the state.
func (w *Wallet) Apply(e msgs.Event) {
	h := msgs.HeadOf(e)
	w.n, w.nowMS = h.N, max(w.nowMS, h.AtMS)
	switch e := e.(type) {
	case *msgs.OrderOwner:
		w.claimed(e)
	case *msgs.TxReady:
		w.ready, w.held = true, false
	case *msgs.TxHeld:
		w.ready, w.held = false, true
	case *msgs.TxQueued:
		w.queued(h, e)
	case *msgs.TxUnit:
		w.stepped(h, e)
	case *msgs.TxRerouted:
		w.rerouted(h, e)
	case *msgs.TxWaiting:
		w.waited(h, e)
	case *msgs.TxReleased:
		w.released(h, e)
	case *msgs.TxApprovals:
		w.approvals = approvals{e.ReadMS, e.Block, e.Missing}
	case *msgs.TxConfirmed:
		w.confirmed(h, e)
	case *msgs.TxFailed:
		w.failed(h, e)
	}
}

// claimed: what a former owner had carried when it ended may have left.
func (w *Wallet) claimed(e *msgs.OrderOwner) {
	if e.InHand != nil {
		return
	}
	w.ready = false
	if u := w.unit; u != nil && u.Phase == carrying {
		u.Left = u.Left || u.Carrier == msgs.ByRelayer
		u.Unsure = u.Unsure || u.Carrier == msgs.ByOwnGas
	}
}

func (w *Wallet) queued(h *msgs.Head, e *msgs.TxQueued) {
	r := requestOf(h, e)
	if r == nil || w.requests[r.ID] != nil {
		return
	}
	r.noted(h)
	w.requests[r.ID] = r
}

// stepped takes a step of a unit.
func (w *Wallet) stepped(h *msgs.Head, e *msgs.TxUnit) {
	if h.Type == msgs.KindTxSealed && e.Payload != nil {
		w.unit = &unit{Payload: *e.Payload, Shares: e.Shares, Carrier: e.Carrier, Phase: carrying}
		w.told = nil
		for _, id := range e.RequestIDs {
			if r := w.requests[id]; r != nil {
				r.Unit, r.Seals = e.Unit, r.Seals+1
			}
		}
	}
	u := w.unit
	if u == nil || u.name() != e.Unit {
		return
	}
	switch h.Type {
	case msgs.KindTxSubmitting:
		u.Phase, u.AgainMS = carrying, 0
		u.Tries++
	case msgs.KindTxSubmitted:
		w.taken(u, e)
		u.Phase, u.Left, u.SinceMS = following, true, h.AtMS
		u.Code, u.Cause, u.Fix, u.UntilMS = "", "", "", 0
		u.Refused = e.Refused
		u.ID = cmp.Or(e.RelayerID, u.ID)
		u.Carrier, u.TxHash, u.Block = e.Carrier, "", 0
	case msgs.KindTxMined:
		u.TxHash, u.Block = e.TxHash, e.Block
	}
	w.touch(h, u)
}

// taken counts that a carrier has a unit: once for each of its requests, and how often the relayer took it once more.
func (w *Wallet) taken(u *unit, e *msgs.TxUnit) {
	if u.SinceMS != 0 {
		if e.Carrier == msgs.ByRelayer && u.Block == 0 {
			u.Sat++
		}
		return
	}
	for _, r := range w.inUnit(u) {
		r.Taken++
	}
}

// touch notes an event about every request of a unit.
func (w *Wallet) touch(h *msgs.Head, u *unit) {
	for _, r := range w.inUnit(u) {
		r.noted(h)
	}
}

func (w *Wallet) rerouted(h *msgs.Head, e *msgs.TxRerouted) {
	u := w.unit
	if u == nil || u.name() != e.Unit {
		return
	}
	u.Carrier, u.Phase, u.Tries, u.AgainMS = e.To, carrying, 1, 0
	u.Left, u.BackMS = u.Left || e.Left, e.UntilMS
	w.refused(u, h.AtMS, e.Refusal)
	w.touch(h, u)
}

// refused keeps what the relayer said, what that may have cost, and when it may be asked again.
func (w *Wallet) refused(u *unit, atMS int64, refusal []byte) {
	if len(refusal) == 0 {
		return
	}
	u.Refusal, u.BackMS = refusal, 0
	e := u.refusal()
	w.toll.pay(e, atMS)
	if e != nil && e.Retryable() {
		u.BackMS = max(atMS+max(e.After, outageLasts).Milliseconds(), w.toll.AgainMS)
	}
}

func (w *Wallet) waited(h *msgs.Head, e *msgs.TxWaiting) {
	u := w.unit
	if e.Answers {
		w.woken(h)
	}
	switch {
	case e.Unit == "" && e.Answers:
		w.told = nil
	case e.Unit == "":
		w.told = &waiting{Code: e.Code, UntilMS: e.UntilMS, IDs: e.RequestIDs}
		for _, id := range e.RequestIDs {
			if r := w.requests[id]; r != nil {
				r.noted(h)
			}
		}
	case u != nil && u.name() == e.Unit:
		u.Phase, u.AgainMS = waits, e.AgainMS
		u.Code, u.Cause, u.Fix, u.UntilMS = e.Code, e.Cause, e.Fix, e.UntilMS
		u.Left = u.Left || e.Left
		u.Part, u.Unsure = u.Part || e.Part, e.Unsure
		w.refused(u, h.AtMS, e.Refusal)
		w.touch(h, u)
	}
}

// released ends a unit. Of a ghost it says that it is laid.
func (w *Wallet) released(h *msgs.Head, e *msgs.TxReleased) {
	w.ghosts = slices.DeleteFunc(w.ghosts, func(g *unit) bool { return g.name() == e.Unit })
	u := w.unit
	if u == nil || u.name() != e.Unit {
		return
	}
	for _, id := range e.RequestIDs {
		if r := w.requests[id]; r != nil {
			r.Unit = ""
			r.noted(h)
			if e.Lost {
				r.Lost++
			}
		}
	}
	w.unit, w.told, w.settledMS = nil, nil, h.AtMS
	if e.Live {
		w.ghosts = append(w.ghosts, u)
	}
	if e.Lost {
		w.used(u.Payload.Nonce)
	}
}

// used lays every ghost at a nonce that is used up by a final block.
func (w *Wallet) used(nonce uint64) {
	w.ghosts = slices.DeleteFunc(w.ghosts, func(g *unit) bool { return !g.Payload.Create && g.Payload.Nonce <= nonce })
}

// confirmed ends a request, and with its last request its unit: the chain has used its nonce for good.
func (w *Wallet) confirmed(h *msgs.Head, e *msgs.TxConfirmed) {
	w.ends(h, &ending{Unit: e.Unit, Carrier: e.Carrier, TxHash: e.TxHash})
	w.block = max(w.block, e.Block)
	if e.Unit == "" {
		return
	}
	if e.Carrier == msgs.ByRelayer {
		w.toll = toll{}
	}
	if i := slices.IndexFunc(w.ghosts, func(g *unit) bool { return g.name() == e.Unit }); i >= 0 {
		g := w.ghosts[i]
		w.ghosts = slices.Delete(w.ghosts, i, i+1)
		if !g.Payload.Create {
			w.used(g.Payload.Nonce)
		}
		return
	}
	if u := w.unit; u != nil && u.name() == e.Unit {
		if !u.Payload.Create && !u.is(polymarket.EOA) {
			w.used(u.Payload.Nonce)
		}
		w.close(h)
	}
}

// failed ends a request. A refused repeat does not touch the request that has the id.
func (w *Wallet) failed(h *msgs.Head, e *msgs.TxFailed) {
	w.ends(h, &ending{Unit: e.Unit, TxHash: e.TxHash, Error: e.Error})
	if u := w.unit; u != nil && u.name() == e.Unit {
		w.close(h)
	}
}

// close ends the unit when none of its requests is left.
func (w *Wallet) close(h *msgs.Head) {
	if w.unit != nil && len(w.inUnit(w.unit)) == 0 {
		w.unit, w.told, w.settledMS = nil, nil, h.AtMS
	}
}

// ends moves a request to those that ended.
func (w *Wallet) ends(h *msgs.Head, x *ending) {
	x.ID, x.CmdSeq, x.Hash, x.Last, x.N, x.AtMS = msgs.RequestID(h.ReqID), h.CmdSeq, h.CmdHash, h.Type, h.N, h.AtMS
	if x.ID == "" {
		return
	}
	r, old := w.requests[x.ID], w.ended.byID[x.ID]
	switch {
	case r != nil && r.CmdSeq != x.CmdSeq, old != nil && old.CmdSeq != x.CmdSeq:
		return
	case r != nil:
		x.Hash = r.Hash
		delete(w.requests, x.ID)
	case x.Error != nil && unspent(x.Error.Code):
		return
	}
	w.ended.add(x)
}

// unspent reports whether a refusal leaves the id free: what could not be read, or came while nothing is taken, may be sent again
// under the same id once that is mended.
func unspent(c msgs.Code) bool {
	switch c {
	case msgs.BadJSON, msgs.UnknownField, msgs.MissingField, msgs.BadValue, msgs.NumberNotString, msgs.TooLarge, msgs.BadMsgID, msgs.BadReplyTo,
		msgs.TooManyDecimals, msgs.UnknownVerb, msgs.DuplicateID:
		return true
	}
	return false
}
