package limits

import (
	"context"
	"time"

	"sluice/pkg/limits/gate"
)

// Orders gives the permits for an account's orders, one for each, before they are decided. They are held until a Post
// spends them, as single requests or as a batch.
type Orders struct {
	l       *Limiter
	account string
}

// Orders is the permits of one account.
func (l *Limiter) Orders(account string) *Orders { return &Orders{l, account} }

// Posting is the request that places n orders: POST /order, or POST /orders when there are several.
func Posting(account string, n int) Request {
	if n > 1 {
		return Request{Endpoint: string(PostOrders), Account: account, Items: n}
	}
	return Request{Endpoint: string(PostOrder), Account: account, Items: 1}
}

func (o *Orders) one() Request { return Posting(o.account, 1) }

// Try takes up to want permits without waiting and says how many.
func (o *Orders) Try(want int) int {
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	since, q := o.l.since(), o.one()
	for n := range max(0, want) {
		p, ok := o.l.try(since, q)
		if !ok {
			return n
		}
		o.l.held[o.account] = append(o.l.held[o.account], p.p)
	}
	return max(0, want)
}

// Wait takes 1 to want permits and waits for the first. Errors: those of Acquire.
func (o *Orders) Wait(ctx context.Context, want int) (int, error) {
	p, err := o.l.Acquire(ctx, o.one())
	if err != nil {
		return 0, err
	}
	o.l.hold(o.account, p.p)
	return 1 + o.Try(want-1), nil
}

// Return gives back what was not used.
func (o *Orders) Return(unused int) {
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	now := time.Now()
	for _, p := range o.l.spend(o.account, unused) {
		o.l.budget.Done(now, p, gate.NeverLeft, 0)
	}
	o.l.turn(now)
}

// Post turns n held permits into the permit of one request: of POST /order, or of POST /orders when there are several. It
// waits while the batch's own limits do not allow it, and takes what is missing when fewer are held. Errors: those of
// Acquire; what was held is then given back.
func (o *Orders) Post(ctx context.Context, n int) (Permit, error) {
	q := Posting(o.account, n)
	since := o.l.since()
	now := o.l.base.Add(since)
	o.l.mu.Lock()
	w, err := o.l.budget.Way(q)
	if err != nil {
		o.l.mu.Unlock()
		return Permit{}, err
	}
	held := o.l.spend(o.account, n)
	p, ok := o.l.budget.Exchange(now, held, w, q.Items)
	if !ok {
		for _, h := range held {
			o.l.budget.Done(now, h, gate.NeverLeft, 0)
		}
	}
	o.l.mu.Unlock()
	if ok {
		return Permit{o.l, w, p, since}, nil
	}
	return o.l.Acquire(ctx, q)
}

func (l *Limiter) hold(account string, p gate.Permit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[account] = append(l.held[account], p)
}

// spend takes up to n held permits, the oldest first. The lock is held.
func (l *Limiter) spend(account string, n int) []gate.Permit {
	all := l.held[account]
	n = min(max(0, n), len(all))
	out := append([]gate.Permit(nil), all[:n]...)
	l.held[account] = append(all[:0], all[n:]...)
	return out
}
