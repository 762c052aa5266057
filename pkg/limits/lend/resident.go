package lend

import (
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// Resident is the limiter in the granter's own process: it borrows without a message, and holds nothing ahead.
type Resident struct {
	of   *Granter
	book *budget.Budget
	gate *gate.Gate
	rest map[*gate.Counter]int // beats without use
}

// NewResident lends to a budget's gate what the granter has.
func NewResident(of *Granter, b *budget.Budget) *Resident {
	return &Resident{of: of, book: b, gate: b.Gate(), rest: map[*gate.Counter]int{}}
}

// Lend asks the granter.
func (r *Resident) Lend(now time.Time, c *gate.Counter, w gate.Want) int {
	return r.of.Lend(now, budget.NameOf(c), w)
}

// Settle tells the granter.
func (r *Resident) Settle(now time.Time, c *gate.Counter, _ gate.Purse, closed, spent int) {
	r.of.Settle(now, budget.NameOf(c), closed, spent)
}

// Fetch takes what came free meanwhile, and as much time as the granter has.
func (r *Resident) Fetch() {
	until := r.of.Until()
	r.gate.Renew(gate.Ordinary, until)
	r.gate.Renew(gate.Urgent, until)
	for _, x := range r.of.Brought() {
		if c := r.book.Meter(x.Name); c != nil {
			r.gate.Bring(c, x.Purse, x.Units)
			r.rest[c] = 0
		}
	}
}

// Pulse is due at each beat: it gives back what rests, and tells what the venue has taught.
func (r *Resident) Pulse(now time.Time) {
	r.of.book.LearnTiers(now, r.book.Heard(now.Add(-newsFor)))
	r.of.book.LearnLimits(now, r.book.Learned())
	for _, c := range r.book.Meters() {
		for _, p := range []gate.Purse{gate.Ordinary, gate.Urgent} {
			if n := r.gate.Taken(c, p); n > 0 || c.Waiting(p) > 0 {
				if r.rest[c] = 0; n > 0 {
					r.of.Use(budget.NameOf(c), n)
				}
				continue
			}
			if c.Lent(p) == 0 {
				continue
			}
			if r.rest[c]++; r.rest[c] > restBeats {
				r.of.Use(budget.NameOf(c), 0)
				r.of.Return(now, budget.NameOf(c), r.gate.GiveBack(c, p, c.Lent(p)))
			}
		}
	}
}

// Holding reports whether anything lies unused at hand.
func (r *Resident) Holding() bool {
	for _, c := range r.book.Meters() {
		if c.Lent(gate.Ordinary) > 0 || c.Lent(gate.Urgent) > 0 {
			return true
		}
	}
	return false
}

// GiveUp returns everything that has not left; nothing more is asked for.
func (r *Resident) GiveUp(now time.Time) {
	for _, c := range r.book.Meters() {
		for _, p := range []gate.Purse{gate.Ordinary, gate.Urgent} {
			r.of.Return(now, budget.NameOf(c), r.gate.GiveBack(c, p, c.Lent(p)))
		}
	}
}
