package gate

import (
	"time"

	"golang.org/x/time/rate"
)

// How a counter gives way. The figures are those that the simulation of crowded, halved and queueing venues favours.
const (
	cutTo        = 700 // permille of the present figures that a throttle leaves
	leastCut     = 50  // permille below which nothing is cut
	recoverAfter = 100 // good answers before a step back up
	recoverBy    = 20  // permille of the figures in one step
	paceBelow    = 200 // permille of the limit; with less remaining, what is left is spread to the reset
	paceUse      = 900 // permille of what remains that is spread, and of the steady rate where others use the same limit

	// Near the figures at which the venue has refused, steps up are rarer, for a while: what lies above them is still refused most likely.
	nearRefused = 900 // permille of those figures
	nearSlower  = 10
	nearFor     = 5 * time.Minute

	// asideMost bounds what of a window is left to others, in permille: as much as they have used in the last half second, so that what
	// comes of them while an answer is on its way finds room.
	asideMost = 50
	asideCell = 250 * time.Millisecond

	evenParts = 100 // of a cut window that may leave at once

	stormCount  = 3 // throttles within stormSpan that close a counter
	stormSpan   = 30 * time.Second
	stormPause  = 30 * time.Second
	rampFull    = 64 // in flight at which a reopened counter is open again
	backoffLast = time.Minute
)

// Advice is what one answer says about a counter. The zero value is a good answer that says nothing.
type Advice struct {
	// Throttled: the venue refused it for its rate, or was so slow that it must have queued it.
	Throttled bool

	// Slow: it was not refused, only slow. What was sent before the last cut then says nothing new.
	Slow bool

	// Wait is how long nothing may leave, when the answer names it.
	Wait time.Duration

	// Remaining and Limit are the venue's own count, when Known; Reset is how long until it is whole again.
	Known            bool
	Remaining, Limit int
	Reset            time.Duration

	// Chance is a random number in permille, for the length of a wait that nobody named.
	Chance int
}

// advice is what the venue has asked of a counter. It only lowers.
type advice struct {
	cut   int   // permille of the figures in force
	cutAt int64 // when it was last lowered; answers to older requests say nothing new
	met   int   // permille of the figures that were in force at the last refusal; 0: none, or the venue was slow since

	until int64 // nothing leaves before

	pace      *rate.Limiter // spreads what remains to a reset
	paceUntil int64
	smooth    *rate.Limiter // while figures are cut: no bursts, so that one refusal is the first of few

	good   int // answers since the last step up
	streak int // throttles since the last good answer
	storm  [stormCount]int64
	storms int
	ramp   int // most in flight while it reopens; 0: no bound

	gap int // units that the venue's last count had less than ours: used by somebody else
}

// Heed takes in what an answer to a request sent at sent says about a counter.
func (g *Gate) Heed(now, sent time.Time, c *Counter, a Advice) {
	a = g.shareAdvice(now, sent, c, a)
	c.heed(g.at(now), int64(sent.Sub(g.base)), a)
}

// Calm reports whether nothing has been asked of the counter that a good answer could mend.
func (c *Counter) Calm() bool { return c.cut == permille && c.ramp == 0 && c.streak == 0 }

// Stop lets nothing leave from a counter until a moment. It only lengthens a stop.
func (g *Gate) Stop(now, until time.Time, c *Counter) {
	g.at(now)
	g.shareAdvice(now, now, c, Advice{Wait: until.Sub(now)})
	c.until = max(c.until, int64(until.Sub(g.base)))
}

func (c *Counter) heed(t, sent int64, a Advice) {
	if a.Wait > 0 && !a.Slow {
		c.until = max(c.until, t+int64(a.Wait))
	}
	if a.Known {
		c.believe(t, a)
	}
	if !a.Throttled {
		c.praise(t)
		return
	}
	c.good = 0
	if sent < c.cutAt { // it left before the last cut: one cut for each round trip
		return
	}
	c.streak++
	c.cutAt = t
	if c.met = c.cut; a.Slow { // a queue tells of itself long after it began: how much was too much is not known
		c.met = 0
	}
	c.lower(t, max(leastCut, c.cut*cutTo/permille))
	switch {
	case a.Slow:
		c.until = max(c.until, t+int64(a.Wait))
		return
	case a.Wait <= 0:
		c.until = max(c.until, t+int64(backoff(c.streak, a.Chance)))
	}
	c.strike(t, a.Wait)
}

// backoff is a wait that nobody named: somewhere up to 2^n seconds.
func backoff(streak, chance int) time.Duration {
	most := min(backoffLast, time.Second<<min(streak, 6))
	return most * time.Duration(min(max(chance, 1), permille)) / permille
}

// strike closes the counter when throttles come in a storm; it reopens little by little.
func (c *Counter) strike(t int64, wait time.Duration) {
	c.storm[c.storms%stormCount] = t
	c.storms++
	if c.storms >= stormCount && t-c.storm[c.storms%stormCount] <= int64(stormSpan) {
		c.until = max(c.until, t+int64(max(wait, stormPause)))
		c.ramp, c.storms = 1, 0
	}
}

// praise is a good answer.
func (c *Counter) praise(t int64) {
	c.streak = 0
	if c.ramp > 0 {
		if c.ramp *= 2; c.ramp >= rampFull {
			c.ramp = 0
		}
	}
	if c.cut == permille {
		return
	}
	after := recoverAfter
	if t-c.cutAt < int64(nearFor) && c.cut < c.met && c.cut+recoverBy >= c.met*nearRefused/permille {
		after *= nearSlower
	}
	if c.good++; c.good >= after {
		c.good = 0
		c.lower(t, min(permille, c.cut+recoverBy))
	}
}

// lower puts a multiplier of the figures in force. While it is below one, a window is used evenly.
func (c *Counter) lower(t int64, cut int) {
	c.cut = cut
	short := -1
	for i := range c.windows {
		w := &c.windows[i]
		w.lower(cut)
		if short < 0 || w.Per < c.windows[short].Per {
			short = i
		}
	}
	if c.bucket != nil {
		c.bucket.SetLimitAt(c.forward(t), limitOf(*c.rule.Bucket, cut))
	}
	if cut == permille || short < 0 {
		c.smooth = nil
		return
	}
	w := c.windows[short]
	even := rate.Limit(w.now) / rate.Limit(w.Per.Seconds())
	if c.smooth == nil {
		c.smooth = rate.NewLimiter(even, max(1, w.now/evenParts))
		return
	}
	c.smooth.SetLimitAt(c.base.Add(time.Duration(t)), even)
}

// believe lowers what is there to what the venue says remains. What is in flight counts against both, so an answer that
// overtook others makes us believe in less than there is, never in more.
func (c *Counter) believe(t int64, a Advice) {
	if c.rule.Bucket != nil {
		less := int((c.micro(t) - int64(a.Remaining)*million) / million)
		c.gap = max(0, less-c.flight)
		c.drain(t, less)
		return
	}
	w := c.windowOf(a)
	if w == nil {
		return
	}
	w.shrink(a.Limit)
	// Whoever else uses the same limit has used what we cannot account for.
	foreign := w.Full - a.Remaining - c.log.since(t-w.span) - c.flight
	if c.gap = max(0, foreign); foreign > 0 {
		c.forward(t)
		c.log.push(c.touched, min(foreign, w.N))
	}
	w.aside = min(w.others.add(t, c.gap), w.N*asideMost/permille)
	w.lower(c.cut)
	if a.Reset > 0 && a.Remaining*permille < w.Full*paceBelow {
		c.spread(t, w, max(1, a.Remaining-c.flight), a.Reset)
	}
}

// recent counts units of the last moments in two cells, which are between one and two of them long.
type recent struct {
	cell        int64
	now, before int
}

// add counts units and says how many there were lately.
func (r *recent) add(t int64, n int) int {
	switch cell := t / int64(asideCell); {
	case cell == r.cell+1:
		r.cell, r.now, r.before = cell, 0, r.now
	case cell != r.cell:
		*r = recent{cell: cell}
	}
	r.now += n
	return r.now + r.before
}

// windowOf is the layer that an answer speaks of: the one of that size, or else the shortest that lasts until the reset.
func (c *Counter) windowOf(a Advice) *window {
	var of *window
	for i := range c.windows {
		w := &c.windows[i]
		if a.Limit > 0 && w.Full == a.Limit {
			return w
		}
		if of == nil && w.Per >= a.Reset {
			of = w
		}
	}
	return of
}

// spread paces what remains until the reset, but not below the window's steady rate: a window that slides gives back as it
// goes, and in one that does not the log has what remains.
func (c *Counter) spread(t int64, w *window, remaining int, reset time.Duration) {
	each := rate.Limit(remaining) / rate.Limit(reset.Seconds()) * paceUse / permille
	steady := rate.Limit(w.now) / rate.Limit(w.Per.Seconds())
	if w.aside > 0 {
		steady = steady * paceUse / permille
	}
	each = max(each, steady)
	c.paceUntil = t + int64(reset)
	if c.pace == nil {
		c.pace = rate.NewLimiter(each, 1)
		return
	}
	c.pace.SetLimitAt(c.base.Add(time.Duration(t)), each)
}

// drain takes tokens that the venue does not have.
func (c *Counter) drain(t int64, k int) {
	for burst := c.rule.Bucket.Burst; k > 0; k -= burst {
		c.bucket.ReserveN(c.forward(t), min(k, burst))
	}
}

// stopped reports whether the venue has stopped the counter, or it reopens and has enough in flight.
func (c *Counter) stopped(t int64) bool {
	return t < c.until || c.ramp > 0 && c.flight >= c.ramp
}

// paced reports whether what spreads requests allows one more.
func (c *Counter) paced(t int64) bool {
	at := c.base.Add(time.Duration(t))
	return (c.pace == nil || t >= c.paceUntil || c.pace.TokensAt(at) >= 1) && (c.smooth == nil || c.smooth.TokensAt(at) >= 1)
}

// step takes a request from what spreads them.
func (c *Counter) step(t int64) {
	at := c.base.Add(time.Duration(t))
	if c.pace != nil && t < c.paceUntil {
		c.pace.AllowN(at, 1)
	}
	if c.smooth != nil {
		c.smooth.AllowN(at, 1)
	}
}

// pacedFrom is when what spreads requests allows the next.
func (c *Counter) pacedFrom(t int64) int64 {
	at := t
	if c.pace != nil && t < c.paceUntil {
		at = min(c.paceUntil, c.oneFrom(c.pace, t))
	}
	if c.smooth != nil {
		at = max(at, c.oneFrom(c.smooth, t))
	}
	return at
}

// oneFrom is when a limiter has a whole token.
func (c *Counter) oneFrom(l *rate.Limiter, t int64) int64 {
	there := int64(l.TokensAt(c.base.Add(time.Duration(t))) * million)
	each := int64(l.Limit() * million)
	if there >= million {
		return t
	}
	if each <= 0 {
		return t + farAway
	}
	return t + (million-there)*int64(time.Second)/each + refillGrain
}
