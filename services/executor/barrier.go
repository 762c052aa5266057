package executor

import (
	"slices"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// barrier is a cancel_all, or a halt with cancel, that is not done. What was stored before it and matches is dead,
// however long the queue.
type barrier struct {
	msgs.Barrier
	CmdSeq    uint64          `json:"cmd_seq"`
	Request   msgs.RequestID  `json:"request"`
	AtMS      int64           `json:"at_ms"`
	Waits     []uint64        `json:"waits,omitempty"` // serials of orders whose cancel the venue has not answered
	Cancelled int             `json:"cancelled,omitempty"`
	Killed    int             `json:"killed,omitempty"`
	Swept     bool            `json:"swept,omitempty"` // the venue has answered that nothing else rests
	Still     []msgs.OrderRef `json:"still,omitempty"` // whose cancel the venue has refused
}

// everything reports whether it means also what was not placed through Sluice.
func (b *barrier) everything() bool { return b.Filter == msgs.Filter{} }

// wish is what orders have that it wants to end.
func (b *barrier) wish() wish { return wish{b.CmdSeq, b.Request} }

// sweeping reports whether a wish is that of a cancel of everything which the venue has not answered.
func (o *Orders) sweeping(w wish) bool {
	return slices.ContainsFunc(o.barriers, func(b *barrier) bool { return b.everything() && !b.Swept && b.wish() == w })
}

// wishedBy are the orders that a barrier wants to end and the venue may have.
func (o *Orders) wishedBy(b *barrier) (ids []msgs.OrderID) {
	for _, ord := range o.walk() {
		if ord.Wish != nil && *ord.Wish == b.wish() && !ord.held() {
			ids = append(ids, ord.OrderID)
		}
	}
	return ids
}

// reaches reports whether a submit of that sequence can have been stored before it.
func (b *barrier) reaches(seq uint64) bool { return b.Seq == 0 || seq < b.Seq }

// before reports whether a command was stored before the barrier.
func before(b *msgs.Barrier, a *Asked) bool {
	if b.Seq != 0 && !a.All {
		return a.Seq < b.Seq
	}
	return b.StoredMS != 0 && a.Stored.UnixMilli() <= b.StoredMS
}

// matches reports whether its filter means an order.
func (b *barrier) matches(s *msgs.Order) bool {
	switch {
	case b.ConditionID != "" && s.ConditionID != b.ConditionID,
		b.TokenID != "" && s.TokenID != b.TokenID,
		b.Side != "" && s.Side != b.Side:
		return false
	}
	return hasPrefix(s.ClientOrderID, b.Prefix)
}

// ended notes that an order it waits for is over. One that was killed before it left is counted where that is told.
func (b *barrier) ended(ord *order) {
	switch waited := b.answered(ord.Serial); {
	case waited && ord.State == msgs.Cancelled && ord.Ending.Reason == msgs.KilledInQueue:
	case waited && ord.State == msgs.Cancelled:
		b.Cancelled++
	case waited && b.Halt && ord.State == msgs.Rejected:
		b.Killed++
	}
}

// byHalt reports whether it is a halt with cancel that wants an order to end.
func (o *Orders) byHalt(ord *order) bool {
	return ord.Wish != nil && slices.ContainsFunc(o.barriers, func(b *barrier) bool { return b.Halt && *ord.Wish == b.wish() })
}

// refused notes that the venue did not cancel an order it waits for.
func (b *barrier) refused(ord *order) {
	if b.answered(ord.Serial) && !ord.Final {
		b.Still = append(b.Still, msgs.OrderRef{ClientOrderID: ord.ClientOrderID, OrderID: ord.OrderID})
	}
}

func (b *barrier) answered(serial uint64) bool {
	i, waits := slices.BinarySearch(b.Waits, serial)
	if waits {
		b.Waits = slices.Delete(b.Waits, i, i+1)
	}
	return waits
}

// applyCancelling takes a wish: of the orders it names, and of everything that its barrier means.
func (o *Orders) applyCancelling(h *msgs.Head, e *msgs.OrderCancelling) {
	o.requested(h)
	w := wish{CmdSeq: h.CmdSeq, Request: msgs.RequestID(h.ReqID)}
	for i, ref := range e.Orders {
		ord := o.find(ref.OrderID, ref.ClientOrderID)
		if ord == nil && ref.OrderID != "" {
			ord = &order{Serial: serial(h.N, i), CmdSeq: h.CmdSeq, N: h.N, AtMS: h.AtMS, Foreign: true, Named: true}
			ord.OrderID, ord.State = ref.OrderID, msgs.Unknown
			o.index(ord)
			o.waitFor(ord, w)
		}
		if ord != nil && !ord.Final {
			ord.Wish, ord.Doomed = &w, true
		}
	}
	for _, b := range o.barriers {
		b.Swept = b.Swept || e.Swept && b.CmdSeq == h.CmdSeq && string(b.Request) == h.ReqID
	}
	if e.Barrier == nil {
		return
	}
	b := &barrier{Barrier: *e.Barrier, CmdSeq: h.CmdSeq, Request: msgs.RequestID(h.ReqID), AtMS: h.AtMS}
	for _, ord := range o.walk() {
		if b.matches(&ord.Order) {
			ord.Wish, ord.Doomed = &w, true
			b.Waits = append(b.Waits, ord.Serial)
		}
	}
	o.barriers = append(o.barriers, b)
}

// waitFor has a cancel_all that the venue has answered wait for an order that its answer names and we had not heard of.
func (o *Orders) waitFor(ord *order, w wish) {
	for _, b := range o.barriers {
		if b.everything() && b.wish() == w {
			b.Waits = append(b.Waits, ord.Serial)
		}
	}
}

// laneEnd ends every cancel_all of which the venue has answered all cancels, that of foreign orders too, and before which no submit can come any
// more.
func (t *turn) laneEnd(m actor.LaneEnd) {
	for _, b := range t.barriers {
		if len(b.Waits) > 0 || m.Seq < b.Seq || b.everything() && !b.Swept {
			continue
		}
		done := &msgs.OrderCancelAllDone{
			Head:      msgs.Head{Type: msgs.KindCancelAllDone, CmdSeq: b.CmdSeq, ReqID: string(b.Request)},
			Cancelled: b.Cancelled, KilledInQueue: b.Killed,
		}
		for _, ref := range b.Still {
			if ord := t.find(ref.OrderID, ref.ClientOrderID); ord != nil && !ord.Final || ord == nil && ref.ClientOrderID == "" && !t.isSpent(spentOrder, string(ref.OrderID)) {
				done.StillOpen = append(done.StillOpen, ref)
			}
		}
		t.emit(done)
	}
}

// killed is the barrier that kills a submit, nil when none does. What a halt finds in the queue is rejected instead.
func (o *Orders) killed(a *Asked, s *msgs.Order) *barrier {
	for _, b := range o.barriers {
		if !b.Halt && before(&b.Barrier, a) && b.matches(s) {
			return b
		}
	}
	return nil
}
