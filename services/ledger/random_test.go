package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

const (
	ourWallet = "0x00000000000000000000000000000000000000aa"
	exchange  = "0x00000000000000000000000000000000000000ee"
	someone   = "0x00000000000000000000000000000000000000bb"
)

func termsOf(account string) Terms {
	return Terms{Account: msgs.Account(account), Env: msgs.Sandbox, Wallet: ourWallet, Book: "TESTBOOK"}
}

// tale is what a plant tells the books: the three inputs, each in its order, and what must come of them.
type tale struct {
	orders []Input
	trades []Input
	chain  []Input
	wallet map[Asset]int64 // at the end
	held   map[Asset]int64
}

// story makes up a tale.
type story struct {
	r *rand.Rand
	tale
	n     uint64
	seq   uint64
	all   []Input // in the order in which it was told
	shelf *shelf
}

func (s *story) event(e msgs.Event, t msgs.Type) {
	s.n++
	h := msgs.HeadOf(e)
	h.V, h.Type, h.Account, h.Env, h.N, h.AtMS = 1, t, "main", msgs.Sandbox, s.n, int64(s.n)
	s.orders = append(s.orders, Ordered{Event: e, Incarnation: "A", At: Place{Seq: s.n, Born: 1, Stamp: int64(s.n)}})
	s.all = append(s.all, s.orders[len(s.orders)-1])
}

func (s *story) trade(tr *msgs.FeedTrade) {
	s.trades = append(s.trades, Traded{Trade: tr, At: Place{Seq: uint64(len(s.trades)) + 1, Born: 1}})
	s.all = append(s.all, s.trades[len(s.trades)-1])
}

func (s *story) mine(hash msgs.TxHash, logs ...Log) {
	s.seq++
	s.chain = append(s.chain, Mined{Chain: "C", Tx: Tx{Seq: s.seq, Block: s.seq, Hash: hash, Logs: logs}})
	s.all = append(s.all, s.chain[len(s.chain)-1])
	for _, l := range logs {
		if l.Transfer == nil {
			continue
		}
		if l.Transfer.From == ourWallet {
			s.wallet[l.Transfer.Asset] -= l.Transfer.Amount
		}
		if l.Transfer.To == ourWallet {
			s.wallet[l.Transfer.Asset] += l.Transfer.Amount
		}
	}
}

func transfer(a Asset, from, to string, n int64) Log {
	return Log{Transfer: &Transfer{Asset: a, From: from, To: to, Amount: n}}
}

// newTale tells of orders of all kinds at random: filled in parts, cancelled, over-filled, filled after their cancel, of
// trades that fail, and of orders placed in the web page.
func newTale(seed uint64, orders int) *story {
	s := &story{r: rand.New(rand.NewPCG(seed, 1)), tale: tale{wallet: map[Asset]int64{}, held: map[Asset]int64{}}}
	s.mine("0xfunds", transfer(Cash, zeroAddress, ourWallet, 1e12), transfer("11", zeroAddress, ourWallet, 1e12), transfer("22", zeroAddress, ourWallet, 1e12))
	s.event(&msgs.OrderOwner{Incarnation: "A"}, msgs.KindOwner)
	for i := range orders {
		s.order(i)
		if s.r.IntN(10) == 0 {
			s.mine(msgs.TxHash(fmt.Sprintf("0xdeposit%d", i)), transfer(Cash, someone, ourWallet, s.r.Int64N(1e9)+1))
		}
	}
	return s
}

// order tells the life of one order.
func (s *story) order(i int) {
	r := s.r
	o := msgs.Order{ClientOrderID: msgs.ClientOrderID(fmt.Sprintf("o%d", i)), OrderID: msgs.OrderID(fmt.Sprintf("0x%064d", i)), TokenID: []msgs.TokenID{"11", "22"}[r.IntN(2)],
		Side: []msgs.Side{msgs.Buy, msgs.Sell}[r.IntN(2)], OrderType: []msgs.OrderType{msgs.GTC, msgs.FAK}[r.IntN(2)],
		Price: money.Price(1+r.IntN(99)) * 10_000, Size: money.Size(5+r.IntN(100)) * money.Unit, State: msgs.Open}
	o.Remaining = o.Size
	web := r.IntN(6) == 0
	if !web {
		in := msgs.Intent{ClientOrderID: o.ClientOrderID, OrderID: o.OrderID, TokenID: o.TokenID, Side: o.Side, OrderType: o.OrderType, Price: o.Price, Size: o.Size,
			MakerAmount: int64(cost(o.Size, o.Price, money.Up))}
		s.event(&msgs.OrderSubmitting{Orders: []msgs.Intent{in}}, msgs.KindSubmitting)
		s.event(&msgs.OrderAccepted{Order: o, VenueStatus: "live"}, msgs.KindAccepted)
	} else {
		o.ClientOrderID = ""
		s.event(&msgs.OrderForeign{Order: o}, msgs.KindForeign)
	}
	cancelled := false
	for k := range r.IntN(4) {
		if r.IntN(5) == 0 {
			o.State, o.Final, cancelled = msgs.Cancelled, true, true
			s.event(&msgs.OrderCancelled{Order: o, Reason: msgs.Requested}, msgs.KindCancelled)
		}
		s.fill(&o, i, k)
	}
	if !cancelled && r.IntN(2) == 0 {
		o.Final = true
		s.event(&msgs.OrderCancelled{Order: o, Reason: msgs.Requested}, msgs.KindCancelled)
	}
	left := max(0, o.Size-o.Filled)
	switch {
	case o.Final:
	case o.Side == msgs.Sell:
		s.held[assetOf(o.TokenID)] += int64(left)
	case o.OrderType == msgs.FAK && !web:
		s.held[Cash] += int64(max(0, cost(o.Size, o.Price, money.Up)-cost(o.Filled, o.Price, money.Up)))
	default:
		s.held[Cash] += int64(cost(left, o.Price, money.Up))
	}
}

// fill tells of one trade of an order: matched, perhaps retried under another hash, settled or failed.
func (s *story) fill(o *msgs.Order, i, k int) {
	r := s.r
	id := msgs.TradeID(fmt.Sprintf("t%d-%d", i, k))
	size := money.Size(1+r.IntN(60)) * money.Unit // may be more than is left
	fill := msgs.Fill{TradeID: id, Leg: r.IntN(3), Price: o.Price, Size: size, Role: msgs.Taker}
	told := o.Filled + size
	o.Filled, o.Remaining = told, max(0, o.Size-told)
	s.event(&msgs.OrderFilled{Order: *o, Fill: &fill}, msgs.KindFilled)
	hash := msgs.TxHash(fmt.Sprintf("0x%d-%d", i, k))
	say := func(status msgs.TradeStatus, h msgs.TxHash) {
		s.trade(&msgs.FeedTrade{V: 1, Account: "main", Env: msgs.Sandbox, TradeID: id, Status: status, TxHash: h, Legs: msgs.List[msgs.FeedLeg]{
			{Leg: fill.Leg, OrderID: o.OrderID, TokenID: o.TokenID, Side: o.Side, Price: o.Price, Size: size, Role: msgs.Taker}}})
	}
	say(msgs.Matched, "")
	if r.IntN(4) == 0 {
		say(msgs.Retrying, hash+"x")
	}
	if r.IntN(5) == 0 {
		say(msgs.Failed, "")
		s.event(&msgs.OrderSettlementFailed{Order: *o, Fill: &fill}, msgs.KindSettlementFailed)
		return
	}
	paid, fee := int64(cost(size, o.Price, money.Up)), int64(r.IntN(2)*1000)
	logs := []Log{{Fill: &Fill{Order: o.OrderID, Wallet: ourWallet, Token: o.TokenID, Side: o.Side, Size: size, Cash: money.Cash(paid), Fee: money.Cash(fee)}}}
	if o.Side == msgs.Buy {
		logs = append(logs, transfer(Cash, ourWallet, exchange, paid+fee), transfer(assetOf(o.TokenID), exchange, ourWallet, int64(size)))
	} else {
		logs = append(logs, transfer(assetOf(o.TokenID), ourWallet, exchange, int64(size)), transfer(Cash, exchange, ourWallet, paid-fee))
	}
	s.mine(hash, logs...)
	say("MINED", hash)
	say(msgs.Confirmed, hash)
	s.event(&msgs.OrderSettled{Order: *o, Fill: &fill, TxHash: hash}, msgs.KindSettled)
}

// shelf keeps what the database would: entries, keys.
type shelf struct {
	keys    map[string]bool
	entries []*Entry
	events  []msgs.Event
}

// tell gives an input to the books as the keeper does, and checks what must hold after each.
func (s *shelf) tell(t *testing.T, j *Journal, now int64, in Input) {
	t.Helper()
	e := j.Decide(now, in, func(k string) bool { return s.keys[k] })
	if e != nil {
		if a, sum := unbalanced(e.Postings); a != "" {
			t.Fatalf("entry %d: %s sums to %d", e.Seq, a, sum)
		}
		for _, k := range e.Keys {
			if s.keys[k] {
				t.Fatalf("key %q is booked twice", k)
			}
			s.keys[k] = true
		}
		s.entries = append(s.entries, e)
		s.events = append(s.events, j.Apply(e)...)
	}
	j.Take(in)
}

// woven gives the inputs in a random interleaving that keeps each one's order, with repeats.
func woven(r *rand.Rand, parts ...[]Input) (out []Input) {
	parts = slices.Clone(parts)
	var past []Input
	for {
		parts = slices.DeleteFunc(parts, func(p []Input) bool { return len(p) == 0 })
		if len(parts) == 0 {
			return out
		}
		i := r.IntN(len(parts))
		out, past = append(out, parts[i][0]), append(past, parts[i][0])
		parts[i] = parts[i][1:]
		if r.IntN(4) == 0 {
			out = append(out, past[r.IntN(len(past))])
		}
	}
}

func figures(j *Journal) (wallet, held, moving map[Asset]int64) {
	wallet, held, moving = map[Asset]int64{}, map[Asset]int64{}, map[Asset]int64{}
	for a, b := range j.Balances() {
		if b.Total != 0 {
			wallet[a] = b.Total
		}
		if b.Held != 0 {
			held[a] = b.Held
		}
		if b.Out != 0 || b.In != 0 {
			moving[a] = b.Out + b.In
		}
	}
	return wallet, held, moving
}

func same(a, b map[Asset]int64) bool {
	nonzero := func(m map[Asset]int64) map[Asset]int64 {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(_ Asset, n int64) bool { return n == 0 })
		return m
	}
	return maps.Equal(nonzero(a), nonzero(b))
}

// However the three inputs interleave, and whatever is told twice, the books end with what the chain has moved and what
// the open orders hold; nothing stays unsettled; every settlement is compared and agrees; and a replay of the entries is
// the same state with the same events.
func TestBooksDoNotDependOnTheInterleaving(t *testing.T) {
	for seed := range uint64(20) {
		s := newTale(seed, 40)
		for weave := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 100+weave))
			j, sh := NewJournal(termsOf("main")), &shelf{keys: map[string]bool{}}
			now := int64(0)
			for _, in := range woven(r, s.orders, s.trades, s.chain) {
				now += r.Int64N(200)
				sh.tell(t, j, now, in)
				if r.IntN(10) == 0 {
					sh.tell(t, j, now, Ticked{})
				}
			}
			name := fmt.Sprintf("seed %d weave %d", seed, weave)
			wallet, held, moving := figures(j)
			if !same(wallet, s.wallet) {
				t.Fatalf("%s: wallet %v, want %v", name, wallet, s.wallet)
			}
			if !same(held, s.held) {
				t.Fatalf("%s: held %v, want %v", name, held, s.held)
			}
			if len(moving) != 0 {
				t.Fatalf("%s: still moving %v", name, moving)
			}
			compared := 0
			for _, e := range sh.events {
				if msgs.HeadOf(e).Type == msgs.KindDiscrepancy {
					b, _ := json.Marshal(e)
					t.Fatalf("%s: %s", name, b)
				}
				if msgs.HeadOf(e).Type == msgs.KindReconciled {
					compared++
				}
			}
			if fills := len(s.chain) - 1; compared == 0 && fills > 20 {
				t.Fatalf("%s: nothing was compared", name)
			}
			replayed(t, name, j, sh)
		}
	}
}

// replayed folds the entries anew, from their bytes, once whole and once over a saved state.
func replayed(t *testing.T, name string, j *Journal, sh *shelf) {
	t.Helper()
	want, err := j.Save()
	if err != nil {
		t.Fatal(err)
	}
	k := NewJournal(termsOf("main"))
	var events []msgs.Event
	for i, e := range sh.entries {
		if i == len(sh.entries)/2 {
			b, err := k.Save()
			if err != nil {
				t.Fatal(err)
			}
			if k, err = Load(termsOf("main"), b); err != nil {
				t.Fatal(err)
			}
		}
		if hash := chained(k.hash, e.Seq, e.Body); hash != e.Hash {
			t.Fatalf("%s: entry %d does not follow from the one before", name, e.Seq)
		}
		again, err := openEntry(e.Seq, e.Body, e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, k.Apply(again)...)
	}
	got, err := k.Save()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: the replay is\n%s\nand life was\n%s", name, got, want)
	}
	a, _ := json.Marshal(events)
	b, _ := json.Marshal(sh.events)
	if !bytes.Equal(a, b) {
		t.Fatalf("%s: the replay tells other events", name)
	}
}
