package lend

import (
	"encoding/json"
	"fmt"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// Record is what must be on disk before anything is lent. Spans in it count from the moment at which it was made.
type Record struct {
	V        int               `json:"v"`
	Epoch    uint64            `json:"epoch"`
	Serial   uint64            `json:"serial"` // of the epoch's records
	Holder   string            `json:"holder"`
	Profile  string            `json:"profile,omitempty"`
	Tiers    map[string]string `json:"tiers,omitempty"`
	Counters []Kept            `json:"counters,omitempty"`

	// Made is when the broker stored the record that the counters are from, in a claim, which repeats them; zero when they
	// are the record's own.
	Made time.Time `json:"made,omitzero"`
}

// Kept is one counter.
type Kept struct {
	budget.Name
	gate.Past
	Lent    []Lent `json:"lent,omitempty"`    // what is on the way
	Reserve int    `json:"reserve,omitempty"` // what may be lent beyond it
}

// Lent is units that must have arrived after a span.
type Lent struct {
	N   int           `json:"n"`
	Due time.Duration `json:"due"`
}

// recordV is the version of records.
const recordV = 1

// ReadRecord reads a record. Errors: one that is not JSON, or of a version that this program does not know.
func ReadRecord(b []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read record of shared limits: %w", err)
	}
	if r.V != recordV {
		return r, fmt.Errorf("read record of shared limits: it has version %d and this program knows %d", r.V, recordV)
	}
	return r, nil
}

// Claim is the record with which somebody takes over from the holder of this one, which the broker stored at that time. It
// reserves nothing of its own.
func (r Record) Claim(holder string, stored time.Time) Record {
	r.V, r.Epoch, r.Serial, r.Holder = recordV, r.Epoch+1, 0, holder
	if r.Made.IsZero() {
		r.Made = stored
	}
	return r
}

// Ago is how long before another moment of the broker the counters were told.
func (r Record) Ago(stored, now time.Time) time.Duration {
	if !r.Made.IsZero() {
		stored = r.Made
	}
	return max(0, now.Sub(stored))
}
