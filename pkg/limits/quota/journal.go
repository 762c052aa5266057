package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Journal keeps the events of one book durably and in order, for all processes that share it. Positions grow and mean nothing
// else; 0 is before the first.
type Journal interface {
	// Append writes an event behind the position after, durably before it returns, and gives its position. It answers ErrBehind
	// when something else stands behind after. After any other error it may or may not have been written.
	Append(ctx context.Context, after uint64, e Event) (uint64, error)

	// Read gives the events behind a position, in order. Errors: *LostError when the journal ends before it.
	Read(ctx context.Context, after uint64) ([]Entry, error)

	// Trim forgets the events before a position, which is one of the journal's.
	Trim(ctx context.Context, before uint64) error
}

// Entry is one event of a journal.
type Entry struct {
	Pos   uint64
	After uint64 // the position of the one before, when it was written; 0: it was the first
	Event Event
}

// ErrBehind reports that somebody else has written meanwhile.
var ErrBehind = errors.New("journal has newer events")

// LostError reports a journal that lacks what was written to it. It is said once, and nothing is spent by who hears it; then the
// book goes on with what is there.
type LostError struct {
	Last uint64 // where it ends, or breaks off
	Want uint64 // what was written and is not there
}

func (e *LostError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is the matter.
func (e *LostError) Cause() string {
	return fmt.Sprintf("the book of daily units goes to event %d and lacks event %d, which was written: it was emptied or restored from a copy", e.Last, e.Want)
}

// Fix says what to do.
func (*LostError) Fix() string {
	return "nothing was spent now, and the next call goes on with what is there: units that are forgotten come back as refusals of the venue, which are obeyed"
}

// entryV is the version of entries.
const entryV = 1

// stored is an entry as it is written.
type stored struct {
	V     int    `json:"v"`
	After uint64 `json:"after"`
	Event
}

// Encode is an event as a journal keeps it.
func Encode(after uint64, e Event) ([]byte, error) {
	b, err := json.Marshal(stored{entryV, after, e})
	if err != nil {
		return nil, fmt.Errorf("encode event of a quota: %w", err)
	}
	return b, nil
}

// Decode reads what Encode has written. Errors: one that is not an event, or that a newer program has written.
func Decode(pos uint64, b []byte) (Entry, error) {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return Entry{}, fmt.Errorf("read event %d of a quota: %w", pos, err)
	}
	if s.V != entryV || !slices.Contains([]Kind{Reserved, Confirmed, Voided, Blocked, Foreign}, s.Kind) {
		return Entry{}, fmt.Errorf("read event %d of a quota: version %d, kind %q; this program knows version %d: start the newer program", pos, s.V, s.Kind, entryV)
	}
	return Entry{Pos: pos, After: s.After, Event: s.Event}, nil
}
