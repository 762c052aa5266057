package polymarket

import (
	"errors"
	"fmt"

	"sluice/pkg/money"
)

// Tick is a market's smallest price step in micro-units of price. The zero value is no tick.
type Tick int64

// The ticks the venue uses.
const (
	Tick01    Tick = 100_000 // 0.1
	Tick001   Tick = 10_000  // 0.01
	Tick0005  Tick = 5_000   // 0.005
	Tick00025 Tick = 2_500   // 0.0025
	Tick0001  Tick = 1_000   // 0.001
	Tick00001 Tick = 100     // 0.0001
)

// SizeDecimals is how many decimals a size may carry, on every tick; the pUSD amount of a market order too.
const SizeDecimals = 2

var (
	// ErrUnknownTick reports a tick that is none of the venue's.
	ErrUnknownTick = errors.New("unknown tick")
	// ErrOffTick reports a price outside [tick, 1−tick] or not a whole multiple of the tick.
	ErrOffTick = errors.New("price off the tick")
)

// ParseTick reads "0.01" (also ".01" and "0.010", which venues send). The error is ErrUnknownTick.
func ParseTick(s string) (Tick, error) {
	p, cut, err := money.ParseTolerant[money.Price](s)
	if t := Tick(p); err == nil && !cut && t.Known() {
		return t, nil
	}
	return 0, fmt.Errorf("parse tick %q: %w", s, ErrUnknownTick)
}

// Known reports whether t is one of the venue's ticks.
func (t Tick) Known() bool { return t.PriceDecimals() > 0 }

// PriceDecimals is how many decimals a price on this tick can have; 0 for an unknown tick. Decimals alone do not make
// a price valid: on the 0.005 tick 0.003 has few enough of them.
func (t Tick) PriceDecimals() int {
	switch t {
	case Tick01:
		return 1
	case Tick001:
		return 2
	case Tick0005, Tick0001:
		return 3
	case Tick00025, Tick00001:
		return 4
	}
	return 0
}

// AmountDecimals is how many decimals the pUSD side of an order can have: those of the price and of the size.
func (t Tick) AmountDecimals() int {
	if !t.Known() {
		return 0
	}
	return t.PriceDecimals() + SizeDecimals
}

// Valid returns nil for tick ≤ p ≤ 1−tick and p a whole multiple of the tick, else ErrOffTick or ErrUnknownTick.
func (t Tick) Valid(p money.Price) error {
	if !t.Known() {
		return fmt.Errorf("%w: %s", ErrUnknownTick, t)
	}
	if step := money.Price(t); p < step || p > money.Unit-step || p%step != 0 {
		return fmt.Errorf("%w: %s on tick %s", ErrOffTick, p, t)
	}
	return nil
}

func (t Tick) String() string { return money.Format(money.Price(t)) }

// MarshalText writes the decimal.
func (t Tick) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseTick reads.
func (t *Tick) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTick(string(b))
	return err
}
