package limits

import (
	"context"
	"time"
)

// Orders gives the permits for an account's orders, one for each. It is what an actor asks before it decides submits.
type Orders struct {
	l       *Limiter
	account string
}

// Orders is the permits of one account.
func (l *Limiter) Orders(account string) *Orders { return &Orders{l, account} }

// Try takes up to want permits without waiting and says how many.
func (o *Orders) Try(want int) int {
	if want <= 0 || o.l.held(Order, o.account) > 0 {
		return 0
	}
	s := o.l.signer(o.account)
	n := o.l.takeCredit(s, want)
	for now := time.Now(); n < want && s.orders.AllowN(now, 1); {
		n++
	}
	return n
}

// Wait takes 1 to want permits and waits for the first. Its error is the context's.
func (o *Orders) Wait(ctx context.Context, want int) (int, error) {
	for {
		if err := o.l.stopped(ctx, Order, o.account); err != nil {
			return 0, err
		}
		if n := o.Try(want); n > 0 {
			return n, nil
		}
		s := o.l.signer(o.account)
		r := s.orders.ReserveN(time.Now(), 1)
		if err := sleep(ctx, r.Delay()); err != nil {
			r.Cancel()
			return 0, err
		}
		if o.l.held(Order, o.account) > 0 {
			o.Return(1)
			continue
		}
		return 1 + o.Try(want-1), nil
	}
}

// Return gives back what was not used.
func (o *Orders) Return(unused int) {
	s := o.l.signer(o.account)
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	s.credit = min(s.credit+max(0, unused), s.orders.Burst())
}

func (l *Limiter) takeCredit(s *signer, want int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(s.credit, want)
	s.credit -= n
	return n
}
