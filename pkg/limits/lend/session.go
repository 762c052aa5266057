package lend

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// session is one borrower's loan from one purse. It is lent from the reserve of one epoch. Whoever takes over goes on with it, when its
// borrower is heard and a record says so; and lends to it when the borrower has heard of that too, and another record says so: what a
// borrower has that no record names is then known to be of the epoch that it was last lent from.
type session struct {
	loanKey
	epoch  uint64
	stakes map[budget.Name]*stake
	last   time.Time // the granter's last word
	due    time.Time // before which the loan does not end, whatever the last word was; of an earlier life
	seq    uint64
	owed   bool // a word is owed
	local  bool

	silent bool                // of an earlier life, and not heard in this one: it ends when it is due
	news   map[budget.Name]int // what was heard last of what the venue has asked

	unsaid bool // no record on disk says what has become of it in this life
	saying bool // the one on its way does
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
	accounts                     int       // the most that waited lately
	accountsAt                   time.Time // when so many did
	queued                       bool
	pace                         int // what the granter's own process has used in the last beat that it used any in
	had                          int // thousandths of units lent for each account, as far as turns go
}

func (s *stake) out() int { return s.granted - s.closed - s.back }

func (s *session) stake(t *tally) *stake {
	st := s.stakes[t.Name]
	if st == nil {
		st = &stake{s: s, t: t}
		s.stakes[t.Name] = st
	}
	return st
}

// Hear takes in what a borrower says. Its answer is among Words.
func (g *Granter) Hear(now time.Time, a Ask) {
	g.book.LearnTiers(now, a.Tiers)
	g.book.LearnLimits(now, a.Learned)
	for p, part := range a.Loans {
		key := loanKey{a.From, gate.Purse(p), part.ID}
		s := g.sessions[key]
		if s == nil {
			s = &session{loanKey: key, epoch: g.epoch, stakes: map[budget.Name]*stake{}}
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
		if moves := s.epoch != g.epoch && a.Epoch == g.epoch; moves || s.silent {
			s.silent, s.unsaid, g.due = false, true, true
			if moves {
				s.epoch = g.epoch
			}
		}
		if key.purse == gate.Ordinary {
			g.hearNews(now, s, a.News)
		}
		for _, l := range part.Lines {
			g.hearWant(now, s, l)
		}
	}
	g.serve(now)
}

// waits takes in how many accounts wait. That one of several is served for a moment does not make the others worth more.
func (s *stake) waits(now time.Time, accounts int) {
	if accounts = max(1, accounts); accounts >= s.accounts || now.Sub(s.accountsAt) > accountsFor {
		s.accounts, s.accountsAt = accounts, now
	}
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
	if found := l.Granted - st.granted; found > 0 {
		g.found(now, t, s.epoch, found)
		st.granted += found
	}
	closed, spent, back := max(0, l.Closed-st.closed), max(0, l.Spent-st.spent), max(0, l.Back-st.back)
	if closed+back > st.out() { // never more than was lent
		closed = min(closed, st.out())
		back = st.out() - closed
	}
	st.closed, st.spent, st.back = st.closed+closed, st.spent+spent, st.back+back
	g.gate.TakeIn(now, t.c, closed+back, spent)
	g.gate.Praise(now, t.c, spent)
}

func (g *Granter) hearWant(now time.Time, s *session, l AskLine) {
	t := g.tally(l.Name)
	if t == nil || s.stakes == nil || s.epoch != g.epoch {
		return
	}
	st := s.stake(t)
	st.want = gate.Want{Units: l.Want - max(0, st.granted-l.Granted), Debt: l.Debt, Class: l.Class}
	st.waits(now, l.Accounts)
	g.enqueue(t, st)
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
		if !s.owed || s.unsaid {
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

// kept is the loan as a record tells it, apart from when it is due.
func (s *session) kept() KeptLoan {
	l := KeptLoan{Who: s.who, Purse: s.purse, ID: s.id, Epoch: s.epoch}
	for n, st := range s.stakes {
		if st.granted > 0 {
			l.Lines = append(l.Lines, KeptLine{n, st.granted, st.closed, st.spent, st.back})
		}
	}
	slices.SortFunc(l.Lines, func(a, b KeptLine) int { return order(a.Name, b.Name) })
	return l
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

// end is when a loan must have arrived: its borrower may use it for its life after the last word. Zero: nothing was said yet.
func (g *Granter) end(s *session) time.Time {
	end := s.due
	if !s.last.IsZero() {
		if at := s.last.Add(g.cfg.Life[s.purse] + g.cfg.Late); at.After(end) {
			end = at
		}
	}
	return end
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
