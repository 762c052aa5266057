package lend

import (
	"cmp"
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
	Learned  []budget.Learned  `json:"learned,omitempty"`
	Counters []Kept            `json:"counters,omitempty"`
	Loans    []KeptLoan        `json:"loans,omitempty"`

	// Made is when the broker stored the record that counters and loans are from, in a claim, which repeats them, and Told the
	// epoch of that record; zero when they are the record's own.
	Made time.Time `json:"made,omitzero"`
	Told uint64    `json:"told,omitempty"`
}

// Kept is one counter.
type Kept struct {
	budget.Name
	gate.Past
	Lent    []Lent `json:"lent,omitempty"`    // what is on the way, apart from the loans
	Reserve int    `json:"reserve,omitempty"` // what may be lent beyond it
}

// KeptLoan is what a borrower has from one purse, as far as its granter knew. Whoever grants next goes on with it.
type KeptLoan struct {
	Who   string        `json:"who"`
	Purse gate.Purse    `json:"purse,omitempty"`
	ID    uint64        `json:"id"`
	Epoch uint64        `json:"epoch"` // whose reserve it is lent from
	Due   time.Duration `json:"due"`   // after which it must have arrived, if nobody goes on with it
	Lines []KeptLine    `json:"lines"`
}

// KeptLine is the sums of one counter, which count from the beginning of the loan.
type KeptLine struct {
	budget.Name
	Granted int `json:"granted"`
	Closed  int `json:"closed,omitempty"`
	Spent   int `json:"spent,omitempty"`
	Back    int `json:"back,omitempty"`
}

// Lent is units that must have arrived after a span.
type Lent struct {
	N   int           `json:"n"`
	Due time.Duration `json:"due"`

	// Of is the epoch whose reserve it was, when nobody knows who of that epoch's borrowers has it; otherwise 0.
	Of uint64 `json:"of,omitempty"`
}

// recordV is the version of records. Those of version 1 name no loans, but count what is lent among what is on the way.
const recordV = 2

// ReadRecord reads a record. Errors: one that is not JSON, or of a version that this program does not know.
func ReadRecord(b []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read record of shared limits: %w", err)
	}
	if r.V < 1 || r.V > recordV {
		return r, fmt.Errorf("read record of shared limits: it has version %d and this program knows 1 to %d; start the newer program", r.V, recordV)
	}
	return r, nil
}

// order is the order of names in what is said.
func order(a, b budget.Name) int {
	return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Key, b.Key))
}

// Claim is the record with which somebody takes over from the holder of this one, which the broker stored at that time. It
// reserves nothing of its own.
func (r Record) Claim(holder string, stored time.Time) Record {
	if r.Made.IsZero() {
		r.Made, r.Told = stored, r.Epoch
	}
	r.V, r.Epoch, r.Serial, r.Holder = recordV, r.Epoch+1, 0, holder
	return r
}

// Ago is how long before another moment of the broker the counters were told.
func (r Record) Ago(stored, now time.Time) time.Duration {
	if !r.Made.IsZero() {
		stored = r.Made
	}
	return max(0, now.Sub(stored))
}
