package executor

import (
	"context"
	"errors"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// lookup asks about one order until the venue shows it, or denies it at a moment at which a denial counts. A venue that
// does not answer has said nothing.
func (p *performer) lookup(ctx context.Context, job actor.Job, l Lookup) {
	over := func() {}
	if l.Single {
		if !p.singles.begin(l.OrderID) {
			return
		}
		over = sync.OnceFunc(func() { p.singles.end(l.OrderID) })
		defer over()
	}
	if pauseUntil(ctx, l.FromMS) != nil {
		return
	}
	for pauses := looks(); ; {
		wait := pauses.Next()
		q := limits.Request{Endpoint: string(limits.GetOrder), Account: p.account}
		permit, err := p.acquire(ctx, q)
		if err != nil {
			return
		}
		with, done := door.Carry(ctx, q, permit)
		asked := time.Now().UnixMilli()
		o, found, err := p.venue.Order(with, l.OrderID)
		done()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("lookup not answered, asking again", "order_id", l.OrderID, "error", err, "retry_after_ms", wait.Milliseconds())
		case found:
			over() // what is delivered may lead to the next one
			job.Deliver(Found{OrderID: l.OrderID, Order: o, Alone: l.Alone, AskedMS: asked})
			return
		case asked >= l.DeniedMS:
			over()
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

// singles are the orders that a single Lookup asks about.
type singles struct {
	mu  sync.Mutex
	ids map[msgs.OrderID]bool
}

// begin reports whether no other one asks about the order; then end must follow.
func (s *singles) begin(id msgs.OrderID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[id] {
		return false
	}
	if s.ids == nil {
		s.ids = map[msgs.OrderID]bool{}
	}
	s.ids[id] = true
	return true
}

func (s *singles) end(id msgs.OrderID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
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
