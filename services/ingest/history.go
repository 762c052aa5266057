package ingest

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

const (
	// maxSeen bounds the keys that are remembered per account: a day of ten events a second, at 16 bytes each.
	maxSeen = 1 << 20
	// lookback is how much of what was stored is remembered behind the moment up to which the feed is whole, and how far
	// a feed that has never been stored reaches back: longer than any settlement.
	lookback = 24 * time.Hour
	// overlap is how far before the moment up to which the feed is whole a reading begins: venues list late, and their
	// clocks are not ours. Repeats cost nothing.
	overlap = 5 * time.Minute
	// abandonAfter is how long a trade is asked for that does not become final: no settlement is a month late.
	abandonAfter = 30 * 24 * time.Hour
)

// history is what is known to be stored of one account's private events. It is a plain value of its feed's goroutine.
type history struct {
	seen   map[seenKey]struct{}
	ring   []seenKey // oldest first from at, once full
	at     int
	orders map[msgs.OrderID]orderState
	trades map[msgs.TradeID]tradeState
	// whole is the moment up to which everything is stored that the venue lists, in Unix ms of our clock. It moves when a
	// reading has been stored, never with what a socket says: what came before that may still be missing.
	whole int64
}

// seenKey identifies an event: 16 bytes of a hash, so that two events never share one.
type seenKey [16]byte

// orderState is the last that was stored about an order.
type orderState struct {
	status  string
	matched money.Size
	at      int64 // ms
}

type tradeState struct {
	at    int64 // of the match, ms
	final bool
}

func newHistory() *history {
	return &history{seen: map[seenKey]struct{}{}, orders: map[msgs.OrderID]orderState{}, trades: map[msgs.TradeID]tradeState{}}
}

func keyOf(parts ...string) seenKey {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return seenKey(h[:16])
}

func orderKey(o *msgs.FeedOrder) seenKey {
	return keyOf("order", string(o.OrderID), orderStatus(o), money.Format(o.SizeMatched))
}

func legKey(id msgs.TradeID, leg int, s msgs.TradeStatus) seenKey {
	return keyOf("trade", string(id), strconv.Itoa(leg), string(s))
}

// orderStatus is the order's status, derived from the change when the venue did not say.
func orderStatus(o *msgs.FeedOrder) string {
	switch {
	case o.Status != "":
		return o.Status
	case o.Change == "CANCELLATION":
		return "CANCELED"
	case o.SizeMatched >= o.OriginalSize && o.OriginalSize > 0:
		return "MATCHED"
	}
	return "LIVE"
}

// resting reports whether an order of this status may still change.
func resting(status string) bool {
	return status == "LIVE" || status == "DELAYED" || status == "UNMATCHED"
}

// newsOrder reports whether the event says something that is not stored and not overtaken by what is: filled amounts only
// grow, and an order that has ended does not rest again.
func (h *history) newsOrder(o *msgs.FeedOrder) bool {
	if _, ok := h.seen[orderKey(o)]; ok {
		return false
	}
	known, ok := h.orders[o.OrderID]
	if !ok {
		return true
	}
	return o.SizeMatched > known.matched || o.SizeMatched == known.matched && resting(known.status)
}

func (h *history) addOrder(o *msgs.FeedOrder) {
	h.remember(orderKey(o))
	if known, ok := h.orders[o.OrderID]; ok && known.matched > o.SizeMatched {
		return
	}
	h.orders[o.OrderID] = orderState{status: orderStatus(o), matched: o.SizeMatched, at: o.RecvMS}
}

// knows reports whether an order is the account's own, by what its feed has said.
func (h *history) knows(id string) bool {
	_, ok := h.orders[msgs.OrderID(id)]
	return ok
}

// noLeg stands for a trade in which no leg of ours was found.
const noLeg = -1

// legsOf numbers the legs of a trade.
func legsOf(t *msgs.FeedTrade) []int {
	if len(t.Legs) == 0 {
		return []int{noLeg}
	}
	out := make([]int, len(t.Legs))
	for i := range t.Legs {
		out[i] = t.Legs[i].Leg
	}
	return out
}

// nextTrade is what is to be stored next of an event: the first status that it implies and that was not told, else the event
// itself, with those legs only of which it is news. It is nil when nothing of it is.
func (h *history) nextTrade(t *msgs.FeedTrade) *msgs.FeedTrade {
	for _, s := range append(t.Status.Implied(), t.Status) {
		news := slices.DeleteFunc(legsOf(t), func(leg int) bool { return h.told(t.TradeID, leg, s) })
		if len(news) == 0 {
			continue
		}
		out := *t
		out.Legs = slices.DeleteFunc(slices.Clone(t.Legs), func(l msgs.FeedLeg) bool { return !slices.Contains(news, l.Leg) })
		if s != t.Status {
			out.Status, out.Implied, out.Raw = s, true, nil
		}
		if out.Implied && s == msgs.Matched {
			out.TxHash = "" // only what was mined has one
			if t.MatchedMS > 0 {
				out.AtMS = t.MatchedMS
			}
		}
		return &out
	}
	return nil
}

// told reports whether a leg's status is stored, or overtaken by what is: a trade that has ended is not under way again, and
// one that was broadcast is not about to be. The other end, or a word that is not known, is always news.
func (h *history) told(id msgs.TradeID, leg int, s msgs.TradeStatus) bool {
	has := func(s msgs.TradeStatus) bool { _, ok := h.seen[legKey(id, leg, s)]; return ok }
	switch {
	case has(s):
		return true
	case s == msgs.NotBroadcasted:
		return has(msgs.Matched)
	case s == msgs.Matched, s == msgs.Mined, s == msgs.Retrying:
		return has(msgs.Confirmed) || has(msgs.Failed)
	}
	return false
}

func (h *history) addTrade(t *msgs.FeedTrade) {
	for _, leg := range legsOf(t) {
		h.remember(legKey(t.TradeID, leg, t.Status))
	}
	known, ok := h.trades[t.TradeID]
	if !ok {
		known.at = t.AtMS
	}
	if t.MatchedMS > 0 {
		known.at = t.MatchedMS
	}
	known.final = known.final || t.Status.Final()
	h.trades[t.TradeID] = known
}

// since is when the venue had the first thing to tell that an event of a trade brings: the match, of one that was not known.
func (h *history) since(t *msgs.FeedTrade) int64 {
	if _, known := h.trades[t.TradeID]; !known && t.MatchedMS > 0 {
		return t.MatchedMS
	}
	return t.AtMS
}

func (h *history) remember(k seenKey) {
	if _, ok := h.seen[k]; ok {
		return
	}
	if len(h.ring) < maxSeen {
		h.ring = append(h.ring, k)
	} else {
		delete(h.seen, h.ring[h.at])
		h.ring[h.at] = k
		h.at = (h.at + 1) % maxSeen
	}
	h.seen[k] = struct{}{}
}

// view is what a reading by REST starts from.
type view struct {
	of     *history
	after  int64          // trades matched since, Unix ms; with the overlap
	orders []msgs.OrderID // last heard of as resting, sorted
	trades []msgs.TradeID // not final, sorted
}

// view forgets what is final and old, and says where to begin: at the moment up to which the feed is whole, or at a trade
// before it that is not final, unless that is too old to read everything since.
func (h *history) view() view {
	oldest := h.whole - lookback.Milliseconds()
	maps.DeleteFunc(h.trades, func(_ msgs.TradeID, t tradeState) bool {
		return t.at < oldest && (t.final || t.at < h.whole-abandonAfter.Milliseconds())
	})
	maps.DeleteFunc(h.orders, func(_ msgs.OrderID, o orderState) bool { return o.at < oldest && o.status != "LIVE" })
	v := view{of: h, after: h.whole}
	for _, id := range slices.Sorted(maps.Keys(h.trades)) {
		if t := h.trades[id]; !t.final {
			v.trades = append(v.trades, id)
			v.after = min(v.after, max(t.at, oldest))
		}
	}
	v.after -= overlap.Milliseconds()
	for _, id := range slices.Sorted(maps.Keys(h.orders)) {
		if resting(h.orders[id].status) {
			v.orders = append(v.orders, id)
		}
	}
	return v
}

// forget drops orders that the venue does not know.
func (h *history) forget(ids []msgs.OrderID) {
	for _, id := range ids {
		delete(h.orders, id)
	}
}
