package evm

import (
	"fmt"
	"math/big"

	"github.com/holiman/uint256"
)

// Wei is an amount of the chain's coin, or a price for each unit of gas, in 10^-18. It is a value: assigning copies it. Sums
// and products that do not fit into 256 bits become the largest amount, which no bound lets pass.
type Wei struct{ n uint256.Int }

// gwei is 10^9 wei.
const gwei = 1_000_000_000

// Gwei is n × 10^9 wei, the unit in which gas prices are spoken of.
func Gwei(n uint64) Wei { return WeiOf(gwei).Times(n) }

// WeiOf is n wei.
func WeiOf(n uint64) Wei { return Wei{*uint256.NewInt(n)} }

// WeiFrom converts; nil and negative numbers become zero, larger ones than 256 bits the largest.
func WeiFrom(b *big.Int) Wei {
	if b == nil || b.Sign() < 0 {
		return Wei{}
	}
	n, over := uint256.FromBig(b)
	if over {
		return maxWei()
	}
	return Wei{*n}
}

func maxWei() Wei { return Wei{*new(uint256.Int).SetAllOne()} }

// Big is the amount for go-ethereum, a fresh copy.
func (w Wei) Big() *big.Int { return w.n.ToBig() }

// Plus is w + o.
func (w Wei) Plus(o Wei) Wei {
	sum, over := new(uint256.Int).AddOverflow(&w.n, &o.n)
	if over {
		return maxWei()
	}
	return Wei{*sum}
}

// Minus is w − o, and zero when o is larger.
func (w Wei) Minus(o Wei) Wei {
	if w.Less(o) {
		return Wei{}
	}
	return Wei{*new(uint256.Int).Sub(&w.n, &o.n)}
}

// Times is w × k.
func (w Wei) Times(k uint64) Wei {
	p, over := new(uint256.Int).MulOverflow(&w.n, uint256.NewInt(k))
	if over {
		return maxWei()
	}
	return Wei{*p}
}

// Bumped is w × 9/8, rounded up: an eighth more, where nodes ask for at least a tenth.
func (w Wei) Bumped() Wei {
	n := w.Times(9).Plus(WeiOf(7))
	return Wei{*n.n.Rsh(&n.n, 3)}
}

// Less reports whether w is smaller than o.
func (w Wei) Less(o Wei) bool { return w.n.Lt(&o.n) }

// Cmp is -1, 0 or 1.
func (w Wei) Cmp(o Wei) int { return w.n.Cmp(&o.n) }

// IsZero reports whether nothing is there.
func (w Wei) IsZero() bool { return w.n.IsZero() }

// Max is the larger of the two.
func (w Wei) Max(o Wei) Wei {
	if w.Less(o) {
		return o
	}
	return w
}

// Min is the smaller of the two.
func (w Wei) Min(o Wei) Wei {
	if o.Less(w) {
		return o
	}
	return w
}

// String is the decimal number of wei.
func (w Wei) String() string { return w.n.Dec() }

// Coins is the amount in whole coins, as a decimal number without trailing zeros, rounded down at 10^-9.
func (w Wei) Coins() string { return w.scaled(gwei, 9) }

// Exactly is the amount in whole coins, as a decimal number without trailing zeros.
func (w Wei) Exactly() string { return w.scaled(1, 18) }

// Gwei is the price in gwei, rounded down at a thousandth.
func (w Wei) Gwei() string { return w.scaled(gwei/1000, 3) }

// scaled divides by unit and puts the point before the last places digits.
func (w Wei) scaled(unit uint64, places int) string {
	s := new(uint256.Int).Div(&w.n, uint256.NewInt(unit)).Dec()
	for len(s) <= places {
		s = "0" + s
	}
	whole, rest := s[:len(s)-places], s[len(s)-places:]
	for rest != "" && rest[len(rest)-1] == '0' {
		rest = rest[:len(rest)-1]
	}
	if rest == "" {
		return whole
	}
	return whole + "." + rest
}

// MarshalText writes the decimal number of wei.
func (w Wei) MarshalText() ([]byte, error) { return []byte(w.n.Dec()), nil }

// UnmarshalText reads a decimal number of wei: digits only, within 256 bits.
func (w *Wei) UnmarshalText(b []byte) error {
	for _, c := range b {
		if c < '0' || c > '9' {
			return fmt.Errorf("parse wei %q: want digits only", clip(string(b)))
		}
	}
	if err := w.n.SetFromDecimal(string(b)); err != nil {
		return fmt.Errorf("parse wei %q: %w", clip(string(b)), err)
	}
	return nil
}
