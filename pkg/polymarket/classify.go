package polymarket

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Causes of Unknown that the venue itself tells; errors.Is finds them in Unknown.Cause.
var (
	ErrNotUnderstood = errors.New("answer not understood")
	ErrVenueFailed   = errors.New("venue failed")
	ErrUnmatched     = errors.New("placement status unmatched")
	ErrOtherID       = errors.New("answer names another order id")
)

// ClassifyPost says what the answer to POST /order means for the order with id want (zero: not checked). It is total: any
// status and body lead to an Outcome. now is the local clock, used for dates only when the answer has none.
func ClassifyPost(status int, h http.Header, body []byte, want Hash, now time.Time) Outcome {
	v, isJSON := readJSON(body)
	if status/100 != 2 {
		return refused(status, h, body, v, isJSON, want, now)
	}
	if !isJSON || !v.isObject() {
		return Unknown{fmt.Errorf("%w: status %d, body %s", ErrNotUnderstood, status, quoteBody(body))}
	}
	return placed(v, ParseRate(h, nil, now), want)
}

// ClassifyBatch is ClassifyPost for POST /orders: one outcome for each id in want, in order. Entries the answer leaves out
// are Unknown; a refusal of the whole request is every entry's outcome.
func ClassifyBatch(status int, h http.Header, body []byte, want []Hash, now time.Time) []Outcome {
	out := make([]Outcome, len(want))
	v, isJSON := readJSON(body)
	if status/100 != 2 || !isJSON || !v.isArray() {
		for i := range out {
			// A single object under 2xx cannot be laid to any one entry.
			out[i] = ClassifyPost(status, h, body, want[i], now)
			if _, accepted := out[i].(Accepted); accepted && status/100 == 2 {
				out[i] = Unknown{fmt.Errorf("%w: one answer to a batch of %d", ErrNotUnderstood, len(want))}
			}
		}
		return sparedOthers(out, errorText(v), want)
	}
	rate, i := ParseRate(h, nil, now), 0
	for e := range v.items() {
		if i < len(out) {
			out[i] = placed(e, rate, want[i])
		}
		i++
	}
	for ; i < len(out); i++ {
		out[i] = Unknown{fmt.Errorf("%w: the answer to a batch of %d is short", ErrNotUnderstood, len(want))}
	}
	return out
}

// sparedOthers guards against a refusal of the whole batch that names one of its orders: what became of the others is not
// said.
func sparedOthers(out []Outcome, message string, want []Hash) []Outcome {
	named := func(id Hash) bool { return strings.Contains(strings.ToLower(message), id.Hex()) }
	if len(want) < 2 || !slices.ContainsFunc(want, named) {
		return out
	}
	for i, id := range want {
		if !named(id) {
			out[i] = Unknown{fmt.Errorf("%w: another order of the batch was refused: %s", ErrNotUnderstood, message)}
		}
	}
	return out
}

// placed reads one placement result under a 2xx status. success:true alone means nothing: a refusal inside a batch can
// carry it.
func placed(v value, rate RateInfo, want Hash) Outcome {
	var a Accepted
	var success bool
	var message string
	for k, f := range v.fields() {
		switch string(k) {
		case "success":
			success = f.bool()
		case "errorMsg", "error":
			if s := f.text(); s != "" {
				message = s
			}
		case "orderID", "orderId":
			a.ID = f.id()
		case "status":
			a.Status = strings.ToLower(f.text())
		case "makingAmount":
			a.MakingAmount = f.text()
		case "takingAmount":
			a.TakingAmount = f.text()
		case "tradeIDs":
			a.TradeIDs = f.texts()
		case "transactionsHashes":
			a.TxHashes = f.texts()
		}
	}
	if message != "" {
		return saidNo(message, a.ID, success, rate, want)
	}
	known := a.Status == StatusLive || a.Status == StatusMatched || a.Status == StatusDelayed
	switch {
	case !success || a.ID == "":
		return Unknown{fmt.Errorf("%w: neither accepted nor a reason", ErrNotUnderstood)}
	case want != (Hash{}) && a.ID != want.Hex():
		return Unknown{fmt.Errorf("%w: %s, want %s", ErrOtherID, a.ID, want)}
	case a.Status == "unmatched":
		return Unknown{ErrUnmatched}
	case !known:
		return Unknown{fmt.Errorf("%w: status %q", ErrNotUnderstood, a.Status)}
	}
	return a
}

// saidNo is a message under 2xx. One that is not in the table is a refusal only if nothing else in the answer speaks for
// the order being there.
func saidNo(message, id string, success bool, rate RateInfo, want Hash) Outcome {
	if o, ok := classifyText(message, rate, want); ok {
		return o
	}
	if success || id != "" {
		return Unknown{fmt.Errorf("%w: %s", ErrNotUnderstood, message)}
	}
	return Rejected{CodeVenueRejected, message}
}

// refused is every answer that is not 2xx.
func refused(status int, h http.Header, body []byte, v value, isJSON bool, want Hash, now time.Time) Outcome {
	rate, message := ParseRate(h, body, now), errorText(v)
	switch status {
	case http.StatusUnauthorized:
		return Unauthorised{message}
	case http.StatusForbidden:
		return blocked(message)
	case http.StatusTooEarly:
		return RetryAfter{rate.Retry, ReasonRestarting, message}
	case http.StatusTooManyRequests:
		return RetryAfter{rate.untilPaid(now), ReasonRateLimited, message}
	}
	if status/100 == 5 {
		// Only the venue's known stops are a no; any other failure may have come after the order went in.
		if o, ok := classifyText(message, rate, want); ok {
			if r, stop := o.(RetryAfter); stop {
				return r
			}
		}
		return Unknown{fmt.Errorf("%w: status %d, body %s", ErrVenueFailed, status, quoteBody(body))}
	}
	if status/100 != 4 || !isJSON || message == "" {
		return Unknown{fmt.Errorf("%w: status %d, body %s", ErrNotUnderstood, status, quoteBody(body))}
	}
	if o, ok := classifyText(message, rate, want); ok {
		return o
	}
	return Rejected{CodeVenueRejected, message}
}

func blocked(message string) Outcome {
	if strings.Contains(strings.ToLower(message), "region") {
		return Blocked{CodeGeoblocked, message}
	}
	return Blocked{CodeBlocked, message}
}

// untilPaid is how long the venue wants us to wait: what it says, or until the signer's bucket is filled again.
func (r RateInfo) untilPaid(now time.Time) time.Duration {
	if !r.HasSigner || r.SignerReset == 0 {
		return r.Retry
	}
	if !r.Date.IsZero() {
		now = r.Date
	}
	return min(max(r.Retry, time.Unix(r.SignerReset, 0).Sub(now)), maxRetry)
}

// errorText is the message of an error body: {"error":"…"}, {"errorMsg":"…"}, {"message":"…"}, or a bare JSON string.
func errorText(v value) string {
	if len(v) > 0 && v[0] == '"' {
		return v.text()
	}
	message := ""
	for k, f := range v.fields() {
		name := string(k)
		if s := f.text(); s != "" && (name == "error" || name == "errorMsg" || name == "message" && message == "") {
			message = s
		}
	}
	return message
}

// maxQuoted bounds how much of a foreign body goes into an error.
const maxQuoted = 200

func quoteBody(b []byte) string {
	if len(b) > maxQuoted {
		return fmt.Sprintf("%q… (%d bytes)", b[:maxQuoted], len(b))
	}
	return fmt.Sprintf("%q", b)
}
