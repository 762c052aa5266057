package gate

import (
	"math"
	"math/bits"
	"time"

	"golang.org/x/time/rate"
)

const (
	// never is a moment that does not come.
	never = int64(math.MaxInt64)
	// clockPPM is how far apart two clocks may run: ours must not think that a span is over before the venue does.
	clockPPM = 200
	million  = 1_000_000
	// farAway is later than anything that is waited for, and can still be added to a moment.
	farAway = int64(365 * 24 * time.Hour)
	// maxRefills bounds the spans that a bucket is waited for, so that their product with a span stays a moment.
	maxRefills = 1_000
	// refillGrain covers the rounding between a bucket's fractions and whole nanoseconds.
	refillGrain = 100
	// permille is the whole of a share or a multiplier.
	permille = 1000
)

// Window is a sliding window: N units in any span of Per.
type Window struct {
	N     int
	Per   time.Duration
	Grain time.Duration // coarseness of the venue's clock
	Full  int           // the documented figure, of which N is what we use; 0: N
}

// Bucket is a token bucket: Rate tokens per Per, Burst at most.
type Bucket struct {
	Rate     int
	Per      time.Duration
	Burst    int
	Negative bool // a charge afterwards may take it below zero
}

// Rule says how one counter counts.
type Rule struct {
	Name    string
	Windows []Window
	Bucket  *Bucket // nil: none
	Closed  bool    // nothing is allowed

	// Classes are those that may use it, as bits 1<<class. Where several do, the more urgent have a share of their own.
	Classes uint8
}

// window is a layer in force.
type window struct {
	Window
	span  int64 // busy after the answer
	now   int   // N, lowered by what the venue has asked for
	named int   // the size that the venue has named, where it is smaller than the documented one; 0: none

	others recent // units that somebody else has used lately
	aside  int    // units of N that are left to them
}

// Counter counts one rule for one value of its scope.
type Counter struct {
	rule Rule
	key  string
	base time.Time

	log     ring
	windows []window
	bucket  *rate.Limiter
	flight  int   // units that have left and are not answered
	touched int64 // the last moment at which log or bucket changed; they only go forward
	waiting [classCount]int
	loan    loanCounter

	advice

	// Of one pass over those who wait: which class was refused here, and what is kept for lanes that waited too long.
	refusedIn, heldPass uint64
	refused             Class
	held                int
}

func newCounter(base time.Time, r Rule, key string) *Counter {
	c := &Counter{key: key, base: base, advice: advice{cut: permille}}
	c.set(0, r)
	return c
}

// set puts a rule in force. What was counted before counts on, and a size that the venue has named stays where it is the smaller.
func (c *Counter) set(t int64, r Rule) {
	before := c.windows
	c.rule, c.windows = r, make([]window, 0, len(r.Windows))
	for _, w := range r.Windows {
		w.Full = max(w.Full, w.N)
		c.log.need(w.Full)
		next := window{Window: w, span: spanOf(w), now: w.N}
		for _, old := range before {
			if old.Per == w.Per {
				next.shrink(old.named)
			}
		}
		c.windows = append(c.windows, next)
	}
	if r.Bucket == nil {
		c.bucket = nil
	} else if old := c.bucket; old == nil {
		c.bucket = rate.NewLimiter(limitOf(*r.Bucket, permille), r.Bucket.Burst)
	} else {
		c.bucket.SetLimitAt(c.forward(t), limitOf(*r.Bucket, permille))
		c.bucket.SetBurstAt(c.forward(t), r.Bucket.Burst)
	}
	c.lower(t, c.cut)
}

// lower puts a multiplier of the figure in force.
func (w *window) lower(cut int) { w.now = max(1, w.N*cut/permille-w.aside) }

// shrink takes in the size that the venue has named, 0 for none: the same share of it is used as of the documented one.
func (w *window) shrink(named int) {
	if named > 0 && named < w.Full {
		w.N = max(1, w.N*named/w.Full)
		w.Full, w.named, w.now = named, named, min(w.now, w.N)
	}
}

// spanOf is how long a unit is busy after its answer.
func spanOf(w Window) int64 {
	per := int64(w.Per)
	return per + per/million*clockPPM + int64(w.Grain)
}

// limitOf is a bucket's rate by our clock, lowered by the multiplier cut.
func limitOf(b Bucket, cut int) rate.Limit {
	return rate.Limit(b.Rate) / rate.Limit(b.Per.Seconds()) * rate.Limit(cut) / permille * (million - clockPPM) / million
}

// spare is how many of n units are left for classes more urgent than this one, when a request costs k.
func (c *Counter) spare(n, k int, share int) int { return min(n*share/permille, max(0, n-k)) }

// open reports whether anything may leave at t at all.
func (c *Counter) open(t int64) bool {
	return !c.rule.Closed && !c.stopped(t) && (c.pace == nil && c.smooth == nil || c.paced(t))
}

// fits reports whether k units may leave at t and leave alone the share (in permille) of more urgent classes and what is
// held for others.
func (c *Counter) fits(t int64, k, share, held int) bool {
	if !c.open(t) {
		return false
	}
	for i := range c.windows {
		w := &c.windows[i]
		n := max(w.now, k)
		left := n - c.spare(n, k, share) - held - c.flight - k
		if left < 0 {
			return false
		}
		if at, ok := c.log.before(left); ok && at > t-w.span {
			return false
		}
	}
	if b := c.rule.Bucket; b != nil {
		want := k + c.spare(b.Burst, k, share) + held + c.flight
		return c.micro(t) >= int64(want)*million
	}
	return true
}

// micro is what the bucket holds, in millionths of a token, rounded down.
func (c *Counter) micro(t int64) int64 {
	return int64(c.bucket.TokensAt(c.base.Add(time.Duration(t))) * million)
}

// possible reports whether k units can ever leave at once.
func (c *Counter) possible(k int) bool {
	if c.rule.Closed {
		return false
	}
	for i := range c.windows {
		if k > c.windows[i].N {
			return false
		}
	}
	return c.rule.Bucket == nil || k <= c.rule.Bucket.Burst
}

// earliest is the first moment from t at which k units may leave after `ahead` others have, and leave alone a share, as
// things stand: nothing is answered later than it must be, and nobody else comes. It is never later than the truth.
func (c *Counter) earliest(t int64, k, ahead, share int) int64 {
	if c.rule.Closed {
		return never
	}
	at := max(t, c.until, c.pacedFrom(t))
	for i := range c.windows {
		at = max(at, c.windowFree(&c.windows[i], t, k, ahead, share))
	}
	if b := c.rule.Bucket; b != nil {
		want := k + ahead + c.flight + c.spare(b.Burst, k, share)
		at = max(at, t+c.refill(int64(want)*million-c.micro(t)))
	}
	return at
}

// windowFree is when a window has room for the last of k+ahead units.
func (c *Counter) windowFree(w *window, t int64, k, ahead, share int) int64 {
	n := max(w.now, k)
	n -= c.spare(n, k, share)
	rounds := (k + ahead - 1) / n
	left := n - c.flight - (k + ahead - rounds*n)
	later := int64(rounds) * w.span
	if left < 0 { // a unit in flight comes back a span after its answer, which is not before now
		return t + w.span + later
	}
	if at, ok := c.log.before(left); ok {
		return max(t, at+w.span) + later
	}
	return t + later
}

// back is how long k units are gone once they are taken.
func (c *Counter) back(k int) int64 {
	long := int64(0)
	for i := range c.windows {
		long = max(long, c.windows[i].span)
	}
	if c.bucket != nil {
		long = max(long, c.refill(int64(k)*million))
	}
	return long
}

// refuse marks the counter for the rest of a pass: whoever is no more urgent than the one refused must not go before it.
// What a starved lane waits for is marked as of orders: cancels go on.
func (c *Counter) refuse(pass uint64, class Class, starved bool) {
	if starved {
		class = Order
	}
	if c.refusedIn != pass {
		c.refusedIn, c.refused = pass, class
		return
	}
	c.refused = min(c.refused, class)
}

// refill is how long a bucket takes to fill by so many millionths of a token, rounded up.
func (c *Counter) refill(missing int64) int64 {
	b := c.rule.Bucket
	inPer := int64(b.Rate) * int64(c.cut) * (million - clockPPM) / permille // millionths that come in each Per
	if missing <= 0 {
		return 0
	}
	if inPer <= 0 || missing/inPer > maxRefills {
		return farAway
	}
	whole, rest := missing/inPer, missing%inPer
	hi, lo := bits.Mul64(uint64(rest), uint64(b.Per))
	part, _ := bits.Div64(hi, lo, uint64(inPer))
	return whole*int64(b.Per) + int64(part) + refillGrain
}

// take lets k units leave.
func (c *Counter) take(t int64, k int) {
	c.flight += k
	if c.pace != nil || c.smooth != nil {
		c.step(t)
	}
}

// release takes k units out of flight: they never left, or are charged now.
func (c *Counter) release(k int) { c.flight -= k }

// forward is a moment for a change: t, or the last one if that was later.
func (c *Counter) forward(t int64) time.Time {
	c.touched = max(c.touched, t)
	return c.base.Add(time.Duration(c.touched))
}

// charge counts k units at t. A bucket may go below zero.
func (c *Counter) charge(t int64, k int) {
	c.touched = max(c.touched, t)
	if len(c.windows) > 0 {
		c.log.push(c.touched, k)
	}
	if c.bucket == nil {
		return
	}
	at := c.forward(t)
	for burst := c.rule.Bucket.Burst; k > 0; k -= burst {
		c.bucket.ReserveN(at, min(k, burst))
	}
}
