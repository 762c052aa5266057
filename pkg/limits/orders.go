package limits

import (
	"context"
	"slices"
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

// parcel is a held permit and how many orders it is for.
type parcel struct {
	p      gate.Permit
	orders int
}

// Try takes up to want permits without waiting and says how many. Where single requests have no room for all, one batch is taken for
// as many as it carries: it has limits of its own.
func (o *Orders) Try(want int) int {
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	since, q, n := o.l.since(), o.one(), 0
	for ; n < want; n++ {
		p, ok := o.l.try(since, q)
		if !ok {
			break
		}
		o.l.hold(o.account, p.p, 1)
	}
	if n < want {
		n = max(n, o.bundle(o.l.base.Add(since), n, want))
	}
	return n
}

// bundle swaps the last singles for a batch of at most want orders, and says for how many; 0: there is no room. The lock is held.
func (o *Orders) bundle(now time.Time, singles, want int) int {
	w, err := o.l.budget.Way(Posting(o.account, max(2, want)))
	if err != nil {
		return 0
	}
	all := o.l.held[o.account]
	keep := len(all) - singles
	old := make([]gate.Permit, 0, singles)
	for _, h := range all[keep:] {
		old = append(old, h.p)
	}
	for items := min(want, o.l.budget.Most(w)); items > max(1, singles); items-- {
		if p, ok := o.l.budget.Exchange(now, old, w, items); ok {
			o.l.held[o.account] = append(all[:keep], parcel{p, items})
			o.l.tally.wait(w.Class(), 0)
			return items
		}
	}
	return 0
}

// Wait takes 1 to want permits and waits for the first: of a single request or of a batch, whichever may leave sooner.
// Errors: those of Acquire.
func (o *Orders) Wait(ctx context.Context, want int) (int, error) {
	q, n := o.sooner(want)
	p, err := o.l.Acquire(ctx, q)
	if err != nil {
		return 0, err
	}
	o.l.mu.Lock()
	o.l.hold(o.account, p.p, n)
	o.l.mu.Unlock()
	if n > 1 {
		return n, nil
	}
	return 1 + o.Try(want-1), nil
}

// sooner is the request that may leave first, and how many orders it is for.
func (o *Orders) sooner(want int) (Request, int) {
	if want < 2 {
		return o.one(), 1
	}
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	now, batch := time.Now(), Posting(o.account, want)
	single, err := o.when(now, o.one(), 1)
	many, none := o.when(now, batch, want)
	if none != nil || err == nil && !many.Before(single) {
		return o.one(), 1
	}
	return batch, want
}

// when is the moment at which a request could leave. The lock is held.
func (o *Orders) when(now time.Time, q Request, items int) (time.Time, error) {
	w, err := o.l.budget.Way(q)
	if err != nil {
		return time.Time{}, err
	}
	return o.l.budget.Probe(now, w, items)
}

// Return gives back what was not used.
func (o *Orders) Return(unused int) {
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	now := time.Now()
	for all := o.l.held[o.account]; unused > 0 && len(all) > 0; unused-- {
		last := &all[len(all)-1]
		if last.orders--; last.orders > 0 {
			continue // a batch with fewer orders than it could have
		}
		o.l.budget.Done(now, last.p, gate.NeverLeft, 0)
		all = all[:len(all)-1]
		o.l.held[o.account] = all
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
	held, rest := o.l.spend(o.account, n)
	p, ok := o.l.budget.Exchange(now, held, w, q.Items)
	if !ok {
		for _, h := range held {
			o.l.budget.Done(now, h, gate.NeverLeft, 0)
		}
	}
	o.keep(now, rest)
	o.l.mu.Unlock()
	if ok {
		return Permit{o.l, w, p, since}, nil
	}
	return o.l.Acquire(ctx, q)
}

// keep takes permits anew for orders that were to go with others, as far as there is room. The lock is held.
func (o *Orders) keep(now time.Time, orders int) {
	if orders < 1 {
		return
	}
	q := Posting(o.account, orders)
	if w, err := o.l.budget.Way(q); err == nil {
		if p, ok := o.l.budget.Exchange(now, nil, w, q.Items); ok {
			o.l.hold(o.account, p, orders)
		}
	}
}

// hold keeps a permit until it is spent. The lock is held.
func (l *Limiter) hold(account string, p gate.Permit, orders int) {
	l.held[account] = append(l.held[account], parcel{p, orders})
}

// spend takes held permits for n orders, and says how many more the last of them was for. One that is for just as many or a few more is
// taken before several that come to as many, the oldest first: what others have decided keeps its own. The lock is held.
func (l *Limiter) spend(account string, n int) (out []gate.Permit, rest int) {
	all := l.held[account]
	best := -1
	for i, h := range all {
		if h.orders >= n && (best < 0 || h.orders < all[best].orders) {
			best = i
		}
	}
	if best >= 0 {
		h := all[best]
		l.held[account] = slices.Delete(all, best, best+1)
		return []gate.Permit{h.p}, h.orders - n
	}
	for len(all) > 0 && n > 0 {
		out = append(out, all[0].p)
		n -= all[0].orders
		all = all[1:]
	}
	l.held[account] = append(l.held[account][:0], all...)
	return out, max(0, -n)
}
