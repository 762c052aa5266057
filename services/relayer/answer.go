package relayer

import "sluice/pkg/msgs"

// Answer is where a request stands, for svc.relayer.<account>.request; ok is false for an id that is not known, or not any more.
func (w *Wallet) Answer(id msgs.RequestID) (_ msgs.TxAnswer, ok bool) {
	a := msgs.TxAnswer{N: w.n, RequestID: id}
	if r := w.requests[id]; r != nil {
		a.Last, a.Unit = r.Last, r.Unit
		if u := w.unit; u != nil && r.Unit == u.name() {
			a.Carrier, a.TxHash = u.Carrier, u.TxHash
		}
		return a, true
	}
	e := w.ended.byID[id]
	if e == nil {
		return a, false
	}
	a.Last, a.Unit, a.Carrier, a.TxHash, a.Error, a.Final = e.Last, e.Unit, e.Carrier, e.TxHash, e.Error, true
	return a, true
}

// present is a request's state in the clothes of an event, for a repeat; nil when nothing is known.
func (w *Wallet) present(id msgs.RequestID) msgs.Event {
	head := func(kind msgs.Type, n uint64, atMS int64, seq uint64) msgs.Head {
		return msgs.Head{V: 1, Type: kind, Account: w.id.Account, N: n, AtMS: atMS, CmdSeq: seq, ReqID: string(id)}
	}
	if r := w.requests[id]; r != nil {
		if u := w.unit; u != nil && r.Unit == u.name() {
			e := step(r.Last, u)
			e.Head = head(msgs.KindTxSubmitted, r.N, r.AtMS, r.CmdSeq)
			if u.Phase != following {
				e.Type = msgs.KindTxSubmitting
			}
			e.TxHash, e.Block = u.TxHash, u.Block
			return e
		}
		return &msgs.TxQueued{Head: head(msgs.KindTxQueued, r.N, r.AtMS, r.CmdSeq), LeavesByMS: r.LeavesByMS, Verb: r.Verb, Command: r.Raw, StoredMS: r.StoredMS}
	}
	x := w.ended.byID[id]
	switch {
	case x == nil:
		return nil
	case x.Last == msgs.KindTxConfirmed:
		return &msgs.TxConfirmed{Head: head(x.Last, x.N, x.AtMS, x.CmdSeq), Unit: x.Unit, Carrier: x.Carrier, TxHash: x.TxHash, GasPOL: "0", Final: true}
	}
	return &msgs.TxFailed{Head: head(x.Last, x.N, x.AtMS, x.CmdSeq), Unit: x.Unit, Error: x.Error, TxHash: x.TxHash, Final: true}
}
