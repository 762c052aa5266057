package polymarket

import (
	"fmt"
	"net/http"
	"time"
)

// CancelOutcome is what became of a cancel request. With Failure nil the venue answered, and each id it named is in Canceled
// or in NotCanceled; an id in neither is not cancelled as far as anyone knows.
type CancelOutcome struct {
	Canceled    []string                 // order ids, lower case; never nil when the venue answered
	NotCanceled map[string]CancelRefusal // by order id
	// Failure says why there is no answer: RetryAfter, Unknown, NeverLeft, Unauthorised, Blocked or Rejected. Cancels may
	// be repeated at will.
	Failure Outcome
}

// CancelRefusal is why one order was not cancelled.
type CancelRefusal struct {
	Reason       string // CodeNotFound, CodeAlreadyFilled or CodeVenueRejected
	VenueMessage string
}

// ClassifyCancel says what the answer to any of the cancel requests means. It is total.
func ClassifyCancel(status int, h http.Header, body []byte, now time.Time) CancelOutcome {
	v, isJSON := readJSON(body)
	if status/100 != 2 {
		return CancelOutcome{Failure: refused(status, h, body, v, isJSON, Hash{}, now)}
	}
	out := CancelOutcome{Canceled: []string{}, NotCanceled: map[string]CancelRefusal{}}
	answered := false
	for k, f := range v.fields() {
		switch string(k) {
		case "canceled":
			answered = true
			out.Canceled = append(out.Canceled, f.texts()...)
		case "not_canceled":
			answered = true
			for id, why := range f.fields() {
				m := why.text()
				out.NotCanceled[lowerHex(string(id))] = CancelRefusal{cancelCode(m), m}
			}
		}
	}
	if !answered {
		return CancelOutcome{Failure: Unknown{fmt.Errorf("%w: status %d, body %s", ErrNotUnderstood, status, quoteBody(body))}}
	}
	return out
}
