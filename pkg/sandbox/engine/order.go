package engine

import "sluice/pkg/money"

// Side is what an order does with its own token.
type Side uint8

const (
	// Buy pays cash for shares.
	Buy Side = iota
	// Sell gives shares for cash.
	Sell
)

func (s Side) String() string {
	if s == Buy {
		return "BUY"
	}
	return "SELL"
}

// Life is how long an order may stay.
type Life uint8

const (
	// Rests puts what is not matched into the book (GTC, GTD).
	Rests Life = iota
	// FillsOrDies is matched whole at once or not at all (FOK).
	FillsOrDies
	// TakesAndDies takes what is there and drops the rest (FAK).
	TakesAndDies
)

// Order is one order in the engine's terms. The caller fills in the first block; the engine keeps the second.
type Order struct {
	ID      string
	Outcome int // 0 or 1: which of the two tokens
	Side    Side
	Life    Life
	// PostOnly refuses the order when it would trade at once.
	PostOnly bool
	// Price is the worst acceptable price of the own token: the highest for Buy, the lowest for Sell, 0 < p < 1.
	Price money.Price
	// Shares is the target of every order but a Buy that does not rest.
	Shares money.Size
	// Cash is the most a Buy may pay. For a Buy that does not rest it is the target instead of Shares: at a better
	// price it brings more shares.
	Cash money.Cash

	Filled money.Size // shares traded so far
	Paid   money.Cash // cash paid (Buy) or received (Sell) so far
	done   bool
}

// CashTarget reports whether the order ends when its cash is spent, not when its shares are there.
func (o *Order) CashTarget() bool { return o.Side == Buy && o.Life != Rests }

// Left is how many shares the order still wants; without meaning for a cash target.
func (o *Order) Left() money.Size { return o.Shares - o.Filled }

// CashLeft is how much a Buy may still pay.
func (o *Order) CashLeft() money.Cash { return o.Cash - o.Paid }

// Done reports whether the order wants nothing more.
func (o *Order) Done() bool { return o.done }

// up reports on which side of the book the order stands: among those who want outcome 0 to be worth more.
func (o *Order) up() bool { return (o.Side == Buy) == (o.Outcome == 0) }

// at is the order's price in terms of outcome 0.
func (o *Order) at() money.Price {
	if o.Outcome == 0 {
		return o.Price
	}
	return money.Unit - o.Price
}

// settle records a fill and decides whether the order is finished.
func (o *Order) settle(size money.Size, cash money.Cash) {
	o.Filled += size
	o.Paid += cash
	switch {
	case o.CashTarget():
		o.done = o.CashLeft() <= 0
	case o.Side == Buy:
		// Rounding can use up the last millionth of the cash one share-millionth early.
		o.done = o.Left() <= 0 || o.CashLeft() <= 0
	default:
		o.done = o.Left() <= 0
	}
}

// Kind is how the tokens of a fill come about.
type Kind uint8

const (
	// Direct moves shares from the seller to the buyer.
	Direct Kind = iota
	// Mint makes a full set for two buyers of opposite outcomes.
	Mint
	// Merge burns a full set of two sellers of opposite outcomes.
	Merge
)

// Fill is one maker order met by the taker. Each side's price is that of its own token; both cash figures are
// non-negative, paid by a buyer and received by a seller.
type Fill struct {
	Maker      *Order
	Kind       Kind
	Size       money.Size
	MakerPrice money.Price
	TakerPrice money.Price
	MakerCash  money.Cash
	TakerCash  money.Cash
}

// Refusal is why an order was not taken.
type Refusal uint8

const (
	// Crosses refuses a post-only order that would trade.
	Crosses Refusal = iota + 1
	// NotWhole kills a FillsOrDies order that cannot be filled completely.
	NotWhole
	// NoMatch kills a TakesAndDies order that meets nothing.
	NoMatch
)

func (r Refusal) Error() string {
	switch r {
	case Crosses:
		return "order crosses the book"
	case NotWhole:
		return "order cannot be filled completely"
	default:
		return "order meets no order"
	}
}
