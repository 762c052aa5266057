package executor

import (
	"context"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/msgs"
)

// Bounds of looking back.
const (
	// tradesBack is how far the trades of an account without a log are looked through.
	tradesBack = 24 * time.Hour
	// tradesOverlap is how much before the end of the log: the venue's clock and ours may differ.
	tradesOverlap = time.Minute
)

// compare asks everybody who may know of the account's orders, each until he answers; only the ledger may stay silent.
func (p *performer) compare(ctx context.Context, job actor.Job, d Compare) {
	m := Comparison{Started: d.Started}
	since := d.Started.Last.Add(-tradesOverlap)
	if d.Started.First {
		since = time.Now().Add(-tradesBack)
	}
	var asking sync.WaitGroup
	asking.Go(func() { m.Open = p.openOrders(ctx, "no new order leaves before") })
	asking.Go(func() {
		p.patiently(ctx, "trades", "no new order leaves before", limits.GetTrades, func(ctx context.Context) (err error) {
			m.Traded, err = p.venue.Traded(ctx, since)
			return err
		})
	})
	asking.Go(func() {
		p.patiently(ctx, "private feed", "no new order leaves before", "", func(ctx context.Context) (err error) {
			m.Heard, err = p.witness.heard(ctx, d.Started)
			return err
		})
	})
	asking.Go(func() { m.Ledger = p.witness.booked(ctx) })
	asking.Wait()
	if ctx.Err() == nil {
		job.Deliver(m)
	}
}

// audit lists what rests.
func (p *performer) audit(ctx context.Context, job actor.Job, d Audit) {
	if pauseUntil(ctx, d.FromMS) != nil {
		return
	}
	m := p.openOrders(ctx, "an order that ended unheard is told later")
	m.Once = d.Once
	if ctx.Err() == nil {
		job.Deliver(m)
	}
}

// openOrders lists what rests, until the venue answers or ctx ends. Meanwhile says what that keeps waiting.
func (p *performer) openOrders(ctx context.Context, meanwhile string) (m OpenOrders) {
	p.patiently(ctx, "open orders", meanwhile, limits.GetOrders, func(ctx context.Context) (err error) {
		m.AsOfMS = time.Now().UnixMilli()
		m.Orders, err = p.venue.OpenOrders(ctx)
		return err
	})
	return m
}

// patiently does f until it succeeds or ctx ends. With an endpoint it is a request to the venue, and takes a permit.
func (p *performer) patiently(ctx context.Context, what, meanwhile string, at limits.Endpoint, f func(context.Context) error) {
	for wait := lookFirst; ctx.Err() == nil; wait = min(2*wait, lookLast) {
		with, done := ctx, func() {}
		if at != "" {
			q := limits.Request{Endpoint: string(at), Account: p.account}
			permit, err := p.acquire(ctx, q)
			if err != nil {
				return
			}
			with, done = carry(ctx, q, permit)
		}
		err := f(with)
		done()
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.Warn("not read, asking again; "+meanwhile, "what", what, "error", err, "retry_after_ms", wait.Milliseconds())
		_ = pause(ctx, wait) // its error is the context's, which ends the loop
	}
}

// witnesses are who knows of an account beside the venue.
type witnesses interface {
	heard(ctx context.Context, at actor.Started) (map[msgs.OrderID]bool, error)
	booked(ctx context.Context) Booked
}
