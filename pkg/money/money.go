// Package money holds the three quantities of the trade (prices, shares, collateral) as whole numbers of
// millionths, and the only places where one of them is rounded.
//
// It owns no I/O and knows no service. Invariants: no float enters or leaves; a value that does not fit is an
// error, never a wrapped number; a quantity of one kind is not assignable to another without saying so.
// Both the collateral (pUSD) and the outcome shares have six decimals on chain, so one micro-unit is one base
// unit there.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Unit is the number of micro-units in one whole: one pUSD, one share, a price of 1.
const Unit = 1_000_000

// Decimals is how many decimals a quantity can carry.
const Decimals = 6

// Price is pUSD for one share, in micro-units: 0 < p < Unit for anything tradable.
type Price int64

// Size is a number of outcome shares in micro-units.
type Size int64

// Cash is an amount of pUSD in micro-units; negative where it is a change.
type Cash int64

// Micro is any of the quantities counted in micro-units.
type Micro interface{ ~int64 }

// Rounding says which way a division that does not come out even is settled. It is always named at the call.
type Rounding uint8

const (
	// Down drops the rest (toward zero; all operands here are non-negative).
	Down Rounding = iota
	// Up adds one unit when there is a rest.
	Up
	// HalfUp adds one unit when the rest is at least a half.
	HalfUp
)

var (
	// ErrOverflow reports a value outside the range of 64 bits.
	ErrOverflow = errors.New("value out of range")
	// ErrSyntax reports text that is not a plain decimal: digits, at most one point, no sign, no exponent.
	ErrSyntax = errors.New("not a decimal")
	// ErrDecimals reports more than six decimals.
	ErrDecimals = errors.New("more than 6 decimals")
)

// Cost is size × price, rounded as named. Both must be non-negative.
func Cost(size Size, price Price, r Rounding) (Cash, error) {
	v, err := mulDiv(int64(size), int64(price), Unit, r)
	return Cash(v), err
}

// SharesFor is how many shares cash buys at price, rounded as named. Price must be positive.
func SharesFor(cash Cash, price Price, r Rounding) (Size, error) {
	v, err := mulDiv(int64(cash), Unit, int64(price), r)
	return Size(v), err
}

// PriceOf is cash per share, rounded as named. Size must be positive.
func PriceOf(cash Cash, size Size, r Rounding) (Price, error) {
	v, err := mulDiv(int64(cash), Unit, int64(size), r)
	return Price(v), err
}

// Grid returns v brought onto a whole multiple of step (> 0), rounded as named.
func Grid[T Micro](v T, step int64, r Rounding) (T, error) {
	q, err := mulDiv(int64(v), 1, step, r)
	if err != nil || (q != 0 && q > math.MaxInt64/step) {
		return 0, ErrOverflow
	}
	return T(q * step), nil
}

// Step is the size in micro-units of one unit in the last of d decimals, 0 ≤ d ≤ 6.
func Step(d int) int64 {
	s := int64(1)
	for range Decimals - d {
		s *= 10
	}
	return s
}

// mulDiv is a×b÷c in 128 bits. Operands must be non-negative and c positive: signs are the caller's business.
func mulDiv(a, b, c int64, r Rounding) (int64, error) {
	if a < 0 || b < 0 || c <= 0 {
		return 0, fmt.Errorf("%w: %d × %d ÷ %d", ErrOverflow, a, b, c)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return 0, ErrOverflow
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	switch {
	case r == Up && rest > 0, r == HalfUp && rest >= uint64(c)-rest:
		q++
	}
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return int64(q), nil
}
