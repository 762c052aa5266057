package lend

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/gate"
)

// ghost is units of an earlier life.
type ghost struct {
	t   *tally
	n   int
	due time.Time
}

// recall takes in what a record says of one counter. A rule that the profile no longer has is left out: nothing is asked of it.
func (g *Granter) recall(now time.Time, k Kept, ago time.Duration) {
	t := g.tally(k.Name)
	if t == nil {
		return
	}
	if k.Reserve > 0 {
		k.Lent = append(slices.Clip(k.Lent), Lent{k.Reserve, g.lostBy(t)})
	}
	slices.SortStableFunc(k.Lent, func(a, b Lent) int { return cmp.Compare(a.Due, b.Due) })
	for _, l := range k.Lent {
		if l.Due <= ago { // it has arrived by then
			k.Cells = append([]gate.Cell{{Age: -l.Due, N: l.N}}, k.Cells...)
			continue
		}
		g.ghosts = append(g.ghosts, ghost{t, l.N, now.Add(l.Due - ago)})
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
