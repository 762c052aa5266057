package executor

import (
	"sync/atomic"
	"time"

	"sluice/pkg/polymarket"
)

// venueState is what the venue was last seen to be, for the status answer.
type venueState struct{ last atomic.Pointer[seenState] }

type seenState struct {
	state string
	at    time.Time
}

// stateFor is how long something that only an answer has told is believed.
const stateFor = time.Minute

// see takes what an answer tells of the venue.
func (v *venueState) see(o polymarket.Outcome) {
	state := "ok"
	switch o := o.(type) {
	case polymarket.RetryAfter:
		switch o.Reason {
		case polymarket.ReasonRestarting, polymarket.ReasonPostOnly, polymarket.ReasonCancelOnly, polymarket.ReasonDisabled:
			state = o.Reason
		}
	case polymarket.Rejected:
		if o.Reason == polymarket.CodeClosedOnly {
			state = polymarket.CodeClosedOnly
		}
	case polymarket.Blocked, polymarket.Unauthorised:
		state = "blocked"
	case polymarket.Unknown:
		state = "unreachable"
	case polymarket.NeverLeft:
		return
	}
	v.last.Store(&seenState{state, time.Now()})
}

func (v *venueState) state(now time.Time) string {
	if s := v.last.Load(); s != nil && now.Sub(s.at) < stateFor {
		return s.state
	}
	return "ok"
}
