package limits

import (
	"time"

	"sluice/pkg/limits/budget"
)

const (
	classCount = int(Bulk) + 1
	boundCount = 7
)

// waitBounds are the spans that waits are sorted by: from a request that need not wait to one that waits for a whole window.
func waitBounds() [boundCount]time.Duration {
	return [boundCount]time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute}
}

// Waits are how long requests of one class have waited for their turn.
type Waits struct {
	Class Class

	// Through is how many were let through, Missed how many were not: their deadline was out of reach, or who waited left.
	Through, Missed uint64

	// Sum is what those that were let through have waited together.
	Sum time.Duration

	// Within says how many of those waited at most as long as each bound.
	Within map[time.Duration]uint64
}

// tally counts waits by class; the limiter's lock guards it.
type tally [classCount]struct {
	through, missed uint64
	sum             time.Duration
	first           [boundCount]uint64 // by the first bound that the wait is within
}

func (t *tally) wait(c Class, d time.Duration) {
	of := &t[c]
	of.through++
	if d <= 0 {
		of.first[0]++
		return
	}
	of.sum += d
	for i, bound := range waitBounds() {
		if d <= bound {
			of.first[i]++
			return
		}
	}
}

// Waits are the waits of every class so far, the most urgent first.
func (l *Limiter) Waits() []Waits {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Waits, 0, classCount)
	for c, of := range l.tally {
		w := Waits{Class: Class(c), Through: of.through, Missed: of.missed, Sum: of.sum, Within: map[time.Duration]uint64{}}
		within := uint64(0)
		for i, bound := range waitBounds() {
			within += of.first[i]
			w.Within[bound] = within
		}
		out = append(out, w)
	}
	return out
}

// Throttles are what the venue has refused for the rate so far, with the likeliest cause, the latest first.
func (l *Limiter) Throttles() []budget.Throttle {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.budget.Throttles()
}

// Refused is how many requests the venue has refused for their rate, by rule, and how many answers were so late that they were
// taken for the same.
func (l *Limiter) Refused() (byRule map[string]int, slow int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.budget.Refused(), l.budget.Slow()
}
