package sandbox

import (
	"time"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// market is a Market while it trades.
type market struct {
	marketSpec
	book     engine.Book
	tick     money.Price
	feeRate  int64 // millionths
	mid      int64 // of Yes, in half ticks
	last     [2]money.Price
	lastSide [2]string
	changed  time.Time
	seen     [2][2]money.Price // best bid and ask last told, by outcome
	quoting  bool              // a requote is due
	resolved bool              // for ever: no book any more
	winner   int               // the outcome, when resolved
}

func newMarket(spec marketSpec, feeRate int64) *market {
	tick, err := money.Parse[money.Price](spec.TickSize)
	if err != nil {
		panic(err)
	}
	ask := int64(spec.bestAsk / tick)
	return &market{marketSpec: spec, tick: tick, feeRate: feeRate, mid: 2*ask - int64(spec.spread), changed: time.Now()}
}

// outcome is the index of a token that belongs to the market.
func (m *market) outcome(token string) int {
	if token == m.Tokens[1] {
		return 1
	}
	return 0
}

// spender is the exchange that settles the market.
func (m *market) spender() string {
	if m.NegRisk {
		return exchangeNegRisk
	}
	return exchangeRegular
}

// fee is the taker's fee for a fill: size × rate × p × (1−p), in five decimals.
func (m *market) fee(size money.Size, p money.Price) money.Cash {
	if m.feeRate == 0 {
		return 0
	}
	const five = 10 // millionths in the last of five decimals
	rate := m.feeRate * int64(p) / money.Unit * int64(money.Unit-p) / money.Unit
	c, err := money.Cost(size, money.Price(rate), money.Down)
	if err != nil {
		panic(err)
	}
	return c / five * five
}

// feeRoom is the most that a purchase for cash can be charged: a fee is cash × rate × (1−p).
func (m *market) feeRoom(cash money.Cash) int64 {
	c, err := money.Cost(money.Size(cash), money.Price(m.feeRate), money.Up)
	if err != nil {
		panic(err)
	}
	return int64(c)
}
