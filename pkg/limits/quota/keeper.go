package quota

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Journal keeps events durably, for all processes that share a quota.
type Journal interface {
	// Append writes an event as number after+1, durably before it returns. It answers ErrBehind when that number is taken.
	Append(ctx context.Context, after uint64, e Event) error

	// Read gives the events after a number, in order.
	Read(ctx context.Context, after uint64) ([]Event, error)
}

// ErrBehind reports that somebody else has written meanwhile.
var ErrBehind = errors.New("journal has newer events")

// maxAttempts bounds how often a decision is made anew because others were faster.
const maxAttempts = 20

// Keeper is a book that is kept in a journal. It is safe for many goroutines.
type Keeper struct {
	journal Journal
	now     func() time.Time
	turn    chan struct{} // holds the book; whoever has it may do I/O, which a lock may not
	book    *Book
	n       uint64
}

// NewKeeper keeps a book of so many units a day; 0: unlimited. Now is the clock. It is empty until it is first asked, and
// then holds what the journal holds.
func NewKeeper(limit int, j Journal, now func() time.Time) *Keeper {
	k := &Keeper{journal: j, now: now, turn: make(chan struct{}, 1), book: NewBook(limit)}
	k.turn <- struct{}{}
	return k
}

// Reserve charges a unit durably. Only then may the request leave, under that id. Errors: *Exhausted; the journal's, and
// then nothing may leave.
func (k *Keeper) Reserve(ctx context.Context, id string, p Purpose) error {
	return k.write(ctx, "reserve unit", func(now time.Time) (Event, bool, error) { return k.book.Reserve(now, id, p) })
}

// Confirm records that a unit was spent.
func (k *Keeper) Confirm(ctx context.Context, id string) error {
	return k.write(ctx, "confirm unit", sure(func(now time.Time) (Event, bool) { return k.book.Confirm(now, id) }))
}

// Void records that a unit cost nothing.
func (k *Keeper) Void(ctx context.Context, id string) error {
	return k.write(ctx, "void unit", sure(func(now time.Time) (Event, bool) { return k.book.Void(now, id) }))
}

// Block records that the server has nothing left for so long.
func (k *Keeper) Block(ctx context.Context, wait time.Duration) error {
	return k.write(ctx, "block quota", sure(func(now time.Time) (Event, bool) { return k.book.Block(now, wait) }))
}

// Hear records what the server says remains, when that is less than we know.
func (k *Keeper) Hear(ctx context.Context, remaining int) error {
	return k.write(ctx, "record foreign units", sure(func(now time.Time) (Event, bool) { return k.book.Hear(now, remaining) }))
}

func sure(decide func(time.Time) (Event, bool)) func(time.Time) (Event, bool, error) {
	return func(now time.Time) (Event, bool, error) {
		e, ok := decide(now)
		return e, ok, nil
	}
}

// View shows the book as the journal has it now.
func (k *Keeper) View(ctx context.Context) (View, error) {
	var v View
	err := k.write(ctx, "read quota", func(now time.Time) (Event, bool, error) {
		v = k.book.View(now)
		return Event{}, false, nil
	})
	return v, err
}

// Open are the ids of units whose outcome nobody has recorded.
func (k *Keeper) Open(ctx context.Context) (ids []string, err error) {
	err = k.write(ctx, "read quota", func(now time.Time) (Event, bool, error) {
		ids = k.book.Open(now)
		return Event{}, false, nil
	})
	return ids, err
}

// write decides on the newest state and records what was decided, again when others were faster.
func (k *Keeper) write(ctx context.Context, what string, decide func(time.Time) (Event, bool, error)) error {
	select {
	case <-k.turn:
		defer func() { k.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for range maxAttempts {
		if err := k.catchUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		e, ok, err := decide(k.now())
		if err != nil || !ok {
			return err
		}
		switch err := k.journal.Append(ctx, k.n, e); {
		case err == nil:
			k.n++
			k.book.Apply(e)
			return nil
		case !errors.Is(err, ErrBehind):
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return fmt.Errorf("%s: %w %d times", what, ErrBehind, maxAttempts)
}

// catchUp applies what others have written.
func (k *Keeper) catchUp(ctx context.Context) error {
	events, err := k.journal.Read(ctx, k.n)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for _, e := range events {
		k.book.Apply(e)
		k.n++
	}
	return nil
}
