package limits

import (
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// Share lets the limiter's requests leave only with what a lender lends, which is called under the limiter's lock. Nothing is at
// hand at first.
func (l *Limiter) Share(by gate.Lender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget.Gate().Share(by, l.budget.Meters()...)
}

// Under runs f under the limiter's lock, and then lets through whom it can. f must not call the limiter.
func (l *Limiter) Under(f func(now time.Time, b *budget.Budget)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	f(now, l.budget)
	if l.budget.Waiting() > 0 {
		l.turn(now)
	}
}
