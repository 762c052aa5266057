package ledger

import (
	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// ordered takes one event of the executor. What is booked already is no news.
func (t *turn) ordered(in Ordered) {
	e, h := in.Event, msgs.HeadOf(in.Event)
	t.e.Kind, t.e.Reason = KindOrder, string(h.Type)
	if t.j.At.knows(in) {
		return
	}
	if t.j.At.Doubt && t.j.At.compared(e) {
		t.letGo()
	}
	switch e := e.(type) {
	case *msgs.OrderSubmitting:
		for i := range e.Orders {
			t.intent(&e.Orders[i])
		}
	case *msgs.OrderFilled:
		t.state(&e.Order)
		t.filled(&e.Order, e.Fill)
	case *msgs.OrderSettled:
		t.state(&e.Order)
		t.ended(&e.Order, e.Fill, msgs.Confirmed, e.TxHash)
	case *msgs.OrderSettlementFailed:
		t.state(&e.Order)
		t.ended(&e.Order, e.Fill, msgs.Failed, e.TxHash)
	case *msgs.OrderAccepted:
		t.state(&e.Order)
		t.accepted(e)
	case *msgs.OrderCancelled:
		t.state(&e.Order)
	case *msgs.OrderRejected:
		t.state(&e.Order)
	case *msgs.OrderUnknown:
		t.state(&e.Order)
	case *msgs.OrderCancelPending:
		t.state(&e.Order)
	case *msgs.OrderCancelRejected:
		t.state(&e.Order)
	case *msgs.OrderForeign:
		t.state(&e.Order)
	case *msgs.OrderAnomaly:
		t.state(&e.Order)
	}
	t.name()
}

// rewound takes the news that the log is another one. Orders of which it tells no more are in doubt: they hold what they
// held until the executor has compared the log with the venue.
func (t *turn) rewound() {
	t.e.Kind, t.e.Reason = KindOrder, "log_rewound"
	for _, id := range byKey(t.j.orders) {
		if o := t.j.orders[id]; !o.Closed && !o.Doubt {
			t.order(id).Doubt = true
			t.dirty = true
		}
	}
}

// letGo ends the orders that are in no log any more. Those that rest at the venue the executor has told of as foreign.
func (t *turn) letGo() {
	for _, id := range byKey(t.j.orders) {
		if t.j.orders[id].Doubt {
			o := t.order(id)
			o.Doubt, o.Closed, t.dirty = false, true, true
		}
	}
}

// name lets the entry say what it is about, when it is about one order.
func (t *turn) name() {
	if len(t.orders) != 1 {
		return
	}
	for id, o := range t.orders {
		t.e.Ref.OrderID, t.e.Ref.ClientOrderID = id, o.Client
	}
}

// intent takes an order that is about to leave: from here on it can take money.
func (t *turn) intent(in *msgs.Intent) {
	if in.OrderID == "" {
		return
	}
	if before := t.j.client[in.ClientOrderID]; before != "" && before != in.OrderID {
		if o := t.order(before); o != nil {
			o.Closed = true // the same order under another signature: the old one was never sent
		}
	}
	o := t.order(in.OrderID)
	early := o != nil // its trades may have been read before
	if o == nil {
		o = t.orderOr(in.OrderID)
	}
	o.Client, o.Token, o.Side, o.Price, o.Size, o.Closed = in.ClientOrderID, in.TokenID, in.Side, in.Price, in.Size, false
	o.Doubt, o.Room, o.Rests = false, in.FeeRoom, false
	if in.Side == msgs.Buy && (in.OrderType == msgs.FOK || in.OrderType == msgs.FAK) {
		o.Spend = money.Cash(in.MakerAmount)
	}
	if early {
		for id, l := range t.j.legs {
			if l.Order == o.ID {
				t.leg(id).leaveRoom(o)
			}
		}
	}
}

// state takes the whole state of an order. What never had a signature holds nothing and is not known here.
func (t *turn) state(s *msgs.Order) {
	if s.OrderID == "" || s.State == "" || s.Side == "" {
		return
	}
	o := t.order(s.OrderID)
	if o == nil {
		if s.Final && s.Filled == 0 {
			return
		}
		o = t.orderOr(s.OrderID)
	}
	if o.Side == "" {
		o.Token, o.Side, o.Price, o.Size = s.TokenID, s.Side, s.Price, s.Size
	}
	if o.Client == "" {
		o.Client = s.ClientOrderID
	}
	if o.Doubt {
		o.Doubt, t.dirty = false, true
	}
	o.Told, o.Closed = max(o.Told, s.Filled), s.Final
}

// What the venue has said to an order, by the contract's words.
const (
	venueLive    = "live"    // it rests as it came
	venueMatched = "matched" // it took at once, all or in part
)

// accepted takes the venue's yes: an order that rests takes nothing any more.
func (t *turn) accepted(e *msgs.OrderAccepted) {
	o := t.order(e.OrderID)
	switch {
	case o == nil || o.Room == 0:
	case e.VenueStatus == venueLive:
		o.Rests = true
	case e.VenueStatus == venueMatched:
		o.TookMS, t.dirty = t.nowMS, true
	}
}

// filled takes a fill that the executor has booked, which may come before the private feed is read.
func (t *turn) filled(s *msgs.Order, f *msgs.Fill) *leg {
	if f == nil || s.OrderID == "" {
		return nil
	}
	return t.matched(legID{f.TradeID, f.Leg}, leg{Order: s.OrderID, Token: s.TokenID, Side: s.Side, Price: f.Price, Size: f.Size, Fee: f.Fee, Took: f.Role != msgs.Maker})
}

// ended takes the end of a fill.
func (t *turn) ended(s *msgs.Order, f *msgs.Fill, end msgs.TradeStatus, hash msgs.TxHash) {
	if l := t.filled(s, f); l != nil {
		t.progress(l, end, hash)
	}
}
