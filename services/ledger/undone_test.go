package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/pkg/msgs"
)

// reorganised gives the transactions of a tale as a source tells them whose chain is reorganised again and again: the last
// few are undone, youngest first, and come again in another order, some of them later.
func reorganised(r *rand.Rand, chain []Input) (out []Input) {
	var stands []Tx
	var waits []Tx
	tell := func(x Tx, undone bool) {
		x.Seq, x.Undone = uint64(len(out))+1, undone
		out = append(out, Mined{Chain: "C", Tx: x})
		if !undone {
			stands = append(stands, x)
		}
	}
	for _, in := range chain {
		tell(in.(Mined).Tx, false)
		if r.IntN(4) > 0 {
			continue
		}
		for range min(1+r.IntN(4), len(stands)-1) {
			last := stands[len(stands)-1]
			stands = stands[:len(stands)-1]
			tell(last, true)
			waits = append(waits, last)
		}
		r.Shuffle(len(waits), func(i, k int) { waits[i], waits[k] = waits[k], waits[i] })
		for len(waits) > 0 && r.IntN(5) > 0 {
			tell(waits[0], false)
			waits = waits[1:]
		}
	}
	for _, x := range waits {
		tell(x, false)
	}
	return out
}

// After every transaction that comes or is undone the wallet is what the chain has moved, to the unit; what a dropped
// settlement had settled is leaving and coming again; and in the end it is as if nothing had happened but once.
func TestUndoneTransactionsAreReversedByEntries(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := newTale(seed, 40)
		chain := reorganised(r, s.chain)
		j, sh := NewJournal(termsOf("main")), &shelf{keys: map[string]bool{}}
		have, undone := map[Asset]int64{}, 0
		for i, in := range woven(r, s.orders, s.trades, chain) {
			m, ok := in.(Mined)
			repeated := ok && m.Tx.Seq <= j.At.ChainSeq
			sh.tell(t, j, int64(i), in)
			if !ok || repeated {
				continue
			}
			sign := int64(1)
			if m.Tx.Undone {
				sign, undone = -1, undone+1
			}
			for _, l := range m.Tx.Logs {
				if l.Transfer != nil && l.Transfer.From == ourWallet {
					have[l.Transfer.Asset] -= sign * l.Transfer.Amount
				}
				if l.Transfer != nil && l.Transfer.To == ourWallet {
					have[l.Transfer.Asset] += sign * l.Transfer.Amount
				}
			}
			if wallet, _, _ := figures(j); !same(wallet, have) {
				t.Fatalf("seed %d, transaction %d: wallet %v, and the chain has moved %v", seed, m.Tx.Seq, wallet, have)
			}
		}
		wallet, held, moving := figures(j)
		if !same(wallet, s.wallet) || !same(held, s.held) || len(moving) != 0 {
			t.Fatalf("seed %d: wallet %v, want %v; held %v, want %v; moving %v", seed, wallet, s.wallet, held, s.held, moving)
		}
		for _, e := range sh.events {
			if msgs.HeadOf(e).Type == msgs.KindDiscrepancy {
				t.Fatalf("seed %d: %+v", seed, e)
			}
		}
		if undone < 5 {
			t.Fatalf("seed %d: only %d transactions were undone", seed, undone)
		}
		replayed(t, fmt.Sprint("seed ", seed), j, sh)
	}
}

// A settlement that is dropped takes its receipts back and lets what it had settled leave again; events say that none of it
// was final. What is undone long after memory has let go of it is undone all the same.
func TestDroppedSettlementIsUnsettledAgain(t *testing.T) {
	s := plot()
	o := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 10*whole)
	s.word(o, "t", 500_000, 10*whole, msgs.Matched, "")
	s.settles(o, "0x1", 500_000, 10*whole, 1000)
	s.word(o, "t", 500_000, 10*whole, "MINED", "0x1")
	j := s.lived(t)
	settled := s.chain[1].(Mined)
	next := func(now int64, x Tx) Balance {
		x.Seq = j.At.ChainSeq + 1
		s.shelf.tell(t, j, now, Mined{Chain: "C", Tx: x})
		return j.Balances()[Cash]
	}
	gone := settled.Tx
	gone.Undone = true
	if b := next(10*lateMS, gone); b.Total != 1000*whole || b.Out != 5*whole {
		t.Errorf("dropped: %+v", b)
	}
	s.shelf.tell(t, j, 10*lateMS+1, Ticked{})
	if last := s.shelf.entries[len(s.shelf.entries)-1]; last.Kind == KindLate {
		t.Errorf("it is called late at once: %+v", last.Reports)
	}
	e, ok := s.shelf.events[len(s.shelf.events)-1].(*msgs.LedgerBalance)
	if _, head := s.shelf.events[len(s.shelf.events)-1].(*msgs.LedgerHead); head {
		e, ok = s.shelf.events[len(s.shelf.events)-2].(*msgs.LedgerBalance)
	}
	if !ok || e.Reason != "reorganised" || e.Final {
		t.Errorf("told %+v", e)
	}
	if b := next(11*lateMS, settled.Tx); b.Total != 1000*whole-5*whole-1000 || b.Out != 0 {
		t.Errorf("mined again: %+v", b)
	}
	const days = 3 * 24 * 60 * 60 * 1000
	s.shelf.tell(t, j, days, Mined{Chain: "C", Tx: Tx{Seq: j.At.ChainSeq + 1, Hash: "0x2", Final: true, Logs: []Log{transfer(Cash, someone, ourWallet, 7)}}})
	if e := s.shelf.events[len(s.shelf.events)-1].(*msgs.LedgerBalance); !e.Final {
		t.Errorf("of a final transaction: %+v", e)
	}
	if j.txs["0x1"] != nil {
		t.Fatal("memory has not let go of it")
	}
	if b := next(days, gone); b.Total != 1000*whole+7 {
		t.Errorf("dropped days later: %+v", b)
	}
}
