package executor

import (
	"strconv"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// maxLegSize bounds a fill that can be counted: a thousand million shares, beyond any market, so that sums fit.
const maxLegSize = money.Size(1e9) * money.Unit

func legID(id msgs.TradeID, n int) string { return string(id) + "/" + strconv.Itoa(n) }

// fed takes a private event of the venue. Nothing that it says is impossible.
func (t *turn) fed(m *Fed) {
	if m.Trade != nil {
		for i := range m.Trade.Legs {
			t.others = t.placedByOthers(m.Trade.Source, m.Trade.Legs[i].Role == msgs.Taker, m.Stored)
			t.tradeLeg(m.Trade, &m.Trade.Legs[i])
		}
	}
	if m.Order != nil {
		t.others = t.placedByOthers(m.Order.Source, m.Order.Change == changePlacement, m.Stored)
		t.orderFrame(m.Order)
	}
}

// tradeLeg takes one own leg of a trade: the first sight of it is a fill, CONFIRMED and FAILED end it.
func (t *turn) tradeLeg(tr *msgs.FeedTrade, l *msgs.FeedLeg) {
	if l.OrderID == "" {
		return
	}
	d := t.order(l.OrderID)
	id := legID(tr.TradeID, l.Leg)
	if d == nil && t.isSpent(spentLeg, id) {
		return
	}
	if d == nil || d.Named {
		d = t.unheard(tr, l)
	}
	if l.Size <= 0 || l.Size > maxLegSize || l.Price < 0 || l.Price > money.Unit {
		t.anomaly(d, failure(msgs.BadValue, "the venue tells a fill of "+l.Size.String()+" at "+l.Price.String(), "compare the order with the venue"))
		return
	}
	k := d.leg(tr.TradeID, l.Leg)
	if k == nil {
		k = t.fill(d, tr, l)
	}
	t.settle(d, k, tr)
}

// unheard is the order of a fill that no order of the state explains: one that ended long ago, or a foreign one.
func (t *turn) unheard(tr *msgs.FeedTrade, l *msgs.FeedLeg) *order {
	s := msgs.Order{OrderID: l.OrderID, TokenID: l.TokenID, ConditionID: tr.ConditionID, Side: l.Side, Price: l.Price, State: msgs.Open}
	if t.isSpent(spentOrder, string(l.OrderID)) {
		s.State, s.Final = msgs.Cancelled, true
	}
	return t.foreign(s)
}

// fill books a leg that was not seen before.
func (t *turn) fill(d *order, tr *msgs.FeedTrade, l *msgs.FeedLeg) *leg {
	late, refused := d.Final, d.State == msgs.Rejected
	d.Legs = append(d.Legs, leg{Fill: msgs.Fill{TradeID: tr.TradeID, Leg: l.Leg, Price: l.Price, Size: l.Size, Fee: l.Fee, Role: l.Role}})
	k := &d.Legs[len(d.Legs)-1]
	switch {
	case d.whole():
		d.State, d.Final = msgs.Filled, true
	case refused:
		d.State = msgs.Cancelled
	case d.pending(), d.State == msgs.Delayed:
		d.State = msgs.Open
	}
	d.Late = d.Late || late
	d.tally()
	f := k.Fill
	t.emit(&msgs.OrderFilled{Head: about(d, msgs.KindFilled), Order: d.Order, Fill: &f})
	if refused {
		t.anomaly(d, failure(msgs.NotPlaced, "an order that was given up as not placed has traded", "believe the fill"))
	}
	if t.overfilled(d) {
		t.anomaly(d, failure(msgs.VenueRejected, "the venue filled more than was asked for", "believe the fill, and look at the position"))
	}
	if d.Final && !late {
		t.filledWish(d)
	}
	return k
}

// overfilled reports whether more was matched than the signature allows, where that can be told.
func (t *turn) overfilled(d *order) bool {
	switch {
	case d.Intent == nil:
		return false
	case d.spends():
		return d.spent() > money.Cash(d.Intent.MakerAmount)+money.Cash(len(d.Legs))
	}
	return d.gross() > d.Size
}

// settle takes how far a fill's settlement has come. Both ends are final: when the venue tells both, the first is kept and
// the other is recorded.
func (t *turn) settle(d *order, k *leg, tr *msgs.FeedTrade) {
	end := tr.Status
	if end != msgs.Confirmed && end != msgs.Failed || k.End == end {
		return
	}
	f := k.Fill
	if k.End != "" {
		t.anomaly(d, failure(msgs.VenueRejected, "the venue says "+string(end)+" of a fill that it has called "+string(k.End), "compare the position with the chain"))
		return
	}
	k.End = end
	d.tally()
	if end == msgs.Confirmed {
		t.emit(&msgs.OrderSettled{Head: about(d, msgs.KindSettled), Order: d.Order, Fill: &f, TxHash: tr.TxHash})
		return
	}
	t.emit(&msgs.OrderSettlementFailed{Head: about(d, msgs.KindSettlementFailed), Order: d.Order, Fill: &f, TxHash: tr.TxHash})
}

// orderFrame takes the venue's word about one order.
func (t *turn) orderFrame(f *msgs.FeedOrder) {
	if f.OrderID == "" {
		return
	}
	d, status := t.order(f.OrderID), normal(f.Status)
	if f.Change == changeCancellation && status != statusResolved && status != statusInvalid {
		status = statusCanceled
	}
	over := status == statusCanceled || status == statusInvalid || status == statusUnmatched || status == statusResolved
	switch {
	case d == nil && t.isSpent(spentOrder, string(f.OrderID)):
	case d == nil || d.Named:
		s := msgs.Order{OrderID: f.OrderID, TokenID: f.TokenID, ConditionID: f.ConditionID, Side: f.Side, OrderType: f.OrderType,
			Price: f.Price, Size: f.OriginalSize, Remaining: max(0, f.OriginalSize-f.SizeMatched), State: msgs.Open}
		w := (*wish)(nil)
		if d != nil {
			w = d.Wish
		}
		d = t.foreign(s)
		d.Wish = w
		if over {
			t.finish(d, status, f.SizeMatched)
		}
	case d.Final && d.State == msgs.Rejected && !over:
		t.look(d, 0) // only the venue's present word can bring an order back
	case d.Final && d.State == msgs.Cancelled && !over && f.AtMS > d.AtMS:
		t.look(d, d.AtMS+visibilityMS) // it was told to be cancelled, and the venue speaks of it as of one that rests
	case d.Final:
	case over:
		t.finish(d, status, f.SizeMatched)
	case d.pending() || d.State == msgs.Delayed && status != statusDelayed && f.Change != changePlacement:
		t.placed(d, placement(status, f))
	}
}

// What changed, as the venue's user channel says it.
const (
	changePlacement    = "PLACEMENT"
	changeCancellation = "CANCELLATION"
)

// placement is the venue_status that a frame stands for.
func placement(status string, f *msgs.FeedOrder) string {
	switch {
	case status == statusDelayed:
		return polymarket.StatusDelayed
	case status == statusMatched || f.SizeMatched > 0:
		return polymarket.StatusMatched
	}
	return polymarket.StatusLive
}
