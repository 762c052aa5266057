package ledger

import (
	"cmp"
	"maps"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Journal is the thinking of one account's books: an input in, at most one entry out. Its state is the fold of its
// entries; Positions say what of the inputs is in them.
type Journal struct {
	cfg Terms
	At  Positions

	seq     uint64 // of the last entry
	hash    Hash   // of it and all before
	n       uint64 // of the last event
	covered uint64 // last entry that an event's anchor covers
	last    *Report
	sweptMS int64

	bal    map[Line]int64
	orders map[msgs.OrderID]*order
	client map[msgs.ClientOrderID]msgs.OrderID
	legs   map[legID]*leg
	txs    map[msgs.TxHash]*txn
	byHash map[msgs.TxHash][]legID // legs by the hashes that the venue has told of them
	lots   map[Asset]lot
}

// Terms are what an account's books are kept by.
type Terms struct {
	Account msgs.Account
	Env     msgs.Env
	Wallet  string // address of the wallet that holds the funds, lower-case
	Book    string // name of this chain of entries
	// Tolerance is how far a settlement may be from its trade, beside one millionth for each leg and the fee that the
	// chain shows.
	Tolerance money.Cash
}

// Positions are how far each input is booked. They are stored with the entries, in the same transaction.
type Positions struct {
	Incarnation string // of the account's log
	OrderN      uint64 // last event of evt.order.<account>
	LogSeq      uint64 // its message in LOG_<account>
	LogBorn     int64  // when that stream was made: another one has other messages under the same numbers
	FeedSeq     uint64 // in ASK_<account>
	FeedBorn    int64
	Chain       string // which chain
	ChainSeq    uint64 // last transaction
	Block       uint64
}

// NewJournal makes empty books.
func NewJournal(t Terms) *Journal {
	return &Journal{
		cfg: t, hash: genesis(t), bal: map[Line]int64{}, orders: map[msgs.OrderID]*order{}, client: map[msgs.ClientOrderID]msgs.OrderID{},
		legs: map[legID]*leg{}, txs: map[msgs.TxHash]*txn{}, byHash: map[msgs.TxHash][]legID{}, lots: map[Asset]lot{},
	}
}

// Input is what the books are told.
type Input interface{ input() }

// Ordered is one event of evt.order.<account>.
type Ordered struct {
	Event msgs.Event
	At    Place
}

// Place is where a message stands.
type Place struct {
	Seq  uint64 // in its stream
	Born int64  // of the stream
}

// Traded is the venue's word about one trade.
type Traded struct {
	Trade *msgs.FeedTrade
	At    Place
}

// Mined is one transaction of the chain.
type Mined struct {
	Chain string
	Tx    Tx
}

// Ticked says that time has passed.
type Ticked struct{}

func (Ordered) input() {}
func (Traded) input()  {}
func (Mined) input()   {}
func (Ticked) input()  {}

// Seen tells whether a natural key is booked. The journal forgets what is long over; the database does not.
type Seen func(key string) bool

// Decide tells what an input does to the books: an entry, or none. It changes nothing.
func (j *Journal) Decide(nowMS int64, in Input, seen Seen) *Entry {
	t := &turn{
		j: j, seen: seen, nowMS: nowMS, chain: j.At.Chain, e: Entry{Seq: j.seq + 1, AtMS: nowMS}, delta: map[Line]int64{},
		orders: map[msgs.OrderID]*order{}, legs: map[legID]*leg{}, txs: map[msgs.TxHash]*txn{},
	}
	switch in := in.(type) {
	case Ordered:
		t.ordered(in.Event)
	case Traded:
		t.traded(in.Trade)
	case Mined:
		t.mined(in)
	case Ticked:
		t.ticked()
	}
	return t.entry()
}

// Take moves the positions past an input. It is called for every input, after its entry was applied.
func (j *Journal) Take(in Input) {
	switch in := in.(type) {
	case Ordered:
		if o, ok := in.Event.(*msgs.OrderOwner); ok && incarnation(o) != "" && incarnation(o) != j.At.Incarnation {
			j.At.Incarnation, j.At.OrderN = incarnation(o), 0
		}
		j.At.OrderN = max(j.At.OrderN, msgs.HeadOf(in.Event).N)
		j.At.LogSeq, j.At.LogBorn = in.At.Seq, in.At.Born
	case Traded:
		j.At.FeedSeq, j.At.FeedBorn = in.At.Seq, in.At.Born
	case Mined:
		if j.At.Chain != in.Chain {
			j.At.Chain, j.At.ChainSeq, j.At.Block = in.Chain, 0, 0
		}
		j.At.ChainSeq, j.At.Block = max(j.At.ChainSeq, in.Tx.Seq), max(j.At.Block, in.Tx.Block)
	}
}

// Apply takes an entry into the state and returns its events.
func (j *Journal) Apply(e *Entry) []msgs.Event {
	j.seq, j.hash = e.Seq, e.Hash
	for _, p := range e.Postings {
		l := Line{p.Book, p.Asset}
		if j.bal[l] = add(j.bal[l], p.Amount); j.bal[l] == 0 {
			delete(j.bal, l)
		}
	}
	for i := range e.Orders {
		o := &e.Orders[i]
		j.orders[o.ID] = o
		if o.Client != "" {
			j.client[o.Client] = o.ID
		}
	}
	for i := range e.Txs {
		x := &e.Txs[i]
		if j.txs[x.Hash] == nil {
			j.bought(x)
		}
		j.txs[x.Hash] = x
	}
	for i := range e.Legs {
		l := &e.Legs[i]
		for _, h := range l.Hashes {
			if !slices.Contains(j.byHash[h], l.legID) {
				j.byHash[h] = append(j.byHash[h], l.legID)
			}
		}
		j.legs[l.legID] = l
	}
	if e.Kind == KindChain {
		clear(j.lots)
	}
	for i := range e.Reports {
		j.last = &e.Reports[i]
	}
	events := j.events(e)
	j.sweep(e.AtMS)
	return events
}

const (
	// keepMS is how long what is over stays in memory, so that a late word finds it; later the database knows its key.
	keepMS = 60 * 60 * 1000
	// keepOddMS is how long a settlement waits in memory for the trade that explains it: as long as ingest looks back.
	keepOddMS = 25 * keepMS
	// sweepMS is the pause between two sweeps.
	sweepMS = 10 * 60 * 1000
)

// sweep lets go of what is long over.
func (j *Journal) sweep(nowMS int64) {
	if nowMS-j.sweptMS < sweepMS {
		return
	}
	j.sweptMS = nowMS
	busy := map[msgs.OrderID]bool{}
	for id, l := range j.legs {
		x := j.txs[l.Tx]
		if age := nowMS - l.AtMS; l.Open || age < keepMS || x != nil && !x.Judged && age < keepOddMS {
			busy[l.Order] = true
			continue
		}
		delete(j.legs, id)
		for _, h := range l.Hashes {
			if j.byHash[h] = slices.DeleteFunc(j.byHash[h], func(x legID) bool { return x == id }); len(j.byHash[h]) == 0 {
				delete(j.byHash, h)
			}
		}
	}
	maps.DeleteFunc(j.txs, func(_ msgs.TxHash, x *txn) bool {
		age := nowMS - x.AtMS
		return age >= keepMS && (x.Judged || len(x.Fills) == 0) || age >= keepOddMS
	})
	for id, o := range j.orders {
		if (o.Closed || o.Side == "") && !busy[id] && nowMS-o.AtMS >= keepMS {
			delete(j.orders, id)
			if j.client[o.Client] == id {
				delete(j.client, o.Client)
			}
		}
	}
}

// lot is what is known of the price of a position: the shares that trades have brought, and what they cost.
type lot struct {
	Size money.Size `json:"size"`
	Cost money.Cash `json:"cost"`
}

// bought brings the lots up to date with a settlement. A sale takes from the lot at its average.
func (j *Journal) bought(x *txn) {
	for _, f := range x.Fills {
		a := assetOf(f.Token)
		l := j.lots[a]
		switch {
		case f.Side == msgs.Buy:
			l.Size, l.Cost = l.Size+f.Size, l.Cost+f.Cash
		case f.Size >= l.Size:
			l = lot{}
		default:
			avg, err := money.PriceOf(l.Cost, l.Size, money.HalfUp)
			if err == nil {
				l.Size, l.Cost = l.Size-f.Size, max(0, l.Cost-cost(f.Size, avg, money.HalfUp))
			}
		}
		if j.lots[a] = l; l.Size == 0 {
			delete(j.lots, a)
		}
	}
}

// byKey walks a map in the order of its keys.
func byKey[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
