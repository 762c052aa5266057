package retry

import (
	"context"

	"sluice/pkg/limits/signal"
)

// Deed is a request that must happen at most once, such as an order. It is no Repeatable, and Do does not take it.
type Deed[T any] struct {
	do func(context.Context) Result[T]
}

// Once makes a deed.
func Once[T any](do func(context.Context) Result[T]) Deed[T] { return Deed[T]{do} }

// Verdict is what became of a deed: Happened, NotHappened or Unknown.
type Verdict[T any] interface{ verdict(T) }

// Happened: the venue has it.
type Happened[T any] struct{ Value T }

// NotHappened: the venue surely does not have it, so that it may be done again.
type NotHappened[T any] struct {
	Signal signal.Signal
	Err    error
	deed   Deed[T]
}

// Unknown: it may have happened, or may happen yet. It cannot be done again, only looked up.
type Unknown[T any] struct {
	Err  error
	deed Deed[T]
}

func (Happened[T]) verdict(T)    {}
func (NotHappened[T]) verdict(T) {}
func (Unknown[T]) verdict(T)     {}

// Do does the deed once. Anything but a definite answer is Unknown.
func (d Deed[T]) Do(ctx context.Context) Verdict[T] {
	r := d.do(ctx)
	switch {
	case r.good():
		return Happened[T]{r.Value}
	case r.Lost, r.Signal.Kind == signal.Failed, r.Signal.Kind == "", r.Signal.Kind == signal.Good:
		return Unknown[T]{r.Err, d}
	}
	return NotHappened[T]{r.Signal, r.Err, d}
}

// Again is the same deed.
func (n NotHappened[T]) Again() Deed[T] { return n.deed }

// LookUp asks the venue until it answers whether it has the deed. Only its denial makes the deed free to be done again.
func (u Unknown[T]) LookUp(ctx context.Context, p Policy, o Options, look Repeatable[Found[T]]) (Verdict[T], error) {
	f, err := Do(ctx, p, o, look)
	switch {
	case err != nil:
		return u, err
	case f.There:
		return Happened[T]{f.Value}, nil
	}
	return NotHappened[T]{deed: u.deed}, nil
}

// Found is what a look-up found. Not there means that the venue denies it at a moment at which its denial counts.
type Found[T any] struct {
	Value T
	There bool
}
