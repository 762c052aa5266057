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

// maxSeen bounds the keys that are remembered per account: a day of ten events a second, at 16 bytes each.
const maxSeen = 1 << 20

// history is what is known to be stored of one account's private events. It is a plain value of its feed's goroutine.
type history struct {
	seen   map[seenKey]struct{}
	ring   []seenKey // oldest first from at, once full
	at     int
	orders map[msgs.OrderID]orderState
	trades map[msgs.TradeID]tradeState // those not final
	latest int64                       // time stamp of the newest trade, in ms
}

// seenKey identifies an event: 16 bytes of a hash, so that two events never share one.
type seenKey [16]byte

// orderState is the last that was stored about an order that may still change.
type orderState struct {
	status  string
	matched money.Size
	at      int64 // ms
}

type tradeState struct {
	rank int
	at   int64 // ms, of the first status
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

func legKey(t *msgs.FeedTrade, leg int) seenKey {
	return keyOf("trade", string(t.TradeID), strconv.Itoa(leg), string(t.Status))
}

// noLeg stands for a trade in which no leg of ours was found.
const noLeg = -1

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

// newsOrder reports whether the event says something that is not stored. What REST says of a moment before the last
// stored event is no news.
func (h *history) newsOrder(o *msgs.FeedOrder) bool {
	if _, ok := h.seen[orderKey(o)]; ok {
		return false
	}
	known, ok := h.orders[o.OrderID]
	if !ok || o.Source != msgs.FromREST {
		return true
	}
	status := orderStatus(o)
	return o.SizeMatched > known.matched || o.SizeMatched == known.matched && resting(known.status) && status != known.status
}

func (h *history) addOrder(o *msgs.FeedOrder) {
	h.remember(orderKey(o))
	known, ok := h.orders[o.OrderID]
	if ok && known.matched > o.SizeMatched {
		return // an older event that came late
	}
	h.orders[o.OrderID] = orderState{status: orderStatus(o), matched: o.SizeMatched, at: o.RecvMS}
}

// newsTrade returns the part of the event that is not stored, nil when all of it is.
func (h *history) newsTrade(t *msgs.FeedTrade) *msgs.FeedTrade {
	if known, ok := h.trades[t.TradeID]; ok && t.Source == msgs.FromREST && rank(t.Status) < known.rank {
		return nil
	}
	if len(t.Legs) == 0 {
		if _, ok := h.seen[legKey(t, noLeg)]; ok {
			return nil
		}
		return t
	}
	news := *t
	news.Legs = slices.DeleteFunc(slices.Clone(t.Legs), func(l msgs.FeedLeg) bool {
		_, ok := h.seen[legKey(t, l.Leg)]
		return ok
	})
	if len(news.Legs) == 0 {
		return nil
	}
	return &news
}

func (h *history) addTrade(t *msgs.FeedTrade) {
	if len(t.Legs) == 0 {
		h.remember(legKey(t, noLeg))
	}
	for _, l := range t.Legs {
		h.remember(legKey(t, l.Leg))
	}
	h.latest = max(h.latest, t.AtMS)
	known, ok := h.trades[t.TradeID]
	if !ok {
		known.at = t.AtMS
	}
	known.rank = rank(t.Status)
	h.trades[t.TradeID] = known
}

// rank orders the statuses of a trade by how far the settlement has come.
func rank(s msgs.TradeStatus) int {
	switch s {
	case msgs.Confirmed, msgs.Failed:
		return rankFinal
	case msgs.Mined:
		return 3
	case msgs.Retrying:
		return 2
	case msgs.Matched:
		return 1
	}
	return 0
}

// rankFinal is the rank of a trade that will not change again.
const rankFinal = 4

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
	after int64          // trades matched since, Unix ms; with the overlap
	open  []msgs.OrderID // orders last heard of as resting, sorted
}

// overlap is how far before the newest stored trade the reading begins: venues publish out of order, and their clocks
// are not ours. Repeats cost nothing.
const overlap = 5 * time.Minute

// view forgets what is final and old, and says where to begin.
func (h *history) view(now time.Time) view {
	oldest := now.Add(-lookback).UnixMilli()
	maps.DeleteFunc(h.trades, func(_ msgs.TradeID, t tradeState) bool { return t.at < oldest })
	maps.DeleteFunc(h.orders, func(_ msgs.OrderID, o orderState) bool { return o.at < oldest && !resting(o.status) })
	v := view{after: oldest}
	if h.latest > 0 {
		v.after = h.latest
		for _, t := range h.trades {
			if t.rank < rankFinal {
				v.after = min(v.after, t.at)
			}
		}
		v.after = max(v.after-overlap.Milliseconds(), oldest)
	}
	for _, id := range slices.Sorted(maps.Keys(h.orders)) {
		if resting(h.orders[id].status) {
			v.open = append(v.open, id)
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
