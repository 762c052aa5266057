package relayer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/actor"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
)

// ownSender lets the bench's owner pay with a sender of the test's own, until the returned function is called.
func (b *bench) ownSender(j sender.Journal, allow func(common.Address, []byte) error) (stop func()) {
	b.Helper()
	b.stop()
	s, err := sender.New(sender.Config{Pool: b.p.pool, Journal: j, Signer: b.key, Allow: allow, Told: b.p.mined.told, Log: b.p.log})
	if err != nil {
		b.Fatal(err)
	}
	b.p.sender = s
	return b.runs(s)
}

// runs has a sender work until the returned function is called.
func (b *bench) runs(s *sender.Sender) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			b.Errorf("sender: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	b.Cleanup(stop)
	return stop
}

// other is a journal that can be exchanged for an empty one.
type other struct{ sender.Journal }

// The first call of an account's unit is taken on, and then nobody says whether it is in a block: the sender does not know it any more,
// or does not answer. That is an outcome, so that the unit is asked for again; it never hangs.
func TestCallOfWhichNothingIsHeardIsSaid(t *testing.T) {
	for name, lose := range map[string]func(b *bench, j *other){
		"forgotten": func(b *bench, j *other) { j.Journal = &sender.Memory{}; b.runs(b.p.sender) },
		"silent":    func(*bench, *other) {},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, "eoa", func(b *bench) {
				u := b.unit("u1", b.look(), b.split(4), b.split(5))
				j := &other{&sender.Memory{}}
				stop := b.ownSender(j, b.p.pen.vet)
				b.p.mined = newMinings() // it does not hear of the block by itself
				b.p.pass = func(point string) {
					if point == AfterBring {
						b.p.pass = func(string) {}
						stop()
						lose(b, j)
					}
				}
				m := b.do(Bring{Unit: u}, false, one)[0].(Brought)
				if !m.Part || m.Err == nil || m.Err.Fix == "" || m.Unknown || !strings.Contains(m.Err.Cause, "call 1 of 2") {
					b.Errorf("brought %+v", m)
				}
			})
		})
	}
}

// The core takes up again what was left in such a way, and says what it waits for.
func TestCallOfWhichNothingIsHeardIsAskedForAgain(t *testing.T) {
	b, d := wrapping(t, 0, nil)
	u := deedOf[Bring](t, d.Deeds).Unit
	b.tell(Brought{Unit: u.Unit, Part: true, Err: notInChain(0, 2, errNotInBlock)})
	if w, ok := b.log[len(b.log)-1].(*msgs.TxWaiting); !ok || !w.Part || w.Fix == "" || w.Unit != u.Unit {
		t.Errorf("told %s", text(b.log[len(b.log)-1]))
	}
	b.wait(time.Minute)
	if again := deedOf[Bring](t, b.tell(actor.Tick{}).Deeds); text(again.Unit) != text(u) || !again.Unsure {
		t.Errorf("asked again for %s", text(again))
	}
	b.consistent()
}

// A sender that refuses a transaction for a reason that nobody has foreseen does not keep its unit without a word.
func TestSenderThatTakesNothingOnIsSaid(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4))
		b.ownSender(&sender.Memory{}, func(common.Address, []byte) error { return errors.New("another reason") })
		m := b.do(Bring{Unit: u}, false, one)[0].(Brought)
		if !m.Unknown || m.Err == nil || !strings.Contains(m.Err.Cause, "another reason") || m.Err.Fix == "" {
			b.Errorf("brought %+v", m)
		}
	})
}
