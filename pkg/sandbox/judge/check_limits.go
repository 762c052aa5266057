package judge

import (
	"fmt"
	"math/big"
	"strings"
)

// excess is how far one limit was passed by the venue's own count.
type excess struct {
	name    string
	account string // empty for a limit that is no signer's
	worst   *big.Rat
	times   int
	at      int64
}

// takeLimit files a limit count: what a scope had used of a limit in a span, and how much of it was over.
func (v *venue) takeLimit(l *journalLine) string {
	over := quantity(string(l.Excess))
	if over == nil {
		return "a limit line without excess"
	}
	if over.Sign() <= 0 {
		return ""
	}
	account := ""
	if l.Scope == "signer" {
		account = string(l.Account)
	}
	name := strings.Join(strings.Fields(string(l.Scope)+" "+string(l.Account)+" "+string(l.Endpoint)), " ")
	e := v.limits[name]
	if e == nil {
		e = &excess{name: name, account: account, worst: over, at: l.AtUs.n}
		v.limits[name] = e
	}
	e.times++
	if over.Cmp(e.worst) > 0 {
		e.worst, e.at = over, l.AtUs.n
	}
	return ""
}

// checkLimits accuses once for each limit that was ever passed, by a judged account or by all together: by what the arrivals
// in the journal come to when they are counted here, or by the venue's own count.
func (c *court) checkLimits() {
	again := c.venue.recount()
	for _, name := range sorted(again) {
		t := again[name]
		if t.account != "" && !c.judges(t.account) {
			continue
		}
		c.verdict.Limits = append(c.verdict.Limits, LimitUse{Limit: name, Arrived: t.arrived, Allowed: t.allowed, Worst: t.worst, Excess: t.excess, FirstUs: t.first, LastUs: t.last})
	}
	names := map[string]bool{}
	for name, t := range again {
		names[name] = names[name] || t.excess > 0
	}
	for name := range c.venue.limits {
		names[name] = true
	}
	for _, name := range sorted(names) {
		if !names[name] {
			continue
		}
		x := Excess{Limit: name}
		f := Finding{}
		account := ""
		if e := c.venue.limits[name]; e != nil {
			account, x.Max, x.Times, f.AtUs = e.account, show(e.worst), e.times, e.at
			f.Why = fmt.Sprintf("%s: %s over, %d times", name, show(e.worst), e.times)
		}
		if t := again[name]; t != nil && t.excess > 0 {
			account, x.Recounted, f.AtUs = t.account, t.excess, t.at
			f.Why = fmt.Sprintf("%s: %d of %d over when counted again", name, t.excess, t.arrived)
		}
		if account != "" && !c.judges(account) {
			continue
		}
		c.verdict.Excesses = append(c.verdict.Excesses, x)
		c.accuse(LimitsExceeded, f)
	}
}
