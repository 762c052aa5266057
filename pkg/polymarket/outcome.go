package polymarket

import (
	"fmt"
	"time"
)

// Outcome is what became of one order that was to be placed (or of one cancel request). It is exactly one of Accepted,
// Rejected, RetryAfter, Unknown, NeverLeft, Duplicated, Unauthorised, Blocked, VersionMismatch; switch on the type.
type Outcome interface {
	// Code is one word for the outcome: the code of the wire contract for refusals, else the outcome's own name.
	Code() string
	fmt.Stringer
	outcome()
}

// Placement statuses of an accepted order.
const (
	StatusLive    = "live"    // rests in the book
	StatusMatched = "matched" // filled at once, wholly or in part
	StatusDelayed = "delayed" // accepted and held by the venue; cannot be cancelled meanwhile
)

// Codes by which refusals are known. Those up to CodeVenueDown are the wire contract's; CodeVenueRejected stands for any
// text that is not in the table.
const (
	CodePriceOffTick     = "price_off_tick"
	CodeTooManyDecimals  = "too_many_decimals"
	CodeBelowMinSize     = "below_min_size"
	CodeWouldCross       = "would_cross"
	CodeFOKNotFilled     = "fok_not_filled"
	CodeFAKNoMatch       = "fak_no_match"
	CodeNotEnoughBalance = "not_enough_balance"
	CodeMarketClosed     = "market_closed"
	CodeUnknownToken     = "unknown_token"
	CodeClosedOnly       = "closed_only"
	CodeCancelOnly       = "cancel_only"
	CodeGeoblocked       = "geoblocked"
	CodeBlocked          = "blocked"
	CodeUnauthorised     = "unauthorised"
	CodeVersionMismatch  = "version_mismatch"
	CodeVenueDown        = "venue_down"
	CodeBadValue         = "bad_value"
	CodeTooLarge         = "too_large"
	CodeNotCapable       = "not_capable"
	CodeNotFound         = "not_found"
	CodeAlreadyFilled    = "already_filled"
	CodeAlreadyFinal     = "already_final"
	CodeVenueRejected    = "venue_rejected"
)

// Accepted says that the venue has the order.
type Accepted struct {
	ID           string // order id as the venue wrote it, lower case
	Status       string // StatusLive, StatusMatched or StatusDelayed
	MakingAmount string // decimal of the own side given, "" when the venue did not say
	TakingAmount string // decimal got
	TradeIDs     []string
	TxHashes     []string // often empty even when matched: follow TradeIDs
}

// Rejected says that the venue refused the order for good; it never traded.
type Rejected struct {
	Reason       string // one of the Code constants
	VenueMessage string // the venue's own words
}

// Reasons of RetryAfter.
const (
	ReasonRateLimited = "rate_limited"
	ReasonRestarting  = "restarting"  // HTTP 425, the matching engine
	ReasonPostOnly    = "post_only"   // only post-only orders and cancels pass
	ReasonDisabled    = "disabled"    // nothing passes
	ReasonCancelOnly  = "cancel_only" // only cancels pass
)

// RetryAfter says that the order was not taken and the same bytes may go again later.
type RetryAfter struct {
	Duration     time.Duration // what the venue asked for; 0 when it did not say, then back off on your own
	Reason       string
	VenueMessage string
}

// Unknown says that the order may or may not be at the venue. Look it up by its id before anything else.
type Unknown struct{ Cause error }

// NeverLeft says that no byte of the request's body was handed to a connection: nothing can have happened.
type NeverLeft struct{ Cause error }

// Duplicated says that the venue knows an order with this id already; look it up for its state.
type Duplicated struct{ VenueMessage string }

// Unauthorised says that the credentials were refused.
type Unauthorised struct{ VenueMessage string }

// Blocked says that the venue does not serve this place or account: stop, retrying cannot help.
type Blocked struct {
	Reason       string // CodeGeoblocked or CodeBlocked
	VenueMessage string
}

// VersionMismatch says that the order was signed for another domain version; read CLOB.Version.
type VersionMismatch struct{ VenueMessage string }

func (Accepted) outcome()        {}
func (Rejected) outcome()        {}
func (RetryAfter) outcome()      {}
func (Unknown) outcome()         {}
func (NeverLeft) outcome()       {}
func (Duplicated) outcome()      {}
func (Unauthorised) outcome()    {}
func (Blocked) outcome()         {}
func (VersionMismatch) outcome() {}

// Code returns "accepted".
func (Accepted) Code() string { return "accepted" }

// Code returns the reason.
func (o Rejected) Code() string { return o.Reason }

// Code returns the reason.
func (o RetryAfter) Code() string { return o.Reason }

// Code returns "unknown".
func (Unknown) Code() string { return "unknown" }

// Code returns "never_left".
func (NeverLeft) Code() string { return "never_left" }

// Code returns "duplicated".
func (Duplicated) Code() string { return "duplicated" }

// Code returns CodeUnauthorised.
func (Unauthorised) Code() string { return CodeUnauthorised }

// Code returns the reason.
func (o Blocked) Code() string { return o.Reason }

// Code returns CodeVersionMismatch.
func (VersionMismatch) Code() string { return CodeVersionMismatch }

func (o Accepted) String() string        { return fmt.Sprintf("accepted %s: %s", o.ID, o.Status) }
func (o Rejected) String() string        { return fmt.Sprintf("rejected %s: %s", o.Reason, o.VenueMessage) }
func (o RetryAfter) String() string      { return fmt.Sprintf("retry after %s: %s", o.Duration, o.Reason) }
func (o Unknown) String() string         { return fmt.Sprintf("unknown: %v", o.Cause) }
func (o NeverLeft) String() string       { return fmt.Sprintf("never left: %v", o.Cause) }
func (o Duplicated) String() string      { return "duplicated: " + o.VenueMessage }
func (o Unauthorised) String() string    { return "unauthorised: " + o.VenueMessage }
func (o Blocked) String() string         { return fmt.Sprintf("%s: %s", o.Reason, o.VenueMessage) }
func (o VersionMismatch) String() string { return "version mismatch: " + o.VenueMessage }
