package sender

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"sluice/pkg/evm"
)

// Limits are the bounds on what is paid, and the waits. The zero value of a field means its default.
type Limits struct {
	// MinTip is the least tip that the chain's nodes take: 25 gwei on Polygon, and lower ones are not offered even when
	// endpoints suggest them. Tip is the least that we offer: 30 gwei.
	MinTip, Tip evm.Wei
	// MaxFee bounds the price of gas that is ever offered, base fee and tip: 1,000 gwei.
	MaxFee evm.Wei
	// MaxCost bounds what one transaction can cost at worst: 1 POL. MaxDay bounds what any 24 hours cost, what waits counted at
	// its worst: 10 POL.
	MaxCost, MaxDay evm.Wei
	// LowBalance is where the account is said to run out: 0.3 POL.
	LowBalance evm.Wei
	// BumpAfter is how long an attempt may wait in its turn before it is replaced: 15 s.
	BumpAfter time.Duration
	// MaxOpen is how many nonces may be open at once: 8.
	MaxOpen int
}

const (
	// resendEvery is how often what waits is sent again: nodes drop, restart and forget.
	resendEvery = 10 * time.Second
	// hurryAfter is how long an attempt may wait that the present block does not take: two blocks.
	hurryAfter = 4 * time.Second
	// holePatience is how long a hole may close by itself.
	holePatience = 30 * time.Second
	// takenPatience is how long a receipt may be looked for after the chain has finally used a nonce.
	takenPatience = 30 * time.Second
	// stalePatience is how old the newest block may be. Beyond, nobody knows what has been mined, and nothing is signed.
	stalePatience = time.Minute
	// maxAttempts bounds the attempts of one intent: an eighth more each time leads from 60 gwei to 1,000 in 24.
	maxAttempts = 32
	// maxHole bounds how many nonces are filled. A larger hole is a chain that says nonsense, or another's work.
	maxHole = 8
	// maxQueue bounds the intents that wait for a nonce.
	maxQueue = 1_000
	// Remembers is how many ended intents are remembered, so that their repetition does nothing.
	Remembers = 10_000
	// maxData is a node's bound on a transaction, in bytes, less room for the rest of it.
	maxData = 127 << 10
	// maxID bounds the name of an intent in bytes.
	maxID = 200
	// maxGas is more than any block of Polygon takes.
	maxGas = 100_000_000
	// transferGas is what a transaction to an account without code and without data costs.
	transferGas = 21_000
	// day is the span of MaxDay.
	day = 24 * time.Hour
)

// orDefault fills in what is zero.
func (l Limits) orDefault() Limits {
	coin := evm.Gwei(1_000_000_000)
	l.MinTip = cmp.Or(l.MinTip, evm.Gwei(25))
	l.Tip = cmp.Or(l.Tip, evm.Gwei(30))
	l.MaxFee = cmp.Or(l.MaxFee, evm.Gwei(1_000))
	l.MaxCost = cmp.Or(l.MaxCost, coin)
	l.MaxDay = cmp.Or(l.MaxDay, coin.Times(10))
	l.LowBalance = cmp.Or(l.LowBalance, evm.Gwei(300_000_000))
	l.BumpAfter = cmp.Or(l.BumpAfter, 15*time.Second)
	l.MaxOpen = cmp.Or(l.MaxOpen, 8)
	return l
}

// Check reports all that contradicts itself, defaults filled in.
func (l Limits) Check() error {
	l = l.orDefault()
	var errs []error
	if l.MaxFee.Less(l.Tip) || l.MaxFee.Less(l.MinTip) {
		errs = append(errs, fmt.Errorf("the highest price of gas is %s gwei, below the tip of %s: raise it", l.MaxFee.Gwei(), l.Tip.Max(l.MinTip).Gwei()))
	}
	if l.MaxDay.Less(l.MaxCost) {
		errs = append(errs, fmt.Errorf("a day may cost %s POL and one transaction %s: raise the first or lower the second", l.MaxDay.Coins(), l.MaxCost.Coins()))
	}
	if l.BumpAfter < hurryAfter {
		errs = append(errs, fmt.Errorf("a transaction is replaced after %v: at least %v, so that a block has a chance", l.BumpAfter, hurryAfter))
	}
	if l.MaxOpen < 1 || l.MaxOpen > maxAttempts {
		errs = append(errs, fmt.Errorf("%d nonces may be open: want 1 to %d", l.MaxOpen, maxAttempts))
	}
	return errors.Join(errs...)
}

// DayBound is the most that any 24 hours cost, its default filled in.
func (l Limits) DayBound() evm.Wei { return l.orDefault().MaxDay }
