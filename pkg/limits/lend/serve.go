package lend

import (
	"slices"
	"time"

	"sluice/pkg/limits/gate"
)

// enqueue lets somebody wait for a turn. Who has had less than the others, because others were quicker to ask, comes first for a
// while; who has not wanted more has nothing to make up for.
func (g *Granter) enqueue(t *tally, st *stake) {
	if !st.queued && st.want.Units > 0 {
		st.queued = true
		st.had = max(st.had, t.level-milli*g.gate.Most(t.c, gate.Cancel)/catchUp)
		t.queue = append(t.queue, st)
	}
}

// may is how much of the reserve may be lent.
func (g *Granter) may(now time.Time, t *tally) int {
	switch {
	case g.sent.IsZero() || !now.Before(g.Until()):
		return 0
	case !g.writing.IsZero():
		return max(0, min(t.left, t.target-t.since))
	}
	return t.left
}

// give lends up to k units, as far as they are free and reserved.
func (g *Granter) give(now time.Time, st *stake, k int) int {
	t := st.t
	n := min(k, g.gate.Free(now, t.c, st.want.Class))
	if d := st.want.Debt; d > 0 { // all or none, and what is owed need not be there
		if n < k-d {
			return 0
		}
		n = k
	}
	if may := g.may(now, t); n > may {
		t.hungry, g.due = max(t.hungry, n), true
		if n = may; st.want.Debt > 0 {
			return 0
		}
	}
	if n <= 0 {
		return 0
	}
	t.left, t.since = t.left-n, t.since+n
	g.due = g.due || t.left < t.low()
	g.used = now
	g.gate.LendOut(now, t.c, n)
	st.granted += n
	st.want.Units -= n
	return n
}

// serve gives everybody who waits a turn, cancels first.
func (g *Granter) serve(now time.Time) {
	for _, t := range g.order {
		if len(t.queue) > 0 {
			g.served = now
			g.turns(now, t, true)
			g.turns(now, t, false)
			t.queue = slices.DeleteFunc(t.queue, func(st *stake) bool {
				st.queued = st.want.Units > 0
				return !st.queued
			})
		}
	}
}

// turns serves whoever has had the least, a little at a time, until nobody can be given more.
func (g *Granter) turns(now time.Time, t *tally, urgent bool) {
	clear(t.refused)
	for free := g.gate.Free(now, t.c, gate.Cancel); ; {
		st := t.least(urgent)
		if st == nil {
			return
		}
		k := st.want.Units
		if st.want.Debt == 0 {
			k = min(k, max(1, free/(blockPart*len(t.queue)))*st.accounts)
		}
		n := g.give(now, st, k)
		if n == 0 {
			t.refused[st] = true
			continue
		}
		free = max(0, free-n)
		t.level = max(t.level, st.had)
		st.had += n * milli / st.accounts
		g.told(st, n)
	}
}

// least is who waits and was not refused in this pass and has had the least for each of its accounts; nil: nobody.
func (t *tally) least(urgent bool) (of *stake) {
	for _, st := range t.queue {
		if (st.want.Class == gate.Cancel) != urgent || st.want.Units <= 0 || t.refused[st] {
			continue
		}
		if of == nil || st.had < of.had {
			of = st
		}
	}
	return of
}

// told sees to it that a borrower hears of what was lent.
func (g *Granter) told(st *stake, n int) {
	if st.s.local {
		g.brought = append(g.brought, Brought{st.t.Name, gate.PurseOf(st.want.Class), n})
		return
	}
	st.s.owed = true
}

// Waiting reports whether somebody waits for units.
func (g *Granter) Waiting() bool {
	for _, t := range g.order {
		if len(t.queue) > 0 {
			return true
		}
	}
	return false
}
