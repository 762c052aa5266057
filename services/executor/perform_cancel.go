package executor

import (
	"context"
	"slices"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// cancel asks until the venue has answered. Cancels go before everything else and have a bucket of their own.
func (p *performer) cancel(ctx context.Context, job actor.Job, ids []msgs.OrderID) {
	for chunk := range slices.Chunk(ids, p.chunk()) {
		endpoint := limits.DeleteOrders
		if len(chunk) == 1 {
			endpoint = limits.DeleteOrder
		}
		a, ok := p.ask(ctx, &limits.Request{Endpoint: string(endpoint), Account: p.account, Items: len(chunk)}, func(ctx context.Context) (CancelAnswer, polymarket.Outcome) {
			return p.venue.Cancel(ctx, chunk)
		}, func(a *CancelAnswer, r polymarket.Rejected) bool {
			for _, id := range chunk {
				a.Refused = append(a.Refused, CancelRefusal{OrderID: id, Code: msgs.VenueRejected, Message: r.VenueMessage})
			}
			return true
		})
		if !ok {
			return
		}
		job.Deliver(withUnnamed(a, chunk))
	}
}

// cancelEverything ends all at once, or first, by ids in chunks, what we know of: when a second cancel must stay possible, or
// when the balance of cancels may not go so far below zero. A venue that refuses to cancel everything is asked on, because others
// than ours may rest there; ours are ended by their ids meanwhile.
func (p *performer) cancelEverything(ctx context.Context, job actor.Job, d CancelEverything) {
	// The venue counts one for the request and one for each order that it ends: ours as far as we know, and in the end
	// those that it names.
	q, byIDs := &limits.Request{Endpoint: string(limits.CancelAll), Account: p.account, Items: len(d.Own)}, false
	switch way := p.limits.Cancelling(p.account, q.Items, p.keep); {
	case !way.All:
		p.log.Info("everything is cancelled by ids first", "orders", q.Items, "last_ms", way.Last.Milliseconds())
		p.cancel(ctx, job, d.Own)
		q.Items, byIDs = 0, true
	case way.Blocked > 0:
		p.log.Warn("a cancel of everything leaves no room for another", "orders", q.Items, "blocked_ms", way.Blocked.Milliseconds())
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	a, ok := p.ask(ctx, q, func(ctx context.Context) (CancelAnswer, polymarket.Outcome) {
		return p.venue.CancelEverything(ctx)
	}, func(*CancelAnswer, polymarket.Rejected) bool {
		if !byIDs {
			q.Items, byIDs = 0, true
			beside.Go(func() { p.cancel(ctx, job, d.Own) })
		}
		return false
	})
	if ok {
		a.For = d.For
		job.Deliver(a)
	}
}

// ask repeats a cancel until there is an answer; ok is false when ctx ended first. Whether a refusal of the whole request is an
// answer is for final to say.
func (p *performer) ask(ctx context.Context, q *limits.Request, call func(context.Context) (CancelAnswer, polymarket.Outcome), final func(*CancelAnswer, polymarket.Rejected) bool) (a CancelAnswer, ok bool) {
	for pauses := looks(); ; {
		wait := pauses.Next()
		permit, err := p.acquire(ctx, *q)
		if err != nil {
			return a, false
		}
		began := time.Now()
		with, done := door.Carry(ctx, *q, permit)
		a, failed := call(with)
		done()
		p.count.took("cancel", time.Since(began))
		if failed == nil {
			p.log.Debug("cancelled", "asked", q.Items, "cancelled", len(a.Cancelled), "refused", len(a.Refused))
			return a, true
		}
		if ctx.Err() != nil {
			return a, false
		}
		if r, refused := failed.(polymarket.Rejected); refused && final(&a, r) {
			return a, true
		}
		after := wait
		if r, later := failed.(polymarket.RetryAfter); later {
			after = max(after, r.Duration)
			p.limits.Penalise(limits.Cancel, p.account, time.Now().Add(after))
		}
		p.log.Warn("cancel not done, asking again", "outcome", failed.String(), "orders", q.Items, "retry_after_ms", after.Milliseconds())
		if pause(ctx, after) != nil {
			return a, false
		}
	}
}

// withUnnamed adds the ids that an answer leaves out: nothing is known of them, which is what "not found" says too.
func withUnnamed(a CancelAnswer, asked []msgs.OrderID) CancelAnswer {
	named := map[msgs.OrderID]bool{}
	for _, id := range a.Cancelled {
		named[id] = true
	}
	for _, r := range a.Refused {
		named[r.OrderID] = true
	}
	for _, id := range asked {
		if !named[id] {
			a.Refused = append(a.Refused, CancelRefusal{OrderID: id, Code: msgs.NotFound, Message: "the answer does not name the order"})
		}
	}
	return a
}
