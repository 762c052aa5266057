package lend

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
)

// Bounds of lending.
const (
	// serveEvery keeps a saturated counter from answering for each unit that comes free.
	serveEvery = 5 * time.Millisecond
	// standing is the part of a counter that is reserved while nobody uses it, so that the first request after a rest need
	// not wait for the disk, and standingMost bounds it: it is what a crash costs.
	standing     = 64
	standingMost = 4
	// standingBucket and standingBatch are that for buckets, which one account alone uses: what waits at a start goes in batches.
	standingBucket = 8
	standingBatch  = 15
	// ahead is how much lending a reserve is made for: a record is then written about once in half of that.
	ahead = time.Second
)

// Granter counts what all have used and lends what is free. It is not safe for several goroutines at once.
type Granter struct {
	cfg    Config
	id     string
	epoch  uint64
	serial uint64
	book   *budget.Budget
	gate   *gate.Gate

	tallies  map[budget.Name]*tally
	order    []*tally // as they were first used
	sessions map[loanKey]*session
	ghosts   []ghost // of lives before this one, the first due first
	local    *session
	brought  []Brought
	served   time.Time

	news    bool      // the granter's own process waits for something that it did not wait for before
	due     bool      // somebody could be lent more than is reserved, or the reserve runs low
	sent    time.Time // when the record in force was sent; zero: none is
	writing time.Time // when the record on its way was sent; zero: none is
	made    time.Time // when the last one was made
	used    time.Time // when something was lent last
}

// tally is a counter and what of it may be lent.
type tally struct {
	budget.Name
	c      *gate.Counter
	left   int // of the reserve in force
	target int // the reserve of the record on its way
	since  int // units lent since that one was made
	recent int // about what was lent in the last span that a reserve is made for
	hungry int // units that could be lent if they were reserved
	queue  []*stake
}

// session is one borrower's loan from one purse.
type session struct {
	loanKey
	stakes map[budget.Name]*stake
	last   time.Time // the granter's last word
	seq    uint64
	owed   bool // a word is owed
	local  bool
}

type loanKey struct {
	who   string
	purse gate.Purse
	id    uint64
}

// stake is what a session has of a counter.
type stake struct {
	s                            *session
	t                            *tally
	granted, closed, spent, back int
	want                         gate.Want
	accounts                     int
	queued                       bool
}

func (s *stake) out() int { return s.granted - s.closed - s.back }

// ghost is units of an earlier life.
type ghost struct {
	t   *tally
	n   int
	due time.Time
}

// Brought is units for the limiter in the granter's own process.
type Brought struct {
	budget.Name
	Purse gate.Purse
	Units int
}

// NewGranter counts a profile from a record that was made so long ago. Nothing is lent before Written. Errors: those of the
// options.
func NewGranter(cfg Config, id string, p catalogue.Profile, o budget.Options, now time.Time, r Record, ago time.Duration) (*Granter, error) {
	book, err := budget.New(p, o, now)
	if err != nil {
		return nil, err
	}
	g := &Granter{cfg: cfg.withDefaults(), id: id, epoch: r.Epoch, book: book, gate: book.Gate(), tallies: map[budget.Name]*tally{},
		sessions: map[loanKey]*session{}, made: now, used: now}
	g.local = &session{loanKey: loanKey{who: id}, stakes: map[budget.Name]*stake{}, local: true}
	book.LearnTiers(now, r.Tiers)
	for _, k := range r.Counters {
		g.recall(now, k, ago)
	}
	slices.SortStableFunc(g.ghosts, func(a, b ghost) int { return a.due.Compare(b.due) })
	return g, nil
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

// Epoch is the granter's number among all that ever were.
func (g *Granter) Epoch() uint64 { return g.epoch }

// Book is the true count.
func (g *Granter) Book() *budget.Budget { return g.book }

// Until is when lending ends unless another record is written.
func (g *Granter) Until() time.Time {
	if g.sent.IsZero() {
		return time.Time{}
	}
	return g.sent.Add(g.cfg.Valid)
}

// Replace puts another profile or other options in force. What was counted stays counted; a rule that is gone is forgotten.
// Errors: those of the options; what was in force then stays.
func (g *Granter) Replace(now time.Time, p catalogue.Profile, o budget.Options) error {
	if err := g.book.Replace(now, p, o); err != nil {
		return err
	}
	gone := func(t *tally) bool { return g.book.Meter(t.Name) == nil }
	g.ghosts = slices.DeleteFunc(g.ghosts, func(x ghost) bool { return gone(x.t) })
	g.order = slices.DeleteFunc(g.order, func(t *tally) bool {
		if gone(t) {
			delete(g.tallies, t.Name)
			delete(g.local.stakes, t.Name)
			for _, s := range g.sessions {
				delete(s.stakes, t.Name)
			}
			return true
		}
		t.c = g.book.Meter(t.Name)
		return false
	})
	g.due = true
	return nil
}

// Know makes counters known, so that some of each is reserved before anybody asks.
func (g *Granter) Know(names ...budget.Name) {
	for _, n := range names {
		g.tally(n)
	}
}

func (g *Granter) tally(n budget.Name) *tally {
	if t := g.tallies[n]; t != nil {
		return t
	}
	c := g.book.Meter(n)
	if c == nil {
		return nil
	}
	t := &tally{Name: n, c: c}
	g.tallies[n] = t
	g.order = append(g.order, t)
	return t
}

func (s *session) stake(t *tally) *stake {
	st := s.stakes[t.Name]
	if st == nil {
		st = &stake{s: s, t: t}
		s.stakes[t.Name] = st
	}
	return st
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
	st.want, st.accounts = w, max(1, w.Accounts)
	defer func(was bool) { g.news = g.news || st.queued && !was }(st.queued)
	if others := len(t.queue) > 1 || len(t.queue) == 1 && !st.queued; others && w.Class != gate.Cancel {
		t.enqueue(st)
		return 0
	}
	got := g.give(now, st, w.Units)
	if got < w.Units {
		t.enqueue(st)
	}
	return got
}

// Settle takes in what became of units of the granter's own process.
func (g *Granter) Settle(now time.Time, n budget.Name, closed, spent int) {
	if t := g.tallies[n]; t != nil {
		st := g.local.stake(t)
		st.closed, st.spent = st.closed+closed, st.spent+spent
		g.gate.TakeIn(now, t.c, closed, spent)
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

// Hear takes in what a borrower says. Its answer is among Words.
func (g *Granter) Hear(now time.Time, a Ask) {
	g.book.LearnTiers(now, a.Tiers)
	for p, part := range a.Loans {
		key := loanKey{a.From, gate.Purse(p), part.ID}
		s := g.sessions[key]
		if s == nil {
			s = &session{loanKey: key, stakes: map[budget.Name]*stake{}}
			if a.Epoch == g.epoch && part.begins() {
				g.sessions[key] = s
			}
		}
		if a.Seq <= s.seq {
			continue
		}
		s.seq, s.owed = a.Seq, true
		if g.sessions[key] == nil { // a word that the loan is void is owed all the same
			g.sessions[key], s.stakes = s, nil
			continue
		}
		for _, l := range part.Lines {
			g.hearLine(now, s, l)
		}
	}
	g.serve(now)
}

// begins reports whether nothing was lent yet, as far as the borrower knows.
func (a AskLoan) begins() bool {
	return !slices.ContainsFunc(a.Lines, func(l AskLine) bool { return l.Granted > 0 })
}

func (g *Granter) hearLine(now time.Time, s *session, l AskLine) {
	t := g.tally(l.Name)
	if t == nil || s.stakes == nil {
		return
	}
	st := s.stake(t)
	closed, spent, back := max(0, l.Closed-st.closed), max(0, l.Spent-st.spent), max(0, l.Back-st.back)
	if closed+back > st.out() { // never more than was lent
		closed = min(closed, st.out())
		back = st.out() - closed
	}
	st.closed, st.spent, st.back = st.closed+closed, st.spent+spent, st.back+back
	g.gate.TakeIn(now, t.c, closed+back, spent)
	st.want = gate.Want{Units: l.Want - max(0, st.granted-l.Granted), Debt: l.Debt, Class: l.Class}
	st.accounts = max(1, l.Accounts)
	t.enqueue(st)
}

// Word is an answer on its way to a borrower.
type Word struct {
	To   string
	Give Give
}

// Words are the answers that are owed. A granter whose record has run out owes none: it must not prolong a loan.
func (g *Granter) Words(now time.Time) []Word {
	if g.sent.IsZero() || !now.Before(g.Until()) {
		return nil
	}
	owed := map[string]*Give{}
	var out []Word
	for key, s := range g.sessions {
		if !s.owed {
			continue
		}
		s.owed, s.last = false, now
		w := owed[key.who]
		if w == nil {
			w = &Give{Epoch: g.epoch}
			owed[key.who] = w
		}
		w.Seq = max(w.Seq, s.seq)
		w.Loans[key.purse] = s.loan()
		if s.stakes == nil {
			delete(g.sessions, key)
		}
	}
	for who, w := range owed {
		out = append(out, Word{who, *w})
	}
	slices.SortFunc(out, func(a, b Word) int { return cmp.Compare(a.To, b.To) })
	return out
}

func (s *session) loan() GiveLoan {
	l := GiveLoan{ID: s.id, Known: s.stakes != nil}
	for n, st := range s.stakes {
		if st.granted > 0 {
			l.Lines = append(l.Lines, GiveLine{n, st.granted})
		}
	}
	return l
}

// Turn ends what has run out, lends to whom it can, and says when to call it again; zero: only a message can change anything.
func (g *Granter) Turn(now time.Time) time.Time {
	for len(g.ghosts) > 0 && !g.ghosts[0].due.After(now) {
		x := g.ghosts[0]
		g.gate.TakeIn(now, x.t.c, x.n, x.n)
		g.ghosts = g.ghosts[1:]
	}
	for key, s := range g.sessions {
		if end := s.last.Add(g.cfg.Life[key.purse] + g.cfg.Late); !s.last.IsZero() && !end.After(now) {
			s.close(now, g.gate)
			delete(g.sessions, key)
		}
	}
	g.serve(now)
	return g.next(now)
}

// close counts all that a borrower has not accounted for.
func (s *session) close(now time.Time, of *gate.Gate) {
	for _, st := range s.stakes {
		if n := st.out(); n > 0 {
			of.TakeIn(now, st.t.c, n, n)
		}
		st.granted, st.want = st.closed+st.back, gate.Want{}
	}
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

// next is when something may change by itself.
func (g *Granter) next(now time.Time) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(g.ghosts) > 0 {
		sooner(g.ghosts[0].due)
	}
	for key, s := range g.sessions {
		if !s.last.IsZero() {
			sooner(s.last.Add(g.cfg.Life[key.purse] + g.cfg.Late))
		}
	}
	for _, t := range g.order {
		for _, st := range t.queue {
			free := g.gate.FreeAt(now, t.c, 1, st.want.Class)
			if least := g.served.Add(serveEvery); free.Before(least) {
				free = least
			}
			if g.may(now, t) > 0 {
				sooner(free)
			}
		}
	}
	if !g.sent.IsZero() && !g.asleep(now) {
		sooner(g.sent.Add(g.cfg.Valid / 2))
	}
	return at
}

// News reports, once, that the granter's own process waits for something that it did not wait for before.
func (g *Granter) News() bool {
	was := g.news
	g.news = false
	return was
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
