package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Source is one place that a kind of data comes from.
type Source[Q, A any] struct {
	Name  string
	Fetch func(context.Context, Q) (A, error)

	// Ready reports whether its limits let a call leave now; nil: always. It takes nothing.
	Ready func() bool
}

// Breaker says when a source rests. Zero fields take the defaults.
type Breaker struct {
	Failures uint32        // in a row that open the circuit. Default 3.
	Rest     time.Duration // before it is tried again. Default 30 s.
	Timeout  time.Duration // of one call. Default 5 s.
}

const (
	failuresDefault = 3
	restDefault     = 30 * time.Second
	timeoutDefault  = 5 * time.Second
	// maxCached bounds what is remembered; beyond it the oldest answers go first.
	maxCached = 10_000
)

// ErrThrottled marks a refusal for rate: the source is well, and the next one is asked.
var ErrThrottled = errors.New("source is throttled")

// ErrSkipped reports that a source was not asked, because it rests or its limits are spent.
var ErrSkipped = errors.New("source was passed over")

// Answer is a value and where it comes from.
type Answer[A any] struct {
	Value  A
	Source string
	At     time.Time // when it was fetched
	Stale  bool      // it is the last that was known, not today's
}

// Chain asks sources in order. It is safe for many goroutines.
type Chain[Q comparable, A any] struct {
	links   []link[Q, A]
	timeout time.Duration

	mu     sync.Mutex
	cached map[Q]Answer[A]
	order  []Q
}

type link[Q, A any] struct {
	Source[Q, A]
	circuit *gobreaker.CircuitBreaker[A]
}

// NewChain makes a chain of sources, the best first.
func NewChain[Q comparable, A any](b Breaker, sources ...Source[Q, A]) *Chain[Q, A] {
	if b.Failures == 0 {
		b.Failures = failuresDefault
	}
	if b.Rest == 0 {
		b.Rest = restDefault
	}
	if b.Timeout == 0 {
		b.Timeout = timeoutDefault
	}
	c := &Chain[Q, A]{timeout: b.Timeout, cached: map[Q]Answer[A]{}}
	for _, s := range sources {
		c.links = append(c.links, link[Q, A]{s, gobreaker.NewCircuitBreaker[A](gobreaker.Settings{
			Name: s.Name, MaxRequests: 1, Timeout: b.Rest,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= b.Failures },
			IsExcluded:  func(err error) bool { return errors.Is(err, ErrThrottled) || errors.Is(err, context.Canceled) },
		})})
	}
	return c
}

// Fetch asks one source after the other and at last what was known. Its error joins those of all sources; the context's
// ends it at once.
func (c *Chain[Q, A]) Fetch(ctx context.Context, q Q) (Answer[A], error) {
	var errs []error
	for _, l := range c.links {
		v, err := c.ask(ctx, l, q)
		if err == nil {
			a := Answer[A]{Value: v, Source: l.Name, At: time.Now()}
			c.remember(q, a)
			return a, nil
		}
		if ctx.Err() != nil {
			return Answer[A]{}, ctx.Err()
		}
		errs = append(errs, fmt.Errorf("%s: %w", l.Name, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.cached[q]; ok {
		a.Stale = true
		return a, nil
	}
	return Answer[A]{}, fmt.Errorf("fetch from any source: %w", errors.Join(errs...))
}

func (c *Chain[Q, A]) ask(ctx context.Context, l link[Q, A], q Q) (A, error) {
	var none A
	if l.Ready != nil && !l.Ready() {
		return none, fmt.Errorf("%w: its limits are spent", ErrSkipped)
	}
	v, err := l.circuit.Execute(func() (A, error) {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		return l.Fetch(ctx, q)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return none, fmt.Errorf("%w: %w", ErrSkipped, err)
	}
	return v, err
}

func (c *Chain[Q, A]) remember(q Q, a Answer[A]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.cached[q]; !ok {
		c.order = append(c.order, q)
		if len(c.order) > maxCached {
			delete(c.cached, c.order[0])
			c.order = c.order[1:]
		}
	}
	c.cached[q] = a
}

// Best is the first source that would be asked now; false: only the cache.
func (c *Chain[Q, A]) Best() (name string, ok bool) {
	for _, l := range c.links {
		if l.circuit.State() != gobreaker.StateOpen && (l.Ready == nil || l.Ready()) {
			return l.Name, true
		}
	}
	return "", false
}

// State is how a source is.
type State struct {
	Name     string
	Circuit  string // closed, half-open or open
	Ready    bool
	Calls    uint32 // since the circuit last changed
	Failures uint32
}

// States are those of all sources, in order.
func (c *Chain[Q, A]) States() (out []State) {
	for _, l := range c.links {
		n := l.circuit.Counts()
		out = append(out, State{l.Name, l.circuit.State().String(), l.Ready == nil || l.Ready(), n.Requests, n.TotalFailures})
	}
	return out
}
