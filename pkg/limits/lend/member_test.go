package lend

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// member is one process that shares. It does what a node does, one thing at a time; see pkg/limits/share.
type member struct {
	w     *world
	id    string
	alive bool
	cut   bool          // from bus and disk
	stops time.Duration // stands still until then
	ahead time.Duration // its clock is ahead of the broker's
	ppm   int64         // and goes faster

	book   *budget.Budget
	g      *Granter
	res    *Resident
	b      *Borrower
	loans  int
	rev    int
	flying bool
	asked  time.Duration // the first question without an answer; -1: none
	back   time.Duration // when it was last cut off
	beat   time.Time
	wake   int // counts the alarms, of which only the last rings
	turns  int // and those of the gate
	floods map[*gate.Ticket]*flood
}

// flood is an account that sends as fast as it may.
type flood struct {
	m     *member
	q     budget.Request
	way   *budget.Way
	until time.Duration
	sent  int
}

// join starts a process.
func (w *world) join() *member {
	m := &member{w: w, id: fmt.Sprintf("m%d", len(w.members)), alive: true, asked: -1, floods: map[*gate.Ticket]*flood{},
		ahead: w.between(-time.Hour, time.Hour), ppm: w.rng.Int64N(150)}
	m.book = must(budget.New(w.figures.profile(w.t), budget.Options{Factor: budget.Permille}, m.clock()))
	w.members = append(w.members, m)
	m.follow()
	m.rouse()
	return m
}

// clock is what the member's own says.
func (m *member) clock() time.Time {
	return m.w.time().Add(m.ahead + m.w.now/1_000_000*time.Duration(m.ppm))
}

// wakes does something when the member can, if it lives.
func (m *member) wakes(do func()) {
	switch {
	case !m.alive:
	case m.stops > m.w.now:
		m.w.after(m.stops-m.w.now, func() { m.wakes(do) })
	default:
		do()
		m.turn()
	}
}

// rouse steps soon.
func (m *member) rouse() { m.alarm(0) }

func (m *member) alarm(d time.Duration) {
	m.wake++
	mine := m.wake
	m.w.after(d, func() {
		if m.wake == mine {
			m.wakes(m.step)
		}
	})
}

// turn lets through whom the gate lets through, as a limiter does.
func (m *member) turn() {

	changed, next := m.book.Turn(m.clock())
	for _, k := range slices.Clone(changed) {
		if f := m.floods[k]; f != nil {
			delete(m.floods, k)
			m.leave(f, k.Permit)
			f.next()
		}
	}
	if !next.IsZero() {
		m.turns++
		mine := m.turns
		m.w.after(max(next.Sub(m.clock()), 100*time.Microsecond), func() {
			if m.turns == mine {
				m.wakes(func() {})
			}
		})
	}
}

// flood lets an account send as fast as it may.
func (m *member) flood(endpoint, account string, span time.Duration) *flood {
	q := budget.Request{Endpoint: endpoint, Account: account, Items: 1}
	f := &flood{m: m, q: q, way: must(m.book.Way(q)), until: m.w.now + span}
	m.w.after(0, func() { m.wakes(f.next) })
	return f
}

func (f *flood) next() {
	for f.m.alive && f.m.w.now < f.until {
		p, k, err := f.m.book.Enter(f.m.clock(), f.way, 1, time.Time{})
		if err != nil {
			f.m.w.t.Fatal(err)
		}
		if k != nil {
			f.m.floods[k] = f
			f.m.w.after(0, func() { f.m.wakes(func() {}) })
			return
		}
		f.m.leave(f, p)
	}
}

// Requests leave within sendBy of being let go, or not at all, and are taken in within slowest of that.
const (
	sendBy  = 2 * time.Second
	slowest = 10 * time.Second
)

// leave sends a request, some moments after it was let go.
func (m *member) leave(f *flood, p gate.Permit) {
	w, let := m.w, m.w.now
	w.after(w.between(0, time.Millisecond), func() {
		m.wakes(func() {
			if w.now-let > sendBy {
				m.book.Done(m.clock(), p, gate.NeverLeft, 0)
				return
			}
			f.sent++
			way := w.between(5*time.Millisecond, 60*time.Millisecond)
			if w.chance(w.slow) {
				way = w.between(0, slowest)
			}
			w.after(way, func() {
				w.arrive(f.q)
				lost := w.chance(w.slow)
				w.after(w.between(5*time.Millisecond, 60*time.Millisecond), func() {
					m.wakes(func() {
						o := gate.Answered
						if lost {
							o = gate.Unknown
						}
						m.book.Done(m.clock(), p, o, -1)
					})
				})
			})
		})
	})
}

// Lend and Settle are called by the gate.
func (m *member) Lend(now time.Time, c *gate.Counter, want gate.Want) int {
	if m.res != nil {
		got := m.res.Lend(now, c, want)
		if news := m.g.News(); news || m.g.NeedsRecord(now) && !m.flying {
			m.rouse()
		}
		return got
	}
	was := m.b.Eager()
	m.b.Lend(now, c, want)
	if !was && m.b.Eager() {

		m.rouse()
	}
	return 0
}

func (m *member) Settle(now time.Time, c *gate.Counter, p gate.Purse, closed, spent int) {
	if m.res == nil {
		m.b.Settle(now, c, p, closed, spent)
		return
	}
	m.res.Settle(now, c, p, closed, spent)
	if m.g.Waiting() {
		m.rouse()
	}
}

func (m *member) Heed(now time.Time, c *gate.Counter, ago time.Duration, a gate.Advice) {
	m.rouse()
	if m.res != nil {
		m.res.Heed(now, c, ago, a)
		return
	}
	m.b.Heed(now, c, ago, a)
}

func (m *member) follow() {
	m.g, m.res = nil, nil
	m.book.Gate().Share(m, m.book.Meters()...)
	m.loans++
	m.b = NewBorrower(Config{}, fmt.Sprintf("%s.%d", m.id, m.loans), m.book)
}

// step does what is due.
func (m *member) step() {
	if m.g != nil {
		m.grant()
	} else {
		m.borrow()
	}
}

const silence = time.Second

func (m *member) borrow() {

	now := m.clock()
	due := !now.Before(m.beat.Add(Beat))
	switch {
	case m.w.broken.endless:
		m.book.Gate().Renew(gate.Ordinary, now.Add(24*time.Hour))
	case due:
		m.b.Pulse(now)
	}
	busy := m.b.Busy()
	if m.cut {
		m.asked, m.back = -1, m.w.now
	}
	if m.b.Eager() && now.Sub(m.beat) < time.Millisecond {
		m.alarm(time.Millisecond)
		return
	}
	if m.b.Eager() || due && busy {
		a := m.b.Ask(now)
		m.beat = now
		if m.asked < 0 && !m.cut {
			m.asked = m.w.now
		}
		if !m.w.post(m, func(to *member) { to.hear(a) }) && (m.back == 0 || m.w.now-m.back >= silence) {
			m.claim()
			return
		}
	}
	if !busy {
		m.asked = -1
	}
	if m.asked >= 0 && m.w.now-m.asked >= silence && !m.cut {
		m.claim()
		return
	}
	m.alarm(Beat)
}

// claim takes over.
func (m *member) claim() {

	m.asked = -1
	if m.cut {
		m.alarm(Beat)
		return
	}
	var old Record
	rev, at := m.w.rev, m.w.stored
	if m.w.record != nil {
		old = must(ReadRecord(m.w.record))
	}
	m.w.after(m.w.between(time.Millisecond, 5*time.Millisecond), func() {
		m.wakes(func() {
			if m.w.rev != rev || m.cut || m.g != nil {
				m.alarm(50 * time.Millisecond)
				return
			}
			rec, ago := old.Claim(m.id, at), time.Duration(0)
			if rev > 0 {
				ago = old.Ago(at, m.w.time())
			}
			m.store(rec)
			if m.w.broken.forgets {
				rec.Loans = nil
				for i := range rec.Counters {
					rec.Counters[i].Lent, rec.Counters[i].Reserve = nil, 0
				}
			}
			m.rev = m.w.rev
			m.g = must(NewGranter(Config{}, m.id, m.w.figures.profile(m.w.t), budget.Options{Factor: budget.Permille}, m.clock(), rec, ago))
			m.book.LearnTiers(m.clock(), rec.Tiers)
			m.book.LearnLimits(m.clock(), rec.Learned)
			m.book.Gate().Share(m, m.book.Meters()...)
			m.res, m.b = NewResident(m.g, m.book), nil
			m.grant()
		})
	})
}

func (m *member) store(r Record) {
	m.w.record = must(json.Marshal(r))
	m.w.rev++
	m.w.stored = m.w.time()
}

// write brings a record to disk, or finds that somebody else grants.
func (m *member) write(r Record) {
	m.flying = true
	var try func()
	try = func() {
		switch {
		case m.cut:
			m.w.after(50*time.Millisecond, try)
		case m.w.rev != m.rev:
			m.wakes(func() { m.flying = false; m.follow(); m.rouse() })
		default:
			m.store(r)
			m.rev = m.w.rev
			m.w.after(m.w.between(200*time.Microsecond, 3*time.Millisecond), func() {
				m.wakes(func() { m.flying = false; m.g.Written(); m.res.Fetch(); m.rouse() })
			})
		}
	}
	m.w.after(m.w.between(500*time.Microsecond, 5*time.Millisecond), func() {
		if m.alive { // a process that is stopped has sent it already
			try()
		}
	})
}

func (m *member) grant() {

	now := m.clock()
	if !now.Before(m.beat.Add(Beat)) {
		m.res.Pulse(now)
		m.beat = now
	}
	next := m.g.Turn(now)
	m.res.Fetch()
	for _, word := range m.g.Words(now) {
		for _, to := range m.w.members {
			if to.b != nil && to.b.id == word.To && !to.cut && !m.cut && !m.w.chance(m.w.lose) {
				m.w.after(m.w.between(200*time.Microsecond, 2*time.Millisecond), func() { to.wakes(func() { to.told(word.Give) }) })
			}
		}
	}
	if !m.flying && m.g.NeedsRecord(now) {
		m.write(m.g.Record(now))
	}
	wait := 4 * Beat
	if m.res.Holding() {
		wait = Beat
	}
	if !next.IsZero() {
		wait = min(wait, next.Sub(now))
	}
	m.alarm(max(wait, 100*time.Microsecond))
}

func (m *member) hear(a Ask) {
	if m.g != nil {

		m.g.Hear(m.clock(), a)
		m.rouse()
	}
}

func (m *member) told(g Give) {
	if m.b == nil {
		return
	}

	m.asked = -1
	if g.Epoch < m.b.epoch {
		return
	}
	m.b.Hear(m.clock(), g)
	m.rouse()
}

// kill ends a process as a power cut does.
func (m *member) kill() { m.alive = false }

// stop lets it stand still.
func (m *member) stop(d time.Duration) { m.stops = m.w.now + d }

// end stops it in good order.
func (m *member) end() {
	now := m.clock()
	switch {
	case m.stops > m.w.now || m.cut || m.flying:
	case m.g == nil:
		m.b.GiveUp()
		a := m.b.Ask(now)
		m.w.post(m, func(to *member) { to.hear(a) })
	case m.w.rev == m.rev:
		m.res.GiveUp(now)
		m.store(m.g.Last(now))
	}
	m.alive = false
}
