package executor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/polymarket"
)

// TestNamedWaitIsHonoured refuses orders again and again with a wait that the venue names: the oldest go again after just that, however
// often they were refused. Where many older ones wait for the same it is later, but never beyond the longest back-off; where nothing is
// named each wait is longer than the one before.
func TestNamedWaitIsHonoured(t *testing.T) {
	for _, c := range []struct {
		name         string
		older        int
		named        time.Duration
		first, tenth time.Duration
	}{
		{"one order", 0, time.Second, time.Second, time.Second},
		{"as many are older as are tried at once, less one", againAtOnce - 1, time.Second, time.Second, time.Second},
		{"three times as many are older", 3 * againAtOnce, time.Second, 4 * time.Second, 4 * time.Second},
		{"beyond the longest back-off", 3 * againAtOnce, 10 * time.Second, retryLastMS * time.Millisecond, retryLastMS * time.Millisecond},
		{"named beyond the longest back-off", 0, time.Minute, time.Minute, time.Minute},
		{"nothing named", 3 * againAtOnce, 0, retryFirstMS * time.Millisecond, retryLastMS * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Rules{})
			for i := range c.older + 1 {
				b.tell(b.message([]string{"submit", fmt.Sprintf("o%d", i), "BUY", "GTC", "0.01", "5", "valid_until_ms=0"}))
			}
			for try := range 10 {
				d := b.tell(Posted{OrderID: b.id(fmt.Sprintf("o%d", c.older)), Outcome: polymarket.RetryAfter{Duration: c.named, Reason: polymarket.ReasonPostOnly}})
				if len(d.Deeds) != 1 {
					t.Fatalf("refused, it does %+v", d)
				}
				w := d.Deeds[0].(Wait)
				waits := time.UnixMilli(w.UntilMS).Sub(b.now)
				if want := map[int]time.Duration{0: c.first, 9: c.tenth}[try]; want != 0 && waits != want {
					t.Errorf("after %d tries it waits %s, want %s", try+1, waits, want)
				}
				b.now = time.UnixMilli(w.UntilMS)
				if p, again := b.tell(w.Then).Deeds[0].(Post); !again || !p.Again {
					t.Fatal("it does not go again")
				}
			}
			b.consistent()
		})
	}
}

// TestWantOfRoomIsAskedAboutByAge tells the core that the limits had no room for an order in time: the oldest go again when there may be some, however
// often that was so, and where many older ones wait it is later. One that would be too old by then tries by the back-off.
func TestWantOfRoomIsAskedAboutByAge(t *testing.T) {
	for _, c := range []struct {
		name         string
		older        int
		valid        time.Duration // from the beginning on; 0: for ever
		first, tenth time.Duration
	}{
		{"one order", 0, 0, 2 * time.Second, 2 * time.Second},
		{"three times as many are older as are tried at once", 3 * againAtOnce, 0, 8 * time.Second, 8 * time.Second},
		{"its turn comes too late", 3 * againAtOnce, 5 * time.Second, retryFirstMS * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Rules{})
			valid := "0"
			if c.valid > 0 {
				valid = fmt.Sprint(b.now.Add(c.valid).UnixMilli())
			}
			for i := range c.older + 1 {
				b.tell(b.message([]string{"submit", fmt.Sprintf("o%d", i), "BUY", "GTC", "0.01", "5", "valid_until_ms=" + valid}))
			}
			for try := range 10 {
				d := b.tell(Posted{OrderID: b.id(fmt.Sprintf("o%d", c.older)), Outcome: polymarket.NeverLeft{Cause: noRoom(context.DeadlineExceeded)}})
				if len(d.Deeds) != 1 {
					break // too old for another try
				}
				w := d.Deeds[0].(Wait)
				waits := time.UnixMilli(w.UntilMS).Sub(b.now)
				if want := map[int]time.Duration{0: c.first, 9: c.tenth}[try]; waits != want && (try == 0 || try == 9) {
					t.Errorf("after %d tries it waits %s, want %s", try+1, waits, want)
				}
				b.now = time.UnixMilli(w.UntilMS)
				if p, again := b.tell(w.Then).Deeds[0].(Post); !again || !p.Again {
					t.Fatal("it does not go again")
				}
			}
			b.consistent()
		})
	}
}

// TestStopOfTheLimitsIsNotBelievedForLong: what the limiter says of when there will be room counts between the time to send and the longest
// back-off.
func TestStopOfTheLimitsIsNotBelievedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for at, want := range map[time.Duration]time.Duration{0: sendBy, time.Second: sendBy, 7 * time.Second: 7 * time.Second, time.Hour: retryLastMS * time.Millisecond} {
			if m := noRoom(&limits.MissError{At: time.Now().Add(at)}); m.in != want || !errors.Is(m, polymarket.ErrTooLate) {
				t.Errorf("room in %s: %v", at, m)
			}
		}
	})
}
