package lend

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// ghost is units of an earlier life.
type ghost struct {
	t   *tally
	n   int
	due time.Time
	of  uint64 // the epoch whose reserve they are; 0: they are known not to be a borrower's that lives
}

// adopt goes on with a loan. One that must have arrived by now is counted with what is on the way.
func (g *Granter) adopt(now time.Time, r *Record, l KeptLoan, ago time.Duration) {
	s := &session{loanKey: loanKey{l.Who, l.Purse, l.ID}, epoch: l.Epoch, silent: true, due: now.Add(l.Due - ago), stakes: map[budget.Name]*stake{}}
	for _, line := range l.Lines {
		t := g.tally(line.Name)
		if t == nil {
			continue
		}
		st := s.stake(t)
		st.granted, st.closed, st.spent, st.back = line.Granted, line.Closed, line.Spent, line.Back
		if st.out() == 0 {
			continue
		}
		if l.Due > ago {
			g.gate.LendOut(now, t.c, st.out())
			continue
		}
		i := slices.IndexFunc(r.Counters, func(k Kept) bool { return k.Name == line.Name })
		r.Counters[i].Lent = append(slices.Clip(r.Counters[i].Lent), Lent{N: st.out(), Due: l.Due})
	}
	if l.Due > ago {
		g.sessions[s.loanKey] = s
	}
}

// recall takes in what a record says of one counter. A rule that the profile no longer has is left out: nothing is asked of it.
func (g *Granter) recall(now time.Time, k Kept, ago time.Duration, told uint64) {
	t := g.tally(k.Name)
	if t == nil {
		return
	}
	if k.Reserve > 0 {
		k.Lent = append(slices.Clip(k.Lent), Lent{k.Reserve, g.lostBy(t), told})
	}
	slices.SortStableFunc(k.Lent, func(a, b Lent) int { return cmp.Compare(a.Due, b.Due) })
	for _, l := range k.Lent {
		if l.Due <= ago { // it has arrived by then
			k.Cells = append([]gate.Cell{{Age: -l.Due, N: l.N}}, k.Cells...)
			continue
		}
		g.ghosts = append(g.ghosts, ghost{t, l.N, now.Add(l.Due - ago), l.Of})
	}
	g.gate.Recall(now, t.c, k.Past, ago)
	for _, l := range k.Lent {
		if l.Due > ago {
			g.gate.LendOut(now, t.c, l.N)
		}
	}
}

// lostBy is how long after a record what was lent from it may arrive.
func (g *Granter) lostBy(t *tally) time.Duration {
	life := g.cfg.Life[gate.Ordinary]
	if t.c.Serves(gate.Cancel) {
		life = max(life, g.cfg.Life[gate.Urgent])
	}
	return g.cfg.Valid + life + g.cfg.Late
}

// found takes out of an epoch's reserve what turns out to be a borrower's, and lends what is not there: it is then counted twice.
func (g *Granter) found(now time.Time, t *tally, of uint64, n int) {
	for i := range g.ghosts {
		if x := &g.ghosts[i]; x.t == t && x.of == of {
			k := min(n, x.n)
			x.n, n = x.n-k, n-k
		}
	}
	g.gate.LendOut(now, t.c, n)
}
