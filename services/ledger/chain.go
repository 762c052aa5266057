package ledger

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// Tx is one transaction of the chain with its logs, whole.
type Tx struct {
	Seq   uint64 // its place among all that the source tells, rising
	Block uint64
	AtMS  int64
	Hash  msgs.TxHash
	Logs  []Log
	// Undone says that the transaction, told before, stands on the chain no more: a reorganisation has dropped it. Logs are
	// what it was told with. It may come again, under another number.
	Undone bool
	// Final says that no reorganisation can take it back.
	Final bool
}

// Log is one log that concerns money: a transfer, or the fill of an order. Addresses are lower-case.
type Log struct {
	Transfer *Transfer
	Fill     *Fill
}

// Transfer moves an amount of base units. Amount is negative when it was beyond what can be counted.
type Transfer struct {
	Asset    Asset
	From, To string
	Amount   int64
}

// Fill is what an exchange says of an order that it has settled.
type Fill struct {
	Order  msgs.OrderID `json:"order"`
	Wallet string       `json:"-"`
	Token  msgs.TokenID `json:"token"`
	Side   msgs.Side    `json:"side"`
	Size   money.Size   `json:"size"` // shares
	Cash   money.Cash   `json:"cash"` // without the fee
	Fee    money.Cash   `json:"fee,omitempty"`
}

// zeroAddress is where what is made comes from.
const zeroAddress = "0x0000000000000000000000000000000000000000"

// txn is what the books know of a transaction.
type txn struct {
	Hash   msgs.TxHash `json:"hash"`
	Block  uint64      `json:"block"`
	AtMS   int64       `json:"at_ms"`
	Net    []Posting   `json:"net"`             // of the wallet
	Other  []Posting   `json:"other,omitempty"` // of the other facts
	Fills  []Fill      `json:"fills,omitempty"`
	Legs   []legID     `json:"legs,omitempty"`   // that it has settled
	Judged bool        `json:"judged,omitempty"` // compared with these legs
	Late   bool        `json:"late,omitempty"`   // it was reported that no trade explains it
	Undone bool        `json:"undone,omitempty"` // it stands on the chain no more
}

// fills reports whether the transaction has settled an order; one that tells no fills may have settled any.
func (x *txn) fills(id msgs.OrderID) bool {
	return len(x.Fills) == 0 || slices.ContainsFunc(x.Fills, func(f Fill) bool { return f.Order == id })
}

// txKey is of a transaction on its chain: two chains of a local venue can have transactions of one hash. A transaction that
// a reorganisation dropped can come again: time counts from 1.
func txKey(chain string, h msgs.TxHash, time int) string {
	if time == 1 {
		return "tx " + chain + " " + string(h)
	}
	return "tx " + chain + " " + string(h) + " " + strconv.Itoa(time)
}

func undoneKey(chain string, h msgs.TxHash, time int) string {
	return "undone " + chain + " " + string(h) + " " + strconv.Itoa(time)
}

// stands tells whether a transaction is booked and not undone, and which time that is, or would be.
func (t *turn) stands(h msgs.TxHash) (time int, booked bool) {
	for time = 1; ; time++ {
		if !t.seen(txKey(t.chain, h, time)) {
			return time, false
		}
		if !t.seen(undoneKey(t.chain, h, time)) {
			return time, true
		}
	}
}

// mined takes a transaction. Facts are posted from its transfers; the trades that it settles leave the overlay in the
// same entry.
func (t *turn) mined(in Mined) {
	t.e.Kind, t.chain = KindTx, in.Chain
	if t.j.At.Chain != "" && t.j.At.Chain != in.Chain {
		t.forget(in.Chain)
	} else if in.Tx.Seq <= t.j.At.ChainSeq {
		return
	}
	time, booked := t.stands(in.Tx.Hash)
	if in.Tx.Undone && booked {
		t.undone(in, time)
	}
	if in.Tx.Undone || booked {
		return
	}
	t.e.Open = !in.Tx.Final
	x := &txn{Hash: in.Tx.Hash, Block: in.Tx.Block, AtMS: t.nowMS}
	for _, l := range in.Tx.Logs {
		if l.Fill != nil && l.Fill.Wallet == t.j.cfg.Wallet {
			x.Fills = append(x.Fills, t.countable(*l.Fill, x))
		}
	}
	before := maps.Clone(t.delta)
	moved := t.transfers(x, in.Tx.Logs)
	if len(x.Fills) == 0 && !moved {
		return
	}
	t.key(txKey(in.Chain, x.Hash, time))
	t.txs[x.Hash] = x
	t.e.Ref.TxHash = x.Hash
	for _, f := range x.Fills {
		t.move(Cash, bookClearing, bookFees, int64(f.Fee))
	}
	x.Other = postings(t.facts(before))
	for _, id := range slices.Clone(t.j.byHash[x.Hash]) {
		t.join(t.leg(id), x.Hash)
	}
	if t.about(x); t.e.Kind == KindTx {
		t.e.Reason = x.reason(t.j.cfg.Wallet, in.Tx.Logs)
	}
}

// facts are what the entry has moved of the facts beside the wallet's, since it had moved before.
func (t *turn) facts(before map[Line]int64) map[Line]int64 {
	out := map[Line]int64{}
	for l, n := range t.delta {
		if l.Book != bookWallet && factual(l.Book) {
			out[l] = n - before[l]
		}
	}
	return out
}

// undone reverses a transaction that the chain has dropped, by an entry of its own. The trades that it had settled are
// leaving and coming again.
func (t *turn) undone(in Mined, time int) {
	t.key(undoneKey(in.Chain, in.Tx.Hash, time))
	t.e.Reason, t.e.Ref.TxHash, t.e.Open = "reorganised", in.Tx.Hash, true
	x := t.tx(in.Tx.Hash)
	if x == nil {
		x = t.again(in.Tx) // booked so long ago that it is let go of
	}
	for _, p := range slices.Concat(x.Net, x.Other) {
		t.delta[Line{p.Book, p.Asset}] = add(t.delta[Line{p.Book, p.Asset}], -p.Amount)
	}
	for _, id := range x.Legs {
		if l := t.leg(id); l != nil {
			l.Tx, l.Late, l.SinceMS = "", false, t.nowMS
		}
	}
	x.Undone, x.Judged, x.Legs, x.AtMS = true, false, nil, t.nowMS
	t.txs[x.Hash] = x
}

// again is what a transaction was booked as.
func (t *turn) again(tx Tx) *txn {
	u := &turn{j: t.j, seen: t.seen, nowMS: t.nowMS, chain: t.chain, delta: map[Line]int64{}}
	x := &txn{Hash: tx.Hash, Block: tx.Block}
	for _, l := range tx.Logs {
		if l.Fill != nil && l.Fill.Wallet == t.j.cfg.Wallet {
			x.Fills = append(x.Fills, u.countable(*l.Fill, x))
		}
	}
	u.transfers(x, tx.Logs)
	for _, f := range x.Fills {
		u.move(Cash, bookClearing, bookFees, int64(f.Fee))
	}
	x.Other = postings(u.facts(nil))
	return x
}

// countable is a fill without figures that are beyond what can be counted. No exchange that the books follow tells such.
func (t *turn) countable(f Fill, x *txn) Fill {
	if min(int64(f.Size), int64(f.Cash), int64(f.Fee)) < 0 || max(int64(f.Size), int64(f.Cash), int64(f.Fee)) > maxBalance/1000 {
		f.Size, f.Cash, f.Fee = 0, 0, 0
		t.report(Report{Subject: "transaction", Ref: msgs.Ref{TxHash: x.Hash, OrderID: f.Order}, Asset: Cash, Block: x.Block,
			Explanation: "the fill that it tells is beyond what can be counted; its transfers are booked"})
	}
	return f
}

// transfers posts what moved from and to the wallet, and reports whether anything did.
func (t *turn) transfers(x *txn, logs []Log) bool {
	net := map[Line]int64{}
	moved := false
	for _, l := range logs {
		tr, w := l.Transfer, t.j.cfg.Wallet
		if tr == nil || tr.From == tr.To || tr.From != w && tr.To != w {
			continue
		}
		moved = true
		other, sign := tr.From, int64(1)
		if tr.From == w {
			other, sign = tr.To, -1
		}
		line := Line{bookWallet, tr.Asset}
		if tr.Amount < 0 || tr.Amount > maxBalance || beyond(t.have(line)+sign*tr.Amount) || beyond(t.have(Line{counter(x, other), tr.Asset})-sign*tr.Amount) {
			t.report(Report{Subject: "transfer", Ref: msgs.Ref{TxHash: x.Hash}, Asset: tr.Asset, Explanation: "the amount is beyond what can be counted; it is not booked", Block: x.Block})
			continue
		}
		t.move(tr.Asset, counter(x, other), bookWallet, sign*tr.Amount)
		net[line] += sign * tr.Amount
	}
	x.Net = postings(net)
	return moved
}

func beyond(n int64) bool { return n > maxBalance || n < -maxBalance }

// counter is the book on the other side of a transfer. What an exchange moves is told by the transaction, not by the
// address: in a mint or a merge the other side is the exchange, in a direct match another trader.
func counter(x *txn, other string) string {
	switch {
	case len(x.Fills) > 0:
		return bookClearing
	case other == zeroAddress:
		return bookMint
	}
	return bookExternal + other
}

// reason says in a word why the wallet's balances changed.
func (x *txn) reason(wallet string, logs []Log) string {
	if len(x.Fills) > 0 {
		return string(msgs.KindSettled)
	}
	var in, out bool
	made := true
	for _, l := range logs {
		if tr := l.Transfer; tr != nil && (tr.From == wallet || tr.To == wallet) {
			in, out = in || tr.To == wallet, out || tr.From == wallet
			made = made && (tr.From == zeroAddress || tr.To == zeroAddress)
		}
	}
	switch {
	case in && out:
		return "converted"
	case in && made:
		return "minted"
	case in:
		return "transfer_in"
	case made:
		return "burned"
	}
	return "transfer_out"
}

// about lets the entry say which order and trade it settles, when there is one.
func (t *turn) about(x *txn) {
	if len(x.Fills) == 1 {
		t.e.Ref.OrderID = x.Fills[0].Order
		if o := t.j.orders[x.Fills[0].Order]; o != nil {
			t.e.Ref.ClientOrderID = o.Client
		}
	}
	if len(x.Legs) == 1 {
		t.e.Ref.TradeID = x.Legs[0].Trade
	}
}

// forget closes the facts of a chain that is no more. A local venue that starts again is a new chain. What was matched may
// belong to either: what does not settle in time was the old one's, and is let go of then.
func (t *turn) forget(chain string) {
	t.key("chain " + chain)
	t.e.Kind, t.e.Reason = KindChain, "new_chain"
	for l, n := range t.j.bal {
		if factual(l.Book) {
			t.move(l.Asset, l.Book, bookReset, n)
		}
	}
	for id := range t.j.legs {
		if l := t.j.legs[id]; l.Open {
			t.leg(id).Gone = true
		}
	}
}

func factual(book string) bool {
	return book == bookWallet || book == bookClearing || book == bookFees || book == bookMint || strings.HasPrefix(book, bookExternal)
}
