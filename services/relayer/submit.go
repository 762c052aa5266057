package relayer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/pkg/limits/quota"
	"sluice/pkg/limits/retry"
	"sluice/pkg/polymarket"
)

// Bounds of a submit.
const (
	callTimeout = 10 * time.Second // for one call of the relayer or of the sender, its answer included
	sendWithin  = 5 * time.Second  // from the decision to send: what waits longer for a connection is not sent
	lookFirst   = time.Second      // between two looks for what may have been accepted
	lookLast    = 4 * time.Second
	// visible is within which the relayer shows what it has accepted. Only its denial after that counts.
	visible = 10 * time.Second
	// lookPatience is how long a relayer that does not answer is asked what it has accepted, before somebody decides without it.
	lookPatience = 30 * time.Second
	// grain covers what the relayer leaves out when it tells a time in whole seconds.
	grain = time.Second
)

// submit has the relayer carry a unit. It is safe to do again: the bytes are the same, what may have left before is looked up
// first, and the wallet's nonce lets one of several copies have effect. ok is false when the context has cut it short.
func (p *performer) submit(ctx context.Context, d Submit, recovered bool) (_ Submitted, ok bool) {
	out := Submitted{Unit: d.Unit.Unit, Left: recovered || d.Left || p.sent.has(d.Unit.Unit)}
	done := func() (Submitted, bool) {
		out.AtMS = time.Now().UnixMilli()
		return out, ctx.Err() == nil
	}
	if p.relay == nil || p.units == nil {
		out.Err = unsent(polymarket.RelayerNoLogin, "no relayer is configured")
		return done()
	}
	if out.Left {
		p.submitAgain(ctx, d, &out)
		return done()
	}
	unit := d.Unit.Unit
	if p.sent.spent(unit) { // the refusal of a copy before may have cost one
		unit = another(unit)
	}
	exhausted, err := p.reserve(ctx, unit, d)
	switch {
	case err != nil:
		out.Err = unsent(polymarket.RelayerNeverLeft, err.Error())
		return done()
	case exhausted != nil:
		out.Exhausted = exhausted
		return done()
	}
	request, err := p.signed(d, &out)
	if err != nil {
		p.book(ctx, "void", unit, p.units.Void)
		return done()
	}
	p.send(ctx, d, request, unit, &out)
	return done()
}

// signed signs a unit for the relayer, or says in out why it is not.
func (p *performer) signed(d Submit, out *Submitted) (polymarket.RelayerRequest, error) {
	request, err := p.pen.relayed(&d.Unit)
	if err != nil {
		p.log.Error("unit not signed", "unit", d.Unit.Unit, "error", err)
		out.Denied = refusedBy(err)
		return request, err
	}
	p.pass(AfterSign)
	return request, nil
}

// submitAgain sends another copy of a unit that may have left before, after the relayer has denied knowing the earlier one. That one
// may have been charged all the same, so the new one has a unit of its own.
func (p *performer) submitAgain(ctx context.Context, d Submit, out *Submitted) {
	request, err := p.signed(d, out)
	if err != nil {
		return
	}
	found, err := p.lookUp(ctx, request)
	switch {
	case err != nil:
		out.Err = unseen(fmt.Sprintf("whether an earlier copy was accepted is not known: %v", err))
		return
	case found != "":
		p.book(ctx, "confirm", d.Unit.Unit, p.units.Confirm)
		out.ID = found
		return
	}
	if out.Err = p.vain(ctx, d); out.Err != nil {
		return
	}
	unit := another(d.Unit.Unit)
	exhausted, err := p.reserve(ctx, unit, d)
	if exhausted != nil {
		out.Exhausted = exhausted // beside Left: this copy has not left, an earlier one may have
		return
	}
	if err != nil {
		out.Err = unseen("an earlier copy may have left, and there is no unit to send another: " + err.Error())
		return
	}
	p.send(ctx, d, request, unit, out)
}

// newPauses are those of what is asked until it is answered.
func newPauses() *retry.Pauses { return retry.Policy{First: lookFirst, Last: lookLast}.Pauses(nil) }

// another names one more unit of the quota, for another copy.
func another(unit string) string { return unit + "@" + strconv.FormatInt(time.Now().UnixMilli(), 10) }

// send lets the bytes go, once, and settles the unit that they cost.
func (p *performer) send(ctx context.Context, d Submit, request polymarket.RelayerRequest, unit string, out *Submitted) {
	by := time.Now().Add(sendWithin)
	if d.SendBy > 0 && time.UnixMilli(d.SendBy).Before(by) {
		by = time.UnixMilli(d.SendBy)
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	p.pass(BeforeSubmit)
	p.sent.add(d.Unit.Unit)
	taken, _, err := p.relay.Submit(call, request, by)
	p.pass(AfterSubmit)
	var refusal *polymarket.RelayerError
	if err != nil && !errors.As(err, &refusal) {
		refusal = lost(err.Error())
	}
	p.count.submitted(refusal)
	switch {
	case refusal == nil:
		out.ID = taken.ID
		p.pulse.taken()
		p.book(ctx, "confirm", unit, p.units.Confirm)
		return
	case refusal.MayBeAccepted():
		if found, err := p.lookUp(ctx, request); err == nil && found != "" {
			out.ID = found
			p.book(ctx, "confirm", unit, p.units.Confirm)
			return
		}
	case !refusal.MayBeCharged():
		p.sent.forget(d.Unit.Unit, out.Left)
		p.book(ctx, "void", unit, p.units.Void)
	default: // it may be charged: it stays in the book, and another copy has one of its own
		p.sent.spend(d.Unit.Unit)
		p.sent.forget(d.Unit.Unit, out.Left)
	}
	if refusal.Reason == polymarket.RelayerQuota {
		wait := time.Duration(0) // the book knows how soon to ask again where no time is named: asking costs nothing
		if refusal.Named && refusal.After > 0 {
			wait = refusal.After + grain
		}
		p.book(ctx, "block", unit, func(ctx context.Context, _ string) error { return p.units.Block(ctx, wait) })
	}
	out.Err = refusal
}

// reserve charges a unit, for as long as it takes to reach the book while the unit may still leave.
func (p *performer) reserve(ctx context.Context, id string, d Submit) (*quota.Exhausted, error) {
	p.pass(BeforeReserve)
	for pauses := newPauses(); ; {
		wait := pauses.Next()
		err := p.units.Reserve(ctx, id, d.Purpose)
		if err == nil {
			p.pass(AfterReserve)
			return nil, nil
		}
		if none, ok := errors.AsType[*quota.Exhausted](err); ok {
			return none, nil
		}
		if d.SendBy > 0 && time.Now().UnixMilli() > d.SendBy {
			return nil, err
		}
		p.log.Warn("no unit reserved, trying again", "unit", id, "error", err, "retry_after_ms", wait.Milliseconds())
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// book writes into the book of units what became of one. A unit that nobody has settled stays charged, which is the careful side.
func (p *performer) book(ctx context.Context, what, id string, write func(context.Context, string) error) {
	p.pass(BeforeConfirm)
	if err := write(ctx, id); err != nil && ctx.Err() == nil {
		p.log.Warn("unit not settled in the book; it stays charged", "unit", id, "what", what, "error", err)
	}
	p.pass(AfterConfirm)
}

// lookUp finds a request in the relayer's list. "" is its denial at a time at which that counts. Its error is the relayer's last
// or the context's.
func (p *performer) lookUp(ctx context.Context, request polymarket.RelayerRequest) (id string, err error) {
	began := time.Now()
	for pauses := newPauses(); ; {
		wait := pauses.Next()
		asked := time.Now()
		if id, err = p.find(ctx, request); id != "" {
			return id, nil
		}
		if err == nil && asked.Sub(began) >= visible || err != nil && time.Since(began) >= lookPatience {
			return "", err
		}
		if said, ok := errors.AsType[*polymarket.RelayerError](err); ok && said.Named {
			wait = min(max(wait, said.After), lookPatience)
		}
		if cut := pause(ctx, wait); cut != nil {
			return "", cut
		}
	}
}

func (p *performer) find(ctx context.Context, request polymarket.RelayerRequest) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := p.relay.Transactions(ctx)
	p.pulse.read(ctx, err)
	if err != nil {
		return "", err
	}
	for _, t := range list {
		if isCopy(t, request) {
			return t.ID, nil
		}
	}
	return "", nil
}

// isCopy reports whether the relayer has t for what is asked for. A wallet's creation is asked for with the same bytes each time, or with
// none that are signed: one that failed is not the next.
func isCopy(t polymarket.RelayerTransaction, r polymarket.RelayerRequest) bool {
	creates := r.Type == polymarket.RelayWalletCreate || r.Type == polymarket.RelaySafeCreate
	if creates && (t.State == polymarket.TxFailed || t.State == polymarket.TxInvalid) {
		return false
	}
	return t.Is(r) || r.Type == polymarket.RelayWalletCreate && t.Type == r.Type && strings.EqualFold(t.From, r.From.Hex())
}

// unsent is a submit of which no byte left.
func unsent(reason polymarket.RelayerReason, cause string) *polymarket.RelayerError {
	return &polymarket.RelayerError{Method: http.MethodPost, Path: "/submit", Reason: reason, Message: cause}
}

// lost is a submit of which nobody knows what became.
func lost(cause string) *polymarket.RelayerError {
	return &polymarket.RelayerError{Method: http.MethodPost, Path: "/submit", Reason: polymarket.RelayerLost, Message: cause}
}
