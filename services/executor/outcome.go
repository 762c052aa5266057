package executor

import (
	"errors"
	"fmt"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// posted takes what became of a post. An order that the feed has shown meanwhile is beyond it.
func (t *turn) posted(m Posted) {
	d := t.order(m.OrderID)
	if d == nil || d.Intent == nil {
		return
	}
	switch out := m.Outcome.(type) {
	case polymarket.Accepted:
		t.accepted(d, out)
	case polymarket.Duplicated:
		t.alone = true
		t.look(d, 0)
	case polymarket.RetryAfter:
		t.later(d, out.Duration, out.Reason, out.VenueMessage)
	case polymarket.NeverLeft:
		t.later(d, t.room(d, out.Cause), "", fmt.Sprint(out.Cause))
	case polymarket.Rejected:
		t.venueRejected(d, failure(msgs.Code(out.Reason), "the venue refused the order: "+out.VenueMessage, fixOf(msgs.Code(out.Reason))), out.VenueMessage)
	case polymarket.Unauthorised:
		t.stopped(d, msgs.Unauthorised, out.VenueMessage)
	case polymarket.Blocked:
		t.stopped(d, msgs.Code(out.Reason), out.VenueMessage)
	case polymarket.VersionMismatch:
		t.venueRejected(d, failure(msgs.VersionMismatch, "the venue wants orders of another version", "update Sluice"), out.VenueMessage)
	case polymarket.Unknown:
		t.unknown(d, fmt.Sprint(out.Cause))
	default:
		t.unknown(d, "no outcome")
	}
}

// accepted takes the venue's yes. Fills come from the feed, perhaps before it.
func (t *turn) accepted(d *order, out polymarket.Accepted) {
	if d.Final {
		if d.State == msgs.Rejected {
			t.look(d, 0)
		}
		return
	}
	if d.Venue == "" {
		t.placed(d, out.Status)
	}
	if d.OrderType.Rests() || out.Status != polymarket.StatusMatched {
		return
	}
	got := out.TakingAmount
	if d.Side == msgs.Sell {
		got = out.MakingAmount
	}
	if s, _, err := money.ParseTolerant[money.Size](got); err == nil && s > 0 && d.gross() >= s {
		t.finish(d, statusMatched, s)
	}
}

// placed says that the venue has the order, and carries on with a cancel that came before. An order that does not rest is
// looked at until it is over, which no frame need tell.
func (t *turn) placed(d *order, status string) {
	d.State, d.Venue, d.AtMS = msgs.Open, status, t.nowMS
	if status == polymarket.StatusDelayed {
		d.State = msgs.Delayed
	}
	t.emit(&msgs.OrderAccepted{Head: about(d, msgs.KindAccepted), Order: d.Order, VenueStatus: status})
	if d.State == msgs.Delayed || !d.OrderType.Rests() {
		t.look(d, t.at(lookMS))
	}
	if d.Wish != nil {
		t.deed(CancelOrders{[]msgs.OrderID{d.OrderID}})
	}
}

// later keeps an order that the venue did not take: the same bytes go again while the command is valid. While the venue takes
// post-only orders alone, one of those that wait asks for all.
func (t *turn) later(d *order, after time.Duration, reason, message string) {
	if d.State != msgs.Submitting {
		return
	}
	wait := t.againMS(d, after)
	if !t.may(d) {
		return
	}
	if expired(d.Intent.ValidUntilMS, t.at(wait)) {
		t.venueRejected(d, failure(retryCode(reason), "the venue takes no orders now, and will not before the command is too old: "+message,
			"submit anew later; with valid_until_ms an order waits longer"), message)
		return
	}
	w := Wait{UntilMS: t.at(wait), Then: Again{OrderID: d.OrderID, Try: d.Tries}, Turn: d.Serial}
	if reason == polymarket.ReasonPostOnly {
		w.EachMS, w.LastMS = max(asksEachMS, wait/asksForAll), d.Intent.ValidUntilMS
	}
	t.deed(w)
}

// room is when our own limits may have room for an order that they had none for; 0 where something else kept it, or where its turn would
// come too late, which the back-off may not.
func (t *turn) room(d *order, cause error) time.Duration {
	m, ok := errors.AsType[*missed](cause)
	if !ok || expired(d.Intent.ValidUntilMS, t.at(t.againMS(d, m.in))) {
		return 0
	}
	return m.in
}

// may reports whether an order that is not at the venue may still leave, and ends it when not.
func (t *turn) may(d *order) bool {
	switch {
	case d.Doomed:
		t.emit(t.cancelled(d, msgs.Requested))
	case t.stays(d):
		t.rejected(d, t.stopCause(), bySluice, "")
	case expired(d.Intent.ValidUntilMS, t.nowMS):
		t.rejected(d, tooLate(d.Intent.ValidUntilMS, t.nowMS), bySluice, "")
	default:
		return true
	}
	return false
}

// again takes up what waited.
func (t *turn) again(m Again) {
	d := t.order(m.OrderID)
	switch {
	case d == nil || d.Final:
	case m.Try == 0:
		if d.Wish != nil {
			t.deed(CancelOrders{[]msgs.OrderID{d.OrderID}})
		}
	case d.State == msgs.Submitting && d.Tries == m.Try && t.may(d):
		if t.comparing {
			t.deed(Wait{UntilMS: t.at(lookMS), Then: m, Turn: d.Serial})
			break
		}
		t.resend(d)
	}
}

// resend writes the same intent again: its append is also the proof that nobody has taken over since.
func (t *turn) resend(d *order) {
	t.emit(&msgs.OrderSubmitting{Head: about(d, msgs.KindSubmitting), Orders: []msgs.Intent{*d.Intent}})
	t.deed(Post{Intent: *d.Intent, Again: true, After: t.n})
}

func (t *turn) unknown(d *order, cause string) {
	if d.State != msgs.Submitting {
		return
	}
	d.State = msgs.Unknown
	t.emit(&msgs.OrderUnknown{Head: about(d, msgs.KindUnknown), Order: d.Order, SinceMS: t.nowMS, Cause: cause})
	t.look(d, 0)
}

// venueRejected ends an order that the venue refused. An order that has traded or rests cannot have been refused: what
// the feed has shown counts.
func (t *turn) venueRejected(d *order, err *msgs.Error, message string) {
	if d.Final || !d.pending() {
		t.anomaly(d, failure(err.Code, "the venue refused an order that it has shown as "+string(d.State)+": "+message, "nothing to do: the order is looked up"))
		t.look(d, 0)
		return
	}
	t.rejected(d, err, byVenue, message)
}

func (t *turn) rejected(d *order, err *msgs.Error, by, message string) {
	d.State, d.Final = msgs.Rejected, true
	d.tally()
	t.emit(&msgs.OrderRejected{Head: about(d, msgs.KindRejected), Order: d.Order, Error: err, By: by, VenueMessage: message})
	d.Wish = nil
}

// stopped ends an order that the venue refuses because of who we are, and halts: the next one would fare no better.
func (t *turn) stopped(d *order, code msgs.Code, message string) {
	t.venueRejected(d, failure(code, "the venue does not serve this account or place: "+message, fixOf(code)), message)
	if !t.halted {
		t.emit(&msgs.OrderHalted{Head: about(d, msgs.KindHalted), By: bySluice, Reason: string(code) + ": " + message})
	}
}

func (t *turn) anomaly(d *order, err *msgs.Error) {
	t.emit(&msgs.OrderAnomaly{Head: about(d, msgs.KindAnomaly), Order: d.Order, Error: err})
}

func retryCode(reason string) msgs.Code {
	if reason == polymarket.ReasonCancelOnly {
		return msgs.CancelOnly
	}
	return msgs.VenueDown
}

// fixOf says what helps against a refusal of the venue.
func fixOf(c msgs.Code) string {
	switch c {
	case msgs.NotEnoughBalance:
		return "see `sluice ledger balances`: resting orders reserve, and shares of a fresh fill are not there before it settles"
	case msgs.PriceOffTick:
		return "the market's tick has changed: take the tick from the book"
	case msgs.BelowMinSize:
		return "order more: at least what the market takes, and at least $1 where a purchase trades at once"
	case msgs.TooManyDecimals:
		return "give size and amount with at most 2 decimals, and a price on the market's tick"
	case msgs.MarketClosed:
		return "the market takes no orders now: `sluice markets` shows those that do"
	case msgs.ClosedOnly:
		return "the venue takes only what reduces a position of this account: sell what it has"
	case msgs.UnknownToken:
		return "check the token with `sluice markets`"
	case msgs.NotCapable:
		return "check funder and wallet kind of the account with `sluice doctor`"
	case msgs.WouldCross:
		return "post further from the other side, or without post_only"
	case msgs.FOKNotFilled:
		return "order less, or at a worse price, or use FAK"
	case msgs.FAKNoMatch:
		return "nobody stood at your price: order at a worse one"
	case msgs.Unauthorised:
		return "check key, wallet and wallet kind of the account, then resume it"
	case msgs.Geoblocked:
		return "run Sluice where the venue serves, then resume the account"
	case msgs.Blocked:
		return "find out at the venue why, then resume the account"
	}
	return "read the venue's words"
}
