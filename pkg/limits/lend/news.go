package lend

import (
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// newsFor is for how long a borrower repeats what the venue has asked.
const newsFor = 4 * Beat

// news is what the venue has last asked of a counter.
type news struct {
	n    int
	at   time.Time // when it was heard
	sent time.Time // when the request left
	a    gate.Advice
}

// Heed notes what the venue has asked. A refusal is said at once, a count with whatever is said next.
func (b *Borrower) Heed(now time.Time, c *gate.Counter, ago time.Duration, a gate.Advice) {
	name := budget.NameOf(c)
	x := b.news[name]
	if x == nil {
		x = &news{}
		b.news[name] = x
	}
	if old := x.a; old.Throttled && !a.Throttled && now.Sub(x.at) < newsFor { // a count does not take a refusal's place
		old.Known, old.Remaining, old.Limit, old.Reset = a.Known, a.Remaining, a.Limit, a.Reset
		old.Wait -= now.Sub(x.at)
		a, ago = old, now.Sub(x.sent)
	} else {
		b.eager = b.eager || a.Throttled || a.Wait > 0
	}
	*x = news{x.n + 1, now, now.Add(-ago), a}
	b.tell = b.seq + 1
}

// told is what is to be said of the venue, in order.
func (b *Borrower) told(now time.Time) (out []AskNews) {
	for name, x := range b.news {
		since := now.Sub(x.at)
		if since >= newsFor {
			continue
		}
		a := x.a
		out = append(out, AskNews{Name: name, N: x.n, Ago: now.Sub(x.sent), Throttled: a.Throttled, Wait: max(0, a.Wait-since), Known: a.Known,
			Remaining: a.Remaining, Limit: a.Limit, Reset: max(0, a.Reset-since)})
	}
	slices.SortFunc(out, func(x, y AskNews) int { return order(x.Name, y.Name) })
	return out
}

// hearNews puts what the venue has asked of one in force for all.
func (g *Granter) hearNews(now time.Time, s *session, all []AskNews) {
	for _, x := range all {
		t := g.tally(x.Name)
		if t == nil || x.N <= s.news[x.Name] {
			continue
		}
		if s.news == nil {
			s.news = map[budget.Name]int{}
		}
		s.news[x.Name] = x.N
		a := gate.Advice{Throttled: x.Throttled, Wait: x.Wait, Known: x.Known, Remaining: x.Remaining, Limit: x.Limit, Reset: x.Reset}
		g.gate.Heed(now, now.Add(-x.Ago), t.c, a)
	}
}

// Heed puts what the venue has asked of the granter's own process in force for all.
func (r *Resident) Heed(now time.Time, c *gate.Counter, ago time.Duration, a gate.Advice) {
	if t := r.of.tally(budget.NameOf(c)); t != nil {
		r.of.gate.Heed(now, now.Add(-ago), t.c, a)
	}
}
