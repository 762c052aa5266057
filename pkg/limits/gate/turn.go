package gate

import (
	"cmp"
	"slices"
	"time"
)

// Turn lets through whom it can, in turn, and lets go whose deadline has come out of reach. It answers with the tickets
// that this changed and with the moment at which another turn may change more; zero: only an answer or a newcomer can.
// The tickets are valid until the next call. It is due after every Enter that gave a ticket, after Done, and at the moment
// that it named.
func (g *Gate) Turn(now time.Time) (changed []*Ticket, next time.Time) {
	t := g.at(now)
	g.expire(t)
	clear(g.changed)
	g.changed = g.changed[:0]
	if g.waiting == 0 {
		return nil, time.Time{}
	}
	g.pass++
	g.relieve(t)
	for class := range Class(classCount) {
		g.serve(t, class)
	}
	g.pass++ // what was held and refused in this pass is forgotten
	if g.waiting == 0 {
		return g.changed, time.Time{}
	}
	return g.changed, g.time(g.next(t))
}

// serve gives the lanes of a class one turn each, the longest unserved first, again and again until none can go.
func (g *Gate) serve(t int64, class Class) {
	g.order = g.order[:0]
	for _, l := range g.lanes {
		if l.class == class && l.pass != g.pass {
			g.order = append(g.order, l)
		}
	}
	if len(g.order) > 1 {
		slices.SortFunc(g.order, func(a, b *Lane) int { return cmp.Compare(a.served, b.served) })
	}
	for progress := true; progress; {
		progress = false
		for _, l := range g.order {
			if l.pass != g.pass && g.try(t, l, false) {
				progress = true
			}
		}
	}
}

// relieve gives one turn to each lane that has been passed over for too long, before everybody else. If it cannot go, what
// it needs at its free counters is kept for it, where that would otherwise be gone when it can.
func (g *Gate) relieve(t int64) {
	for i := 0; i < len(g.lanes); i++ {
		l := g.lanes[i]
		if l.class == Cancel || t-l.since < int64(g.cfg.Patience) {
			continue
		}
		if g.try(t, l, true) {
			if l.head == nil {
				i-- // another lane has its place now
			}
			continue
		}
		if l.head == nil {
			i--
			continue
		}
		g.keep(t, l)
	}
}

// keep holds units for the head of a starved lane at the counters where it could go, if they would not be free again by
// the time that the others let it.
func (g *Gate) keep(t int64, l *Lane) {
	free := t
	for _, leg := range l.legs {
		free = max(free, leg.Counter.earliest(t, leg.need(l.head.items), 0, 0))
	}
	for _, leg := range l.legs {
		c, k := leg.Counter, leg.units(l.head.items)
		if c.refusedIn != g.pass && c.back(k) > free-t {
			if c.heldPass != g.pass {
				c.heldPass, c.held = g.pass, 0
			}
			c.held += k
		}
	}
}

// try lets the first request of a lane through if it may go. If not, nobody goes before it at the counters that refused it,
// except cancels before others.
func (g *Gate) try(t int64, l *Lane, starved bool) bool {
	for l.head != nil {
		k := l.head
		if k.deadline != never {
			if at := g.possible(t, l, k.items); at > k.deadline {
				g.drop(k)
				k.Missed = &MissError{g.time(at)}
				g.changed = append(g.changed, k)
				continue
			}
		}
		if !g.clear(t, l, k.items, starved) {
			l.pass = g.pass
			return false
		}
		g.drop(k)
		g.served++
		l.served, l.since = g.served, t
		k.Permit = g.take(t, l, k.items)
		g.changed = append(g.changed, k)
		return true
	}
	l.pass = g.pass
	return false
}

// possible is when a lane's first request may leave at the earliest.
func (g *Gate) possible(t int64, l *Lane, items int) int64 {
	at := t
	for _, leg := range l.legs {
		at = max(at, leg.Counter.earliest(t, leg.need(items), 0, 0))
	}
	return at
}

// clear reports whether a request may leave from all its counters, and marks those that refuse it.
func (g *Gate) clear(t int64, l *Lane, items int, starved bool) bool {
	ok := true
	for i := range l.legs {
		leg := &l.legs[i]
		c := leg.Counter
		if c.refusedIn == g.pass && (c.refused <= l.class) {
			ok = false
			continue
		}
		held := 0
		if c.heldPass == g.pass && l.class != Cancel {
			held = c.held
		}
		if !c.fits(t, leg.need(items), g.share(l, c, starved), held) {
			ok = false
			c.refuse(g.pass, l.class, starved)
		}
	}
	return ok && g.lends(t, l, items)
}

// next is the first moment after t at which somebody who waits might go.
func (g *Gate) next(t int64) int64 {
	at := never
	sooner := func(m int64) {
		if m > t {
			at = min(at, m)
		}
	}
	for _, l := range g.lanes {
		sooner(g.free(t, l, l.head.items))
		if l.class != Cancel {
			sooner(l.since + int64(g.cfg.Patience))
		}
	}
	_, due := g.permits.overdue(g.cfg)
	sooner(due)
	return at
}
