package gate

import "time"

// What cancels may use of a shared counter while nobody lends. A lender withholds all of it for good, and each of those that
// share has a part: no more than emergencyParts can be cut off at once.
const (
	withheldPart   = 10
	emergencyParts = 8
	// emergencyGap is added to the longest window: what left before may be on its way for as long.
	emergencyGap = int64(time.Minute)
)

// withheld is what a lender keeps of a figure for emergencies.
func withheld(n int) int { return n / withheldPart }

// spared reports whether something is withheld: what only orders use is never needed in an emergency.
func (c *Counter) spared() bool { return c.rule.Classes&^(1<<Order) != 0 }

// emergency is a counter's part in an emergency.
func (c *Counter) emergency() int {
	if !c.spared() {
		return 0
	}
	n := maxLoan
	for i := range c.windows {
		n = min(n, withheld(c.windows[i].N)/emergencyParts)
	}
	if c.rule.Bucket != nil { // nobody else signs for the same account
		n = min(n, withheld(c.rule.Bucket.Burst))
	}
	return n
}

// inNeed reports whether a cancel may leave although nobody lends: somebody has lent before, so that the figures are agreed upon,
// and each counter's part is not used up.
func (g *Gate) inNeed(t int64, l *Lane, items int) bool {
	if l.class != Cancel || !g.loan.had || t < g.loan.until[Urgent] {
		return false
	}
	for i := range l.legs {
		leg := &l.legs[i]
		c, k := leg.Counter, leg.need(items)
		if k == 0 || !c.counts() {
			continue
		}
		c.forget(t)
		if len(c.loan.needed)+k > c.emergency() {
			return false
		}
	}
	return true
}

// forget drops emergencies that no window remembers.
func (c *Counter) forget(t int64) {
	span := emergencyGap
	for i := range c.windows {
		span = max(span, c.windows[i].span+emergencyGap)
	}
	for len(c.loan.needed) > 0 && c.loan.needed[0] <= t-span {
		c.loan.needed = c.loan.needed[1:]
	}
}

// need notes an emergency.
func (g *Gate) need(t int64, l *Lane, items int) {
	for _, leg := range l.legs {
		if leg.Counter.counts() {
			for range leg.need(items) {
				leg.Counter.loan.needed = append(leg.Counter.loan.needed, t)
			}
		}
	}
}
