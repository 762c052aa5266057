package lend

import (
	"slices"
	"strings"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// Bounds of borrowing.
const (
	// Beat is how often a borrower that holds or wants something speaks, at least.
	Beat = 250 * time.Millisecond
	// restBeats is for how many beats a counter may be unused before what is held of it goes back.
	restBeats = 2
	// stockPart is the part of a counter that is kept at hand for cancels, and stockMost bounds it.
	stockPart = 4
	stockMost = 24
	// maxSeqs bounds the questions whose answers still count.
	maxSeqs = 64
)

// Borrower is a limiter's side of the protocol when somebody else grants. It is not safe for several goroutines at once.
type Borrower struct {
	cfg   Config
	id    string
	book  *budget.Budget
	gate  *gate.Gate
	epoch uint64
	seq   uint64
	asked map[uint64]time.Time // when questions were sent
	loans [purses]borrowing
	news  map[budget.Name]*news
	heard uint64 // the last question that was answered
	tell  uint64 // the first that says all that there is to say
	eager bool   // something is wanted that no question has said
}

// borrowing is one purse.
type borrowing struct {
	id    uint64
	holds map[budget.Name]*hold
	stock map[budget.Name]bool
}

// hold is what is held of one counter.
type hold struct {
	c                            *gate.Counter
	granted, closed, spent, back int
	want                         gate.Want
	rest                         int // beats without use
	pace                         int // units of the last beat that had any
}

// NewBorrower lends nothing to the budget's gate until a granter is heard. No two ever have the same id: a granter goes on with
// loans by it.
func NewBorrower(cfg Config, id string, b *budget.Budget) *Borrower {
	x := &Borrower{cfg: cfg.withDefaults(), id: id, book: b, gate: b.Gate(), asked: map[uint64]time.Time{}, news: map[budget.Name]*news{}}
	for p := range x.loans {
		x.loans[p] = borrowing{id: 1, holds: map[budget.Name]*hold{}, stock: map[budget.Name]bool{}}
	}
	return x
}

// Stock keeps some units of these counters at hand for cancels.
func (b *Borrower) Stock(names ...budget.Name) {
	for _, n := range names {
		if c := b.book.Meter(n); c != nil && c.Serves(gate.Cancel) {
			b.loans[gate.Urgent].stock[n] = true
		}
	}
	b.eager = true
}

func (l *borrowing) hold(c *gate.Counter) *hold {
	n := budget.NameOf(c)
	h := l.holds[n]
	if h == nil {
		n = budget.Name{Rule: strings.Clone(n.Rule), Key: strings.Clone(n.Key)}
		h = &hold{c: c}
		l.holds[n] = h
	}
	return h
}

// Lend notes what is missing; it comes with an answer.
func (b *Borrower) Lend(_ time.Time, c *gate.Counter, w gate.Want) int {
	h := b.loans[gate.PurseOf(w.Class)].hold(c)
	if with := both(h.want, w); with != h.want {
		h.want, b.eager = with, true
	}
	return 0
}

// both is what is missing for two requests of which one may leave: the more units, for the more urgent class.
func both(a, b gate.Want) gate.Want {
	if a.Units <= 0 {
		return b
	}
	more := a
	if b.Units > a.Units {
		more = b
	}
	more.Class, more.Accounts = min(a.Class, b.Class), max(a.Accounts, b.Accounts)
	return more
}

// Settle notes what became of units.
func (b *Borrower) Settle(_ time.Time, c *gate.Counter, p gate.Purse, closed, spent int) {
	h := b.loans[p].hold(c)
	h.closed, h.spent = h.closed+closed, h.spent+spent
	b.tell = b.seq + 1
}

// Eager reports whether there is something to ask for that was not asked for yet.
func (b *Borrower) Eager() bool { return b.eager }

// Busy reports whether anything is held, on the way, wanted, or not known to have been heard, so that a granter must be spoken to at each
// beat.
func (b *Borrower) Busy() bool {
	if b.heard < b.tell {
		return true
	}
	for p := range b.loans {
		l := &b.loans[p]
		if len(l.stock) > 0 {
			return true
		}
		for _, h := range l.holds {
			if h.want.Units > 0 || h.granted != h.closed+h.back {
				return true
			}
		}
	}
	return false
}

// Pulse is due at each beat: it gives back what rests, and stocks up.
func (b *Borrower) Pulse(now time.Time) {
	for p := range b.loans {
		l, purse := &b.loans[p], gate.Purse(p)
		for n := range l.stock {
			if c := b.book.Meter(n); c != nil {
				h := l.hold(c)
				if missing := b.stockOf(c) - c.Lent(purse); missing > h.want.Units {
					h.want = gate.Want{Units: missing, Class: gate.Cancel}
				}
			}
		}
		for n, h := range l.holds {
			b.restOf(purse, h, l.stock[n])
		}
	}
}

func (b *Borrower) stockOf(c *gate.Counter) int { return stock(b.gate.Most(c, gate.Cancel)) }

// stock is what of a counter is kept at hand for cancels.
func stock(whole int) int { return max(1, min(stockMost, whole/stockPart)) }

// restOf gives back what was not used for a while.
func (b *Borrower) restOf(p gate.Purse, h *hold, stocked bool) {
	if n := b.gate.Taken(h.c, p); n > 0 {
		h.rest, h.pace = 0, n
		return
	}
	if h.c.Waiting(p) > 0 {
		return
	}
	if h.rest++; h.rest <= restBeats {
		return
	}
	h.pace = 0 // and nobody waits
	keep := 0
	if stocked {
		keep = b.stockOf(h.c)
	} else {
		h.want = gate.Want{}
	}
	if n := b.gate.GiveBack(h.c, p, h.c.Lent(p)-keep); n > 0 {
		h.back += n
		b.tell = b.seq + 1
	}
}

// Ask is the next thing to say, at a moment at which it is sent at once.
func (b *Borrower) Ask(now time.Time) Ask {
	b.seq++
	b.eager = false
	b.asked[b.seq] = now
	delete(b.asked, b.seq-maxSeqs)
	a := Ask{From: b.id, Epoch: b.epoch, Seq: b.seq, News: b.told(now),
		Tiers: b.book.Heard(now.Add(-newsFor)), Learned: b.book.Learned()}
	for p := range b.loans {
		l := &b.loans[p]
		a.Loans[p].ID = l.id
		for n, h := range l.holds {
			line := AskLine{Name: n, Granted: h.granted, Closed: h.closed, Spent: h.spent, Back: h.back, Want: h.wants(gate.Purse(p)),
				Debt: h.want.Debt, Class: h.want.Class, Accounts: h.want.Accounts}
			if line.Granted > 0 || line.Want > 0 {
				a.Loans[p].Lines = append(a.Loans[p].Lines, line)
			}
		}
		slices.SortFunc(a.Loans[p].Lines, func(x, y AskLine) int { return order(x.Name, y.Name) })
	}
	return a
}

// wants is what is missing now, and for the next requests what waits already or what two beats have used: who asks for less is served
// less, because it asks later than who grants.
func (h *hold) wants(p gate.Purse) int { return ahead(h.want, h.c.Waiting(p), 2*h.pace) }

// ahead is what to ask for when something is missing: with what is owed nothing more.
func ahead(w gate.Want, waiting, pace int) int {
	if w.Units <= 0 || w.Debt > 0 {
		return w.Units
	}
	return max(w.Units, waiting, pace)
}

// Hear takes in a granter's word and reports whether something may leave now that could not before.
func (b *Borrower) Hear(now time.Time, g Give) (more bool) {
	if g.Epoch < b.epoch {
		return false
	}
	if g.Epoch > b.epoch { // what an older granter says counts no more, and this one must know that before it lends
		b.epoch, b.eager = g.Epoch, true
	}
	sent, counts := b.asked[g.Seq]
	b.heard = max(b.heard, g.Seq)
	for p := range b.loans {
		l, purse := &b.loans[p], gate.Purse(p)
		part := g.Loans[p]
		if part.ID != l.id {
			continue
		}
		if !part.Known {
			b.begin(purse)
			continue
		}
		if counts {
			if until := sent.Add(b.cfg.Life[p]); until.After(b.gate.Until(purse)) {
				b.gate.Renew(purse, until)
				more = true
			}
		}
		for _, line := range part.Lines {
			c := b.book.Meter(line.Name)
			if c == nil {
				continue
			}
			if h := l.hold(c); line.Granted > h.granted {
				n := line.Granted - h.granted
				h.granted = line.Granted
				if h.want.Units -= n; h.want.Units <= 0 {
					h.want = gate.Want{}
				}
				h.rest = 0
				b.gate.Bring(c, purse, n)
				more = true
			}
		}
	}
	return more
}

// begin starts a loan anew: what is held is void, and counted by the granter until it must have arrived.
func (b *Borrower) begin(p gate.Purse) {
	l := &b.loans[p]
	l.id++
	var cs []*gate.Counter
	for n, h := range l.holds {
		cs = append(cs, h.c)
		l.holds[n] = &hold{c: h.c, want: h.want, pace: h.pace}
	}
	b.gate.Begin(p, cs...)
	b.gate.Renew(p, time.Time{})
	b.eager = true
}

// GiveUp puts everything into the next question that has not left; nothing more is wanted.
func (b *Borrower) GiveUp() {
	for p := range b.loans {
		l := &b.loans[p]
		clear(l.stock)
		for _, h := range l.holds {
			h.want = gate.Want{}
			h.back += b.gate.GiveBack(h.c, gate.Purse(p), h.c.Lent(gate.Purse(p)))
		}
		b.gate.Renew(gate.Purse(p), time.Time{})
	}
}
