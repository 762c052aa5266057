package judge

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// excess is how far one limit was passed, by the venue's own count.
type excess struct {
	name  string
	worst *big.Rat
	times int
	at    int64
}

// takeLimit files a limit count. A line says the excess itself, or what was used and what is allowed.
func (v *venue) takeLimit(l *journalLine) {
	over := quantity(string(l.Excess))
	if over == nil {
		used, limit := quantity(string(l.Used)), quantity(string(l.Limit))
		if used == nil || limit == nil {
			v.court.unfamiliar("journal limit")
			return
		}
		over = used.Sub(used, limit)
	}
	if over.Sign() <= 0 {
		return
	}
	name := string(l.Scope) + " " + string(l.Layer) + " " + string(l.Key)
	e := v.limits[name]
	if e == nil {
		e = &excess{name: name, worst: over, at: l.AtUs.n}
		v.limits[name] = e
	}
	e.times++
	if over.Cmp(e.worst) > 0 {
		e.worst, e.at = over, l.AtUs.n
	}
}

// checkLimits accuses once for each limit that was ever passed.
func (c *court) checkLimits() {
	var all []*excess
	for _, e := range c.venue.limits {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *excess) int { return cmp.Compare(a.name, b.name) })
	for _, e := range all {
		c.verdict.Excesses = append(c.verdict.Excesses, Excess{Limit: e.name, Max: show(e.worst), Times: e.times})
		c.accuse(LimitsExceeded, Finding{AtUs: e.at, Why: fmt.Sprintf("%s: %s over, %d times", e.name, show(e.worst), e.times)})
	}
}
