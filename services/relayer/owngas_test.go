package relayer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// byOwner brings a request of a wallet to its Bring.
func byOwner(t *testing.T, kind polymarket.WalletKind, bodies ...string) (*trial, Bring) {
	t.Helper()
	b := begun(t, kind)
	for _, body := range bodies {
		b.ask("wrap", body)
	}
	b.wait(2 * time.Second)
	l := b.looks(7)
	l.Relayer = Door{Code: msgs.QuotaExhausted, Cause: "no units", Fix: "wait"}
	if kind == polymarket.Proxy {
		l.Relayer = Door{Open: true}
		s := deedOf[Submit](t, b.sealed(l).Deeds)
		return b, deedOf[Bring](t, b.tell(Submitted{Unit: s.Unit.Unit, Err: refused(polymarket.RelayerCallBlocked)}).Deeds)
	}
	return b, deedOf[Bring](t, b.sealed(l).Deeds)
}

// The process ends after the owner's sender has taken a unit on and before that is known; afterwards nobody says whether it has. Nothing
// is sealed a second time, what waits says what for, and not even a deadline gives it back to the queue.
func TestUnitThatTheOwnerMayHaveTakenOnIsHeld(t *testing.T) {
	for _, kind := range []polymarket.WalletKind{polymarket.EOA, polymarket.Safe, polymarket.Proxy} {
		t.Run(kind.String(), func(t *testing.T) {
			b, first := byOwner(t, kind, `{"request_id":"w1","amount":"5","urgency":"high","deadline_ms":1763800060000}`)
			again := deedOf[Bring](t, b.restarted())
			if !again.Unsure || text(again.Unit) != text(first.Unit) {
				t.Fatalf("taken up as %s", text(again))
			}
			b.tell(Brought{Unit: first.Unit.Unit, Unknown: true, Err: failure(msgs.VenueDown, "the sender does not answer", "look at it")})
			if len(b.core.queue()) != 0 || b.core.unit == nil {
				t.Fatalf("back in the queue: %s", b.kinds())
			}
			if w, ok := b.log[len(b.log)-1].(*msgs.TxWaiting); !ok || w.Fix == "" || w.Unit != first.Unit.Unit || !w.Unsure {
				t.Errorf("told %s", text(b.log[len(b.log)-1]))
			}
			b.consistent()
			b.wait(2 * time.Minute)
			d := b.tell(actor.Tick{})
			if kind == polymarket.Safe { // its nonce keeps what was taken on from acting beside another
				if len(b.core.queue()) != 0 || len(b.core.ghosts) != 1 {
					t.Errorf("too late: %s", text(d))
				}
				return
			}
			if bring := deedOf[Bring](t, d.Deeds); !bring.Unsure {
				t.Errorf("brought again as %s", text(bring))
			}
			b.tell(Brought{Unit: first.Unit.Unit, Err: failure(msgs.DeadlinePassed, "too late", "later")})
			if a, _ := b.core.Answer("w1"); b.core.unit != nil || kind == polymarket.Proxy && !a.Final {
				t.Errorf("the sender says that it never took it on, and yet it stands: %s", text(a))
			}
			b.consistent()
		})
	}
}

// Calls of an account's unit are on their way, one is not. When the deadline passes the unit is brought to its end, never back to
// the queue, over restarts too.
func TestPartOfAnAccountsUnitIsBroughtToItsEnd(t *testing.T) {
	b := begun(t, polymarket.EOA)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high","deadline_ms":1763800060000}`)
	b.ask("transfer", `{"request_id":"t1","asset":"pUSD","amount":"5","to":"`+listed+`","urgency":"high"}`)
	b.wait(2 * time.Second)
	u := deedOf[Bring](t, b.sealed(b.looks(0)).Deeds).Unit
	b.tell(Brought{Unit: u.Unit, Part: true, Err: failure(msgs.NoGas, "no POL", "send some")})
	for range 3 {
		b.wait(time.Minute)
		if bring := deedOf[Bring](t, b.tell(actor.Tick{}).Deeds); bring.Unit.Unit != u.Unit || !bring.Unsure {
			t.Fatalf("brought %s", text(bring))
		}
		b.tell(Brought{Unit: u.Unit, Err: failure(msgs.NoGas, "no POL", "send some")})
		deedOf[Bring](t, []actor.Deed{b.core.carry(b.core.unit)})
		b.restarted()
		if len(b.core.queue()) != 0 {
			t.Fatalf("back in the queue: %s", b.kinds())
		}
	}
	late := msgs.TxRefused{Call: 1, Error: failure(msgs.DeadlinePassed, "too late", "later")}
	b.wait(time.Minute)
	b.tell(actor.Tick{})
	if f := deedOf[Follow](t, b.tell(Brought{Unit: u.Unit, Refused: []msgs.TxRefused{late}}).Deeds); len(f.Refused) != 1 {
		t.Errorf("followed %s", text(f))
	}
	if f := deedOf[Follow](t, b.restarted()); len(f.Refused) != 1 || f.Refused[0].Call != 1 || f.Refused[0].Error.Code != msgs.DeadlinePassed {
		t.Errorf("after a restart followed %s", text(f))
	}
	b.consistent()
}

// silence is a sender that was never started: it answers nobody.
func (b *bench) silence() {
	b.Helper()
	s, err := sender.New(sender.Config{Pool: b.p.pool, Journal: &sender.Memory{}, Signer: b.key, Allow: b.p.pen.vet, Log: b.p.log})
	if err != nil {
		b.Fatal(err)
	}
	b.p.sender = s
}

// A sender that is silent, or switched off after a restart, is not taken for one that has taken nothing on.
func TestSenderThatSaysNothingLeavesItUnknown(t *testing.T) {
	for _, account := range []string{"main", "eoa"} {
		t.Run(account, func(t *testing.T) {
			onBench(t, account, func(b *bench) {
				u := b.unit("u1", b.look(), b.split(1))
				bring := func(d Bring, recovered bool) Brought { return b.do(d, recovered, one)[0].(Brought) }
				answers := b.p.sender
				b.silence()
				if m := bring(Bring{Unit: u}, false); !m.Unknown || m.Err == nil || m.Err.Fix == "" {
					b.Errorf("silent: %+v", m)
				}
				b.p.sender = nil
				if m := bring(Bring{Unit: u}, true); !m.Unknown || m.Err == nil || m.Err.Fix == "" {
					b.Errorf("absent after a restart: %+v", m)
				}
				if m := bring(Bring{Unit: u, Unsure: true}, false); !m.Unknown {
					b.Errorf("absent, and in doubt: %+v", m)
				}
				if m := bring(Bring{Unit: u}, false); m.Unknown || m.Err == nil || m.Err.Code != msgs.NoGas {
					b.Errorf("absent from the beginning: %+v", m)
				}
				b.p.sender = answers
				if m := bring(Bring{Unit: u, SendBy: time.Now().UnixMilli() - 1}, true); m.Unknown || m.Part || m.Err == nil || m.Err.Code != msgs.DeadlinePassed {
					b.Errorf("too late by the sender's own word: %+v", m)
				}
				if m := bring(Bring{Unit: u}, true); m.Err != nil || m.Unknown {
					b.Errorf("brought %+v", m)
				}
				b.p.gasDay = b.p.gasDay.Times(0)
				if m := bring(Bring{Unit: u, SendBy: time.Now().UnixMilli() - 1}, true); m.Err != nil {
					b.Errorf("taken on before, and yet: %+v", m)
				}
			})
		})
	}
}

// The call that would revert is named by its number, and a follower of another process ends it by that.
func TestRefusedCallIsKnownAfterARestart(t *testing.T) {
	onBench(t, "eoa", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4), b.split(100_000_000))
		m := b.do(Bring{Unit: u}, false, one)[0].(Brought)
		if m.Err != nil || len(m.Refused) != 1 || m.Refused[0].Call != 1 || m.Refused[0].Error.Code != msgs.WouldRevert {
			b.Fatalf("brought %+v", m)
		}
		b.p.mined = newMinings() // of another process
		all := b.do(Follow{Unit: u, Carrier: msgs.ByOwnGas, Refused: m.Refused}, true, func(o any) bool { s := o.(Seen); return s.over() })
		if end := all[len(all)-1].(Seen); end.Steps[0].Err != nil || end.Steps[1].Err == nil {
			b.Errorf("seen %+v", end)
		}
	})
}

// What the sender calls failed is never confirmed, and what it calls executed only with a receipt.
func TestFailedTransactionIsNotConfirmedWithoutItsReceipt(t *testing.T) {
	onBench(t, "eoa", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4))
		for outcome, want := range map[sender.Outcome]bool{sender.Failed: true, sender.Executed: false} {
			w := watch{performer: b.p, Follow: Follow{Unit: u, Carrier: msgs.ByOwnGas}}
			w.ended = map[string]sender.Result{intentOf(&u, 0): {ID: intentOf(&u, 0), Outcome: outcome, Hash: polymarket.Hash{7}}}
			s, err := w.see(context.Background())
			if s.Executed && err == nil || want && (len(s.Steps) != 1 || s.Steps[0].Err == nil) || !want && err == nil {
				b.Errorf("%s, and no receipt: %+v, %v", outcome, s, err)
			}
		}
	})
}

// shut is a journal that stops answering, after it has or has not written a record.
type shut struct {
	sender.Memory
	closed atomic.Bool
}

func (j *shut) Append(ctx context.Context, after uint64, record []byte) (uint64, error) {
	if j.closed.Load() {
		return 0, errors.New("no answer")
	}
	return j.Memory.Append(ctx, after, record)
}

func (j *shut) Read(ctx context.Context, after uint64) ([]sender.Entry, error) {
	if j.closed.Load() {
		return nil, errors.New("no answer")
	}
	return j.Memory.Read(ctx, after)
}

// stuck is a journal whose writes wait until it is let go.
type stuck struct {
	sender.Memory
	on   atomic.Bool
	free chan struct{}
}

func (j *stuck) Append(ctx context.Context, after uint64, record []byte) (uint64, error) {
	if j.on.Load() {
		<-j.free
	}
	return j.Memory.Append(ctx, after, record)
}

// A sender that falls silent while it is handed a transaction leaves it unknown, and that is said; it is taken on once.
func TestSenderThatFallsSilentWhileItIsAskedIsSaid(t *testing.T) {
	onBench(t, "eoa", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4))
		j := &stuck{free: make(chan struct{})}
		b.stop()
		s, err := sender.New(sender.Config{Pool: b.p.pool, Journal: j, Signer: b.key, Allow: b.p.pen.vet, Told: b.p.mined.told, Log: b.p.log})
		if err != nil {
			b.Fatal(err)
		}
		b.p.sender = s
		ctx, cancel := context.WithCancel(b.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				b.Errorf("sender: %v", err)
			}
		})
		defer running.Wait()
		defer cancel()
		letGo := sync.OnceFunc(func() { j.on.Store(false); close(j.free) })
		defer letGo() // or a test that fails would wait for ever
		if _, err := s.Status(ctx); err != nil {
			b.Fatal(err)
		}
		j.on.Store(true)
		m := b.do(Bring{Unit: u}, false, one)[0].(Brought)
		if !m.Unknown || m.Err == nil || m.Err.Fix == "" {
			b.Errorf("brought %+v", m)
		}
		letGo()
		if m = b.do(Bring{Unit: u, Unsure: true, SendBy: 1}, false, one)[0].(Brought); m.Err != nil || m.Unknown {
			b.Errorf("taken on meanwhile, and yet: %+v", m)
		}
	})
}

// A sender whose journal cannot be read after a write of which nobody knows the fate does not prove that it has taken nothing on.
func TestSenderBehindItsJournalProvesNothing(t *testing.T) {
	onBench(t, "eoa", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4))
		j := &shut{}
		b.stop()
		s, err := sender.New(sender.Config{Pool: b.p.pool, Journal: j, Signer: b.key, Allow: b.p.pen.vet, Told: b.p.mined.told, Log: b.p.log})
		if err != nil {
			b.Fatal(err)
		}
		b.p.sender = s
		go func() { _ = s.Run(b.Context()) }()
		if on, unknown := b.p.takenOn(b.Context(), &u, false); unknown != nil || slices.Contains(on, true) {
			b.Fatalf("%v, %v", on, unknown)
		}
		j.closed.Store(true)
		if err := s.Submit(b.Context(), sender.Intent{ID: intentOf(&u, 0), To: b.split(4).To, Data: b.split(4).Data}); err == nil {
			b.Fatal("taken on without a journal")
		}
		if _, unknown := b.p.takenOn(b.Context(), &u, false); unknown == nil {
			b.Error("what the journal holds is not known, and yet it says that nothing was taken on")
		}
		j.closed.Store(false)
	})
}
