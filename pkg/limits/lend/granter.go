package lend

import (
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
	// blockPart is the part of what is free, for each that waits, that is lent at a time.
	blockPart = 4
	// catchUp is the part of a counter, for each account, up to which who came too late is served first the next times.
	catchUp = 4
	milli   = 1000
	// accountsFor is for how long as many accounts are taken to wait as were seen to.
	accountsFor = 4 * Beat
	// standing is the part of a counter that is reserved while nobody uses it, so that the first request after a rest need
	// not wait for the disk, and standingMost bounds it: it is what a crash costs.
	standing     = 64
	standingMost = 4
	// standingBucket and standingBatch are that for buckets, which one account alone uses: what waits at a start goes in batches.
	standingBucket = 8
	standingBatch  = 15
	// reserved is how much lending a reserve is made for: a record is then written about once in half of that, and a crash costs as much
	// as is left of it.
	reserved = 250 * time.Millisecond
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
	ghosts   []ghost // of lives before this one, the first due first, that nobody goes on with
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
	left   int  // of the reserve in force
	target int  // the reserve of the record on its way
	since  int  // units lent since that one was made
	recent int  // about what was lent in the last span that a reserve is made for
	hungry int  // units that could be lent if they were reserved
	kept   bool // for cancels, at any time
	queue  []*stake

	refused map[*stake]bool // of one pass
	level   int             // what who was served last had had before
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
	book.LearnLimits(now, r.Learned)
	for _, l := range r.Loans {
		g.adopt(now, &r, l, ago)
	}
	for _, k := range r.Counters {
		g.recall(now, k, ago, r.Told)
	}
	slices.SortStableFunc(g.ghosts, func(a, b ghost) int { return a.due.Compare(b.due) })
	return g, nil
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

// Know makes counters known, so that some of each is reserved before anybody asks, and of what cancels use as much as a borrower keeps at
// hand: they must be possible when no record can be written.
func (g *Granter) Know(names ...budget.Name) {
	for _, n := range names {
		if t := g.tally(n); t != nil {
			t.kept = t.c.Serves(gate.Cancel)
		}
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
	t := &tally{Name: n, c: c, refused: map[*stake]bool{}}
	g.tallies[n] = t
	g.order = append(g.order, t)
	return t
}

// Turn ends what has run out, lends to whom it can, and says when to call it again; zero: only a message can change anything.
func (g *Granter) Turn(now time.Time) time.Time {
	for len(g.ghosts) > 0 && !g.ghosts[0].due.After(now) {
		x := g.ghosts[0]
		g.gate.TakeIn(now, x.t.c, x.n, x.n)
		g.ghosts = g.ghosts[1:]
	}
	for key, s := range g.sessions {
		if end := g.end(s); !end.IsZero() && !end.After(now) {
			s.close(now, g.gate)
			delete(g.sessions, key)
		}
	}
	g.serve(now)
	return g.next(now)
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
	for _, s := range g.sessions {
		sooner(g.end(s))
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
