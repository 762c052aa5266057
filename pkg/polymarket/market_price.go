package polymarket

import (
	"errors"
	"fmt"
	"math/bits"

	"sluice/pkg/money"
)

var (
	// ErrNoMatch reports a FOK order that the book cannot fill.
	ErrNoMatch = errors.New("no match")
	// ErrEmptyBook reports that there is nothing to trade against.
	ErrEmptyBook = errors.New("empty book")
)

// MarketPrice is the limit price at which a market order of the given quantity is covered by levels, the opposite side of
// the book, best first: asks for Buy, bids for Sell. The quantity is in micro-units, of pUSD for Buy and of shares for Sell.
// When the book does not cover it, a FOK order gets ErrNoMatch and any other the worst price there is.
func MarketPrice(side Side, levels []Level, quantity int64, t OrderType) (money.Price, error) {
	if len(levels) == 0 {
		return 0, ErrEmptyBook
	}
	if quantity <= 0 || side != Buy && side != Sell {
		return 0, fmt.Errorf("find market price: side %q, quantity %d", side, quantity)
	}
	unit := uint64(1)
	if side == Buy {
		unit = money.Unit // price × size counts in millionths of a micro-unit
	}
	wantHi, wantLo := bits.Mul64(uint64(quantity), unit)
	var hi, lo, carry uint64
	for _, l := range levels {
		weight := uint64(1)
		if side == Buy {
			weight = uint64(max(l.Price, 0))
		}
		addHi, addLo := bits.Mul64(uint64(max(l.Size, 0)), weight)
		lo, carry = bits.Add64(lo, addLo, 0)
		hi, _ = bits.Add64(hi, addHi, carry)
		if hi > wantHi || hi == wantHi && lo >= wantLo {
			return l.Price, nil
		}
	}
	if t == FOK {
		return 0, fmt.Errorf("find market price: %w", ErrNoMatch)
	}
	return levels[len(levels)-1].Price, nil
}
