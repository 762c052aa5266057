package limits

import (
	"context"
	"time"
)

// Call is one request that is about to leave, for callers that do not tell what became of it.
type Call struct {
	Endpoint Endpoint
	Account  string // the signer's tokens are counted for it; empty: none
	Items    int    // orders placed or cancelled by it
}

// Wait takes what the call costs and waits until it may leave. It is counted as answered when it is let go, so a venue that
// is late may see more in a window than is allowed; Acquire has no such gap. Order permits of the account that are held are
// spent. Errors: those of Acquire.
func (l *Limiter) Wait(ctx context.Context, c Call) error {
	var p Permit
	var err error
	if c.Endpoint == PostOrder || c.Endpoint == PostOrders {
		p, err = l.Orders(c.Account).Post(ctx, c.Items)
	} else {
		p, err = l.Acquire(ctx, Request{Endpoint: string(c.Endpoint), Account: c.Account, Items: c.Items})
	}
	if err != nil {
		return err
	}
	p.Answered()
	return nil
}

// Penalise stops the calls of an account and class until a moment that the venue has named. It only ever lengthens a stop.
func (l *Limiter) Penalise(class Class, account string, until time.Time) {
	l.Stop(until, class, account)
}

// State is how full one bucket is.
type State struct {
	Scope  string // signer or ip
	Layer  string // orders, cancels, or an endpoint
	Used   int    // tokens that are not there
	Limit  int    // tokens of the full bucket
	PerMS  int64  // in which so many come back
	FreeAt time.Time
}

// State is the state of an account's limits that have been used, in a fixed order. FreeAt is zero when one may leave now.
func (l *Limiter) State(account string) []State {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var out []State
	for _, s := range l.budget.Account(now, account) {
		st := State{Scope: s.Scope, Layer: s.Rule, Used: s.Used, Limit: s.Limit, PerMS: s.Per.Milliseconds()}
		if s.Limited(now) {
			st.FreeAt = s.FreeAt
		}
		out = append(out, st)
	}
	return out
}
