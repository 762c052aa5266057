package retry

import (
	"context"
	"fmt"
	"time"

	"sluice/pkg/limits/signal"
)

// Result is what became of one attempt.
type Result[T any] struct {
	Value  T
	Signal signal.Signal
	Lost   bool  // sent, and not answered
	Err    error // why it failed, when it did
}

func (r Result[T]) good() bool { return r.Err == nil && !r.Lost && r.Signal.Kind == signal.Good }

// kind is what the policy judges: a lost connection is a failure.
func (r Result[T]) signal() signal.Signal {
	if r.Lost || r.Signal.Kind == "" && r.Err != nil {
		s := r.Signal
		s.Kind = signal.Failed
		return s
	}
	return r.Signal
}

// Repeatable is a request that may be sent any number of times. Only Read and Cancelling make one.
type Repeatable[T any] struct {
	do func(context.Context) Result[T]
}

// Read is a request that changes nothing.
func Read[T any](do func(context.Context) Result[T]) Repeatable[T] { return Repeatable[T]{do} }

// Cancelling is a request that ends something, which ends no more when it is sent twice.
func Cancelling[T any](do func(context.Context) Result[T]) Repeatable[T] { return Repeatable[T]{do} }

// SpentError reports that all attempts failed, or that there was no point in another.
type SpentError struct {
	Attempts int
	Signal   signal.Signal
	Err      error // of the last attempt
}

func (e *SpentError) Error() string {
	what := "failed"
	if e.Signal.Kind == signal.Throttled || e.Signal.Kind == signal.QuotaGone {
		what = "rate limited"
	}
	text := fmt.Sprintf("%s after %d attempts", what, e.Attempts)
	if e.Signal.Cause != "" {
		text += ": " + e.Signal.Cause
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *SpentError) Unwrap() error { return e.Err }

// Waited is told before each wait.
type Waited struct {
	Attempt int // that failed, from 1
	Wait    time.Duration
	Signal  signal.Signal
	Err     error
}

// Options are what a repetition needs from outside.
type Options struct {
	Chance func() int   // a random number in permille; nil: always 0
	Tell   func(Waited) // nil: nobody
}

// Do sends a request until it is answered well. Errors: *SpentError; the context's.
func Do[T any](ctx context.Context, p Policy, o Options, q Repeatable[T]) (T, error) {
	for n := 1; ; n++ {
		r := q.do(ctx)
		if r.good() {
			return r.Value, nil
		}
		var none T
		if err := ctx.Err(); err != nil {
			return none, err
		}
		s := r.signal()
		d, again := p.Wait(n, s, o.chance())
		if !again {
			return r.Value, &SpentError{n, s, r.Err}
		}
		if o.Tell != nil {
			o.Tell(Waited{n, d, s, r.Err})
		}
		if err := pause(ctx, d); err != nil {
			return none, err
		}
	}
}

func (o Options) chance() int {
	if o.Chance == nil {
		return 0
	}
	return o.Chance()
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
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
