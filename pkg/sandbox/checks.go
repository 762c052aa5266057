package sandbox

import (
	"math/big"
	"strings"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

const (
	// minExpiry is how far ahead the expiration of a GTD order must lie.
	minExpiry = 180 * time.Second
	// expiryLead is how long before its expiration a GTD order stops.
	expiryLead = 60 * time.Second
	// minMarketable is the least a purchase that trades at once may spend.
	minMarketable = money.Cash(money.Unit)
	// sizeDecimals is how finely shares of a limit order, or pUSD of a market purchase, may be given.
	sizeDecimals = 2
	// marketDecimals is how finely the shares of a market purchase may be given, on every tick.
	marketDecimals = 4
)

// check applies the venue's rules to an order's own figures and sets its engine price. The caller holds the lock:
// ticks change.
func (o *order) check() error {
	if err := o.checkLife(); err != nil {
		return err
	}
	if o.eng.Life == engine.Rests {
		return o.checkLimit()
	}
	return o.checkMarket()
}

func (o *order) checkLife() error {
	now := time.Now()
	switch {
	case o.kind == typeGTD && time.Unix(o.expiration, 0).Before(now.Add(minExpiry)), o.kind != typeGTD && o.expiration != 0:
		return errExpiry
	case o.postOnly && o.eng.Life != engine.Rests:
		return errPostOnly
	}
	return nil
}

// checkLimit demands a price on the grid and amounts that are exactly price × size.
func (o *order) checkLimit() error {
	tick, size, cash := o.market.tick, o.size(), o.cashAmount()
	near, exact := o.nearest()
	if !exact && o.eng.Side == engine.Sell && o.rounded(near) && near > 0 {
		want, err := money.Cost(size, near, money.Down)
		if err == nil && want != cash {
			return refusef("invalid amounts, the taker amount for a $%s order of size %s should be '%s' but the value submited is '%s'",
				near, size, want, cash)
		}
	}
	if !exact || near%tick != 0 || near < tick || near > money.Unit-tick {
		return o.offGrid()
	}
	if money.Places(size) > sizeDecimals || money.Places(cash) > o.market.amountDecimals() {
		return o.inaccurate("", sizeDecimals, o.market.amountDecimals())
	}
	if size < minOrderSize {
		return refusef("order %s is invalid. Size (%s) lower than the minimum: %s", o.id, size, minOrderSize)
	}
	o.eng.Price = near
	return nil
}

// checkMarket demands the flat accuracy of market orders and takes the price as it comes: rounded against the taker
// to whole millionths, which decides every comparison with a tick exactly.
func (o *order) checkMarket() error {
	tick, size, cash := o.market.tick, o.size(), o.cashAmount()
	how := money.Down
	if o.eng.Side == engine.Buy {
		if money.Places(cash) > sizeDecimals || money.Places(size) > marketDecimals {
			return o.inaccurate("market ", marketDecimals, sizeDecimals)
		}
	} else {
		how = money.Up
		if cashDecimals := max(marketDecimals, o.market.amountDecimals()); money.Places(size) > sizeDecimals || money.Places(cash) > cashDecimals {
			return o.inaccurate("market ", sizeDecimals, cashDecimals)
		}
	}
	p, err := money.PriceOf(cash, size, how)
	// A purchase that was rounded down to fewer shares may come out a hair above its cap.
	if err != nil || p < tick || p > money.Unit-tick+tick/2 {
		return o.offGrid()
	}
	o.eng.Price = min(p, money.Unit-tick)
	return nil
}

// nearest is the order's price in millionths and whether that is exact.
func (o *order) nearest() (money.Price, bool) {
	p, err := money.PriceOf(o.cashAmount(), o.size(), money.HalfUp)
	if err != nil {
		return 0, false
	}
	back := new(big.Int).Mul(big.NewInt(int64(p)), big.NewInt(int64(o.size())))
	want := new(big.Int).Mul(big.NewInt(int64(o.cashAmount())), big.NewInt(money.Unit))
	if back.Cmp(want) == 0 {
		return p, true
	}
	onGrid, err := money.Grid(p+o.market.tick/2, int64(o.market.tick), money.Down)
	if err != nil {
		return 0, false
	}
	return onGrid, false
}

// rounded reports whether the order's price is so near to p that its amounts, not its price, are what is wrong.
func (o *order) rounded(p money.Price) bool {
	const near = 10 // of a tick
	got, err := money.PriceOf(o.cashAmount(), o.size(), money.HalfUp)
	return err == nil && max(got-p, p-got) < o.market.tick/near
}

func (o *order) offGrid() error {
	return refusef("order %s is invalid. Price (%s) breaks minimum tick size rule: %s", o.id, ratio(o.cashAmount(), o.size()), o.market.tick)
}

// inaccurate names the accuracy that the amounts of this side must keep.
func (o *order) inaccurate(kind string, sizePlaces, cashPlaces int) error {
	side, maker, taker := "buy", cashPlaces, sizePlaces
	if o.eng.Side == engine.Sell {
		side, maker, taker = "sell", sizePlaces, cashPlaces
	}
	return refusef("invalid amounts, the %s%s orders maker amount supports a max accuracy of %d decimals, taker amount a max of %d decimals",
		kind, side, maker, taker)
}

// amountDecimals is how finely the pUSD side of an order may be given: two for the shares and those of the tick.
func (m *market) amountDecimals() int { return money.Places(m.tick) + sizeDecimals }

// ratio writes a/b as the venue does, with up to 16 decimals.
func ratio(cash money.Cash, size money.Size) string {
	const places = 16
	s := new(big.Rat).SetFrac64(int64(cash), int64(size)).FloatString(places)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
