package polymarket

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RelayerReason is why the relayer did not do what it was asked, in one word.
type RelayerReason string

// The reasons. Those of the first group are refusals: the request has had no effect and will have none. After those of the
// second a submit may have been accepted.
const (
	RelayerQuota        RelayerReason = "quota_exceeded"   // the daily units are spent; After says how long
	RelayerRateLimited  RelayerReason = "rate_limited"     // too many requests in a minute
	RelayerWalletBusy   RelayerReason = "wallet_busy"      // another transaction of the wallet is under way
	RelayerNonce        RelayerReason = "nonce_mismatch"   // not the wallet's next nonce: read it and sign again
	RelayerStranger     RelayerReason = "wallet_unknown"   // the relayer does not know the deposit wallet: not yet, where it is new
	RelayerCallBlocked  RelayerReason = "call_blocked"     // the relayer does not carry such a call
	RelayerPrecheck     RelayerReason = "precheck_failed"  // the relayer tried it and it would revert
	RelayerUnauthorised RelayerReason = "unauthorised"     // credentials refused
	RelayerForbidden    RelayerReason = "forbidden"        // this place or account is not served
	RelayerRejected     RelayerReason = "relayer_rejected" // any other refusal in the relayer's own words
	RelayerNeverLeft    RelayerReason = "never_left"       // no byte of the body was handed to a connection
	RelayerNoLogin      RelayerReason = "no_credentials"   // nothing was sent, as none are configured

	RelayerLost          RelayerReason = "answer_lost"           // sent, no whole answer came
	RelayerDown          RelayerReason = "relayer_down"          // 5xx, or a page of something before the relayer
	RelayerNotUnderstood RelayerReason = "answer_not_understood" // an answer of another shape than agreed
)

// RelayerError is a call of the relayer that did not do what was asked. It can be written down and read back: all methods depend
// on the exported fields only.
type RelayerError struct {
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Status  int           `json:"status,omitempty"` // 0: no answer
	Reason  RelayerReason `json:"reason"`
	Message string        `json:"message,omitempty"`  // the relayer's words, or what went wrong
	After   time.Duration `json:"after_ns,omitempty"` // how long the relayer asked to wait
	Named   bool          `json:"named,omitempty"`    // the relayer named a time; After may be 0 even so

	cause error
}

func (e *RelayerError) Error() string {
	what := fmt.Sprintf("relayer %s %s: %s", e.Method, e.Path, e.Reason)
	if e.Status != 0 {
		what += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Message != "" {
		what += ": " + e.Message
	}
	return what + ": " + e.Fix()
}

func (e *RelayerError) Unwrap() error { return e.cause }

// ErrNotRefused reports that something needs a definite refusal of the relayer and there is none.
var ErrNotRefused = errors.New("not refused by the relayer")

// MayBeAccepted reports whether the relayer may have taken the transaction all the same. It must then be looked up
// (Relayer.Transactions) before anything else; a Safe's nonce guards it meanwhile, a proxy wallet has no guard.
func (e *RelayerError) MayBeAccepted() bool {
	if e.Method != http.MethodPost {
		return false
	}
	switch e.Reason {
	case RelayerQuota, RelayerRateLimited, RelayerWalletBusy, RelayerNonce, RelayerStranger, RelayerCallBlocked, RelayerPrecheck,
		RelayerUnauthorised, RelayerForbidden, RelayerRejected, RelayerNeverLeft, RelayerNoLogin:
		return false
	}
	return true
}

// MayBeCharged reports whether a unit of the quota may be spent. The relayer is said to count failed submits, so only what it
// turned away at the door is certainly free.
func (e *RelayerError) MayBeCharged() bool {
	if e.Method != http.MethodPost {
		return false
	}
	switch e.Reason {
	case RelayerQuota, RelayerRateLimited, RelayerUnauthorised, RelayerNeverLeft, RelayerNoLogin:
		return false
	}
	return true
}

// Refuses reports whether e shows that the transaction it was the answer to has not been and will not be performed by the
// relayer. A wallet that is busy or has passed the nonce does not show it: an earlier copy may be the cause.
func (e *RelayerError) Refuses() bool {
	return e.Method == http.MethodPost && !e.MayBeAccepted() && e.Reason != RelayerWalletBusy && e.Reason != RelayerNonce
}

// Retryable reports whether the same work may be tried at the relayer again after a pause.
func (e *RelayerError) Retryable() bool {
	switch e.Reason {
	case RelayerQuota, RelayerRateLimited, RelayerWalletBusy, RelayerNonce, RelayerStranger, RelayerNeverLeft, RelayerLost, RelayerDown, RelayerNotUnderstood:
		return true
	}
	return false
}

// Fix says what to do, for a person.
func (e *RelayerError) Fix() string {
	switch e.Reason {
	case RelayerQuota:
		return fmt.Sprintf("wait %s, or let work go by own gas; a verified builder has a larger quota, a relayer API key has none", e.wait())
	case RelayerRateLimited:
		return fmt.Sprintf("wait %s; the relayer takes 25 submits a minute", e.wait())
	case RelayerWalletBusy:
		return "wait until the wallet's other transaction is final, read the nonce and sign again"
	case RelayerNonce:
		return "read the wallet's nonce on chain and sign again, after a look whether the transaction has been performed already"
	case RelayerStranger:
		return "a new deposit wallet is known some seconds after it was made; of an older one, compare the address with the one that the venue's site shows, and tell the venue's support"
	case RelayerCallBlocked:
		return "the relayer carries calls of the venue's contracts only, and none of the wallet to itself: use own gas if the wallet can, or leave the call out"
	case RelayerPrecheck:
		return "the transaction would revert: look at balances, approvals and the market's state"
	case RelayerUnauthorised:
		return "check the builder's or relayer's API key, secret and passphrase, and this machine's clock"
	case RelayerForbidden:
		return "the relayer does not serve this place or account: retrying cannot help"
	case RelayerRejected:
		return "read the relayer's words; the same request will be refused again"
	case RelayerNeverLeft:
		return "nothing was sent: check that the relayer's address is right and that it can be reached from here, then try again"
	case RelayerNoLogin:
		return "configure a builder's API key with secret and passphrase, or a relayer API key"
	case RelayerLost, RelayerDown, RelayerNotUnderstood:
		if e.MayBeAccepted() {
			return "it may have been accepted: look it up in the relayer's list before anything else"
		}
		return "try again"
	}
	return "look at the relayer's answer"
}

func (e *RelayerError) wait() string {
	if !e.Named {
		return "a while"
	}
	return e.After.String()
}

// ClassifyRelayer says what an answer other than the expected one means. It is total.
func ClassifyRelayer(method, path string, status int, h http.Header, body []byte, now time.Time) *RelayerError {
	rate := ParseRate(h, body, now)
	e := &RelayerError{Method: method, Path: path, Status: status, After: rate.Retry, Named: rate.HasRetryAfter}
	message, own := relayerText(body)
	e.Message = message
	if !own {
		e.Message = "body " + quoteBody(body)
	}
	switch low := strings.ToLower(message); {
	case status/100 == 5:
		e.Reason = RelayerDown
	case status == http.StatusTooManyRequests:
		e.Reason = RelayerRateLimited
		if bytes.Contains(bytes.ToLower(body), []byte("quota exceeded")) {
			e.Reason = RelayerQuota
		}
	case status == http.StatusUnauthorized:
		e.Reason = RelayerUnauthorised
	case status == http.StatusForbidden:
		e.Reason = RelayerForbidden
		if strings.Contains(low, "call blocked") {
			e.Reason = RelayerCallBlocked
		}
	case status/100 != 4 || !own || unsettled(status, low):
		e.Reason = RelayerNotUnderstood
	default:
		e.Reason = refusalReason(low)
	}
	return e
}

// relayerText is the relayer's message, out of JSON or a short plain text; own is false for pages and everything else.
func relayerText(body []byte) (_ string, own bool) {
	if v, ok := readJSON(body); ok {
		message := errorText(v)
		return message, message != ""
	}
	text := bytes.TrimSpace(body)
	if len(text) == 0 || len(text) > maxQuoted || bytes.ContainsAny(text, "<>{") {
		return "", false
	}
	return string(text), true
}

// unsettled reports whether a 4xx leaves open what became of the request.
func unsettled(status int, low string) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, 499:
		return true
	}
	for _, part := range []string{"context canceled", "context deadline exceeded", "timeout", "timed out", "connection reset", "already known", "duplicate"} {
		if strings.Contains(low, part) {
			return true
		}
	}
	return false
}

// refusalReason reads the relayer's words under a status of 4xx, in lower case. Unknown words are a refusal all the same.
func refusalReason(low string) RelayerReason {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(low, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("not available", "unavailable", "try again"):
		return RelayerDown
	case has("quota exceeded"):
		return RelayerQuota
	case has("wallet busy", "active action", "in-flight action", "already active"):
		return RelayerWalletBusy
	case has("does not match on-chain nonce", "invalid nonce", "nonce mismatch", "nonce too"):
		return RelayerNonce
	case has("wallet registry", "is not registered"):
		return RelayerStranger
	case has("call blocked", "blocked call"):
		return RelayerCallBlocked
	case has("revert", "simulation", "estimate gas", "estimategas", "precheck", "insufficient"):
		return RelayerPrecheck
	case has("unauthorized", "unauthorised", "invalid authorization", "api key"):
		return RelayerUnauthorised
	case has("region", "banned"):
		return RelayerForbidden
	}
	return RelayerRejected
}
