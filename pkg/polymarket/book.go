package polymarket

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"sluice/pkg/money"
)

// Level is one price of a book with everything that rests there.
type Level struct {
	Price money.Price
	Size  money.Size
}

// Book is a full snapshot of one token's book, from the market channel or from REST. Both sides are best first, whatever
// the order on the wire, and hold no empty levels.
type Book struct {
	Market      string // condition id
	AssetID     string // token id, decimal
	TimestampMS int64
	Hash        string // the venue's, for change detection only
	Bids, Asks  []Level

	Tick      Tick        // zero when not said
	MinSize   money.Size  // zero when not said
	LastPrice money.Price // zero when not said
	NegRisk   bool
}

// ErrBadFrame reports a message of a known kind with a field that cannot be read.
var ErrBadFrame = errors.New("bad frame")

// bestFirst compares levels of one side.
func bestFirst(side Side) func(a, b Level) int {
	if side == Buy {
		return func(a, b Level) int { return cmp.Compare(b.Price, a.Price) }
	}
	return func(a, b Level) int { return cmp.Compare(a.Price, b.Price) }
}

func decodeBook(v value) (Book, error) {
	var b Book
	var err error
	levels := func(f value, side Side) []Level {
		ls, e := decodeLevels(f, side)
		err = errors.Join(err, e)
		return ls
	}
	for k, f := range v.fields() {
		switch string(k) {
		case "market":
			b.Market = f.id()
		case "asset_id":
			b.AssetID = f.text()
		case "timestamp":
			b.TimestampMS = millis(f)
		case "hash":
			b.Hash = f.text()
		case "bids", "buys":
			b.Bids = levels(f, Buy)
		case "asks", "sells":
			b.Asks = levels(f, Sell)
		case "tick_size":
			b.Tick = knownTick(f)
		case "min_order_size":
			b.MinSize, _ = micro[money.Size](f)
		case "last_trade_price":
			b.LastPrice, _ = micro[money.Price](f)
		case "neg_risk":
			b.NegRisk = f.bool()
		}
	}
	if err == nil && b.AssetID == "" {
		err = fmt.Errorf("%w: book without asset id", ErrBadFrame)
	}
	return b, err
}

func decodeLevels(v value, side Side) ([]Level, error) {
	if !v.isArray() && !v.isNull() {
		return nil, fmt.Errorf("%w: levels are not an array", ErrBadFrame)
	}
	var out []Level
	for e := range v.items() {
		var l Level
		var priced, sized bool
		for k, f := range e.fields() {
			switch string(k) {
			case "price":
				l.Price, priced = micro[money.Price](f)
			case "size":
				l.Size, sized = micro[money.Size](f)
			}
		}
		if !priced || !sized || l.Size < 0 {
			return nil, fmt.Errorf("%w: level %s", ErrBadFrame, quoteBody(e))
		}
		if l.Size > 0 {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, bestFirst(side))
	return out, nil
}

// millis reads a time stamp as Unix milliseconds. Seconds are recognised by their size (milliseconds below 10^11 would lie
// before March 1973); 0 when there is none.
func millis(v value) int64 {
	const secondsBelow = 100_000_000_000
	n, _ := v.number()
	if n > 0 && n < secondsBelow {
		n *= 1000
	}
	return max(n, 0)
}
