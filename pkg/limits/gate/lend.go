package gate

import (
	"slices"
	"time"
)

// Purse is what units are lent for: what cancels use is lent apart, so that it can be kept in hand.
type Purse uint8

// The purses.
const (
	Ordinary Purse = iota
	Urgent
	purseCount = 2
)

// PurseOf is the purse that a class takes from.
func PurseOf(c Class) Purse {
	if c == Cancel {
		return Urgent
	}
	return Ordinary
}

// Want is what a counter lacks for a request.
type Want struct {
	Units int
	Class Class

	// Debt is how many of the units need not be there: they are owed, and paid back before anything else leaves.
	Debt int

	Accounts int // that wait for the counter
}

// Lender lends units to the counters of a gate that shares its limits with others. A gate that has one lets nothing leave
// that was not lent. It is called in the middle of the gate's own work and must not call the gate.
type Lender interface {
	// Lend gives a counter units at once and says how many; what it cannot give now it may bring later, by Bring.
	Lend(now time.Time, c *Counter, w Want) int

	// Settle says that units which were lent for as long as the purse's present loan are not in use any more, and how many
	// units the venue has counted for them.
	Settle(now time.Time, c *Counter, p Purse, closed, spent int)

	// Heed says what the venue has asked of a counter in its answer to a request that was sent so long ago. What it counts of a
	// window is for the lender alone: a gate knows only its own part of that.
	Heed(now time.Time, c *Counter, ago time.Duration, a Advice)
}

// shareAdvice tells a lender what concerns all that share, and returns what is left for this gate.
func (g *Gate) shareAdvice(now, sent time.Time, c *Counter, a Advice) Advice {
	if g.loan.lender == nil || !c.counts() || a.Slow || !a.Throttled && a.Wait <= 0 && !a.Known {
		return a // that the venue is slow, each finds out by itself
	}
	g.loan.lender.Heed(now, c, now.Sub(sent), a)
	a.Known = a.Known && c.IsBucket()
	return a
}

// Praise takes in good answers of which only the number is known.
func (g *Gate) Praise(now time.Time, c *Counter, n int) {
	for t := g.at(now); n > 0 && !c.Calm(); n-- {
		c.praise(t)
	}
}

// loan is what a gate may let leave of what was lent.
type loan struct {
	lender Lender
	until  [purseCount]int64  // what is lent may leave before this moment
	turn   [purseCount]uint32 // counts the loans; permits of an earlier one are beyond accounting
	had    bool               // somebody has lent before
	need   bool               // what is being taken is an emergency
}

// loanCounter is a counter's part of it.
type loanCounter struct {
	lent  [purseCount]int // units at hand
	taken [purseCount]int // units that have left since somebody last asked

	needed []int64 // when units left in an emergency
}

// Share lets a gate leave only what a lender lends. It begins with nothing at hand.
func (g *Gate) Share(l Lender, counters ...*Counter) {
	g.loan.lender = l
	for p := range Purse(purseCount) {
		g.Begin(p, counters...)
		g.Renew(p, time.Time{})
	}
}

// Renew lets what is at hand in a purse leave until a moment.
func (g *Gate) Renew(p Purse, until time.Time) {
	g.loan.until[p] = int64(until.Sub(g.base))
	g.loan.had = g.loan.had || p == Urgent && g.loan.until[p] > g.last
}

// Until is when what is at hand in a purse may no longer leave.
func (g *Gate) Until(p Purse) time.Time { return g.time(g.loan.until[p]) }

// Begin starts a new loan: what is at hand is void, and what is on the way is no longer accounted for.
func (g *Gate) Begin(p Purse, counters ...*Counter) {
	g.loan.turn[p]++
	for _, c := range counters {
		c.loan.lent[p] = 0
	}
}

// Bring puts units into a counter's purse.
func (g *Gate) Bring(c *Counter, p Purse, n int) { c.loan.lent[p] += n }

// Lent is what a counter has at hand.
func (c *Counter) Lent(p Purse) int { return c.loan.lent[p] }

// GiveBack takes up to n units out of a counter's purse and says how many.
func (g *Gate) GiveBack(c *Counter, p Purse, n int) int {
	n = max(0, min(n, c.loan.lent[p]))
	c.loan.lent[p] -= n
	return n
}

// Taken is how many units have left from a purse since it was last asked.
func (g *Gate) Taken(c *Counter, p Purse) int {
	n := c.loan.taken[p]
	c.loan.taken[p] = 0
	return n
}

// Name is the counter's rule and whom it counts for.
func (c *Counter) Name() (rule, key string) { return c.rule.Name, c.key }

// counts reports whether a counter has anything to be lent.
func (c *Counter) counts() bool { return len(c.windows) > 0 || c.rule.Bucket != nil }

// lends reports whether so many items are at hand, or lent at once, at all counters of a lane.
func (g *Gate) lends(t int64, l *Lane, items int) bool {
	if g.loan.lender == nil {
		return true
	}
	p := PurseOf(l.class)
	if g.loan.need = g.inNeed(t, l, items); g.loan.need {
		return true
	}
	ok := t < g.loan.until[p]
	for i := range l.legs {
		leg := &l.legs[i]
		c, k := leg.Counter, leg.units(items)
		if k == 0 || !c.counts() {
			continue
		}
		if missing := k - c.loan.lent[p]; missing > 0 { // whatever another counter lacks: what is at hand is not asked for again
			got := g.loan.lender.Lend(g.time(t), c, Want{Units: missing, Class: l.class, Debt: max(0, k-leg.need(items)), Accounts: g.accounts(c)})
			c.loan.lent[p] += got
			ok = ok && c.loan.lent[p] >= k
		}
	}
	return ok && t < g.loan.until[p]
}

// accounts is how many lanes wait for a counter.
func (g *Gate) accounts(c *Counter) (n int) {
	for _, l := range g.lanes {
		if slices.ContainsFunc(l.legs, func(leg Leg) bool { return leg.Counter == c }) {
			n++
		}
	}
	return n
}

// Waiting is how many units of a purse wait for the counter.
func (c *Counter) Waiting(p Purse) (n int) {
	for class, units := range c.waiting {
		if PurseOf(Class(class)) == p {
			n += units
		}
	}
	return n
}

// Serves reports whether requests of a class are counted here.
func (c *Counter) Serves(class Class) bool { return c.rule.Classes&(1<<class) != 0 }

// spend takes a request's units out of its purse.
func (g *Gate) spend(t int64, l *Lane, items int) (turn uint32) {
	if g.loan.lender == nil {
		return 0
	}
	if g.loan.need {
		g.loan.need = false
		g.need(t, l, items)
		return 0
	}
	p := PurseOf(l.class)
	for _, leg := range l.legs {
		if k := leg.units(items); leg.Counter.counts() {
			leg.Counter.loan.lent[p] -= k
			leg.Counter.loan.taken[p] += k
		}
	}
	return g.loan.turn[p]
}

// repay puts units back that have not left.
func (g *Gate) repay(s *open) {
	p := PurseOf(s.lane.class)
	if g.loan.lender == nil || s.loan != g.loan.turn[p] {
		return
	}
	for _, leg := range s.lane.legs {
		if leg.Counter.counts() {
			leg.Counter.loan.lent[p] += leg.units(s.items)
		}
	}
}

// moveLoan takes a permit's units into the purse for a moment, or out of it again.
func (g *Gate) moveLoan(s *open, back bool) {
	if !back {
		g.repay(s)
		return
	}
	p := PurseOf(s.lane.class)
	if g.loan.lender == nil || s.loan != g.loan.turn[p] {
		return
	}
	for _, leg := range s.lane.legs {
		if leg.Counter.counts() {
			leg.Counter.loan.lent[p] -= leg.units(s.items)
		}
	}
}

// report tells the lender of units that were counted.
func (g *Gate) report(t int64, s *open, leg *Leg, spent int) {
	p := PurseOf(s.lane.class)
	if g.loan.lender != nil && s.loan == g.loan.turn[p] && leg.Counter.counts() {
		g.loan.lender.Settle(g.time(t), leg.Counter, p, leg.units(s.items), spent)
	}
}

// IsBucket reports whether the counter has a bucket.
func (c *Counter) IsBucket() bool { return c.rule.Bucket != nil }

// Free is how many units a class may be lent at a moment, at a counter of a gate that lends.
func (g *Gate) Free(now time.Time, c *Counter, class Class) int {
	t := g.at(now)
	if !c.open(t) {
		return 0
	}
	share := g.share(&Lane{class: class}, c, false)
	n := maxLoan
	for i := range c.windows {
		w := &c.windows[i]
		n = min(n, w.now-c.kept(w.now, share)-c.flight-c.log.since(t-w.span))
	}
	if b := c.rule.Bucket; b != nil {
		n = min(n, int(c.micro(t)/million)-c.kept(b.Burst, share)-c.flight)
	}
	return max(0, n)
}

// kept is what of a figure is not lent: the share of more urgent ones, and what is withheld for emergencies.
func (c *Counter) kept(n, share int) int {
	kept := c.spare(n, 1, share)
	if c.spared() {
		kept = max(kept, min(withheld(n), n-1))
	}
	return kept
}

// maxLoan bounds one loan; no documented window holds as many.
const maxLoan = 1 << 20

// FreeAt is when a class may be lent so many units, as things stand.
func (g *Gate) FreeAt(now time.Time, c *Counter, n int, class Class) time.Time {
	t := g.at(now)
	share := g.share(&Lane{class: class}, c, false)
	if c.spared() {
		share = max(share, permille/withheldPart)
	}
	return g.time(c.earliest(t, n, 0, share))
}

// Most is how many units a class can ever be lent at once.
func (g *Gate) Most(c *Counter, class Class) int {
	if c.rule.Closed {
		return 0
	}
	share, n := g.share(&Lane{class: class}, c, false), maxLoan
	for i := range c.windows {
		n = min(n, c.windows[i].N-c.kept(c.windows[i].N, share))
	}
	if b := c.rule.Bucket; b != nil {
		n = min(n, b.Burst-c.kept(b.Burst, share))
	}
	return n
}

// LendOut takes units as on the way.
func (g *Gate) LendOut(now time.Time, c *Counter, n int) {
	t := g.at(now)
	c.take(t, n)
}

// TakeIn ends the way of units, and counts what the venue has counted for them.
func (g *Gate) TakeIn(now time.Time, c *Counter, closed, spent int) {
	t := g.at(now)
	c.release(closed)
	c.charge(t, spent)
}
