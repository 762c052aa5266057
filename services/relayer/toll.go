package relayer

import (
	"fmt"
	"net/http"
	"time"

	"sluice/pkg/limits/retry"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// How a wallet's work is submitted again when each submit may cost a unit of the day's.
const (
	// tollQuick is so many units that are risked in quick succession: most troubles are over by then.
	tollQuick = 3
	// tollFirst and tollLast bound the pauses after that: a trouble of a whole day takes less than a third of the smallest quota.
	tollFirst, tollLast = time.Minute, time.Hour
	// strangeTries is how often a relayer that does not know the wallet is asked to carry for it, over some three minutes: it knows a new
	// one after seconds, and one that it does not know then needs a person.
	strangeTries = 5
)

// toll is what submits of the wallet may have cost that came to nothing, since the relayer has last performed something for it. It is the
// wallet's and not a unit's: a batch that expires and is signed anew meets the same trouble.
type toll struct {
	Units   int   `json:"units,omitempty"`
	SinceMS int64 `json:"since_ms,omitempty"` // the last was paid
	AgainMS int64 `json:"again_ms,omitempty"` // nothing is submitted before; 0 while the units are few
	Down    bool  `json:"down,omitempty"`     // the last went into an outage: nobody knows whether it was taken
	Woken   int   `json:"woken,omitempty"`    // how often a pause was cut short, as the relayer answered again
	Strange int   `json:"strange,omitempty"`  // of the units, how many because the relayer does not know the wallet
}

// tollPause is how long nothing is submitted after so many units; 0 while they are few.
func tollPause(units int) time.Duration {
	if units < tollQuick {
		return 0
	}
	return retry.Policy{First: tollFirst, Last: tollLast}.Back(units-tollQuick+1, 0)
}

// costly reports whether an answer may have cost a unit, and may come again. A refusal of what a unit does says nothing about the next.
func costly(e *polymarket.RelayerError) bool {
	if e == nil || !e.MayBeCharged() {
		return false
	}
	switch e.Reason {
	case polymarket.RelayerCallBlocked, polymarket.RelayerPrecheck, polymarket.RelayerRejected:
		return false
	}
	return true
}

// pay takes the answer to a submit into the account.
func (t *toll) pay(e *polymarket.RelayerError, atMS int64) {
	if !costly(e) {
		return
	}
	t.Units++
	if e.Reason == polymarket.RelayerStranger {
		t.Strange++
	}
	t.SinceMS, t.Down = atMS, e.MayBeAccepted()
	if t.Units >= tollQuick {
		t.AgainMS = atMS + tollPause(t.Units).Milliseconds()
	}
}

// why is what is said of work that waits for the next submit.
func (t *toll) why() *msgs.Error {
	return failure(msgs.VenueDown, fmt.Sprintf("the relayer has not taken the wallet's last %d submits, and each may have cost a unit of the day's", t.Units),
		"it is asked again then, less often each time; look at what it said before")
}

// unseen is a free read of the relayer that failed, so that what became of a submit is not known.
func unseen(cause string) *polymarket.RelayerError {
	return &polymarket.RelayerError{Method: http.MethodGet, Path: "/transactions", Reason: polymarket.RelayerLost, Message: cause}
}

// unknown reports whether the relayer may have what it was asked for.
func unknown(e *polymarket.RelayerError) bool {
	return e.MayBeAccepted() || e.Method == http.MethodGet && e.Reason == polymarket.RelayerLost
}
