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
	Log   Mark  `json:"log"`    // last event of evt.order.<account> that was read
	LogAt Place `json:"log_at"` // its message in LOG_<account>
	// Sure is the last event of a log that is not in doubt. A log that was emptied or rolled back is read, and Sure stays
	// where it was until the executor has compared it: it is what tells the executor.
	Sure   Mark  `json:"sure"`
	SureMS int64 `json:"sure_ms"`
	Doubt  bool  `json:"doubt,omitempty"`

	// Missed says that events were removed unread, and that the open orders were not taken from the executor since.
	Missed bool `json:"missed,omitempty"`

	FeedAt Place `json:"feed_at"` // in ASK_<account>

	Chain    string `json:"chain"`     // which chain
	ChainSeq uint64 `json:"chain_seq"` // last transaction
	Block    uint64 `json:"block"`
}

// Mark names an event of evt.order.<account>.
type Mark struct {
	Incarnation string `json:"incarnation,omitempty"`
	N           uint64 `json:"n"`
}

// Place is where a message stands: in a stream made at Born, as what was stored at Stamp, both in Unix nanoseconds. A
// stream that was made anew or restored has other messages under the same numbers.
type Place struct {
	Seq   uint64 `json:"seq"`
	Born  int64  `json:"born"`
	Stamp int64  `json:"stamp"`
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
	Event       msgs.Event
	Incarnation string // of the log with this event; empty: as before
	At          Place
}

// Rewound says that the log is not the one that was read: it is read again from its beginning.
type Rewound struct{}

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
func (Rewound) input() {}

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
		t.ordered(in)
	case Rewound:
		t.rewound()
	case Missed:
		t.missed(in)
	case Adopted:
		t.adopted(in)
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
		j.At.read(in)
	case Rewound:
		j.At.Log, j.At.LogAt, j.At.Doubt = Mark{}, Place{}, true
	case Missed:
		j.At.Missed = j.At.Missed || in.Part == partOrders
	case Adopted:
		j.At.Missed = j.At.Missed && j.At.Log.N > in.N
	case Traded:
		j.At.FeedAt = in.At
	case Mined:
		if j.At.Chain != in.Chain {
			j.At.Chain, j.At.ChainSeq, j.At.Block = in.Chain, 0, 0
		}
		j.At.ChainSeq, j.At.Block = max(j.At.ChainSeq, in.Tx.Seq), max(j.At.Block, in.Tx.Block)
	}
}

// read moves the position in the log.
func (p *Positions) read(in Ordered) {
	h := msgs.HeadOf(in.Event)
	p.LogAt = in.At
	if p.knows(in) {
		return
	}
	now := Mark{cmp.Or(in.Incarnation, p.Log.Incarnation), h.N}
	if p.Log.Incarnation != "" && now.Incarnation != p.Log.Incarnation {
		p.Doubt = true
	}
	if p.Log = now; p.compared(in.Event) {
		p.Doubt = false
	}
	if !p.Doubt {
		p.Sure, p.SureMS = now, h.AtMS
	}
}

// knows reports an event that was read before.
func (p *Positions) knows(in Ordered) bool {
	return (in.Incarnation == "" || in.Incarnation == p.Log.Incarnation) && msgs.HeadOf(in.Event).N <= p.Log.N
}

// compared reports an event by which the executor says that the log, as it stands now, holds. One of before the log came
// into doubt, read again, does not count.
func (p *Positions) compared(e msgs.Event) bool {
	if msgs.HeadOf(e).AtMS <= p.SureMS {
		return false
	}
	switch e := e.(type) {
	case *msgs.OrderCompared:
		return true
	case *msgs.OrderResumed:
		return e.Accepted
	}
	return false
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
		old := j.txs[x.Hash]
		switch stood := old != nil && !old.Undone; {
		case !stood && !x.Undone:
			j.bought(x.Fills)
		case stood && x.Undone:
			j.returned(x.Fills)
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
func (j *Journal) bought(fills []Fill) {
	for _, f := range fills {
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

// returned takes a settlement back: what was bought at its price, and what was sold at the price of the sale, which is not
// known better.
func (j *Journal) returned(fills []Fill) {
	for _, f := range fills {
		a := assetOf(f.Token)
		l := j.lots[a]
		if f.Side == msgs.Buy {
			l.Size, l.Cost = max(0, l.Size-f.Size), max(0, l.Cost-f.Cash)
		} else {
			l.Size, l.Cost = l.Size+f.Size, l.Cost+f.Cash
		}
		if j.lots[a] = l; l.Size == 0 {
			delete(j.lots, a)
		}
	}
}

// byKey walks a map in the order of its keys.
func byKey[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
