package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// An outcome that is delivered while the actor stops is on the log when Run returns: the end of a perform never overtakes
// what it has delivered.
func TestOutcomesDeliveredDuringAStopAreRecorded(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		for i := range 12 {
			p := start(b, nil)
			p.ask("submit", string(rune('a'+i)))
			time.Sleep(10 * time.Millisecond)
			go p.act.Ask(t.Context(), func(uint64) any { time.Sleep(50 * time.Millisecond); return nil }) // the loop is busy
			time.Sleep(20 * time.Millisecond)
			p.cancel()
			err := <-p.ended
			p.ended <- err
			n := 0
			for _, k := range kinds(log(t, p.js)) {
				if k == msgs.KindAccepted {
					n++
				}
			}
			if n != i+1 {
				t.Fatalf("round %d: %d outcomes on the log", i, n)
			}
		}
	})
}

// Permits of submits that were decided and not let out go back when their owner is replaced: of those whose append was under
// way, of those that waited for it, and of what was in hand.
func TestReplacedOwnerGivesBackItsPermits(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold, limiter := make(chan struct{}), &counting{give: 100}
		old := start(b, func(c *actor.Config) {
			c.Limiter = limiter
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), "submitting") {
					<-hold
				}
				return nil
			}}
		})
		for i := range 40 {
			old.ask("submit", fmt.Sprint("id", i))
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if n := limiter.out(); n < 2 {
			t.Fatalf("%d permits are out: nothing waits for the append under way", n)
		}
		start(b, func(c *actor.Config) { c.Owner = "new" })
		time.Sleep(time.Second)
		close(hold)
		err := <-old.ended
		old.ended <- err
		if !errors.Is(err, actor.ErrReplaced) {
			t.Fatalf("ended with %v", err)
		}
		if n := limiter.out(); n != 0 || len(old.sent()) != 0 {
			t.Errorf("%d permits are lost; posted %v", n, old.sent())
		}
	})
}

// What is only being prepared keeps no stop waiting: it is told to end, and has ended when Run returns, while all that was submitted
// is performed.
func TestStopEndsWhatIsBeingPrepared(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		const submits = 20
		var begun, ended atomic.Int32
		p := start(b, func(c *actor.Config) {
			c.Prepare = func(ctx context.Context, _ actor.Job) {
				begun.Add(1)
				<-ctx.Done()
				ended.Add(1)
			}
		})
		for i := range submits {
			p.ask("submit", fmt.Sprint("id", i))
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if begun.Load() != submits || ended.Load() != 0 {
			t.Errorf("%d preparations began and %d ended", begun.Load(), ended.Load())
		}
		p.cancel()
		err := <-p.ended
		p.ended <- err
		if err != nil || ended.Load() != begun.Load() || len(p.sent()) != submits {
			t.Errorf("ended with %v, %d of %d preparations ended, posted %v", err, ended.Load(), begun.Load(), p.sent())
		}
	})
}
