// Package referee counts what arrives at a venue against the figures that the venue documents, to judge a limiter.
//
// It owns an independent count: it shares no code with the limiter and imports nothing of this module. A window is true
// and sliding: at every arrival it looks at all that arrived within the span before it, both ends included. A bucket is
// counted in whole billionths of a token.
//
// Invariants: what is refused is not counted against what comes later, so that each excess is counted once.
//
// How it fails: it does not; figures below one refuse everything.
package referee

import (
	"math/bits"
	"time"
)

// nano is the whole of a token.
const nano = 1_000_000_000

// Window allows N units in any span of Per, its ends included.
type Window struct {
	N   int
	Per time.Duration

	at    []time.Duration // accepted units, in order
	from  int             // the first that may still matter
	worst int
}

// Bucket refills by Rate tokens each Per, up to Burst. It begins full.
type Bucket struct {
	Rate, Burst int
	Per         time.Duration
	Negative    bool

	tokens, rest int64 // billionths, and what is less than one, in units of 1/Per
	last         time.Duration
	begun        bool
}

// Server is a venue with its layers. Every layer is charged the same cost; a venue with several scopes is several servers.
type Server struct {
	Windows []*Window
	Buckets []*Bucket

	Arrived    int // units
	Violations int // requests that exceeded some layer
}

// Arrive counts a request that costs so many units, at a moment that is not before the last, and reports whether it is
// within all layers.
func (s *Server) Arrive(at time.Duration, cost int) bool {
	ok := true
	for _, w := range s.Windows {
		ok = w.room(at, cost) && ok
	}
	for _, b := range s.Buckets {
		ok = b.room(at, cost) && ok
	}
	s.Arrived += cost
	if !ok {
		s.Violations++
		return false
	}
	for _, w := range s.Windows {
		w.add(at, cost)
	}
	for _, b := range s.Buckets {
		b.tokens -= int64(cost) * nano
	}
	return true
}

// Overdraw charges units that nobody can refuse, as for the orders that a cancel of all has ended.
func (s *Server) Overdraw(at time.Duration, cost int) {
	for _, w := range s.Windows {
		w.add(at, cost)
	}
	for _, b := range s.Buckets {
		b.room(at, 0)
		b.tokens -= int64(cost) * nano
	}
}

// Next is the first moment from at on at which a request of that cost would be within all layers.
func (s *Server) Next(at time.Duration, cost int) time.Duration {
	for _, w := range s.Windows {
		w.room(at, 0)
		if over := len(w.at) - w.from + cost - w.N; over > 0 && over <= len(w.at)-w.from {
			at = max(at, w.at[w.from+over-1]+w.Per+1)
		}
	}
	for _, b := range s.Buckets {
		b.room(at, 0)
		if missing := int64(cost)*nano - b.tokens; missing > 0 {
			at += time.Duration(missing/int64(b.Rate)*int64(b.Per)/nano + int64(b.Per)/nano + 1)
		}
	}
	return at
}

// room forgets what is older than the span and reports whether so many units fit.
func (w *Window) room(at time.Duration, cost int) bool {
	for w.from < len(w.at) && w.at[w.from] < at-w.Per {
		w.from++
	}
	if w.from > len(w.at)/2 && w.from > 1024 {
		w.at = append(w.at[:0], w.at[w.from:]...)
		w.from = 0
	}
	n := len(w.at) - w.from + cost
	w.worst = max(w.worst, n)
	return n <= w.N
}

func (w *Window) add(at time.Duration, cost int) {
	for range cost {
		w.at = append(w.at, at)
	}
}

// Used is how many units the span before a moment holds.
func (w *Window) Used(at time.Duration) int {
	w.room(at, 0)
	return len(w.at) - w.from
}

// Worst is the most units that any span held, or would have held with what was refused.
func (w *Window) Worst() int { return w.worst }

// room refills and reports whether so many tokens are there.
func (b *Bucket) room(at time.Duration, cost int) bool {
	if !b.begun {
		b.begun, b.tokens, b.last = true, int64(b.Burst)*nano, at
	}
	full := int64(b.Burst) * nano
	hi, lo := bits.Mul64(uint64(at-b.last), uint64(b.Rate)*nano)
	lo, carry := bits.Add64(lo, uint64(b.rest), 0)
	hi += carry
	b.last = at
	if hi >= uint64(b.Per) { // longer than any bucket takes to fill
		b.tokens, b.rest = full, 0
	} else {
		come, rest := bits.Div64(hi, lo, uint64(b.Per))
		b.rest = int64(rest)
		if come >= uint64(full-b.tokens) {
			b.tokens, b.rest = full, 0
		} else {
			b.tokens += int64(come)
		}
	}
	return b.tokens >= int64(cost)*nano
}

// Tokens is what a bucket held at its last arrival, in whole tokens, rounded down.
func (b *Bucket) Tokens() int {
	if b.tokens < 0 {
		return int(-((-b.tokens + nano - 1) / nano))
	}
	return int(b.tokens / nano)
}
