package actor_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// What only tells of an outcome is in nobody's way: a disk that has time writes it at once, and on one that is slower than submits
// come it goes with the next intent.
func TestOutcomesGoWithIntentsWhereTheDiskIsSlow(t *testing.T) {
	const orders, every, answer = 60, 4 * time.Millisecond, time.Millisecond
	for name, c := range map[string]struct {
		appendTakes time.Duration
		alone       func(appends int) bool // of those that hold no intent
	}{
		"quick disk": {0, func(n int) bool { return n >= orders*9/10 }},
		"slow disk":  {3900 * time.Microsecond, func(n int) bool { return n <= orders/4 }},
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				p := start(b, func(cfg *actor.Config) {
					cfg.JS = &lossy{JetStream: cfg.JS, before: func(context.Context, *nats.Msg) error { time.Sleep(c.appendTakes); return nil }}
					cfg.Perform = func(_ context.Context, job actor.Job) {
						time.Sleep(answer)
						for _, d := range job.Deeds {
							job.Deliver(posted{d.(post).id})
						}
					}
				})
				time.Sleep(time.Second)
				for i := range orders {
					p.ask("submit", fmt.Sprint("id", i))
					time.Sleep(every)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				alone, told := 0, 0
				for _, env := range log(t, p.js) {
					intents := 0
					for _, e := range env.Events {
						switch e.Kind() {
						case msgs.KindSubmitting:
							intents++
						case msgs.KindAccepted:
							told++
						}
					}
					if intents == 0 && env.Events[0].Kind() == msgs.KindAccepted {
						alone++
					}
				}
				if told != orders || !c.alone(alone) {
					t.Errorf("%d outcomes of %d orders, %d appends tell of nothing else", told, orders, alone)
				}
			})
		})
	}
}
