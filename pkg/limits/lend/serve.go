package lend

import (
	"slices"
	"time"

	"sluice/pkg/limits/gate"
)

func (t *tally) enqueue(st *stake) {
	if !st.queued && st.want.Units > 0 {
		st.queued = true
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
	g.due = g.due || t.left < t.least()
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

// turns goes round those who wait, an account at a time, until nobody can be given more. Who was served goes to the back.
func (g *Granter) turns(now time.Time, t *tally, urgent bool) {
	for progress := true; progress; {
		progress = false
		block := max(1, g.gate.Free(now, t.c, gate.Cancel)/(4*len(t.queue)))
		for range len(t.queue) {
			st := t.queue[0]
			t.queue = append(t.queue[1:], st)
			if (st.want.Class == gate.Cancel) != urgent || st.want.Units <= 0 {
				continue
			}
			k := st.want.Units
			if st.want.Debt == 0 {
				k = min(k, block*st.accounts)
			}
			if n := g.give(now, st, k); n > 0 {
				progress = true
				g.told(st, n)
			}
		}
	}
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
