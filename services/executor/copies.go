package executor

import (
	"slices"
	"strconv"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// copies sends the events about a command to the inbox that its sender has named.
type copies struct{ *actor.Copies }

// Keys of inboxes: a command by its sequence, an order by its id. The stream of what was asked of all accounts has sequences of its own,
// which meet those of the account: there the request tells them apart.
func seqKey(seq uint64) string { return "s" + strconv.FormatUint(seq, 10) }
func allKey(seq uint64, request string) string {
	return "a" + strconv.FormatUint(seq, 10) + " " + request
}
func orderKey(id msgs.ClientOrderID) string { return "o" + string(id) }

// expect remembers where the events about a command are wanted.
func (c copies) expect(a *Asked) {
	if a.All {
		c.Expect(allKey(a.Seq, string(a.Request)), a.ReplyTo)
		return
	}
	c.Expect(seqKey(a.Seq), a.ReplyTo)
}

// follow remembers where the events about an order are wanted, after a restart too.
func (c copies) follow(in *msgs.Intent) { c.Expect(orderKey(in.ClientOrderID), in.ReplyTo) }

// published sends copies of events that have just reached the disk.
func (c copies) published(events []msgs.Event, raw [][]byte) {
	for i, e := range events {
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			for i := range s.Orders {
				c.follow(&s.Orders[i])
			}
		}
		for _, to := range c.wanted(e) {
			c.Forward(to, e, raw[i])
		}
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			c.Forget(seqKey(s.CmdSeq)) // from here on the order's own key leads to the inbox, until the order is final
		}
	}
}

// wanted lists the inboxes for an event, each once.
func (c copies) wanted(e msgs.Event) []string {
	h, o := msgs.HeadOf(e), orderIn(e)
	var out []string
	add := func(key string) {
		if to := c.Inbox(key); to != "" && !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	if h.ReqID != "" || e.Kind() == msgs.KindControlRejected {
		add(allKey(h.CmdSeq, h.ReqID))
	}
	if len(out) == 0 && !toAll(e) {
		add(seqKey(h.CmdSeq))
	}
	if o != nil && o.ClientOrderID != "" {
		add(orderKey(o.ClientOrderID))
		if o.Final && !o.Late {
			c.Forget(orderKey(o.ClientOrderID))
		}
	}
	return out
}

// toAll reports an event that says itself that its command was to all accounts: its watermark is a time.
func toAll(e msgs.Event) bool {
	var b *msgs.Barrier
	switch e := e.(type) {
	case *msgs.OrderHalted:
		b = e.Barrier
	case *msgs.OrderResumed:
		b = e.Barrier
	case *msgs.OrderCancelling:
		b = e.Barrier
	}
	return b != nil && b.StoredMS != 0
}

// orderIn is the order that an event is about, nil when it is about several or none.
func orderIn(e msgs.Event) *msgs.Order {
	switch e := e.(type) {
	case *msgs.OrderAccepted:
		return &e.Order
	case *msgs.OrderFilled:
		return &e.Order
	case *msgs.OrderSettled:
		return &e.Order
	case *msgs.OrderSettlementFailed:
		return &e.Order
	case *msgs.OrderCancelled:
		return &e.Order
	case *msgs.OrderRejected:
		return &e.Order
	case *msgs.OrderUnknown:
		return &e.Order
	case *msgs.OrderCancelPending:
		return &e.Order
	case *msgs.OrderCancelRejected:
		return &e.Order
	case *msgs.OrderForeign:
		return &e.Order
	case *msgs.OrderAnomaly:
		return &e.Order
	}
	return nil
}
