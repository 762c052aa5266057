package actor_test

import (
	"testing"
	"time"

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
