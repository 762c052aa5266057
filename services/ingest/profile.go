package ingest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/pkg/limits/retry"
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

// permille is the whole of a chance.
const permille = 1000

// newPauses are those between attempts: the base, doubled each time up to a minute, so that a venue that was away for an hour is
// found within a minute of its return; with up to a second more, so that the connections that one cut ended do not come back as one
// burst.
func newPauses(base time.Duration, random *rand.Rand) *retry.Pauses {
	p := retry.Standard()
	p.First = base
	return p.Pauses(func() int { return random.IntN(permille) })
}
