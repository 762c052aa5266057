package executor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
)

// Bounds of looking back.
const (
	// tradesBack is how far the trades of an account without a log are looked through.
	tradesBack = 24 * time.Hour
	// tradesOverlap is how much before the end of the log: the venue's clock and ours may differ.
	tradesOverlap = time.Minute
	// ledgerStale is how old the ledger's word may be: meanwhile the log grows, and the ledger sees that it is another one.
	ledgerStale = 10 * time.Second
	// pageTries is how often a page is asked for before its list is read anew.
	pageTries = 3
	// maxListPages is more than any list has at 100 or more a page; one that goes on is broken.
	maxListPages = 1000
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
		m.Traded = readPages(ctx, p, "trades", "no new order leaves before", limits.GetTrades, func(ctx context.Context, cursor string) ([]msgs.OrderID, string, error) {
			return p.venue.Traded(ctx, since, cursor)
		})
	})
	asking.Go(func() {
		p.patiently(ctx, "private feed", "no new order leaves before", func() (err error) {
			m.Heard, err = p.witness.heard(ctx, d.Started)
			return err
		})
	})
	asking.Go(func() { m.Ledger = p.witness.booked(ctx) })
	began := time.Now()
	asking.Wait()
	if time.Since(began) > ledgerStale {
		m.Ledger = p.witness.booked(ctx)
	}
	if ctx.Err() == nil {
		job.Deliver(m)
	}
}

// audit lists what rests. One that is not due when the actor stops is let be: the next start compares anyway.
func (p *performer) audit(ctx context.Context, job actor.Job, d Audit) {
	if left := time.Until(time.UnixMilli(d.FromMS)); left > 0 {
		t := time.NewTimer(left)
		defer t.Stop()
		select {
		case <-t.C:
		case <-job.Leaving:
			return
		case <-ctx.Done():
			return
		}
	}
	m := p.openOrders(ctx, "an order that ended unheard is told later")
	m.Once = d.Once
	if ctx.Err() == nil {
		job.Deliver(m)
	}
}

// openOrders lists what rests, until the venue answers or ctx ends. Meanwhile says what that keeps waiting.
func (p *performer) openOrders(ctx context.Context, meanwhile string) (m OpenOrders) {
	m.AsOfMS = time.Now().UnixMilli()
	m.Orders = readPages(ctx, p, "open orders", meanwhile, limits.GetOrders, p.venue.OpenOrders)
	return m
}

// readPages reads a list of the venue page by page, each with a permit and a time of its own, until it has all of it or ctx
// ends. A page that is not answered is asked for again, so that a list of many pages comes to its end at a venue of which some
// answers are lost. What is gone from the list meanwhile moves the rest of it to the front, so after some tries in vain, when
// much may have happened, it is read anew.
func readPages[T any](ctx context.Context, p *performer, what, meanwhile string, at limits.Endpoint, read func(ctx context.Context, cursor string) ([]T, string, error)) (all []T) {
	q := limits.Request{Endpoint: string(at), Account: p.account}
	cursor, pages, failed := "", 0, 0
	for {
		var more []T
		var next string
		p.patiently(ctx, what, meanwhile, func() error {
			permit, err := p.acquire(ctx, q)
			if err != nil {
				return err
			}
			with, done := door.Carry(ctx, q, permit)
			defer done()
			if more, next, err = read(with, cursor); err == nil && pages == maxListPages {
				err = fmt.Errorf("it does not end with page %d", pages)
			}
			if err == nil {
				failed = 0
			} else if failed++; failed >= pageTries || pages == maxListPages {
				all, cursor, pages, failed = nil, "", 0, 0
			}
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		all, cursor, pages = append(all, more...), next, pages+1
		if next == "" {
			return all
		}
	}
}

// patiently does f until it succeeds or ctx ends.
func (p *performer) patiently(ctx context.Context, what, meanwhile string, f func() error) {
	for pauses := looks(); ctx.Err() == nil; {
		wait := pauses.Next()
		err := f()
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
