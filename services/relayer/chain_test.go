package relayer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// The sandbox begins anew while a unit is under way, and with it its chain. Nothing of the unit is signed for the new one, by neither
// carrier, and whoever asks hears which chain is shown.
func TestNothingIsDoneOnAnotherChain(t *testing.T) {
	for _, account := range []string{"main", "eoa"} {
		t.Run(account, func(t *testing.T) {
			onBench(t, account, func(b *bench) {
				b.p.chain = &chain{b.p.pool}
				l := b.look()
				if len(l.Chain) != 66 {
					b.Fatalf("the chain begins with %q", l.Chain)
				}
				u := b.unit("u1", l, b.split(4))
				u.Chain = "0x" + strings.Repeat("7", 64)
				for _, d := range []actor.Deed{Submit{Unit: u}, Bring{Unit: u, Unsure: true}, Follow{Unit: u, Carrier: msgs.ByOwnGas}} {
					s, ok := b.do(d, true, one)[0].(Seen)
					if !ok || s.Elsewhere != l.Chain || s.Unit != "u1" || s.Executed || s.over() {
						b.Errorf("%T gives %+v", d, s)
					}
				}
				if st, err := b.p.sender.Status(b.Context()); err != nil || len(st.Open)+len(st.Queued) != 0 || b.key.made.Load() != 0 {
					b.Errorf("%d signatures, the sender has %+v, %v", b.key.made.Load(), st, err)
				}
				u.Chain = l.Chain
				if m := b.do(Bring{Unit: u}, false, one)[0].(Brought); m.Err != nil || m.Denied != nil {
					b.Errorf("on its own chain it is brought as %+v", m)
				}
			})
		})
	}
}

// A unit of another chain halts the account, once and over restarts, with what is wrong and what to do. Who accepts that ends the unit and
// the given-up ones, and what is asked then goes.
func TestUnitOfAnotherChainHaltsTheAccount(t *testing.T) {
	for name, given := range map[string]bool{"open": false, "given up": true} {
		t.Run(name, func(t *testing.T) {
			b, d := wrapping(t, polymarket.Safe, func(l *Looked) { l.Chain = "0xaa" })
			u := deedOf[Submit](t, d.Deeds).Unit
			if u.Chain != "0xaa" || u.Block != 107 {
				t.Fatalf("sealed %s", text(u))
			}
			b.tell(Submitted{Unit: u.Unit, ID: "id-1"})
			if given {
				b.tell(Seen{Unit: u.Unit, State: polymarket.TxFailed})
				b.tell(Brought{Unit: u.Unit, Err: failure(msgs.WouldRevert, "GS026", "look")})
				if len(b.core.ghosts) != 1 {
					t.Fatalf("not given up: %s", b.kinds())
				}
			}
			gone := Seen{Unit: u.Unit, Elsewhere: "0xbb"}
			b.tell(gone)
			held, ok := b.log[len(b.log)-1].(*msgs.TxHeld)
			if !ok || held.Doubts[0].Fix == "" || !strings.Contains(held.Doubts[0].Cause, "0xaa") || !strings.Contains(held.Doubts[0].Cause, "0xbb") {
				t.Fatalf("told %s", text(b.log[len(b.log)-1]))
			}
			b.ask("wrap", `{"request_id":"w2","amount":"5","urgency":"high"}`)
			if a, _ := b.core.Answer("w2"); a.Error == nil || a.Error.Code != msgs.LogInDoubt {
				t.Errorf("asked meanwhile: %s", text(a))
			}
			for range 3 {
				n := len(b.log)
				b.wait(idle)
				d := b.tell(actor.Tick{})
				again := b.tell(gone)
				if len(leaving(d.Deeds))+len(d.Events)+len(again.Events) != 0 || len(b.log) != n {
					t.Fatalf("while it is held: %s %s", text(d), text(again))
				}
				if left := leaving(b.restarted()); len(left) != 0 {
					t.Fatalf("a restart lets leave %s", text(left))
				}
			}
			b.core.rules.AcceptLog = true
			b.restarted()
			b.tell(gone)
			if a, _ := b.core.Answer("w1"); b.core.unit != nil || len(b.core.ghosts) != 0 || !a.Final || !given && a.Error.Code != msgs.LogInDoubt {
				t.Fatalf("accepted, and yet: %s, %s", text(b.core.unit), text(a))
			}
			b.ask("wrap", `{"request_id":"w3","amount":"5","urgency":"high"}`)
			b.wait(2 * time.Minute)
			l := b.looks(0)
			l.Chain = "0xbb"
			if next := deedOf[Submit](t, b.sealed(l).Deeds).Unit; next.Nonce != 0 || next.Chain != "0xbb" || len(next.RequestIDs) != 1 || next.RequestIDs[0] != "w3" {
				t.Errorf("then goes %s", text(next))
			}
			b.consistent()
		})
	}
}

// A nonce that went back below a given-up unit's lets nothing be sealed. That is said, and not looked at every second.
func TestNonceThatWentBackIsSaid(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	u := deedOf[Submit](t, d.Deeds).Unit
	b.tell(Submitted{Unit: u.Unit, ID: "id-1"})
	b.tell(Seen{Unit: u.Unit, State: polymarket.TxFailed})
	b.tell(Brought{Unit: u.Unit, Err: failure(msgs.WouldRevert, "GS026", "look")})
	b.ask("wrap", `{"request_id":"w2","amount":"5","urgency":"high"}`)
	b.wait(lagLasts + 2*time.Second)
	for range 3 {
		look := deedOf[Look](t, b.tell(b.looks(3)).Early)
		if look.FromMS < b.now.Add(lookAgain).UnixMilli() {
			t.Errorf("looks again from %d at %d", look.FromMS, b.now.UnixMilli())
		}
		b.wait(lookClosed)
	}
	if n := b.count(msgs.KindTxWaiting); n != 1 {
		t.Errorf("said %d times: %s", n, b.kinds())
	}
	if w, ok := b.log[len(b.log)-1].(*msgs.TxWaiting); !ok || w.Fix == "" || len(w.RequestIDs) != 1 || w.RequestIDs[0] != "w2" {
		t.Errorf("told %s", text(b.log[len(b.log)-1]))
	}
}

// What was signed for one chain is not sent to the next: its journal ends the sender, which begins anew with one of its own.
func TestJournalOfAnotherChainIsLeft(t *testing.T) {
	actortest.Run(t, func(t *testing.T, bubble *actortest.Bubble) {
		var now atomic.Pointer[http.Handler]
		begin := func() {
			v, err := sandbox.New(sandbox.Config{Chain: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			now.Store(new(v.Handler()))
		}
		begin()
		pipe := bubble.Pipe()
		pipe.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) }))
		pool, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{Name: "sandbox", URL: "http://venue/rpc"}}, HTTP: pipe.Client()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		js := bubble.JetStream()
		if err := actor.EnsureStreams(t.Context(), js, 1, "main"); err != nil {
			t.Fatal(err)
		}
		who, _ := identityOf(t, "main")
		j := &chainLog{js: js, owner: who.Owner, id: who.ChainID, chain: &chain{pool}}
		if _, err := j.Append(context.Background(), 0, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		if had, err := j.Read(context.Background(), 0); err != nil || len(had) != 1 {
			t.Fatalf("%d records, %v", len(had), err)
		}
		time.Sleep(time.Minute)
		begin()
		time.Sleep(10 * time.Minute) // until the new chain is no longer taken for the old one gone back
		_, err = j.Read(context.Background(), 0)
		if !errors.Is(err, sender.ErrReplaced) {
			t.Fatalf("another chain, and: %v", err)
		}
		if has, err := j.Read(context.Background(), 0); err != nil || len(has) != 0 {
			t.Errorf("the new chain's journal has %d records, %v", len(has), err)
		}
	})
}
