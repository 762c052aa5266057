package judge

import (
	"fmt"
	"math/big"
	"strings"
)

// excess is how far one limit was passed, by the venue's own count.
type excess struct {
	name    string
	account string // empty for a limit that everyone shares
	worst   *big.Rat
	times   int
	at      int64
}

// takeLimit files a limit count: what a scope had used of an endpoint's limit in a span, and how much of it was over.
func (v *venue) takeLimit(l *journalLine) string {
	over := quantity(string(l.Excess))
	if over == nil {
		return "a limit line without excess"
	}
	if over.Sign() <= 0 {
		return ""
	}
	name := strings.Join(strings.Fields(string(l.Scope)+" "+string(l.Account)+" "+string(l.Endpoint)), " ")
	e := v.limits[name]
	if e == nil {
		e = &excess{name: name, account: string(l.Account), worst: over, at: l.AtUs.n}
		v.limits[name] = e
	}
	e.times++
	if over.Cmp(e.worst) > 0 {
		e.worst, e.at = over, l.AtUs.n
	}
	return ""
}

// checkLimits accuses once for each limit that was ever passed, by a judged account or by all together.
func (c *court) checkLimits() {
	for _, name := range sorted(c.venue.limits) {
		e := c.venue.limits[name]
		if e.account != "" && !c.judges(e.account) {
			continue
		}
		c.verdict.Excesses = append(c.verdict.Excesses, Excess{Limit: e.name, Max: show(e.worst), Times: e.times})
		c.accuse(LimitsExceeded, Finding{AtUs: e.at, Why: fmt.Sprintf("%s: %s over, %d times", e.name, show(e.worst), e.times)})
	}
}
