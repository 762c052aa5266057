package lend

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/gate"
)

// NeedsRecord reports whether another record should be written: somebody could be lent more than is reserved, or the one in
// force becomes old. None is needed while one is on its way.
func (g *Granter) NeedsRecord(now time.Time) bool {
	if !g.writing.IsZero() {
		return false
	}
	return g.due || g.sent.IsZero() || !now.Before(g.sent.Add(g.cfg.Valid/2)) && !g.asleep(now)
}

// sleepAfter is for how long a granter that is not needed keeps a record in force, so that the next request need not wait for
// the disk.
const sleepAfter = 10 * time.Minute

func (g *Granter) asleep(now time.Time) bool {
	return len(g.sessions) == 0 && now.Sub(g.used) > sleepAfter
}

// low is what should be left of a reserve when the next is written.
func (t *tally) low() int { return max(1, t.target/2) }

// most is how much of a counter a reserve may be.
func (g *Granter) most(t *tally) int { return max(1, g.gate.Most(t.c, gate.Cancel)/2) }

// Record is the state to be written, made now. Until Written or the end of the one in force what may be lent is within
// both.
func (g *Granter) Record(now time.Time) Record {
	g.serial++
	r := Record{V: recordV, Epoch: g.epoch, Serial: g.serial, Holder: g.id, Profile: g.book.Profile().Name, Tiers: g.book.Tiers(), Learned: g.book.Learned()}
	span := now.Sub(g.made)
	for _, t := range g.order {
		t.recent = t.recent*int(max(0, reserved-span))/int(reserved) + t.since
		t.target = g.reserve(t)
		t.since, t.hungry = 0, 0
		r.Counters = append(r.Counters, Kept{Name: t.Name, Reserve: t.target})
	}
	g.made, g.writing, g.due = now, now, false
	g.tell(now, &r, g.cfg.Valid)
	return r
}

// reserve is how much may be lent of a counter until the next record: what was asked for, what the last span has used, or a
// little.
func (g *Granter) reserve(t *tally) int {
	whole := g.gate.Most(t.c, gate.Cancel)
	n := min(max(1, whole/standing), standingMost)
	if t.c.IsBucket() {
		n = min(max(1, whole/standingBucket), standingBatch)
	}
	if t.kept {
		n = max(n, stock(whole))
	}
	return max(n, min(t.recent, g.most(t)), t.hungry)
}

// tell adds what was counted and what is on the way. What is lent may be used for a span more, and for its life after that.
func (g *Granter) tell(now time.Time, r *Record, lending time.Duration) {
	at := map[*tally]int{}
	for i := range r.Counters {
		t := g.tallies[r.Counters[i].Name]
		at[t] = i
		r.Counters[i].Past = g.gate.Past(now, t.c)
	}
	lent := func(t *tally, n int, due time.Duration, of uint64) {
		if n > 0 {
			k := &r.Counters[at[t]]
			k.Lent = append(k.Lent, Lent{n, due, of})
		}
	}
	for _, x := range g.ghosts {
		lent(x.t, x.n, x.due.Sub(now), x.of)
	}
	for _, st := range g.local.stakes {
		lent(st.t, st.out(), lending+g.cfg.Late, 0)
	}
	for _, s := range g.sessions {
		if l := s.kept(); len(l.Lines) > 0 {
			l.Due = s.due.Sub(now)
			if !s.silent {
				l.Due = max(l.Due, lending+g.cfg.Life[s.purse]+g.cfg.Late)
			}
			r.Loans = append(r.Loans, l)
			s.saying = s.unsaid
		}
	}
	slices.SortFunc(r.Loans, func(a, b KeptLoan) int {
		return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(a.Purse, b.Purse), cmp.Compare(a.ID, b.ID))
	})
}

// Last is the record of a granter that lends no more: nothing is reserved, and what is on the way has left.
func (g *Granter) Last(now time.Time) Record {
	g.serial++
	r := Record{V: recordV, Epoch: g.epoch, Serial: g.serial, Holder: g.id, Profile: g.book.Profile().Name, Tiers: g.book.Tiers(), Learned: g.book.Learned()}
	for _, t := range g.order {
		r.Counters = append(r.Counters, Kept{Name: t.Name})
	}
	g.sent = time.Time{}
	g.tell(now, &r, 0)
	return r
}

// Written puts the record that was made last in force: it is on disk.
func (g *Granter) Written() {
	if g.writing.IsZero() {
		return
	}
	g.sent, g.writing = g.writing, time.Time{}
	for _, t := range g.order {
		t.left = max(0, t.target-t.since)
	}
	for _, s := range g.sessions {
		s.unsaid, s.saying = s.unsaid && !s.saying, false
	}
}
