package actortest

import (
	"testing"
	"time"
)

// TestIdleHour lets an hour pass with a running server and a stream and sees the clock say so.
func TestIdleHour(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		createStream(t, b, "LOG_main", "evt.order.main")
		began := time.Now()
		time.Sleep(time.Hour)
		b.Wait()
		if d := time.Since(began); d != time.Hour {
			t.Errorf("an hour took %s", d)
		}
	})
}
