package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// maxAttempts bounds how often a decision is made anew because others were faster: each time somebody else has written, so
	// that it is only reached where many more write than a day has units for.
	maxAttempts = 200
	// pauseStep is by how much the longest pause before deciding anew grows each time, and maxPause where that ends. Who has
	// lost has more to read than who has won and would go on losing at the same pace.
	pauseStep, maxPause = time.Millisecond, 25 * time.Millisecond
	// maxLost bounds how often it is made anew because the journal's answer was lost.
	maxLost = 3
)

// Keeper is a book that is kept in a journal. It is safe for many goroutines.
type Keeper struct {
	journal Journal
	now     func() time.Time
	turn    chan struct{} // holds the book; whoever has it may do I/O, which a lock may not
	limit   int
	book    *Book
	pos     uint64
}

// NewKeeper keeps a book of so many units a day; 0: unlimited. Now is the clock. It is empty until it is first asked, and
// then holds what the journal holds.
func NewKeeper(limit int, j Journal, now func() time.Time) *Keeper {
	k := &Keeper{journal: j, now: now, turn: make(chan struct{}, 1), limit: limit, book: NewBook(limit)}
	k.turn <- struct{}{}
	return k
}

// Reserve charges a unit durably. Only then may the request leave, under that id, and must have arrived within LeaveWithin. What
// may have left before under the same id is looked up first: one that was answered is charged anew. Errors: *Exhausted; the
// journal's, and then nothing may leave.
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
func (k *Keeper) View(ctx context.Context) (v View, err error) {
	err = k.read(ctx, func(now time.Time) { v = k.book.View(now) })
	return v, err
}

// Open are the ids of units whose outcome nobody has recorded.
func (k *Keeper) Open(ctx context.Context) (ids []string, err error) {
	err = k.read(ctx, func(now time.Time) { ids = k.book.Open(now) })
	return ids, err
}

// Trim lets the journal forget what no book needs any more. It is due now and then, from one process or all.
func (k *Keeper) Trim(ctx context.Context) error {
	var before uint64
	if err := k.read(ctx, func(now time.Time) { before = k.book.Needed(now) }); err != nil || before == 0 {
		return err
	}
	if err := k.journal.Trim(ctx, before); err != nil {
		return fmt.Errorf("trim journal of a quota: %w", err)
	}
	return nil
}

func (k *Keeper) read(ctx context.Context, look func(now time.Time)) error {
	return k.write(ctx, "read quota", func(now time.Time) (Event, bool, error) {
		look(now)
		return Event{}, false, nil
	})
}

// write decides on the newest state and records what was decided. It decides anew when others were faster, and when the
// journal's answer is lost: what was stored all the same is then part of the state, and nothing is decided a second time.
func (k *Keeper) write(ctx context.Context, what string, decide func(time.Time) (Event, bool, error)) error {
	select {
	case <-k.turn:
		defer func() { k.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	lost := 0
	for n := range maxAttempts {
		if err := k.catchUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		now := k.now().Round(0).UTC() // as it is read back
		k.book.Forget(now)            // by this clock and none of another process
		e, ok, err := decide(now)
		if err != nil || !ok {
			return err
		}
		pos, err := k.journal.Append(ctx, k.pos, e)
		switch {
		case err == nil:
			k.apply(pos, e)
			return nil
		case errors.Is(err, ErrBehind):
			select {
			case <-time.After(rand.N(min(time.Duration(n+1)*pauseStep, maxPause))):
			case <-ctx.Done():
				return fmt.Errorf("%s: %w", what, ctx.Err())
			}
		default:
			if lost++; lost == maxLost || ctx.Err() != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return fmt.Errorf("%s: %w %d times", what, ErrBehind, maxAttempts)
}

func (k *Keeper) apply(pos uint64, e Event) {
	k.book.Apply(pos, e)
	k.pos = pos
}

// catchUp applies what others have written, and what was written by us without our hearing of it.
func (k *Keeper) catchUp(ctx context.Context) error {
	entries, err := k.journal.Read(ctx, k.pos)
	if last, want, gap := k.gap(entries); err == nil && gap {
		known := k.pos
		k.forget()
		entries, err = k.journal.Read(ctx, 0)
		if err == nil && (len(entries) == 0 || entries[0].Pos <= known) { // else what we know was trimmed away, which is right
			err = &LostError{Last: last, Want: want}
		}
	}
	if lost := (*LostError)(nil); errors.As(err, &lost) {
		k.forget()
	}
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for _, e := range entries {
		k.apply(e.Pos, e.Event)
	}
	return nil
}

// gap finds the first of the entries that was not written behind what stands before it. At a start, what was trimmed is none.
func (k *Keeper) gap(entries []Entry) (last, want uint64, found bool) {
	if k.pos == 0 {
		return 0, 0, false
	}
	last = k.pos
	for _, e := range entries {
		if e.After != last {
			return last, e.After, true
		}
		last = e.Pos
	}
	return 0, 0, false
}

// forget begins again with an empty book.
func (k *Keeper) forget() { k.book, k.pos = NewBook(k.limit), 0 }
