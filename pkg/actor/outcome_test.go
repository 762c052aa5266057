package actor_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// What only tells of an outcome is in nobody's way: a disk that has time between two submits writes it at once, and on one that
// has none it goes with the next intent, so that no order waits for it.
func TestNoOrderWaitsForAnOutcomeToBeWritten(t *testing.T) {
	const orders, known, every, answer = 160, 80, 2 * time.Millisecond, 100 * time.Microsecond // known: by then the pace is
	for name, c := range map[string]struct {
		appendTakes time.Duration
		alone       bool // outcomes are written without an intent
	}{
		"quick disk": {200 * time.Microsecond, true},
		"slow disk":  {1500 * time.Microsecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				var mu sync.Mutex
				performed := map[msgs.ClientOrderID]time.Time{}
				p := start(b, func(cfg *actor.Config) {
					cfg.JS = &lossy{JetStream: cfg.JS, before: func(context.Context, *nats.Msg) error { time.Sleep(c.appendTakes); return nil }}
					cfg.Perform = func(_ context.Context, job actor.Job) {
						mu.Lock()
						for _, d := range job.Deeds {
							performed[d.(post).id] = time.Now()
						}
						mu.Unlock()
						time.Sleep(answer)
						for _, d := range job.Deeds {
							job.Deliver(posted{d.(post).id})
						}
					}
				})
				time.Sleep(time.Second)
				asked := map[msgs.ClientOrderID]time.Time{}
				for i := range orders {
					id := fmt.Sprint("id", i)
					asked[msgs.ClientOrderID(id)] = time.Now()
					p.ask("submit", id)
					time.Sleep(every)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				alone := 0
				for _, env := range log(t, p.js) {
					var kinds []msgs.Type
					for _, e := range env.Events {
						kinds = append(kinds, e.Kind())
					}
					if slices.Contains(kinds, msgs.KindAccepted) && !slices.Contains(kinds, msgs.KindSubmitting) && msgs.HeadOf(env.Events[0]).N > 2*known {
						alone++
					}
				}
				if got := alone > (orders-known)*9/10; got != c.alone || alone > (orders-known)/10 && !c.alone {
					t.Errorf("%d of the last %d outcomes were written alone", alone, orders-known)
				}
				for i := known; i < orders; i++ {
					id := msgs.ClientOrderID(fmt.Sprint("id", i))
					if took := performed[id].Sub(asked[id]); took > c.appendTakes {
						t.Errorf("%s left after %v, and an append takes %v", id, took, c.appendTakes)
					}
				}
			})
		})
	}
}
