package executor

import (
	"context"
	"errors"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/polymarket"
)

// lookup asks about one order until the venue shows it, or denies it at a moment at which a denial counts. A venue that
// does not answer has said nothing.
func (p *performer) lookup(ctx context.Context, job actor.Job, l Lookup) {
	if pauseUntil(ctx, l.FromMS) != nil {
		return
	}
	for wait := lookFirst; ; wait = min(2*wait, lookLast) {
		q := limits.Request{Endpoint: string(limits.GetOrder), Account: p.account}
		permit, err := p.acquire(ctx, q)
		if err != nil {
			return
		}
		with, done := carry(ctx, q, permit)
		asked := time.Now().UnixMilli()
		o, found, err := p.venue.Order(with, l.OrderID)
		done()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("lookup not answered, asking again", "order_id", l.OrderID, "error", err, "retry_after_ms", wait.Milliseconds())
		case found:
			job.Deliver(Found{OrderID: l.OrderID, Order: o, Alone: l.Alone, AskedMS: asked})
			return
		case asked >= l.DeniedMS:
			job.Deliver(Denied{OrderID: l.OrderID, Try: l.Try, Alone: l.Alone})
			return
		}
		after := wait
		if left := time.Duration(l.DeniedMS-asked) * time.Millisecond; err == nil && left > 0 {
			after = min(after, left)
		}
		if pause(ctx, after) != nil {
			return
		}
	}
}

// isUnauthorised reports whether a read was refused for its credentials.
func isUnauthorised(err error) bool {
	e, ok := errors.AsType[*polymarket.Error](err)
	if !ok {
		return false
	}
	_, refused := e.Outcome.(polymarket.Unauthorised)
	return refused
}
