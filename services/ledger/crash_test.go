package ledger

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// The ledger ends at each of its points, again and again while a tale goes on, with exactly what a crash leaves of the
// database. Nothing is lost or booked twice, and the log tells every event once, numbered without a gap.
func TestNothingIsLostOrToldTwiceWhenTheLedgerFalls(t *testing.T) {
	for _, point := range []string{PointDecided, PointWritten, PointCommitted, PointSending, PointSent} {
		t.Run(point, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				r := rand.New(rand.NewPCG(7, 7))
				s := newTale(11, 25)
				inputs := woven(r, s.orders, s.trades, s.chain)
				// Repeats of what is in the streams are another message; those of the chain are none.
				seen := map[string]bool{}
				falls := 0
				for len(inputs) > 0 {
					many := 30
					if point == PointSending || point == PointSent {
						many = 3 // a message tells many events
					}
					left := int32(1 + r.IntN(many))
					var passed atomic.Int32
					l := w.start(func(l *life, p string) {
						if p == point && passed.Add(1) == left {
							// What publishes is not what writes: while it passes, the database may be in the middle of a write.
							l.crash(p != PointSending && p != PointSent)
						}
					})
					for range 1 + r.IntN(60) {
						if len(inputs) > 0 {
							if name := fmt.Sprintf("%T %+v", inputs[0], inputs[0]); !seen[name] {
								seen[name] = true
								w.tell(inputs[0])
							}
							inputs = inputs[1:]
						}
					}
					time.Sleep(3 * time.Second)
					w.b.Wait()
					if passed.Load() >= left {
						falls++
						<-l.ended
					} else {
						l.end()
					}
				}
				l := w.start(nil)
				time.Sleep(5 * time.Second)
				w.b.Wait()
				w.equals(s)
				w.once()
				l.end()
				if falls < 3 {
					t.Errorf("it fell %d times only", falls)
				}
			})
		})
	}
}
