package ingest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Profile is how patient a connection is.
type Profile struct {
	Name        string
	Heartbeat   time.Duration // between two PINGs; the venue documents 10 s, more often does no harm
	DataTimeout time.Duration // age of the last data at which the connection is renewed; PONGs are no data
	BaseDelay   time.Duration // the first pause before dialling again
}

// The named profiles.
const (
	ProfileHFT       = "hft"       // busy markets: silence is suspicious after a minute
	ProfileDashboard = "dashboard" // the default
	ProfileLow       = "low"       // markets that may say nothing for a quarter of an hour
	ProfileBatch     = "batch"     // following one's own orders
)

// ProfileNamed returns a named profile; "" is ProfileDashboard.
func ProfileNamed(name string) (Profile, error) {
	switch name {
	case ProfileHFT:
		return Profile{name, 5 * time.Second, 60 * time.Second, time.Second}, nil
	case ProfileDashboard, "":
		return Profile{ProfileDashboard, 5 * time.Second, 300 * time.Second, time.Second}, nil
	case ProfileLow:
		return Profile{name, 5 * time.Second, 900 * time.Second, 5 * time.Second}, nil
	case ProfileBatch:
		return Profile{name, 5 * time.Second, 120 * time.Second, time.Second}, nil
	}
	return Profile{}, fmt.Errorf("unknown profile %q: want %s, %s, %s or %s", name, ProfileHFT, ProfileDashboard, ProfileLow, ProfileBatch)
}

const (
	// maxDelay is the longest pause before dialling again, jitter apart: a venue that was away for an hour is
	// found within a minute of its return.
	maxDelay = 60 * time.Second
	// maxJitter spreads the connections that one cut ended, so that they do not come back as one burst.
	maxJitter = time.Second
)

// backoff is the pauses between attempts: the base, doubled each time up to maxDelay, each with a jitter on top.
type backoff struct {
	base, next time.Duration
	random     *rand.Rand
}

func newBackoff(base time.Duration, random *rand.Rand) *backoff {
	return &backoff{base: base, next: base, random: random}
}

// pause is how long to wait before the next attempt.
func (b *backoff) pause() time.Duration {
	d := b.next
	b.next = min(2*b.next, maxDelay)
	return d + time.Duration(b.random.Int64N(int64(maxJitter)))
}

// reset starts again from the base, after a success.
func (b *backoff) reset() { b.next = b.base }
