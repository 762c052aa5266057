package executor

import (
	"cmp"
	"slices"

	"sluice/pkg/msgs"
)

// endedLongAgo is where an order is found that nobody remembers any more.
const endedLongAgo = "see what is known with `sluice order list`; the events of older orders stand in the account's stream LOG_<account>"

// maxPage is how many orders one answer holds: about 600 bytes each, within a message of 1 MiB.
const maxPage = 500

// AnswerOrder is one order by either id.
func (o *Orders) AnswerOrder(q msgs.OrderQuestion) (msgs.Order, *msgs.Error) {
	if q.OrderID == "" && q.ClientOrderID == "" { // "not found" would be taken for "never placed"
		return msgs.Order{}, failure(msgs.MissingField, "neither client_order_id nor order_id is given", `ask {"client_order_id":"…"} or {"order_id":"0x…"}`)
	}
	ord := o.find(q.OrderID, q.ClientOrderID)
	if ord == nil || ord.Named {
		return msgs.Order{}, failure(msgs.NotFound, "no order with this id, or it ended some time ago", endedLongAgo)
	}
	return ord.Order, nil
}

// AnswerOrders is a page of orders, oldest first. next is the id after which the next page begins, empty on the last.
func (o *Orders) AnswerOrders(q msgs.OrdersQuestion) (page []msgs.Order, next string, err *msgs.Error) {
	limit := q.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	all := o.all()
	from := 0
	if q.After != "" {
		after := cmp.Or(o.byID[msgs.OrderID(q.After)], o.byClient[msgs.ClientOrderID(q.After)])
		if after == nil {
			return nil, "", failure(msgs.NotFound, "the order to continue after is gone", "ask again from the beginning")
		}
		from, _ = slices.BinarySearchFunc(all, after.Serial+1, func(a *order, s uint64) int { return cmp.Compare(a.Serial, s) })
	}
	page = []msgs.Order{}
	for _, ord := range all[from:] {
		if ord.Named || q.Open && ord.Final || !hasPrefix(ord.ClientOrderID, q.Prefix) {
			continue
		}
		if len(page) == limit {
			last := page[limit-1]
			return page, cmp.Or(string(last.ClientOrderID), string(last.OrderID)), nil
		}
		page = append(page, ord.Order)
	}
	return page, "", nil
}

// Counts are the figures of a status.
type Counts struct {
	N             uint64
	Halted        bool
	Doubts        []msgs.Error
	Open, Unknown int
}

// Counts counts what can still trade.
func (o *Orders) Counts() Counts {
	c := Counts{N: o.n, Halted: o.halted, Doubts: o.doubts}
	for _, ord := range o.live {
		switch {
		case ord.Named:
		case ord.State == msgs.Unknown:
			c.Unknown++
		default:
			c.Open++
		}
	}
	return c
}

// inboxes are the intents of live orders whose senders want copies.
func (o *Orders) inboxes() []*msgs.Intent {
	var out []*msgs.Intent
	for _, ord := range o.walk() {
		if ord.Intent != nil && ord.Intent.ReplyTo != "" {
			out = append(out, ord.Intent)
		}
	}
	return out
}
