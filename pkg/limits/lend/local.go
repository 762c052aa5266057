package lend

import (
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// Brought is units for the limiter in the granter's own process.
type Brought struct {
	budget.Name
	Purse gate.Purse
	Units int
}

// Lend lends to the limiter of the granter's own process, now or by Brought.
func (g *Granter) Lend(now time.Time, n budget.Name, w gate.Want) int {
	t := g.tally(n)
	if t == nil {
		return 0
	}
	st := g.local.stake(t)
	if st.queued {
		w = both(st.want, w)
	}
	st.want = w
	st.waits(now, w.Accounts)
	defer func(was bool) { g.news = g.news || st.queued && !was }(st.queued)
	if others := len(t.queue) > 1 || len(t.queue) == 1 && !st.queued; others && w.Class != gate.Cancel {
		g.wait(t, st)
		return 0
	}
	got := g.give(now, st, w.Units)
	st.had += got * milli / st.accounts
	if got < w.Units {
		g.wait(t, st)
	}
	return got
}

// wait lets the granter's own process wait like any other, which asks for more than it lacks at the moment.
func (g *Granter) wait(t *tally, st *stake) {
	st.want.Units = ahead(st.want, 0, st.pace)
	g.enqueue(t, st)
}

// Use tells what the granter's own process has used in a beat.
func (g *Granter) Use(n budget.Name, units int) {
	if t := g.tallies[n]; t != nil {
		g.local.stake(t).pace = units
	}
}

// Settle takes in what became of units of the granter's own process.
func (g *Granter) Settle(now time.Time, n budget.Name, closed, spent int) {
	if t := g.tallies[n]; t != nil {
		st := g.local.stake(t)
		st.closed, st.spent = st.closed+closed, st.spent+spent
		g.gate.TakeIn(now, t.c, closed, spent)
		g.gate.Praise(now, t.c, spent)
	}
}

// Return takes back units that the granter's own process did not need.
func (g *Granter) Return(now time.Time, n budget.Name, units int) {
	if t := g.tallies[n]; t != nil {
		g.local.stake(t).back += units
		g.gate.TakeIn(now, t.c, units, 0)
	}
}

// Brought are the units that came free for the granter's own process since it was last asked.
func (g *Granter) Brought() []Brought {
	out := g.brought
	g.brought = nil
	return out
}

// News reports, once, that the granter's own process waits for something that it did not wait for before.
func (g *Granter) News() bool {
	was := g.news
	g.news = false
	return was
}
