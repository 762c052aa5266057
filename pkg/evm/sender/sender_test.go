package sender_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
)

func TestIntentIsExecutedOnceAndFinal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1, 2, 3, 1)
		w.blocks(1)
		if n := len(p.of(sender.Mined, "")); n != 0 {
			t.Errorf("%d told as mined before the next look", n)
		}
		w.blocks(1)
		if mined, ended := len(p.of(sender.Mined, "")), len(p.of(sender.Ended, "")); mined != 3 || ended != 0 {
			t.Errorf("after two blocks %d are told as mined and %d as final, want 3 and 0", mined, ended)
		}
		st, err := p.Status(t.Context())
		if err != nil || len(st.Open) != 3 || !st.Open[2].Mined || st.Open[2].Nonce != 2 || len(st.Queued) != 0 || st.Reserved.Coins() != "0.027" || st.Low {
			t.Errorf("status is %+v, %v", st, err)
		}
		p.once(1, 2, 3)
		if st, err = p.Status(t.Context()); err != nil || len(st.Open) != 0 || st.Spent != w.paid() {
			t.Errorf("at the end status is %+v, %v", st, err)
		}
		if n := len(w.sent()); n != 3 {
			t.Errorf("the chain has %d transactions, want 3", n)
		}
	})
}

func TestStuckUnderpricedTransactionIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1, 2)
		w.c.SetBaseFee(100) // the attempts offer 90
		p.once(1, 2)
		if n := len(p.of(sender.Signed, id(1))); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
		eighthMore(t, p, id(1))
	})
}

func TestBaseFeeTenfold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1)
		w.c.SetBaseFee(300)
		p.once(1)
		eighthMore(t, p, id(1))
		last := p.of(sender.Signed, id(1))
		if cap := last[len(last)-1].Cap; cap.Gwei() != "630" {
			t.Errorf("the last attempt offers %s gwei, want twice the base fee and the tip: 630", cap.Gwei())
		}
	})
}

// eighthMore wants every attempt to pay at least an eighth more than the one before, in both prices.
func eighthMore(t *testing.T, p *process, id string) {
	t.Helper()
	all := p.of(sender.Signed, id)
	if len(all) < 2 {
		t.Fatalf("%d attempts, want at least 2", len(all))
	}
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; b.Tip.Less(a.Tip.Bumped()) || b.Cap.Less(a.Cap.Bumped()) || b.Nonce != a.Nonce {
			t.Errorf("attempt %d: nonce %d, %s and %s gwei after nonce %d, %s and %s", i, b.Nonce, b.Tip.Gwei(), b.Cap.Gwei(), a.Nonce, a.Tip.Gwei(), a.Cap.Gwei())
		}
	}
}

func TestDroppedTransactionIsSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1)
		first := p.of(sender.Signed, id(1))[0].Hash
		if !w.c.Forget(first) {
			t.Fatal("the transaction was not waiting")
		}
		p.once(1)
		if r := p.result(id(1), 1); r.Hash != first {
			t.Errorf("%s was mined, want the attempt that was dropped, %s", r.Hash, first)
		}
	})
}

func TestReorganisationOfThreeBlocks(t *testing.T) {
	for _, drop := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 3)
			p := w.start(&sender.Memory{}, 0, nil)
			w.blocks(1)
			p.submit(1, 2)
			w.blocks(3)
			if n := len(p.of(sender.Mined, "")); n != 2 || w.executed(1) != 1 {
				t.Fatalf("%d told as mined, want 2", n)
			}
			w.c.SetBaseFee(1_000) // the new branch does not take them at once
			if _, err := w.c.Reorg(3, func(*types.Transaction) bool { return drop }); err != nil {
				t.Fatal(err)
			}
			if w.executed(1) != 0 {
				t.Fatal("the reorganisation has undone nothing")
			}
			w.c.SetBaseFee(30)
			w.blocks(2)
			if n := len(p.of(sender.Unmined, "")); n != 2 {
				t.Errorf("drop %v: %d told as pending again, want 2", drop, n)
			}
			p.once(1, 2)
		})
	}
}

func TestReceiptOfAnAbandonedBlockIsNotBelieved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.nodes[0].cling(true)
		p := w.start(&sender.Memory{}, 0, nil)
		w.blocks(1)
		p.submit(1)
		w.blocks(2)
		if n := len(p.of(sender.Mined, "")); n != 1 {
			t.Fatalf("%d told as mined, want 1", n)
		}
		if _, err := w.c.Reorg(2, func(*types.Transaction) bool { return true }); err != nil {
			t.Fatal(err)
		}
		w.c.SetBaseFee(150) // what is sent again is not mined
		w.blocks(2)
		w.blocks(10)
		if n := len(p.of(sender.Ended, "")); n != 0 && w.c.Receipt(p.of(sender.Ended, "")[0].Hash) == nil {
			t.Error("told as final, and it is not in the chain")
		}
		w.nodes[0].cling(false)
		p.once(1)
	})
}

func TestStaleEndpointHoldsNothingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.nodes[0].Freeze(true) // the one that is asked first
		w.blocks(10)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1, 2)
		p.once(1, 2)
		if n := len(w.sent()); n != 2 {
			t.Errorf("the chain has %d transactions, want 2", n)
		}
		// It catches up, and another falls behind by less than what is noticed.
		w.nodes[0].Freeze(false)
		w.nodes[1].SetLag(4)
		p.submit(3)
		p.once(3)
	})
}

func TestChainThatStandsStillIsNotPaidAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1)
		w.nodes[0].Freeze(true)
		w.blocks(1)
		w.c.SetBaseFee(400)
		w.blocks(150) // mined at once; the endpoint does not know
		before := len(p.of(sender.Signed, id(1)))
		w.blocks(150)
		if now := len(p.of(sender.Signed, id(1))); now != before || len(p.of(sender.Waits, "")) == 0 {
			t.Errorf("%d attempts, then %d, with a chain that nobody has seen for minutes; told as held: %v", before, now, p.of(sender.Waits, ""))
		}
		w.nodes[0].Freeze(false)
		p.once(1)
	})
}

func TestLostAnswerToSend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.start(&sender.Memory{}, 0, nil)
		w.blocks(1)
		p.w.nodes[0].CutAnswers(0)
		cut := make(chan struct{})
		go func() { // the answers to everything around the send are lost
			for range 3 {
				w.nodes[0].CutAnswers(1)
				time.Sleep(2 * time.Second)
			}
			close(cut)
		}()
		p.submit(1)
		<-cut
		p.once(1)
		if n := len(w.sent()); n != 1 {
			t.Errorf("the chain has %d transactions, want 1", n)
		}
	})
}

func TestTwoProcessesWithOneJournal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2)
		j := &sender.Memory{}
		a := w.start(j, 0, nil)
		a.submit(1, 2, 3)
		b := w.start(j, 0, nil)
		b.submit(4)
		w.blocks(2)
		select {
		case err := <-a.over:
			if !errors.Is(err, sender.ErrReplaced) {
				t.Errorf("the first ended with %v, want ErrReplaced", err)
			}
		default:
			t.Error("the first runs on beside the second")
		}
		b.once(1, 2, 3, 4)
		if n := len(w.sent()); n != 4 {
			t.Errorf("the chain has %d transactions, want 4", n)
		}
	})
}

func TestTwoProcessesWithOneKeyAndTwoJournals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		a, b := w.start(&sender.Memory{}, 0, nil), w.start(&sender.Memory{}, 0, nil)
		a.submit(1)
		b.submit(2)
		w.blocks(40)
		stopped := map[*process]int{a: 1, b: 2}
		for p, i := range stopped {
			if said := p.of(sender.Stopped, ""); len(said) == 0 {
				delete(stopped, p)
				p.once(i)
			} else if said[0].Cause == "" || said[0].Fix == "" || w.executed(i) != 0 {
				t.Errorf("stopped with %+v, executed %d times", said[0], w.executed(i))
			}
		}
		if len(stopped) != 1 {
			t.Fatalf("%d of two stopped, want the one that lost the nonce", len(stopped))
		}
		for p, i := range stopped {
			p.submit(i + 2) // taken on, and not signed
			w.blocks(20)
			if w.executed(i)+w.executed(i+2) != 0 {
				t.Error("it went on before anybody said so")
			}
			if err := p.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.once(i, i+2)
		}
		if n := len(w.sent()); n != 3 {
			t.Errorf("the chain has %d transactions, want 3", n)
		}
	})
}

// Somebody else's transaction with our nonce stands in the chain for longer than we have patience, and then goes again.
func TestNonceIsLostOnlyWhenThatIsFinal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorldFinalAfter(t, 2, 40)
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1)
		if !w.c.Forget(p.of(sender.Signed, id(1))[0].Hash) {
			t.Fatal("the transaction was not waiting")
		}
		if err := w.c.Send(w.pay(0, evm.WeiOf(1))); err != nil {
			t.Fatal(err)
		}
		w.blocks(30)
		if n := len(p.of(sender.Stopped, "")); n != 0 || w.c.Nonce(w.key.Address()) != 1 {
			t.Fatalf("told %d times that the nonce is lost, before that is final", n)
		}
		if _, err := w.c.Reorg(30, func(*types.Transaction) bool { return true }); err != nil {
			t.Fatal(err)
		}
		p.once(1)
		if n := len(p.of(sender.Stopped, "")); n != 0 {
			t.Errorf("told %d times that the nonce is lost", n)
		}
	})
}

func TestEndpointThatLiesAboutNonces(t *testing.T) {
	for _, shift := range []int64{5, -3} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 3)
			p := w.start(&sender.Memory{}, 0, nil)
			p.submit(1, 2, 3, 4)
			p.once(1, 2, 3, 4)
			p.stop()
			w.nodes[0].lie(shift)
			p = w.start(&sender.Memory{}, 0, nil) // without a journal it goes by the chain alone
			p.submit(5, 6)
			p.once(5, 6)
			if n := len(w.sent()); n != 6 {
				t.Errorf("shift %d: the chain has %d transactions, want 6: no hole, nothing filled", shift, n)
			}
		})
	}
}

func TestHoleIsFilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.nodes[0].lie(3) // nobody contradicts it
		p := w.start(&sender.Memory{}, 0, nil)
		p.submit(1)
		w.blocks(1)
		if at := p.of(sender.Signed, id(1))[0].Nonce; at != 3 {
			t.Fatalf("the first has nonce %d, want the 3 of the endpoint's tale", at)
		}
		w.nodes[0].lie(0)
		p.once(1)
		sent := w.sent()
		if len(sent) != 4 {
			t.Fatalf("the chain has %d transactions, want three that fill the hole and one", len(sent))
		}
		for _, r := range sent[:3] {
			if r.GasUsed != 21_000 {
				t.Errorf("filling took %d gas, want 21,000", r.GasUsed)
			}
		}
		p.submit(2)
		p.once(2)
	})
}

// The only endpoint says that the nonce is used for good when it is not. Whoever believes it and goes on must not make the
// call twice.
func TestNonceThatWasNotTakenAfterAllIsUsedAgain(t *testing.T) {
	for _, c := range [][2]bool{{true, false}, {false, false}, {true, true}, {false, true}} {
		mined, voided := c[0], c[1]
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 1)
			p := w.start(&sender.Memory{}, 0, nil)
			p.submit(1)
			w.c.SetBaseFee(2_000) // nothing is mined
			w.nodes[0].lie(3)
			w.blocks(25)
			if n := len(p.of(sender.Stopped, id(1))); n != 1 {
				t.Fatalf("told %d times that the key is used by somebody else, want once", n)
			}
			if mined {
				w.c.SetBaseFee(30)
				w.blocks(2)
			}
			if voided {
				if err := p.Void(t.Context(), id(1), "enough"); err != nil {
					t.Fatal(err)
				}
			}
			w.blocks(2)
			w.nodes[0].lie(0)
			if err := p.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.blocks(5)
			w.c.SetBaseFee(30)
			if want := int64(0); voided {
				w.blocks(10)
				if r := p.result(id(1), 30); r.Outcome == sender.Executed {
					want = 1
				}
				if w.executed(1) != want {
					t.Errorf("executed %d times", w.executed(1))
				}
			} else {
				p.once(1)
				if n := len(w.sent()); n != 1 {
					t.Errorf("the chain has %d transactions, want 1", n)
				}
			}
		})
	}
}

// Tests that end the process at a point rely on its being passed.
func TestEveryPointIsPassed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1)
		passed := map[string]int{}
		p := w.start(&sender.Memory{}, 0, func(c *sender.Config) { c.Passing = func(point string) { passed[point]++ } })
		p.submit(1)
		p.once(1)
		p.stop()
		for _, point := range sender.Points() {
			if passed[point] == 0 {
				t.Errorf("%s was not passed", point)
			}
		}
		if len(passed) != len(sender.Points()) {
			t.Errorf("passed %v, listed %v", passed, sender.Points())
		}
	})
}
