package gate

import (
	"testing"
	"time"
)

// limitOf is the size of a counter's window in force.
func (c *clock) limitOf(of *Counter) int { return c.View(c.now, of).Layers[0].Limit }

// TestRoomIsLeftToOthers lets the venue's counts show that somebody else uses the same window, ten units each tenth of a second, then far
// more, and then none: what they have used in the last half second is left free, at most a twentieth of the window, and nothing any more
// when they have gone.
func TestRoomIsLeftToOthers(t *testing.T) {
	c := begin(t, Config{})
	w := c.counter(0, Window{N: 1000, Per: 10 * time.Second})
	left := 1000
	says := func(others int) int {
		c.pass(100 * time.Millisecond)
		left -= others
		c.Heed(c.now, c.now, w, Advice{Known: true, Limit: 1000, Remaining: left})
		return c.limitOf(w)
	}
	if n := says(0); n != 1000 {
		t.Errorf("%d are used while nobody else is there", n)
	}
	for range 8 {
		says(10)
	}
	if n := says(10); n < 950 || n > 970 {
		t.Errorf("%d are used while others take ten each tenth of a second, want 950 to 970", n)
	}
	if n := says(200); n != 950 {
		t.Errorf("%d are used while others take very much, want 950", n)
	}
	for range 5 {
		says(0)
	}
	if n := says(0); n != 1000 {
		t.Errorf("%d are used half a second after the others have gone, want all", n)
	}
}

// TestStepsUpAreRarerNearTheRefused counts the good answers that each step up needs after a refusal: a hundred, and near the figures that
// were refused ten times as many; but not after a slow answer, nor when the refusal is long ago.
func TestStepsUpAreRarerNearTheRefused(t *testing.T) {
	for _, x := range []struct {
		name     string
		slow     bool
		long     time.Duration
		low, top int // good answers for a step from seven tenths, and from nine tenths, of the figures
	}{
		{"refused", false, time.Minute, recoverAfter, recoverAfter * nearSlower},
		{"slow", true, time.Minute, recoverAfter, recoverAfter},
		{"refused long ago", false, nearFor + time.Second, recoverAfter, recoverAfter},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := begin(t, Config{})
			w := c.counter(0, Window{N: 1000, Per: 10 * time.Second})
			c.Heed(c.now, c.now, w, Advice{Throttled: true, Slow: x.slow, Wait: time.Millisecond})
			c.pass(x.long)
			step := func() (answers int) {
				for before := c.View(c.now, w).Cut; c.View(c.now, w).Cut == before; answers++ {
					c.Heed(c.now, c.now, w, Advice{})
				}
				return answers
			}
			if n := step(); n != x.low {
				t.Errorf("%d good answers for the first step, want %d", n, x.low)
			}
			for c.View(c.now, w).Cut < 900 {
				step()
			}
			if n := step(); n != x.top {
				t.Errorf("%d good answers for a step near the top, want %d", n, x.top)
			}
		})
	}
}
