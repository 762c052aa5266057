package polymarket

import (
	"fmt"
	"strings"
)

// classifyText maps the venue's messages to outcomes; ok is false for a text that is not in the table. Messages carry
// details before and after the fixed part, so parts are looked for.
func classifyText(message string, rate RateInfo, want Hash) (_ Outcome, ok bool) {
	low := strings.ToLower(message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(low, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("order timed out", "could not run the execution", "context canceled", "could not insert order",
		"rounding issues", "discrepancy greater than allowed"):
		// The engine stopped somewhere in the middle; the venue turns a cancelled context into a 400.
		return Unknown{fmt.Errorf("%w: %s", ErrVenueFailed, message)}, true
	case has("duplicated"):
		return Duplicated{message}, true
	case has("order_version_mismatch"):
		return VersionMismatch{message}, true
	case has("order match delayed"):
		return delayed(want), true
	case has("post-only mode"):
		return RetryAfter{rate.Retry, ReasonPostOnly, message}, true
	case has("cancel-only"):
		return RetryAfter{rate.Retry, ReasonCancelOnly, message}, true
	case has("trading is currently disabled"):
		return RetryAfter{rate.Retry, ReasonDisabled, message}, true
	case has("too many requests"):
		return RetryAfter{rate.Retry, ReasonRateLimited, message}, true
	case has("trading restricted in your region"):
		return Blocked{CodeGeoblocked, message}, true
	case has("address banned"):
		return Blocked{CodeBlocked, message}, true
	case has("invalid api key", "invalid l1 request headers"):
		return Unauthorised{message}, true
	}
	if code := refusalCode(has); code != "" {
		return Rejected{code, message}, true
	}
	return nil, false
}

// refusalCode is the code of a final refusal, "" when no part is found.
func refusalCode(has func(...string) bool) string {
	switch {
	case has("breaks minimum tick size rule"):
		return CodePriceOffTick
	case has("lower than the minimum", "min size:"):
		return CodeBelowMinSize
	case has("invalid amounts"):
		return CodeTooManyDecimals
	case has("crosses the book", "crosses book"):
		return CodeWouldCross
	case has("not enough balance / allowance"):
		return CodeNotEnoughBalance
	case has("fok orders are fully filled or killed", "fok orders are filled or killed"):
		return CodeFOKNotFilled
	case has("no orders found to match with fak order", "there are no matching orders"):
		return CodeFAKNoMatch
	case has("address in closed only mode"):
		return CodeClosedOnly
	case has("not yet ready to process new orders", "no orderbook exists"):
		return CodeMarketClosed
	case has("market not found", "invalid token id", "fee rate not found for market"):
		return CodeUnknownToken
	case has("maker address not allowed"):
		return CodeNotCapable
	case has("has to be the owner of the api key", "has to be the address of the api key"):
		return CodeUnauthorised
	case has("canceled in the ctf exchange contract"):
		return CodeAlreadyFinal
	case has("too many orders in payload"):
		return CodeTooLarge
	case has("invalid order payload", "invalid expiration", "invalid nonce", "invalid orderid", "invalid signature"):
		return CodeBadValue
	}
	return ""
}

// delayed is the one message that is an acceptance. The answer then names no id, ours is the one it will have.
func delayed(want Hash) Outcome {
	a := Accepted{Status: StatusDelayed}
	if want != (Hash{}) {
		a.ID = want.Hex()
	}
	return a
}

// cancelCode is the code of a reason for which an order was not cancelled.
func cancelCode(message string) string {
	low := strings.ToLower(message)
	switch {
	case strings.Contains(low, "already matched"):
		return CodeAlreadyFilled
	case strings.Contains(low, "not found"), strings.Contains(low, "already canceled"), strings.Contains(low, "already cancelled"):
		return CodeNotFound
	}
	return CodeVenueRejected
}
