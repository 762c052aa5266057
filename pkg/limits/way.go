package limits

import (
	"context"
	"time"

	"sluice/pkg/limits/budget"
)

// Way is a kind of request that is asked for often: its limits are looked up once. It is safe for many goroutines.
type Way struct {
	l     *Limiter
	q     Request
	way   *budget.Way // as of epoch; guarded by the limiter's lock
	epoch int
}

// Way is the way of requests like this one; their items are named each time. Its error is budget.ErrRoutes.
func (l *Limiter) Way(q Request) (*Way, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	way, err := l.budget.Way(q)
	return &Way{l, q, way, l.epoch}, err
}

// Acquire is the limiter's Acquire for a request with so many items.
func (w *Way) Acquire(ctx context.Context, items int) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, err
	}
	deadline, _ := ctx.Deadline()
	since := w.l.since()
	w.l.mu.Lock()
	if w.epoch != w.l.epoch {
		way, err := w.l.budget.Way(w.q)
		if err != nil {
			w.l.mu.Unlock()
			return Permit{}, err
		}
		w.way, w.epoch = way, w.l.epoch
	}
	return w.l.acquire(ctx, w.way, items, since, deadline)
}

// acquire ends with the lock released.
func (l *Limiter) acquire(ctx context.Context, w *budget.Way, items int, since time.Duration, deadline time.Time) (Permit, error) {
	p, k, err := l.budget.EnterSince(since, w, items, deadline)
	if k == nil || err != nil {
		if err == nil {
			l.tally.wait(w.Class(), 0)
		} else {
			l.tally[w.Class()].missed++
		}
		l.mu.Unlock()
		return Permit{l, w, p, since}, err
	}
	through := make(chan struct{})
	l.waiting[k] = through
	l.turn(l.base.Add(since))
	l.mu.Unlock()
	select {
	case <-through:
		return l.through(w, k, since)
	case <-ctx.Done():
		return l.leave(ctx, w, k)
	}
}
