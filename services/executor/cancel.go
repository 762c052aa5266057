package executor

import (
	"strings"

	"sluice/pkg/msgs"
)

// cancel decides a cancel: one wish for all orders that can still end, one refusal for each that cannot.
func (t *turn) cancel(a *Asked, c *msgs.Cancel) {
	if t.repeatedRequest(a, c.RequestID) {
		return
	}
	head := a.request(msgs.KindCancelling, c.RequestID)
	w := &wish{CmdSeq: a.Seq, Request: c.RequestID}
	wanted := &msgs.OrderCancelling{Head: head, ReplyTo: a.ReplyTo}
	var after []msgs.Event
	var ids []msgs.OrderID
	seen := map[*order]bool{}
	for _, ref := range refs(c) {
		d := t.draft(t.find(ref.OrderID, ref.ClientOrderID))
		switch {
		case d != nil && seen[d]:
		case d == nil && ref.OrderID != "" && !t.isSpent(spentOrder, string(ref.OrderID)):
			wanted.Orders = append(wanted.Orders, ref)
			ids = append(ids, ref.OrderID)
		case d == nil || d.Final:
			after = append(after, t.notCancelled(d, ref, w))
		case d.held():
			d.Wish = w
			wanted.Orders = append(wanted.Orders, msgs.OrderRef{ClientOrderID: d.ClientOrderID})
			after = append(after, t.cancelled(d, msgs.Requested))
		default:
			d.Wish = w
			wanted.Orders = append(wanted.Orders, msgs.OrderRef{ClientOrderID: d.ClientOrderID, OrderID: d.OrderID})
			ids = append(ids, d.OrderID)
		}
		seen[d] = d != nil
	}
	if len(wanted.Orders) > 0 {
		t.emit(wanted)
	}
	t.Events = append(t.Events, after...)
	if len(ids) > 0 {
		t.early(CancelOrders{ids})
	}
}

func refs(c *msgs.Cancel) []msgs.OrderRef {
	var out []msgs.OrderRef
	if c.ClientOrderID != "" {
		out = append(out, msgs.OrderRef{ClientOrderID: c.ClientOrderID})
	}
	if c.OrderID != "" {
		out = append(out, msgs.OrderRef{OrderID: c.OrderID})
	}
	for _, id := range c.ClientOrderIDs {
		out = append(out, msgs.OrderRef{ClientOrderID: id})
	}
	for _, id := range c.OrderIDs {
		out = append(out, msgs.OrderRef{OrderID: id})
	}
	return out
}

func (o *Orders) isSpent(kind byte, id string) bool {
	_, ok := o.spent.has(kind, id)
	return ok
}

// notCancelled is the answer to the cancel of an order that is over, or that nobody knows.
func (t *turn) notCancelled(d *order, ref msgs.OrderRef, w *wish) msgs.Event {
	e := &msgs.OrderCancelRejected{Head: msgs.Head{Type: msgs.KindCancelRejected, CmdSeq: w.CmdSeq, ReqID: string(w.Request)}}
	switch {
	case d != nil:
		e.Order, e.Error = d.Order, over(d)
	case t.isSpent(spentClient, string(ref.ClientOrderID)) || ref.OrderID != "":
		e.Error = failure(msgs.AlreadyFinal, "the order ended some time ago", "nothing to do")
	default:
		e.Error = failure(msgs.NotFound, "no order has this id yet", "nothing to do: should its submit still come, it will not be sent")
	}
	if d == nil {
		e.ClientOrderID, e.OrderID, e.State, e.Final = ref.ClientOrderID, ref.OrderID, msgs.Cancelled, true
	}
	return e
}

// over says why a finished order cannot be cancelled.
func over(d *order) *msgs.Error {
	if d.State == msgs.Filled {
		return failure(msgs.AlreadyFilled, "the order is filled", "nothing to do")
	}
	return failure(msgs.AlreadyFinal, "the order is "+string(d.State), "nothing to do")
}

// cancelled ends an order.
func (t *turn) cancelled(d *order, why msgs.CancelReason) msgs.Event {
	head := about(d, msgs.KindCancelled)
	if why == msgs.Requested {
		head = wished(d, msgs.KindCancelled)
	}
	d.State, d.Final = msgs.Cancelled, true
	d.tally()
	d.Wish = nil
	return &msgs.OrderCancelled{Head: head, Order: d.Order, Reason: why}
}

// cancelAnswered takes the venue's word about cancels.
func (t *turn) cancelAnswered(m CancelAnswer) {
	named := map[msgs.OrderID]bool{}
	for _, id := range m.Cancelled {
		named[id] = true
		t.venueCancelled(id, m.Everything)
	}
	var others []msgs.OrderRef
	for _, r := range m.Refused {
		named[r.OrderID] = true
		if d := t.order(r.OrderID); d != nil {
			t.cancelRefused(d, r)
		} else if m.Everything && r.rests() && !t.isSpent(spentOrder, string(r.OrderID)) {
			others = append(others, msgs.OrderRef{OrderID: r.OrderID})
		}
	}
	if !m.Everything {
		return
	}
	for _, b := range t.barriers {
		if !b.Swept && b.everything() && b.wish() == m.For {
			t.emit(&msgs.OrderCancelling{Head: msgs.Head{Type: msgs.KindCancelling, CmdSeq: b.CmdSeq, ReqID: string(b.Request)}, Orders: others, Swept: true})
		}
	}
	var rest []msgs.OrderID
	for _, ref := range others {
		rest = append(rest, ref.OrderID)
	}
	for _, ord := range t.walk() {
		if ord.Wish != nil && !named[ord.OrderID] && !ord.pending() {
			rest = append(rest, ord.OrderID)
		}
	}
	if len(rest) > 0 {
		t.deed(CancelOrders{rest})
	}
	// An earlier try of it whose answer was lost may have ended orders that came after it, and named them to nobody.
	t.deed(Audit{Once: true})
}

// rests reports whether a refusal means that the order is still there.
func (r CancelRefusal) rests() bool { return stillThere(r.Code) }

func stillThere(why msgs.Code) bool { return why != msgs.NotFound && why != msgs.AlreadyFilled }

// venueCancelled ends an order that the venue has cancelled for us. Of a foreign one that nobody has heard of before only
// the id is known.
func (t *turn) venueCancelled(id msgs.OrderID, everything bool) {
	d := t.order(id)
	switch {
	case d == nil && everything && !t.isSpent(spentOrder, string(id)):
		d = &order{Foreign: true}
		d.OrderID = id
		for _, b := range t.barriers {
			if b.everything() {
				d.Wish = &wish{b.CmdSeq, b.Request}
			}
		}
		t.emit(t.cancelled(t.make(d), msgs.Requested))
	case d == nil, d.Final:
	default:
		t.emit(t.cancelled(d, msgs.Requested))
	}
}

// cancelRefused takes the venue's refusal to cancel. "Not found" says little: the order may not have arrived yet, or may
// have ended; then the order's own outcome, or a lookup, decides.
func (t *turn) cancelRefused(d *order, r CancelRefusal) {
	switch {
	case d.Final || d.Wish == nil:
	case r.Code == msgs.NotFound && d.Named:
		t.cancelRejected(d, failure(msgs.NotFound, "the venue does not know the order, or it has ended", "nothing to do"))
	case r.Code == msgs.NotFound && d.pending():
	case r.Code == msgs.NotFound:
		t.look(d, 0)
	case r.Code == msgs.HeldByDelay:
		t.emit(&msgs.OrderCancelPending{Head: wished(d, msgs.KindCancelPending), Order: d.Order,
			Error: failure(msgs.HeldByDelay, "the venue holds the order: "+r.Message, "nothing to do: it is cancelled as soon as the venue lets go of it")})
		t.deed(Wait{UntilMS: t.at(heldMS), Then: Again{OrderID: d.OrderID}})
	case r.Code == msgs.AlreadyFilled:
		t.cancelRejected(d, failure(msgs.AlreadyFilled, "the venue has matched the order", "nothing to do: its fills follow"))
		if !d.Named {
			t.look(d, 0)
		}
	default:
		t.cancelRejected(d, failure(msgs.VenueRejected, "the venue does not cancel the order: "+strings.TrimSpace(r.Message), "look at the order, then cancel it again"))
	}
}

func (t *turn) cancelRejected(d *order, err *msgs.Error) {
	t.emit(&msgs.OrderCancelRejected{Head: wished(d, msgs.KindCancelRejected), Order: d.Order, Error: err})
	d.Wish, d.Taken = nil, d.Taken || err.Code == msgs.AlreadyFilled
}

// repeatedRequest answers a request whose id was decided before: the same content does nothing twice, another is refused.
func (t *turn) repeatedRequest(a *Asked, id msgs.RequestID) bool {
	content, ok := t.spent.has(spentRequest, string(id))
	if id == "" || !ok {
		return false
	}
	if content != mark(spentRequest, a.Hash) && content != mark(spentRequest, "") {
		t.emit(&msgs.OrderControlRejected{Head: a.request(msgs.KindControlRejected, id), Verb: a.Verb,
			Error: failure(msgs.DuplicateID, "the id was used for another request, and this one was not carried out", "use a new request_id for every request")})
		return true
	}
	if a.ReplyTo != "" {
		t.deed(Reply{a.ReplyTo, &msgs.OrderControlRejected{
			Head: msgs.Head{V: 1, Type: msgs.KindControlRejected, Account: t.id.Account, N: t.n, AtMS: t.nowMS, CmdSeq: a.Seq, ReqID: string(id)},
			Verb: a.Verb, Error: failure(msgs.DuplicateID, "the request "+string(id)+" was taken before", "nothing to do; use a new request_id for a new request"),
		}})
	}
	return true
}
