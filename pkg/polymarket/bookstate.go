package polymarket

import (
	"cmp"
	"slices"

	"sluice/pkg/money"
)

// BookState is one token's book, kept by snapshots and changes. The zero value with AssetID set is ready for a snapshot. It
// is not safe for concurrent use.
//
// Both sides are kept with the best level last: changes happen near the best, where a slice then has little to move.
type BookState struct {
	AssetID string
	Tick    Tick // of the last snapshot or tick change; zero when never said

	bids, asks []Level // worst first
	lastMS     int64
	ready      bool
}

// Applied is what an event did to a BookState.
type Applied uint8

const (
	// NotMine is an event about another token, or none that concerns a book.
	NotMine Applied = iota
	// Updated means that the book has changed or was confirmed.
	Updated
	// Early is a change before the first snapshot; it was dropped.
	Early
	// Late is an event older than what the book already shows; it was dropped.
	Late
	// Gap means that the book does not agree with the best prices the venue named: it is not ready any more. Subscribe again.
	Gap
)

func (a Applied) String() string {
	return [...]string{"not-mine", "updated", "early", "late", "gap"}[min(int(a), 4)]
}

// Reset forgets the book, as after a reconnect.
func (b *BookState) Reset() {
	b.bids, b.asks, b.lastMS, b.ready = b.bids[:0], b.asks[:0], 0, false
}

// Ready reports whether the book can be believed.
func (b *BookState) Ready() bool { return b.ready }

// TimestampMS is the venue's time of the last event applied.
func (b *BookState) TimestampMS() int64 { return b.lastMS }

// Apply takes one event of the market channel.
func (b *BookState) Apply(e Event) Applied {
	switch e := e.(type) {
	case Book:
		return b.snapshot(e)
	case PriceChange:
		return b.change(e)
	case TickSizeChange:
		if e.AssetID == b.AssetID {
			b.Tick = e.New
			return Updated
		}
	}
	return NotMine
}

// snapshot replaces the book, unless it is older than what a ready book shows.
func (b *BookState) snapshot(s Book) Applied {
	if s.AssetID != b.AssetID {
		return NotMine
	}
	if b.ready && s.TimestampMS < b.lastMS {
		return Late
	}
	b.bids, b.asks = append(b.bids[:0], s.Bids...), append(b.asks[:0], s.Asks...)
	slices.Reverse(b.bids)
	slices.Reverse(b.asks)
	b.lastMS, b.ready = s.TimestampMS, true
	if s.Tick != 0 {
		b.Tick = s.Tick
	}
	return Updated
}

// change sets levels and compares the top with what the venue says it is. Within one message only the last word about this
// token is compared, since nothing says whether earlier ones were taken before or after the rest.
func (b *BookState) change(p PriceChange) Applied {
	last := -1
	for i, c := range p.Changes {
		if c.AssetID != b.AssetID {
			continue
		}
		if !b.ready {
			return Early
		}
		if p.TimestampMS < b.lastMS {
			return Late
		}
		b.set(c)
		last = i
	}
	if last < 0 {
		return NotMine
	}
	b.lastMS = p.TimestampMS
	if !b.agrees(p.Changes[last]) {
		b.ready = false
		return Gap
	}
	return Updated
}

func (b *BookState) set(c Change) {
	side, compare := &b.bids, func(l Level, p money.Price) int { return cmp.Compare(l.Price, p) }
	if c.Side == Sell {
		side, compare = &b.asks, func(l Level, p money.Price) int { return cmp.Compare(p, l.Price) }
	}
	i, found := slices.BinarySearchFunc(*side, c.Price, compare)
	switch {
	case c.Size == 0 && found:
		*side = slices.Delete(*side, i, i+1)
	case c.Size == 0:
	case found:
		(*side)[i].Size = c.Size
	default:
		*side = slices.Insert(*side, i, Level{c.Price, c.Size})
	}
}

// agrees compares the top with the venue's. An empty side is written 0 (bids), 1 or 0 (asks).
func (b *BookState) agrees(c Change) bool {
	bid, _ := b.BestBid()
	ask, hasAsk := b.BestAsk()
	bidOK := !c.HasBestBid || c.BestBid == bid.Price
	askOK := !c.HasBestAsk || c.BestAsk == ask.Price || !hasAsk && c.BestAsk == money.Unit
	return bidOK && askOK
}

// BestBid is the highest bid.
func (b *BookState) BestBid() (Level, bool) { return top(b.bids) }

// BestAsk is the lowest ask.
func (b *BookState) BestAsk() (Level, bool) { return top(b.asks) }

func top(side []Level) (Level, bool) {
	if len(side) == 0 {
		return Level{}, false
	}
	return side[len(side)-1], true
}

// Bids appends at most n levels to dst, best first.
func (b *BookState) Bids(dst []Level, n int) []Level { return appendBest(dst, b.bids, n) }

// Asks appends at most n levels to dst, best first.
func (b *BookState) Asks(dst []Level, n int) []Level { return appendBest(dst, b.asks, n) }

// Depth is the number of levels on each side.
func (b *BookState) Depth() (bids, asks int) { return len(b.bids), len(b.asks) }

func appendBest(dst, side []Level, n int) []Level {
	for i := len(side) - 1; i >= 0 && n > 0; i, n = i-1, n-1 {
		dst = append(dst, side[i])
	}
	return dst
}
