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
	var once *singles
	switch {
	case l.Single:
		once = &p.singles
	case l.Many:
		once = &p.crowd.asked
	}
	over := func() {}
	if once != nil {
		if !once.begin(l.OrderID) {
			return
		}
		over = sync.OnceFunc(func() { once.end(l.OrderID) })
		defer over()
	}
	if pauseUntil(ctx, l.FromMS) != nil {
		return
	}
	if l.Many {
		if p.crowd.enter(ctx) != nil {
			return
		}
		defer p.crowd.leave()
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

// lookupsAtOnce is how many of the orders that a list has brought up are asked about at a time: with a tenth of a second for an answer that
// is close to what the limits of reads allow, and what else is to be read still finds room.
const lookupsAtOnce = 8

// crowd lets few lookups of many ask at a time.
type crowd struct {
	asked singles
	once  sync.Once
	slots chan struct{}
}

// enter waits for a place, or for the end of ctx, whose error it returns; leave must follow.
func (c *crowd) enter(ctx context.Context) error {
	c.once.Do(func() { c.slots = make(chan struct{}, lookupsAtOnce) })
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *crowd) leave() { <-c.slots }

// singles are the orders that somebody asks about, of those who ask about each once.
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
