package executor

import (
	"slices"

	"sluice/pkg/msgs"
)

// msPerDay is the length of a day for the daily cap, which follows UTC.
const msPerDay = 24 * 60 * 60 * 1000

// Apply takes an event into the state.
func (o *Orders) Apply(e msgs.Event) {
	h := msgs.HeadOf(e)
	o.n, o.nowMS = h.N, max(o.nowMS, h.AtMS)
	switch e := e.(type) {
	case *msgs.OrderOwner:
		o.applyOwner(h, e)
	case *msgs.OrderCompared:
		o.applyCompared(h, e)
	case *msgs.OrderHeld:
		o.applyHeld(h, e)
	case *msgs.OrderSubmitting:
		for i := range e.Orders {
			o.applyIntent(h, i, &e.Orders[i])
		}
	case *msgs.OrderAccepted:
		if ord := o.touch(h, e.Order); ord != nil {
			ord.Venue = e.VenueStatus
		}
	case *msgs.OrderFilled:
		o.applyFill(h, e)
	case *msgs.OrderSettled:
		o.applyEnd(h, e.Order, e.Fill, msgs.Confirmed)
	case *msgs.OrderSettlementFailed:
		o.applyEnd(h, e.Order, e.Fill, msgs.Failed)
	case *msgs.OrderCancelling:
		o.applyCancelling(h, e)
	case *msgs.OrderCancelled:
		o.applyCancelled(h, e)
	case *msgs.OrderRejected:
		o.applyRejected(h, e)
	case *msgs.OrderUnknown:
		o.touch(h, e.Order)
	case *msgs.OrderCancelPending:
		o.touch(h, e.Order)
	case *msgs.OrderCancelRejected:
		o.applyCancelRejected(h, e)
	case *msgs.OrderCancelAllDone:
		o.barriers = slices.DeleteFunc(o.barriers, func(b *barrier) bool { return b.CmdSeq == h.CmdSeq && string(b.Request) == h.ReqID })
	case *msgs.OrderForeign:
		if ord := o.touch(h, e.Order); ord != nil {
			ord.Foreign, ord.Named, ord.Unexplained = true, false, e.Unexplained
		}
	case *msgs.OrderHalted:
		o.applyHalted(h, e)
	case *msgs.OrderResumed:
		o.applyResumed(h, e)
	case *msgs.OrderAnomaly:
		o.touch(h, e.Order)
	}
	o.sweep()
}

// serial numbers orders by their first events; the widest event is a cancel of MaxCancelIDs.
func serial(n uint64, i int) uint64 { return n<<16 | uint64(i) }

// touch takes the whole state of one order from an event about it, and makes the order when it is new.
func (o *Orders) touch(h *msgs.Head, s msgs.Order) *order {
	ord := o.find(s.OrderID, s.ClientOrderID)
	if ord == nil {
		if s.OrderID == "" && s.ClientOrderID == "" {
			return nil
		}
		ord = &order{Serial: serial(h.N, 0), CmdSeq: h.CmdSeq, Hash: h.CmdHash, Foreign: s.ClientOrderID == ""}
	}
	ord.Order, ord.N, ord.AtMS = s, h.N, h.AtMS
	o.index(ord)
	return ord
}

func (o *Orders) find(id msgs.OrderID, client msgs.ClientOrderID) *order {
	if ord := o.byID[id]; ord != nil && id != "" {
		return ord
	}
	if client != "" {
		return o.byClient[client]
	}
	return nil
}

// index keeps the ways to find an order, and settles what its end settles.
func (o *Orders) index(ord *order) {
	if ord.ClientOrderID != "" {
		o.byClient[ord.ClientOrderID] = ord
	}
	if ord.OrderID != "" {
		o.byID[ord.OrderID] = ord
	}
	if ord.held() {
		o.waiting[ord.Serial] = ord
	} else {
		delete(o.waiting, ord.Serial)
	}
	if ord.State == msgs.Submitting && !ord.Final && !ord.held() {
		o.going[ord.Serial] = ord
	} else {
		delete(o.going, ord.Serial)
	}
	if !ord.Final {
		o.live[ord.Serial] = ord
		o.expose(ord)
		return
	}
	delete(o.live, ord.Serial)
	o.expose(ord)
	for _, b := range o.barriers {
		b.ended(ord)
	}
}

// applyIntent takes one intent: of a new order, or of one that goes again.
func (o *Orders) applyIntent(h *msgs.Head, i int, in *msgs.Intent) {
	ord := o.find(in.OrderID, in.ClientOrderID)
	if ord == nil {
		ord = &order{Serial: serial(h.N, i), CmdSeq: h.CmdSeq, Hash: in.CmdHash}
	}
	if ord.OrderID != in.OrderID && ord.OrderID != "" {
		delete(o.byID, ord.OrderID)
	}
	s := orderOf(in)
	s.Filled, s.Unsettled, s.AvgPrice, s.Remaining = ord.Filled, ord.Unsettled, ord.AvgPrice, max(0, in.Size-ord.gross())
	ord.Order, ord.N, ord.AtMS = s, h.N, h.AtMS
	ord.Intent, ord.SentMS = in, h.AtMS
	ord.Tries++
	o.holdAt(ord)
	o.index(ord)
}

// orderOf is the order that an intent begins.
func orderOf(in *msgs.Intent) msgs.Order {
	return msgs.Order{
		ClientOrderID: in.ClientOrderID, OrderID: in.OrderID, TokenID: in.TokenID, ConditionID: in.ConditionID, Side: in.Side,
		OrderType: in.OrderType, Price: in.Price, Size: in.Size, Amount: in.Amount, ExpiresMS: in.ExpiresMS,
		PostOnly: in.PostOnly, Remaining: in.Size, State: msgs.Submitting, Replaces: in.Replaces, Warnings: in.Warnings, Meta: in.Meta,
	}
}

func (o *Orders) applyFill(h *msgs.Head, e *msgs.OrderFilled) {
	ord := o.touch(h, e.Order)
	if ord == nil || e.Fill == nil || ord.leg(e.Fill.TradeID, e.Fill.Leg) != nil {
		return
	}
	ord.Legs = append(ord.Legs, leg{Fill: *e.Fill})
	o.expose(ord)
	worth := notional(e.Fill.Price, e.Fill.Size)
	if day := h.AtMS / msPerDay; day != o.day {
		o.day, o.traded = day, 0
	}
	o.traded += worth
	if ord.Side == msgs.Sell {
		worth = -worth
	}
	if o.markets[ord.ConditionID] += worth; o.markets[ord.ConditionID] == 0 {
		delete(o.markets, ord.ConditionID)
	}
}

func (o *Orders) applyEnd(h *msgs.Head, s msgs.Order, f *msgs.Fill, end msgs.TradeStatus) {
	ord := o.touch(h, s)
	if ord == nil || f == nil {
		return
	}
	if l := ord.leg(f.TradeID, f.Leg); l != nil {
		l.End = end
	}
}

func (o *Orders) applyCancelled(h *msgs.Head, e *msgs.OrderCancelled) {
	ord := o.find(e.OrderID, e.ClientOrderID)
	unheard := ord == nil
	if ord != nil {
		ord.Ending = ending{Reason: e.Reason} // before the barriers hear of its end
	}
	if ord = o.touch(h, e.Order); ord == nil {
		return
	}
	ord.Ending = ending{Reason: e.Reason}
	for _, b := range o.barriers {
		switch {
		case e.Reason == msgs.KilledInQueue && b.reaches(h.CmdSeq) && b.matches(&ord.Order):
			b.Killed++
		case unheard && e.Reason == msgs.Requested && b.CmdSeq == h.CmdSeq:
			b.Cancelled++
		}
	}
	ord.Wish = nil
}

// applyRejected takes a refusal. A command that could not be read does not spend its id, so that it can be sent again
// once it is mended; a refused repeat does not touch the order that has the id.
func (o *Orders) applyRejected(h *msgs.Head, e *msgs.OrderRejected) {
	ord := o.find(e.OrderID, e.ClientOrderID)
	unheard := ord == nil
	if ord == nil && e.Side == "" || ord != nil && ord.CmdSeq != h.CmdSeq {
		return
	}
	if ord = o.touch(h, e.Order); ord != nil {
		ord.Wish = nil
		ord.Ending = ending{Error: e.Error, By: e.By, Message: e.VenueMessage}
	}
	for _, b := range o.barriers {
		if unheard && b.Halt && b.reaches(h.CmdSeq) && e.Error != nil && e.Error.Code == msgs.Halted {
			b.Killed++
		}
	}
}

// applyCancelRejected ends a wish. The cancel of an id that nobody has used yet leaves a tombstone for the submit that
// comes after it.
func (o *Orders) applyCancelRejected(h *msgs.Head, e *msgs.OrderCancelRejected) {
	ord := o.find(e.OrderID, e.ClientOrderID)
	switch {
	case ord == nil && e.Error != nil && e.Error.Code == msgs.NotFound && e.ClientOrderID != "":
		o.spent.add(h.AtMS, spentTomb, string(e.ClientOrderID), h.CmdSeq)
	case ord == nil:
	case ord.Named:
		o.forget(ord)
		for _, b := range o.barriers {
			if e.Error != nil && !stillThere(e.Error.Code) {
				b.answered(ord.Serial)
			} else {
				b.refused(ord)
			}
		}
	case ord.Wish == nil || ord.Wish.CmdSeq != h.CmdSeq:
		o.touch(h, e.Order)
	default:
		ord.Taken = ord.Taken || e.Error != nil && e.Error.Code == msgs.AlreadyFilled
		o.touch(h, e.Order).Wish = nil
		for _, b := range o.barriers {
			b.refused(ord)
		}
	}
}

// requested remembers the id of a request that was decided.
func (o *Orders) requested(h *msgs.Head) {
	if h.ReqID != "" {
		o.spent.add(h.AtMS, spentRequest, h.ReqID, mark(spentRequest, h.CmdHash))
	}
}

// sweep lets go of orders that are long over. What remains of them is enough to recognise their ids and fills.
func (o *Orders) sweep() {
	if o.nowMS-o.sweptMS < sweepMS {
		return
	}
	o.sweptMS = o.nowMS
	for _, ord := range o.byClient {
		o.retire(ord)
	}
	for _, ord := range o.byID {
		o.retire(ord)
	}
	o.barriers = slices.DeleteFunc(o.barriers, func(b *barrier) bool { return b.AtMS+spentMS < o.nowMS })
}

func (o *Orders) retire(ord *order) {
	age := o.nowMS - ord.AtMS
	if !ord.Final || age < keepFinalMS || !ord.settled() && age < keepOpenEndMS {
		return
	}
	if ord.ClientOrderID != "" {
		o.spent.add(o.nowMS, spentClient, string(ord.ClientOrderID), mark(spentClient, ord.Hash))
	}
	if ord.OrderID != "" {
		o.spent.add(o.nowMS, spentOrder, string(ord.OrderID), 0)
	}
	for i := range ord.Legs {
		o.spent.add(o.nowMS, spentLeg, legID(ord.Legs[i].TradeID, ord.Legs[i].Leg), 0)
	}
	o.forget(ord)
}

func (o *Orders) forget(ord *order) {
	if o.byClient[ord.ClientOrderID] == ord {
		delete(o.byClient, ord.ClientOrderID)
	}
	if o.byID[ord.OrderID] == ord {
		delete(o.byID, ord.OrderID)
	}
	delete(o.live, ord.Serial)
	o.expose(ord)
	delete(o.waiting, ord.Serial)
	delete(o.going, ord.Serial)
}
