package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pacing below a documented window: a steady share and a burst, together never above nine tenths of it, which is what
// third parties measured to pass without a refusal.
const (
	steadyTenths = 8
	burstTenths  = 1
	tenths       = 10
)

// ErrTooBig reports a call that no bucket can ever pay for.
var ErrTooBig = errors.New("call costs more than its limit holds")

// Call is one request that is about to leave.
type Call struct {
	Endpoint Endpoint
	Account  string // the signer's tokens are counted for it; empty: none
	Items    int    // orders placed or cancelled by it
}

// Limiter paces calls. It is safe for many goroutines and never holds a lock while it waits.
type Limiter struct {
	profile Profile

	mu      sync.Mutex
	perIP   map[Endpoint][]*rate.Limiter
	all     *rate.Limiter
	signers map[string]*signer
	until   map[string]time.Time // of scopes that the venue has stopped, by name
}

// signer is the two buckets of one account.
type signer struct {
	orders, cancels *rate.Limiter
	credit          int // order permits given back
}

// New makes a limiter with full buckets.
func New(p Profile) *Limiter {
	l := &Limiter{profile: p, perIP: map[Endpoint][]*rate.Limiter{}, signers: map[string]*signer{}, until: map[string]time.Time{}, all: paced(p.AllIP)}
	for e, windows := range p.PerIP {
		for _, w := range windows {
			l.perIP[e] = append(l.perIP[e], paced(w))
		}
	}
	return l
}

func paced(w Window) *rate.Limiter {
	if w.Per == 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	steady := rate.Limit(w.Calls*steadyTenths) / tenths / rate.Limit(w.Per.Seconds())
	return rate.NewLimiter(steady, max(1, w.Calls*burstTenths/tenths))
}

func (l *Limiter) signer(account string) *signer {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.signers[account]
	if s == nil {
		o, c := l.profile.Orders, l.profile.Cancels
		s = &signer{orders: rate.NewLimiter(rate.Limit(o.PerSecond), o.Burst), cancels: rate.NewLimiter(rate.Limit(c.PerSecond), c.Burst)}
		l.signers[account] = s
	}
	return s
}

// Wait takes what the call costs and waits until it may leave. Order tokens of the signer are not part of it: they are
// taken before an order is decided, by Orders. Errors: the context's, ErrTooBig.
func (l *Limiter) Wait(ctx context.Context, c Call) error {
	class := ClassOf(c.Endpoint)
	if err := l.stopped(ctx, class, c.Account); err != nil {
		return err
	}
	if class == Cancel && c.Account != "" && c.Items > 0 {
		b := l.signer(c.Account).cancels
		// A cancel of many may overdraw the bucket, as it may at the venue, and is then paid back.
		for left := c.Items; left > 0; left -= b.Burst() {
			if err := wait(ctx, b, min(left, b.Burst())); err != nil {
				return err
			}
		}
	}
	for _, b := range l.perIP[c.Endpoint] {
		if err := wait(ctx, b, 1); err != nil {
			return err
		}
	}
	return wait(ctx, l.all, 1)
}

// wait takes n tokens and waits for them. It reserves, so that waiters are served in turn.
func wait(ctx context.Context, b *rate.Limiter, n int) error {
	r := b.ReserveN(time.Now(), n)
	if !r.OK() {
		return fmt.Errorf("%w: %d of %d", ErrTooBig, n, b.Burst())
	}
	if err := sleep(ctx, r.Delay()); err != nil {
		r.Cancel()
		return err
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scope names what a penalty is for.
func scope(class Class, account string) string {
	if class == Cancel {
		return account + "/cancels"
	}
	return account + "/orders"
}

// Penalise stops the calls of an account and class until a moment that the venue has named. It only ever lengthens a stop.
func (l *Limiter) Penalise(class Class, account string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := scope(class, account); until.After(l.until[s]) {
		l.until[s] = until
	}
}

// held is how long the calls of a scope are still stopped.
func (l *Limiter) held(class Class, account string) time.Duration {
	if class == Read {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, time.Until(l.until[scope(class, account)]))
}

// stopped waits for the end of a stop, also one that is lengthened meanwhile.
func (l *Limiter) stopped(ctx context.Context, class Class, account string) error {
	for {
		d := l.held(class, account)
		if d == 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
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

// State is the state of an account's buckets and of the endpoints that it uses, in a fixed order.
func (l *Limiter) State(account string) []State {
	s, now := l.signer(account), time.Now()
	out := []State{
		state("signer", "orders", s.orders, now, l.held(Order, account)),
		state("signer", "cancels", s.cancels, now, l.held(Cancel, account)),
	}
	var ip []State
	for e, bs := range l.perIP {
		if ClassOf(e) != Read {
			ip = append(ip, state("ip", string(e), bs[0], now, 0))
		}
	}
	slices.SortFunc(ip, func(a, b State) int { return strings.Compare(a.Layer, b.Layer) })
	return append(out, ip...)
}

func state(scope, layer string, b *rate.Limiter, now time.Time, held time.Duration) State {
	there := min(max(0, int(b.TokensAt(now))), b.Burst())
	st := State{Scope: scope, Layer: layer, Used: b.Burst() - there, Limit: b.Burst()}
	if b.Limit() > 0 && b.Limit() != rate.Inf {
		st.PerMS = int64(float64(b.Burst()) / float64(b.Limit()) * 1000)
	}
	if held > 0 {
		st.FreeAt = now.Add(held)
	}
	return st
}
