package engine

import "sluice/pkg/money"

// match trades o against the levels it reaches. Finished makers leave the book.
func (b *Book) match(o *Order) (fills []Fill) {
	for !o.done {
		maker := b.best(o)
		if maker == nil {
			return fills
		}
		f := meet(o, maker)
		o.settle(f.Size, f.TakerCash)
		maker.settle(f.Size, f.MakerCash)
		fills = append(fills, f)
		if maker.done {
			b.remove(maker)
		}
	}
	return fills
}

// best is the order that o meets next, or nil.
func (b *Book) best(o *Order) *Order {
	for l := range b.against(o) {
		return l.orders[0]
	}
	return nil
}

// meet computes the fill of a taker with one maker at the maker's price.
//
// Cash is whole millionths. A maker never pays more than its price: its figure is rounded down, and in a mint or merge
// the taker has the complement to the whole set. A taker whose cash is the bound spends all of it.
func meet(o, maker *Order) Fill {
	f := Fill{Maker: maker, MakerPrice: maker.Price, TakerPrice: maker.Price}
	if maker.Outcome != o.Outcome {
		f.TakerPrice = money.Unit - maker.Price
		f.Kind = Mint
		if o.Side == Sell {
			f.Kind = Merge
		}
	}
	f.Size = maker.Left()
	if !o.CashTarget() {
		f.Size = min(f.Size, o.Left())
	}
	f.MakerCash = cost(f.Size, f.MakerPrice)
	f.TakerCash = other(f.Kind, f.Size, f.MakerCash)
	if o.Side == Buy && f.TakerCash > o.CashLeft() {
		f.Size = min(f.Size, sharesFor(o.CashLeft(), f.TakerPrice))
		f.TakerCash = o.CashLeft()
		f.MakerCash = other(f.Kind, f.Size, f.TakerCash)
	}
	return f
}

// other is the cash of the second side when the first side's is known.
func other(k Kind, size money.Size, cash money.Cash) money.Cash {
	if k == Direct {
		return cash
	}
	return money.Cash(size) - cash
}

// covers reports whether o could be filled completely right now.
func (b *Book) covers(o *Order) bool {
	cash, shares := o.Cash, o.Shares
	for l := range b.against(o) {
		for _, maker := range l.orders {
			f := meet(&Order{Outcome: o.Outcome, Side: o.Side, Life: o.Life, Shares: shares, Cash: cash}, maker)
			cash, shares = cash-f.TakerCash, shares-f.Size
			if o.CashTarget() && cash <= 0 || !o.CashTarget() && shares <= 0 {
				return true
			}
		}
	}
	return false
}

// cost and sharesFor cannot overflow on what rests in a book: 0 < price < 1 and sizes that were costs before.
func cost(size money.Size, price money.Price) money.Cash {
	c, err := money.Cost(size, price, money.Down)
	if err != nil {
		panic(err)
	}
	return c
}

func sharesFor(cash money.Cash, price money.Price) money.Size {
	s, err := money.SharesFor(cash, price, money.Down)
	if err != nil {
		panic(err)
	}
	return s
}
