package engine

import (
	"iter"
	"slices"

	"sluice/pkg/money"
)

// Book is the order book of one market. The zero value is an empty book. It is not safe for concurrent use.
type Book struct {
	ups, downs []*level // best first: ups by falling, downs by rising price, both in prices of outcome 0
	resting    map[string]*Order
}

// level is the queue at one price, earliest first.
type level struct {
	price  money.Price
	orders []*Order
}

func (l *level) size() (n money.Size) {
	for _, o := range l.orders {
		n += o.Left()
	}
	return n
}

// Level is one price with everything that rests there.
type Level struct {
	Price money.Price
	Size  money.Size
}

// Submit matches o and, when it may rest and is not done, puts what is left into the book. The fills come in the
// order in which they happened. A Refusal means that nothing changed. The id must not be resting already.
func (b *Book) Submit(o *Order) ([]Fill, error) {
	switch {
	case o.PostOnly && b.Meets(o):
		return nil, Crosses
	case o.Life == FillsOrDies && !b.covers(o):
		return nil, NotWhole
	case o.Life == TakesAndDies && !b.Meets(o):
		return nil, NoMatch
	}
	fills := b.match(o)
	if o.Life == Rests && !o.done {
		b.insert(o)
	}
	return fills, nil
}

// Meets reports whether o would trade at once.
func (b *Book) Meets(o *Order) bool {
	for l := range b.against(o) {
		return len(l.orders) > 0
	}
	return false
}

// Cancel takes the order out of the book; false when it does not rest.
func (b *Book) Cancel(id string) bool {
	o := b.resting[id]
	if o == nil {
		return false
	}
	b.remove(o)
	return true
}

// Resting returns the resting order of that id, or nil.
func (b *Book) Resting(id string) *Order { return b.resting[id] }

// Orders walks all resting orders, best price first, earliest first, the side that wants outcome 0 before the other.
func (b *Book) Orders() iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		for _, side := range [][]*level{b.ups, b.downs} {
			for _, l := range side {
				for _, o := range l.orders {
					if !yield(o) {
						return
					}
				}
			}
		}
	}
}

// Levels returns bids and asks of one outcome, best first. What rests on the other outcome appears at 1−p.
func (b *Book) Levels(outcome int) (bids, asks []Level) {
	ups, downs := view(b.ups, outcome), view(b.downs, outcome)
	if outcome == 0 {
		return ups, downs
	}
	return downs, ups
}

// SizeAt is what rests on one side of one outcome at a price; a bid is Buy.
func (b *Book) SizeAt(outcome int, side Side, price money.Price) money.Size {
	probe := Order{Outcome: outcome, Side: side, Price: price}
	for _, l := range *b.side(probe.up()) {
		if l.price == probe.at() {
			return l.size()
		}
	}
	return 0
}

func view(side []*level, outcome int) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{l.price, l.size()}
		if outcome == 1 {
			out[i].Price = money.Unit - l.price
		}
	}
	return out
}

func (b *Book) side(up bool) *[]*level {
	if up {
		return &b.ups
	}
	return &b.downs
}

// against walks the opposite levels that o's price reaches, best first.
func (b *Book) against(o *Order) iter.Seq[*level] {
	return func(yield func(*level) bool) {
		for _, l := range *b.side(!o.up()) {
			if o.up() && l.price > o.at() || !o.up() && l.price < o.at() {
				return
			}
			if !yield(l) {
				return
			}
		}
	}
}

func (b *Book) insert(o *Order) {
	if b.resting == nil {
		b.resting = map[string]*Order{}
	}
	b.resting[o.ID] = o
	side := b.side(o.up())
	i := slices.IndexFunc(*side, func(l *level) bool {
		return o.up() && l.price <= o.at() || !o.up() && l.price >= o.at()
	})
	switch {
	case i < 0:
		*side = append(*side, &level{price: o.at(), orders: []*Order{o}})
	case (*side)[i].price == o.at():
		(*side)[i].orders = append((*side)[i].orders, o)
	default:
		*side = slices.Insert(*side, i, &level{price: o.at(), orders: []*Order{o}})
	}
}

func (b *Book) remove(o *Order) {
	delete(b.resting, o.ID)
	side := b.side(o.up())
	i := slices.IndexFunc(*side, func(l *level) bool { return l.price == o.at() })
	l := (*side)[i]
	l.orders = slices.DeleteFunc(l.orders, func(x *Order) bool { return x == o })
	if len(l.orders) == 0 {
		*side = slices.Delete(*side, i, i+1)
	}
}
