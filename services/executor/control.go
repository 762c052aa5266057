package executor

import (
	"sluice/pkg/msgs"
)

// asked decides a command.
func (t *turn) asked(a *Asked) {
	if a.Err != nil {
		t.misunderstood(a)
		return
	}
	switch c := a.Command.(type) {
	case *msgs.Submit:
		t.submit(a, c)
	case *msgs.Cancel:
		t.cancel(a, c)
	case *msgs.CancelAll:
		t.cancelAll(a, c)
	case *msgs.Replace:
		t.replace(a, c)
	case *msgs.Halt:
		t.halt(a, c)
	case *msgs.Resume:
		t.resume(a, c)
	}
}

// misunderstood answers a command that could not be read. It changes nothing.
func (t *turn) misunderstood(a *Asked) {
	head := msgs.Head{CmdSeq: a.Seq, ReqID: string(a.Request)}
	switch a.Verb {
	case msgs.VerbSubmit, msgs.VerbReplace:
		head.Type = msgs.KindRejected
		t.emit(&msgs.OrderRejected{Head: head, Order: msgs.Order{ClientOrderID: a.Client, State: msgs.Rejected, Final: true}, Error: a.Err, By: bySluice})
	case msgs.VerbCancel:
		if d := t.client(a.Client); d != nil && a.Client != "" {
			head.Type = msgs.KindCancelRejected
			t.emit(&msgs.OrderCancelRejected{Head: head, Order: d.Order, Error: a.Err})
			return
		}
		fallthrough
	default:
		head.Type = msgs.KindControlRejected
		t.emit(&msgs.OrderControlRejected{Head: head, Verb: a.Verb, Error: a.Err})
	}
}

// Who refused, or who halted.
const (
	bySluice  = "sluice"
	byVenue   = "venue"
	byCommand = "command"
)

// barrierOf is the watermark that a command sets.
func barrierOf(a *Asked) msgs.Barrier {
	if a.All {
		return msgs.Barrier{StoredMS: a.Stored.UnixMilli()}
	}
	return msgs.Barrier{Seq: a.Seq}
}

func (t *turn) cancelAll(a *Asked, c *msgs.CancelAll) {
	if t.repeatedRequest(a, c.RequestID) {
		return
	}
	b := barrierOf(a)
	b.Filter = c.Filter
	if c.Market != "" {
		m := a.Facts.Market(c.Market)
		if m == nil && !msgs.ValidHash(c.Market) {
			t.emit(&msgs.OrderControlRejected{Head: a.request(msgs.KindControlRejected, c.RequestID), Verb: a.Verb,
				Error: failure(msgs.UnknownToken, "no market is known as "+c.Market, "give the market's slug or condition id as `sluice markets` shows it; nothing was cancelled")})
			return
		}
		if b.ConditionID = msgs.ConditionID(c.Market); m != nil {
			b.ConditionID = m.ConditionID
		}
	}
	t.raise(a, c.RequestID, b)
}

// raise sets a barrier: all that matches is cancelled at once, and what waits in the queue dies as it is read.
func (t *turn) raise(a *Asked, id msgs.RequestID, b msgs.Barrier) {
	t.emit(&msgs.OrderCancelling{Head: a.request(msgs.KindCancelling, id), Barrier: &b, ReplyTo: a.ReplyTo})
	bar := &barrier{Barrier: b}
	w := &wish{a.Seq, id}
	var ids []msgs.OrderID
	for _, ord := range t.walk() {
		if !bar.matches(&ord.Order) {
			continue
		}
		d := t.draft(ord)
		d.Wish = w
		if d.held() {
			t.emit(t.cancelled(d, msgs.Requested))
			continue
		}
		ids = append(ids, d.OrderID)
	}
	switch {
	case bar.everything():
		t.early(CancelEverything{ids, *w})
	case len(ids) > 0:
		t.early(CancelOrders{ids})
		t.Drain = true
	default:
		t.Drain = true
	}
}

func (t *turn) halt(a *Asked, c *msgs.Halt) {
	if t.repeatedRequest(a, c.RequestID) {
		return
	}
	b := barrierOf(a)
	t.emit(&msgs.OrderHalted{Head: a.request(msgs.KindHalted, c.RequestID),
		Reason: c.Reason, By: byCommand, Cancel: c.Cancel, Barrier: &b, ReplyTo: a.ReplyTo})
	if c.Cancel {
		b.Halt = true
		t.raise(a, c.RequestID, b)
		return
	}
	t.holdBack()
}

// resume lets new commands pass. What was stored while halted does not: the halt's watermark moves up to the resume.
func (t *turn) resume(a *Asked, c *msgs.Resume) {
	if t.repeatedRequest(a, c.RequestID) {
		return
	}
	if t.held() && !c.Accept {
		t.emit(&msgs.OrderControlRejected{Head: a.request(msgs.KindControlRejected, c.RequestID), Verb: a.Verb, Error: t.inDoubt()})
		return
	}
	e := &msgs.OrderResumed{Head: a.request(msgs.KindResumed, c.RequestID), By: byCommand}
	if t.halted || t.held() {
		e.Barrier = new(barrierOf(a))
	}
	if t.held() {
		e.Accepted, e.Incarnation = true, t.nextIncarnation()
	}
	t.emit(e)
}

func (o *Orders) applyHalted(h *msgs.Head, e *msgs.OrderHalted) {
	o.halted = true
	o.requested(h)
	o.haltUpTo(e.Barrier)
}

func (o *Orders) applyResumed(h *msgs.Head, e *msgs.OrderResumed) {
	o.halted = false
	if e.Accepted {
		o.doubts = nil
	}
	o.rename(e.Incarnation)
	o.requested(h)
	o.haltUpTo(e.Barrier)
}

// haltUpTo moves the watermark of halts: what was stored before it stays rejected.
func (o *Orders) haltUpTo(b *msgs.Barrier) {
	if b == nil {
		return
	}
	o.haltedTo.Seq = max(o.haltedTo.Seq, b.Seq)
	o.haltedTo.StoredMS = max(o.haltedTo.StoredMS, b.StoredMS)
}

// stays reports whether an order that has not left must not leave: a halt holds, or there was one since it was decided.
func (o *Orders) stays(d *order) bool {
	return o.halted || o.held() || d.CmdSeq < o.haltedTo.Seq || d.SentMS <= o.haltedTo.StoredMS
}

// stopCause is why an order that stays does not leave.
func (o *Orders) stopCause() *msgs.Error {
	if o.held() {
		return o.inDoubt()
	}
	return failure(msgs.Halted, "the account was halted before the order could leave", "resume it, then submit anew with a new id")
}

// isHalted reports whether a submit meets a halt: one that holds, or one under which it was stored.
func (o *Orders) isHalted(a *Asked) bool {
	return o.halted || a.Seq < o.haltedTo.Seq || a.Stored.UnixMilli() <= o.haltedTo.StoredMS
}
