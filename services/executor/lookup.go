package executor

import (
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// What the venue says of an order, without the prefix that some answers carry.
const (
	statusLive      = "LIVE"
	statusMatched   = "MATCHED"
	statusDelayed   = "DELAYED"
	statusUnmatched = "UNMATCHED"
	statusCanceled  = "CANCELED"
	statusInvalid   = "INVALID"
	statusResolved  = "CANCELED_MARKET_RESOLVED"
)

// normal is a status in the spelling of the constants.
func normal(status string) string {
	s := strings.TrimPrefix(strings.ToUpper(status), "ORDER_STATUS_")
	return strings.ReplaceAll(s, "CANCELLED", statusCanceled)
}

// found takes what the venue knows of an order that was looked up.
func (t *turn) found(m Found) {
	d, status := t.order(m.OrderID), normal(m.Order.Status)
	t.alone = m.Alone
	if status != statusLive && status != statusDelayed {
		t.close(m.OrderID, m.Order.Matched)
	}
	switch {
	case d == nil:
	case d.Final:
		t.ghost(d, status, m.AskedMS)
	default:
		t.shown(d, status, m.Order)
	}
}

// shown follows the venue's state of an order that is not over for us.
func (t *turn) shown(d *order, status string, v VenueOrder) {
	switch status {
	case statusMatched:
		if !d.Foreign && (d.Venue == "" || d.State == msgs.Delayed) {
			t.placed(d, polymarket.StatusMatched)
		}
		t.finish(d, status, v.Matched)
	case statusCanceled, statusInvalid, statusUnmatched, statusResolved:
		t.finish(d, status, v.Matched)
	case statusDelayed:
		if d.State != msgs.Delayed && d.State != msgs.Open {
			t.placed(d, polymarket.StatusDelayed)
			return
		}
		t.look(d, t.at(heldMS))
	case statusLive:
		if !d.Foreign && (d.pending() || d.State == msgs.Delayed || d.Venue == "") {
			t.placed(d, polymarket.StatusLive)
			return
		}
		if d.Wish != nil {
			t.deed(Wait{UntilMS: t.at(heldMS), Then: Again{OrderID: d.OrderID}})
		}
		if !d.OrderType.Rests() && !d.Foreign {
			t.look(d, t.at(lookMS))
		}
	default:
		t.look(d, t.at(heldMS))
	}
}

// finish ends an order that the venue says is over, once every share that the venue has matched has arrived as a fill, or
// has had time to.
func (t *turn) finish(d *order, status string, matched money.Size) {
	if d.Final {
		return
	}
	if d.gross() < matched && t.nowMS < d.AtMS+fillsMS {
		t.look(d, t.at(lookMS))
		return
	}
	switch {
	case status == statusMatched && (d.OrderType != msgs.FAK || d.whole()):
		t.complete(d)
	case status == statusMatched:
		t.emit(t.cancelled(d, msgs.UnfilledRest))
	case d.pending() && len(d.Legs) == 0 && d.OrderType == msgs.FOK:
		t.rejected(d, failure(msgs.FOKNotFilled, "the venue has killed the order", fixOf(msgs.FOKNotFilled)), byVenue, status)
	case d.pending() && len(d.Legs) == 0 && d.OrderType == msgs.FAK:
		t.rejected(d, failure(msgs.FAKNoMatch, "the venue has killed the order", fixOf(msgs.FAKNoMatch)), byVenue, status)
	default:
		t.emit(t.cancelled(d, t.reason(d, status)))
	}
}

// complete ends an order of which the venue says that all of it is matched.
func (t *turn) complete(d *order) {
	d.State, d.Final = msgs.Filled, true
	d.tally()
	d.Venue = polymarket.StatusMatched
	t.emit(&msgs.OrderAccepted{Head: about(d, msgs.KindAccepted), Order: d.Order, VenueStatus: d.Venue})
	t.filledWish(d)
}

// filledWish answers the cancel of an order that was filled first.
func (t *turn) filledWish(d *order) {
	if d.Wish != nil {
		t.cancelRejected(d, over(d))
	}
}

// reason is why the venue no longer has an order.
func (t *turn) reason(d *order, status string) msgs.CancelReason {
	switch {
	case d.Wish != nil:
		return msgs.Requested
	case status == statusResolved:
		return msgs.MarketResolved
	case d.OrderType == msgs.FAK:
		return msgs.UnfilledRest
	case d.ExpiresMS != 0 && t.nowMS >= d.ExpiresMS-1000:
		return msgs.Expired
	}
	return msgs.ByVenue
}

// ghost cancels an order that is over for us and that the venue has after all: its owner believes that it is not there.
func (t *turn) ghost(d *order, status string, askedMS int64) {
	if status != statusLive && status != statusDelayed {
		return
	}
	err := failure(msgs.NotPlaced, "the venue shows an order that was given up as not placed", "nothing to do: it is being cancelled")
	switch {
	case d.State == msgs.Rejected:
	case d.State == msgs.Cancelled && d.OrderID != "" && askedMS < d.AtMS+visibilityMS: // the venue's lists trail its answers
		t.look(d, d.AtMS+visibilityMS)
		return
	case d.State == msgs.Cancelled && d.OrderID != "":
		err = failure(msgs.AlreadyFinal, "the venue shows an order to rest that it has told to be cancelled", "nothing to do: it is being cancelled again")
	default:
		return
	}
	d.State, d.Final, d.Late = msgs.Open, false, true
	t.anomaly(d, err)
	t.emit(&msgs.OrderCancelling{Head: about(d, msgs.KindCancelling), Orders: []msgs.OrderRef{{ClientOrderID: d.ClientOrderID, OrderID: d.OrderID}}})
	d.Wish = &wish{CmdSeq: d.CmdSeq}
	t.deed(CancelOrders{[]msgs.OrderID{d.OrderID}})
}

// denied takes the venue's word that it does not know an order.
func (t *turn) denied(m Denied) {
	d := t.order(m.OrderID)
	t.close(m.OrderID, 0)
	if d == nil || d.Final || m.Try != d.Tries {
		return
	}
	switch {
	case d.Named:
	case d.State == msgs.Submitting && !m.Alone: // its post may be on the way
	case !d.pending() && d.OrderType == msgs.FOK && len(d.Legs) > 0:
		t.complete(d)
	case !d.pending():
		t.finish(d, statusCanceled, 0)
	case d.Doomed:
		t.emit(t.cancelled(d, msgs.Requested))
	case d.OrderType.Rests() && !t.stays(d) && !expired(d.Intent.ValidUntilMS, t.nowMS):
		if t.comparing {
			t.alone = m.Alone
			t.look(d, t.at(lookMS))
			break
		}
		t.resend(d)
	default:
		t.rejected(d, failure(msgs.NotPlaced, "the answer was lost, and the venue does not know the order", "submit anew with a new id if it is still wanted"), bySluice, "")
	}
}

// compared holds the venue's list of resting orders against the state: what is not ours is foreign, and what should rest
// and does not is looked up, however young it is: the lookup knows when a denial counts. An order that is known to rest
// needs nothing: its cancel and its lookups go on by themselves.
func (t *turn) compared(m OpenOrders) {
	resting := map[msgs.OrderID]bool{}
	for i := range m.Orders {
		v := &m.Orders[i]
		resting[v.OrderID] = true
		if d := t.order(v.OrderID); d == nil || d.Named {
			if !t.isSpent(spentOrder, string(v.OrderID)) {
				t.foreign(foreignOrder(v))
			}
		} else if d.Final {
			t.ghost(d, statusLive, m.AsOfMS)
		} else if d.pending() || d.State == msgs.Delayed || d.Venue == "" {
			t.shown(d, statusLive, *v)
		}
	}
	for _, ord := range t.walk() {
		if ord.State == msgs.Open && !resting[ord.OrderID] && ord.AtMS < m.AsOfMS {
			l := ord.look(0)
			l.Alone, l.Many = true, true
			t.deed(l)
		}
	}
}

// audited compares what rests now and then with what should: a private event may have passed unheard, and the answer of a
// cancel that ends everything may have been lost with what it named.
func (t *turn) audited(m OpenOrders) {
	t.compared(m)
	if !m.Once {
		t.deed(Audit{FromMS: t.at(auditMS)})
	}
}

func foreignOrder(v *VenueOrder) msgs.Order {
	return msgs.Order{
		OrderID: v.OrderID, TokenID: v.TokenID, ConditionID: v.ConditionID, Side: v.Side, OrderType: v.OrderType, Price: v.Price,
		Size: v.Size, Remaining: max(0, v.Size-v.Matched), ExpiresMS: v.ExpiresMS, State: msgs.Open,
	}
}

// foreign takes up an order that Sluice did not place.
func (t *turn) foreign(s msgs.Order) *order {
	d := t.order(s.OrderID)
	if d == nil {
		d = t.make(&order{Foreign: true})
	}
	d.Order, d.Foreign, d.Named = s, true, false
	t.emit(&msgs.OrderForeign{Head: msgs.Head{Type: msgs.KindForeign}, Order: s, Unexplained: t.comparing && !t.others && !t.heard[s.OrderID] && !t.isSpent(spentOrder, string(s.OrderID))})
	return d
}
