package executor

import (
	"time"

	"sluice/pkg/limits/retry"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Identity is who an account is at the venue, as far as deciding needs it. The private key is not part of it.
type Identity struct {
	Account msgs.Account
	Kind    polymarket.WalletKind
	Owner   polymarket.Address // of the key
	Maker   polymarket.Address // the wallet that holds the funds
	Signer  polymarket.Address // as orders name it: the owner, or the wallet itself for deposit wallets
	ChainID uint64
}

// Caps bound what one account may do; zero means no bound.
type Caps struct {
	Order      money.Cash // notional of one order
	Market     money.Cash // resting notional in one market, and what was bought there less what was sold
	Day        money.Cash // notional traded since midnight UTC, and resting
	OpenOrders int        // orders that can still trade
}

// Rules are what an account's orders must keep to.
type Rules struct {
	Caps    Caps
	BookAge time.Duration // a book older than this is not fresh
	FactAge time.Duration // a market fact older than this is not used; 0: facts do not age

	UnknownOrders Policy // of a log that does not agree at a start with what others know; empty is Hold
}

// Bounds that decide when something is too late or too early.
const (
	defaultValidMS = 5_000               // age of a command that names none
	idAgeMS        = 24 * 60 * 60 * 1000 // beyond it a repeat can no longer be told from a new command
	skewMS         = 2_000               // a sender's clock may be ahead by this
	gtdAheadMS     = 180_000             // the venue's least distance of an expiry
	gtdExtraMS     = 60_000              // the venue stops a GTD order so long before its expiration

	sendByMS     = 2_000  // the last byte of an order leaves within this of its intent's append
	visibilityMS = 10_000 // after which the venue shows what it took
	// restMS is when a resting order that the venue denies may be sent again, or given up.
	restMS = sendByMS + visibilityMS
	// takeMS is how long an order that is never sent twice is looked up.
	takeMS = 30_000
	// fillsMS is how long fills that the venue has spoken of may take to arrive.
	fillsMS = 30_000
	lookMS  = 500   // between two looks at an order whose fills are on their way
	heldMS  = 1_000 // between two cancels of an order that the venue holds

	retryFirstMS = 250    // back-off where the venue names no time
	retryLastMS  = 30_000 // the venue's own advice for the longest

	// againAtOnce is how many orders are tried again in the time that the venue names: some, so that none is tried in vain while others
	// could leave.
	againAtOnce = 15

	// asksForAll is how often, in the time that the venue names, one of the orders that wait for the same asks for all: each waits as long as
	// it shall, and the end of a venue's post-only minutes is seen within a second.
	asksForAll = 30

	// asksEachMS is the least between two of them: the answer to a batch names no time for its orders, and what waits for a quarter of a
	// second would have thirty ask in that.
	asksEachMS = 1_000

	auditMS = 30_000 // between two lists of what rests: one read in thousands that the limits allow

	keepFinalMS   = 10 * 60 * 1000 // a finished order can be asked for so long
	keepOpenEndMS = idAgeMS        // also when a fill of it never became final
	sweepMS       = 60_000         // between two sweeps of finished orders
)

// backoffMS doubles from retryFirstMS with every try.
func backoffMS(tries int) int64 {
	return retry.Policy{First: retryFirstMS * time.Millisecond, Last: retryLastMS * time.Millisecond}.Back(max(tries, 1), 0).Milliseconds()
}

// againMS is when an order is tried again that the venue has refused for now: when it said, and later the more older ones wait for the
// same; or after a back-off where it said nothing.
func (o *Orders) againMS(d *order, named time.Duration) int64 {
	if named <= 0 {
		return backoffMS(d.Tries)
	}
	older := 0
	for serial := range o.going {
		if serial < d.Serial {
			older++
		}
	}
	ms := max(1, named.Milliseconds())
	return max(ms, min(retryLastMS, ms*int64(1+older/againAtOnce)))
}

// failure is an Error in one line.
func failure(code msgs.Code, cause, fix string) *msgs.Error {
	return &msgs.Error{Code: code, Cause: cause, Fix: fix}
}
