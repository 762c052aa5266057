package polymarket

import (
	"errors"
	"fmt"

	"sluice/pkg/money"
)

// Side is BUY or SELL as the venue writes it.
type Side string

// The two sides.
const (
	Buy  Side = "BUY"
	Sell Side = "SELL"
)

// marketShareDecimals is the venue's flat cap on the share side of a market BUY: finer amounts are refused on every tick.
const marketShareDecimals = 4

// ErrTooSmall reports a quantity of which nothing is left after rounding.
var ErrTooSmall = errors.New("amount too small")

// LimitAmounts returns what an order at price gives and gets, in base units. The size is first cut to two decimals; the
// pUSD side is then exact, because the price lies on the tick. Errors: ErrOffTick, ErrUnknownTick, ErrTooSmall,
// money.ErrOverflow.
func LimitAmounts(side Side, price money.Price, size money.Size, tick Tick) (maker, taker int64, err error) {
	shares, cash, err := sizeAtPrice(price, size, tick)
	if err != nil {
		return 0, 0, err
	}
	switch side {
	case Buy:
		return int64(cash), int64(shares), nil
	case Sell:
		return int64(shares), int64(cash), nil
	}
	return 0, 0, fmt.Errorf("compute amounts: unknown side %q", side)
}

// MarketSellAmounts returns the amounts of a FOK or FAK sale of size shares at no less than price. Errors as LimitAmounts.
func MarketSellAmounts(size money.Size, price money.Price, tick Tick) (maker, taker int64, err error) {
	shares, cash, err := sizeAtPrice(price, size, tick)
	return int64(shares), int64(cash), err
}

// MarketBuyAmounts returns the amounts of a FOK or FAK purchase for cash pUSD at no more than price. Cash is cut to two
// decimals, shares to the tick's amount decimals and at most four. Shares are never rounded up: the venue lifts an ask only
// if maker/taker reaches it. Errors as LimitAmounts.
func MarketBuyAmounts(cash money.Cash, price money.Price, tick Tick) (maker, taker int64, err error) {
	if err := tick.Valid(price); err != nil {
		return 0, 0, err
	}
	spend, err := money.Grid(cash, money.Step(SizeDecimals), money.Down)
	if err != nil {
		return 0, 0, err
	}
	shares, err := money.SharesFor(spend, price, money.Down)
	if err != nil {
		return 0, 0, err
	}
	shares, err = money.Grid(shares, money.Step(min(tick.AmountDecimals(), marketShareDecimals)), money.Down)
	if err != nil {
		return 0, 0, err
	}
	if spend <= 0 || shares <= 0 {
		return 0, 0, fmt.Errorf("%w: %s pUSD at %s", ErrTooSmall, cash, price)
	}
	return int64(spend), int64(shares), nil
}

func sizeAtPrice(price money.Price, size money.Size, tick Tick) (money.Size, money.Cash, error) {
	if err := tick.Valid(price); err != nil {
		return 0, 0, err
	}
	shares, err := money.Grid(size, money.Step(SizeDecimals), money.Down)
	if err != nil {
		return 0, 0, err
	}
	cash, err := money.Cost(shares, price, money.Down)
	if err != nil {
		return 0, 0, err
	}
	cash, err = money.Grid(cash, money.Step(tick.AmountDecimals()), money.Down)
	if err != nil {
		return 0, 0, err
	}
	if shares <= 0 || cash <= 0 {
		return 0, 0, fmt.Errorf("%w: %s shares at %s", ErrTooSmall, size, price)
	}
	return shares, cash, nil
}
