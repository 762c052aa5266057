package ledger

import (
	"fmt"
	"math/bits"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// turn is one decision under way: copies of what it touches, and what moves.
type turn struct {
	j     *Journal
	seen  Seen
	nowMS int64
	chain string // on which legs settle
	e     Entry
	delta map[Line]int64
	dirty bool

	orders map[msgs.OrderID]*order
	legs   map[legID]*leg
	txs    map[msgs.TxHash]*txn
}

// order gives an order to be changed, nil when it is not known.
func (t *turn) order(id msgs.OrderID) *order {
	if o := t.orders[id]; o != nil {
		return o
	}
	o := t.j.orders[id]
	if o == nil {
		return nil
	}
	o = new(*o)
	t.orders[id] = o
	return o
}

// orderOr gives an order to be changed, a new one when it is not known.
func (t *turn) orderOr(id msgs.OrderID) *order {
	o := t.order(id)
	if o == nil {
		o = &order{ID: id, SinceMS: t.nowMS}
		t.orders[id] = o
	}
	return o
}

// leg gives a leg to be changed, nil when it is not known.
func (t *turn) leg(id legID) *leg {
	if l := t.legs[id]; l != nil {
		return l
	}
	l := t.j.legs[id]
	if l == nil {
		return nil
	}
	l = new(*l)
	l.Hashes = slices.Clone(l.Hashes)
	t.legs[id] = l
	return l
}

// tx gives a transaction to be changed, nil when it is not known.
func (t *turn) tx(h msgs.TxHash) *txn {
	if x := t.txs[h]; x != nil {
		return x
	}
	x := t.j.txs[h]
	if x == nil {
		return nil
	}
	x = new(*x)
	x.Legs = slices.Clone(x.Legs)
	t.txs[h] = x
	return x
}

// have is what a line will hold.
func (t *turn) have(l Line) int64 { return add(t.j.bal[l], t.delta[l]) }

// move takes from one book and gives to another.
func (t *turn) move(a Asset, from, to string, amount int64) {
	t.delta[Line{from, a}] = add(t.delta[Line{from, a}], -amount)
	t.delta[Line{to, a}] = add(t.delta[Line{to, a}], amount)
}

// set brings a line of the overlay to a target, against its contra book.
func (t *turn) set(book string, a Asset, contra string, target int64) {
	if d := target - t.have(Line{book, a}); d != 0 {
		t.move(a, contra, book, d)
	}
}

// key claims a natural key for the entry.
func (t *turn) key(k string) {
	t.e.Keys = append(t.e.Keys, k)
	t.dirty = true
}

// entry settles what follows from what was touched: settlements, holds, comparisons. It gives nil when nothing changed.
func (t *turn) entry() *Entry {
	for _, id := range t.legIDs() {
		t.overlay(t.legs[id])
	}
	for _, id := range byKey(t.orders) {
		t.hold(t.orders[id])
	}
	for _, h := range byKey(t.txs) {
		t.judge(t.txs[h])
	}
	t.e.Postings = postings(t.delta)
	if len(t.e.Postings) == 0 && !t.dirty {
		return nil
	}
	if a, sum := unbalanced(t.e.Postings); a != "" {
		panic(fmt.Sprintf("ledger: postings of entry %d in %s sum to %d, want 0", t.e.Seq, a, sum))
	}
	for _, id := range byKey(t.orders) {
		o := t.orders[id]
		o.AtMS = t.nowMS
		t.e.Orders = append(t.e.Orders, *o)
	}
	for _, id := range t.legIDs() {
		t.e.Legs = append(t.e.Legs, *t.legs[id])
	}
	for _, h := range byKey(t.txs) {
		t.e.Txs = append(t.e.Txs, *t.txs[h])
	}
	if err := t.e.seal(t.j.hash); err != nil {
		panic(err) // strings and whole numbers alone
	}
	return &t.e
}

// legIDs walks the touched legs in a fixed order.
func (t *turn) legIDs() []legID {
	ids := make([]legID, 0, len(t.legs))
	for id := range t.legs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, legID.compare)
	return ids
}

// order is what the books know of one order.
type order struct {
	ID      msgs.OrderID       `json:"id"`
	Client  msgs.ClientOrderID `json:"client,omitempty"`
	Token   msgs.TokenID       `json:"token,omitempty"`
	Side    msgs.Side          `json:"side,omitempty"`
	Price   money.Price        `json:"price,omitempty"`
	Size    money.Size         `json:"size,omitempty"`
	Spend   money.Cash         `json:"spend,omitempty"`   // what a purchase that does not rest may pay, by its signature
	Room    money.Cash         `json:"room,omitempty"`    // the most that its purchase can be charged beside its price
	Rests   bool               `json:"rests,omitempty"`   // it takes no more, so that no fee can come
	TookMS  int64              `json:"took_ms,omitempty"` // since when the venue has said that it took something as it came
	Told    money.Size         `json:"told,omitempty"`    // filled as the executor tells it
	Filled  money.Size         `json:"filled,omitempty"`  // sum of its legs, failed ones too: the venue does not bring them back
	Paid    money.Cash         `json:"paid,omitempty"`    // by these legs, without fees
	Closed  bool               `json:"closed,omitempty"`
	Doubt   bool               `json:"doubt,omitempty"` // of a part of the log that may be lost
	SinceMS int64              `json:"since_ms"`
	AtMS    int64              `json:"at_ms"`
}

// hold brings what an order holds to what it can still take.
func (t *turn) hold(o *order) {
	asset, left := Cash, max(0, o.Size-max(o.Filled, o.Told))
	var want int64
	switch {
	case o.Side == msgs.Sell:
		asset, want = assetOf(o.Token), int64(left)
	case o.Spend > 0:
		want = int64(max(0, o.Spend-o.Paid) + o.room(0, max(0, o.Spend-o.Paid)))
	default:
		want = int64(cost(left, o.Price, money.Up) + o.room(left, 0))
	}
	if o.Closed || o.Side == "" {
		want = 0
	}
	t.set(bookHold+string(o.ID), asset, bookFree, want)
}

// room is what size shares, or what cash buys of an order by cash, can be charged while the order can take.
func (o *order) room(size money.Size, cash money.Cash) money.Cash {
	if o.Rests {
		return 0
	}
	return o.share(size, cash)
}

// share is that part of what the whole order can be charged, rounded up.
func (o *order) share(size money.Size, cash money.Cash) money.Cash {
	part, whole := int64(size), int64(o.Size)
	if o.Spend > 0 {
		part, whole = int64(cash), int64(o.Spend)
	}
	if o.Room <= 0 || part <= 0 || whole <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(o.Room), uint64(min(part, whole)))
	q, rest := bits.Div64(hi, lo, uint64(whole))
	if rest > 0 {
		q++
	}
	return money.Cash(q)
}

// leg is what the books know of one own leg of a trade.
type leg struct {
	legID
	Order     msgs.OrderID  `json:"order"`
	Token     msgs.TokenID  `json:"token"`
	Side      msgs.Side     `json:"side"`
	Price     money.Price   `json:"price"`
	Size      money.Size    `json:"size"`
	Fee       money.Cash    `json:"fee,omitempty"`
	Took      bool          `json:"took,omitempty"` // it met what rested: takers pay fees
	Room      money.Cash    `json:"room,omitempty"` // what a purchase that took can be charged beyond Fee
	Confirmed bool          `json:"confirmed,omitempty"`
	Failed    bool          `json:"failed,omitempty"`
	Hashes    []msgs.TxHash `json:"hashes,omitempty"` // told of its settlement; a retry changes them
	Tx        msgs.TxHash   `json:"tx,omitempty"`     // that has settled it
	Open      bool          `json:"open,omitempty"`   // in the overlay
	Late      bool          `json:"late,omitempty"`   // it was reported that it does not settle; of a gone one: it is waited for no more
	Gone      bool          `json:"gone,omitempty"`   // matched before the chain was another one: it may settle on that, or never
	SinceMS   int64         `json:"since_ms"`
	AtMS      int64         `json:"at_ms"`
}

// cash is what a leg pays or brings, with its fee.
func (l *leg) cash() money.Cash {
	if l.Side == msgs.Buy {
		return -cost(l.Size, l.Price, money.Up) - l.Fee
	}
	return max(0, cost(l.Size, l.Price, money.Down)-l.Fee)
}

// shares is what a leg brings or gives.
func (l *leg) shares() money.Size {
	if l.Side == msgs.Buy {
		return l.Size
	}
	return -l.Size
}

// overlay brings what a leg promises in line with how far it has come.
func (t *turn) overlay(l *leg) {
	l.AtMS = t.nowMS
	l.Open = l.Tx == "" && (!l.Failed || l.Confirmed) && !(l.Gone && l.Late)
	out, in := money.Size(-l.cash()+l.Room), l.shares()
	outAsset, inAsset := Cash, assetOf(l.Token)
	if l.Side == msgs.Sell {
		out, in, outAsset, inAsset = -l.shares(), money.Size(l.cash()), inAsset, Cash
	}
	if !l.Open {
		out, in = 0, 0
	}
	t.set(bookOut+l.String(), outAsset, bookFree, int64(out))
	t.set(bookIn+l.String(), inAsset, bookExpected, int64(in))
}
