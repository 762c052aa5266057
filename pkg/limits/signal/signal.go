package signal

import (
	"net/http"
	"strings"
	"time"
)

// Kind is what an answer means for whoever wants to send more.
type Kind string

// The kinds.
const (
	Good         Kind = "good"
	Throttled    Kind = "throttled"    // 429, or an edge's page of error 1015
	QuotaGone    Kind = "quota-gone"   // 429 whose text says that a quota is used up
	Restarting   Kind = "restarting"   // 425: the matching engine comes back in moments
	PostOnly     Kind = "post-only"    // 503: orders that rest and cancels pass
	CancelOnly   Kind = "cancel-only"  // 503: cancels pass
	Closed       Kind = "closed"       // 503: no trading at all
	Blocked      Kind = "blocked"      // a page of HTML where JSON belongs: the edge blocks this address
	NoPlan       Kind = "no-plan"      // 402: not paid for, which no waiting mends
	Unauthorised Kind = "unauthorised" // 401
	Refused      Kind = "refused"      // another 4xx
	Failed       Kind = "failed"       // another 5xx
)

// Signal is what an answer says.
type Signal struct {
	Kind  Kind
	Cause string // in words, for a log and a person; empty when the kind says it all

	// Wait is how long the answer asks to wait. Named is false when it does not say, and then Wait is 0. A named wait of 0
	// shortens nobody's own back-off.
	Wait  time.Duration
	Named bool

	// Scope is the counter that a refusal names, as the catalogue calls it.
	Scope string

	Window Count // X-RateLimit-*
	Signer Count // Poly-RateLimit-*

	Tier    string // of the signer
	Warning bool   // it would have been refused, if limits were enforced
}

// Count is the venue's own count.
type Count struct {
	Known     bool
	Limit     int           // 0 when not said
	Remaining int           // may be below zero
	Reset     time.Duration // until it is whole again; 0 when not said
}

// Answer is an answer as it came.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// blockedFor is how long an address rests that an edge has blocked without saying for how long.
const blockedFor = 5 * time.Minute

// Read reads an answer that came at now.
func Read(a Answer, now time.Time) Signal {
	h := readHeaders(a.Header)
	clock := now
	if date, err := http.ParseTime(h["date"]); err == nil {
		clock = date
	}
	body := readBody(a.Body)
	s := Signal{Scope: body.scope, Tier: h["poly-ratelimit-tier"], Warning: strings.EqualFold(h["poly-ratelimit-warning"], "true")}
	s.Window = count(h, "x-ratelimit-", clock)
	s.Signer = count(h, "poly-ratelimit-", clock)
	for _, w := range []wait{retryAfter(h["retry-after"], clock), body.wait(clock)} {
		if w.named {
			s.Named, s.Wait = true, max(s.Wait, w.d)
		}
	}
	s.Kind, s.Cause = kindOf(a.Status, body)
	if s.Kind == Blocked && s.Wait == 0 {
		s.Named, s.Wait = true, blockedFor
	}
	if s.Kind == Throttled && !s.Named { // the moment at which the count is whole again says it too
		switch {
		case s.Signer.Known && s.Signer.Remaining <= 0 && s.Signer.Reset > 0:
			s.Named, s.Wait = true, s.Signer.Reset
		case s.Window.Known && s.Window.Remaining <= 0 && s.Window.Reset > 0:
			s.Named, s.Wait = true, s.Window.Reset
		}
	}
	return s
}

func kindOf(status int, b body) (Kind, string) {
	switch {
	case b.html && b.limited:
		return Throttled, "the edge limits this address (error 1015)"
	case b.html && status == http.StatusTooManyRequests:
		return Throttled, "the edge limits this address"
	case b.html && status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return Blocked, "the edge answers this address with a page instead of the API"
	case status < http.StatusBadRequest:
		return Good, ""
	}
	switch status {
	case http.StatusUnauthorized:
		return Unauthorised, b.error
	case http.StatusPaymentRequired:
		return NoPlan, "the plan of this key does not include the endpoint"
	case http.StatusTooEarly:
		return Restarting, "the matching engine restarts"
	case http.StatusTooManyRequests:
		if strings.Contains(b.error, "quota exceeded") {
			return QuotaGone, b.error
		}
		return Throttled, b.error
	case http.StatusServiceUnavailable:
		return trading(b.error)
	}
	if status >= http.StatusInternalServerError {
		return Failed, b.error
	}
	return Refused, b.error
}

// trading tells the venue's pauses from a failure.
func trading(text string) (Kind, string) {
	lower := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(text))
	switch {
	case strings.Contains(lower, "post_only"):
		return PostOnly, text
	case strings.Contains(lower, "cancel_only"):
		return CancelOnly, text
	case strings.Contains(lower, "disabled"):
		return Closed, text
	}
	return Failed, text
}
