package retry

import (
	"time"

	"sluice/pkg/limits/signal"
)

// Policy says how often and after what wait.
type Policy struct {
	Attempts int // in all, the first included

	// First and Last bound the back-off, which doubles from one to the other. Linear: it grows by First instead.
	First, Last time.Duration
	Linear      bool

	// Random is added to each wait, as a share of it drawn by the caller: up to so much.
	Random time.Duration

	// SitOut is the longest wait named by an answer that is waited for. Beyond it: GiveUp, or back off as if none was named.
	SitOut time.Duration
	GiveUp bool

	// Failures: 5xx, lost connections and restarts are repeated too, not only throttles.
	Failures bool
}

// Standard waits as long as it is told, or else 1, 2, 4 … 60 seconds and up to a second more, five times.
func Standard() Policy {
	return Policy{Attempts: 5, First: time.Second, Last: time.Minute, Random: time.Second, SitOut: time.Hour, GiveUp: true}
}

// Short is Standard with three attempts, for what wraps a single call.
func Short() Policy {
	p := Standard()
	p.Attempts = 3
	return p
}

// Quota waits exactly as long as it is told when that is under two minutes, and does not sit on a longer reset; else 1, 2,
// 4 … 30 seconds, three times.
func Quota() Policy {
	return Policy{Attempts: 3, First: time.Second, Last: 30 * time.Second, SitOut: 2 * time.Minute}
}

// Linear waits 50, 100, 150 ms …, for failures of sources that have another behind them.
func Linear() Policy {
	return Policy{Attempts: 3, First: 50 * time.Millisecond, Last: time.Second, Linear: true, SitOut: time.Second, GiveUp: true, Failures: true}
}

// permille is the whole of a chance.
const permille = 1000

// Wait is how long to wait after attempt n (from 1) got such an answer, and whether to try again at all. Chance is a random
// number in permille.
func (p Policy) Wait(n int, s signal.Signal, chance int) (time.Duration, bool) {
	if n >= p.Attempts || !p.repeats(s.Kind) {
		return 0, false
	}
	back := p.Back(n, chance)
	if !s.Named {
		return back, true
	}
	switch {
	case s.Wait <= 0: // "now" is no reason to hurry
		return back, true
	case s.Wait < p.SitOut:
		return s.Wait, true
	case p.GiveUp:
		return 0, false
	}
	return back, true
}

func (p Policy) repeats(k signal.Kind) bool {
	switch k {
	case signal.Throttled, signal.QuotaGone:
		return true
	case signal.Failed, signal.Restarting:
		return p.Failures
	}
	return false
}

// Back is the wait after attempt n (from 1) where nobody names one. Chance is a random number in permille.
func (p Policy) Back(n, chance int) time.Duration {
	return p.backoff(n) + p.Random*time.Duration(chance)/permille
}

func (p Policy) backoff(n int) time.Duration {
	if p.Linear {
		return min(p.Last, p.First*time.Duration(n))
	}
	d := p.First
	for range n - 1 {
		if d >= p.Last {
			break
		}
		d *= 2
	}
	return min(p.Last, d)
}

// Pauses are the waits of one who goes on until it succeeds, for as long as that takes. They are for one goroutine.
type Pauses struct {
	policy Policy
	chance func() int
	n      int
}

// Pauses begins them. Chance draws in permille; nil: always 0. The policy's attempts do not count.
func (p Policy) Pauses(chance func() int) *Pauses { return &Pauses{policy: p, chance: chance} }

// Next is how long to wait after one more attempt that failed.
func (w *Pauses) Next() time.Duration {
	w.n++
	return w.policy.Back(w.n, Options{Chance: w.chance}.chance())
}

// Reset begins again, after a success.
func (w *Pauses) Reset() { w.n = 0 }
