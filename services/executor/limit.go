package executor

import (
	"errors"

	"sluice/pkg/limits"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
	"sluice/pkg/polymarket"
)

// ended tells the limits what became of a request: when it was answered, and what the answer asks for. What is unknown may
// arrive yet, and is counted until it surely has.
func ended(o polymarket.Outcome) limits.Answer {
	a := limits.Answer{Outcome: gate.Answered, Items: -1}
	switch o := o.(type) {
	case polymarket.NeverLeft:
		a.Outcome = gate.NeverLeft
	case polymarket.Unknown:
		a.Outcome = gate.Unknown
	case polymarket.RetryAfter:
		if o.Reason == polymarket.ReasonRateLimited {
			a.Signal = signal.Signal{Kind: signal.Throttled, Cause: o.VenueMessage, Wait: o.Duration, Named: o.Duration > 0}
		}
	}
	return a
}

// endedAll is ended for the orders of one request: one that may have left makes all of it count.
func endedAll(of []polymarket.Outcome) limits.Answer {
	var all limits.Answer
	for i, o := range of {
		a := ended(o)
		if i == 0 || a.Outcome == gate.Unknown || all.Outcome == gate.NeverLeft {
			a.Signal = later(a.Signal, all.Signal)
			all = a
			continue
		}
		all.Signal = later(all.Signal, a.Signal)
	}
	return all
}

func later(a, b signal.Signal) signal.Signal {
	if b.Kind != "" && (a.Kind == "" || b.Wait > a.Wait) {
		return b
	}
	return a
}

// endedRead is ended for a read.
func endedRead(err error) limits.Answer {
	if err == nil {
		return limits.Answer{Outcome: gate.Answered, Items: -1}
	}
	if e, ok := errors.AsType[*polymarket.Error](err); ok {
		return ended(e.Outcome)
	}
	return limits.Answer{Outcome: gate.Unknown}
}
