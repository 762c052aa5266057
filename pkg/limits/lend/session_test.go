package lend

import (
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
)

// pair is one member that grants, and one that borrows and has 50 units of place at hand.
func pair(t *testing.T, layers ...catalogue.Layer) (w *world, grants, borrows *member) {
	w = newWorld(t, 3, figures{place: layers, cancel: []catalogue.Layer{window(10, time.Second)}, orders: wide, cancels: wide})
	grants = w.join()
	grants.flood(place, "a", time.Millisecond)
	w.run(11 * time.Second)
	borrows = w.join()
	for _, c := range []*gate.Counter{borrows.counter("place", ""), borrows.counter("orders", "b")} {
		borrows.Lend(borrows.clock(), c, gate.Want{Units: 50, Class: gate.Order, Accounts: 1})
	}
	w.run(100 * time.Millisecond)
	if n := borrows.counter("place", "").Lent(gate.Ordinary); n != 50 || grants.g == nil {
		t.Fatalf("%d units at hand, want 50", n)
	}
	return w, grants, borrows
}

func (m *member) counter(rule, key string) *gate.Counter {
	return m.book.Meter(budget.Name{Rule: rule, Key: key})
}

// TestLoanOutlivesWhoLent kills who grants: its borrower goes on with what it has at hand, of which nothing is lost and nothing counted twice,
// and gets more from whoever grants next.
func TestLoanOutlivesWhoLent(t *testing.T) {
	w, grants, borrows := pair(t, window(1000, 10*time.Second))
	loan := borrows.b.loans[gate.Ordinary].id
	next := w.join()
	w.run(20 * time.Millisecond)
	grants.kill()
	borrows.back = w.now // so that the other is first
	next.flood(place, "c", 10*time.Millisecond)
	w.run(500 * time.Millisecond)
	if next.g == nil || borrows.b == nil || borrows.b.loans[gate.Ordinary].id != loan || borrows.counter("place", "").Lent(gate.Ordinary) != 50 {
		t.Fatal("the borrower had to begin anew")
	}
	borrows.flood(place, "b", time.Hour)
	w.run(9 * time.Second)
	if n := w.took[place+" b"]; n < 700 || w.over > 0 {
		t.Errorf("%d of nearly 1000 were used, %d too many", n, w.over)
	}
}

// TestLoanOutlivesABreakOfTheBus cuts a borrower off for longer than a loan may be used without a word. Nothing leaves meanwhile; when
// the bus is back it goes on with the same loan.
func TestLoanOutlivesABreakOfTheBus(t *testing.T) {
	w, _, borrows := pair(t, window(1000, 10*time.Second))
	loan := borrows.b.loans[gate.Ordinary].id
	borrows.cut = true
	w.run(3 * time.Second)
	late := borrows.flood(place, "b", time.Hour)
	w.run(3 * time.Second)
	if late.sent > 0 {
		t.Errorf("%d left without a word of who grants", late.sent)
	}
	borrows.cut = false
	w.run(time.Second)
	if id := borrows.b.loans[gate.Ordinary].id; id != loan || late.sent < 50 {
		t.Errorf("%d have left; the loan is the %d. and was the %d.", late.sent, id, loan)
	}
	w.run(time.Minute)
	if w.over > 0 {
		t.Errorf("%d too many", w.over)
	}
}

// TestRefusalOfOneSlowsAll lets the venue refuse one borrower: the others wait as long as it was told to, and are then slower, for a while.
func TestRefusalOfOneSlowsAll(t *testing.T) {
	for _, refused := range []bool{false, true} {
		w, grants, borrows := pair(t, window(100, time.Second))
		third := w.join()
		for i, m := range []*member{grants, borrows, third} {
			m.flood(place, string(rune('a'+i)), time.Hour)
		}
		w.run(5 * time.Second)
		if refused {
			now := borrows.clock()
			borrows.book.Gate().Heed(now, now.Add(-50*time.Millisecond), borrows.counter("place", ""), gate.Advice{Throttled: true, Wait: 3 * time.Second})
		}
		w.run(200 * time.Millisecond) // what had left, and what was at hand
		before := w.took[place]
		w.run(2500 * time.Millisecond)
		if n := w.took[place] - before; refused && n > 60 || !refused && n < 200 {
			t.Errorf("refused %v: %d arrived while one was told to wait", refused, n)
		}
		before = w.took[place]
		w.run(2 * time.Second)
		if n := w.took[place] - before; refused && (n > 150 || n < 50) || !refused && n < 170 {
			t.Errorf("refused %v: %d arrived in two seconds after the wait, of 200", refused, n)
		}
		w.run(time.Minute)
		before = w.took[place]
		w.run(10 * time.Second)
		if n := w.took[place] - before; n < 850 {
			t.Errorf("refused %v: %d arrived in ten seconds a minute later, of nearly 1000", refused, n)
		}
	}
}

// TestVenuesCountIsHeldAgainstAll tells a borrower, by the venue's count, how much is left of a window: what the others have used is not taken
// for somebody else's, and what nobody of them has used is.
func TestVenuesCountIsHeldAgainstAll(t *testing.T) {
	w, grants, borrows := pair(t, window(200, time.Second), window(1000, 10*time.Second))
	grants.flood(place, "a", 300*time.Millisecond)
	w.run(time.Second)
	used := w.venue[place].Windows[1].Used(w.now)
	tell := func(remaining int) int { // the gap that the granter sees
		now := borrows.clock()
		borrows.book.Gate().Heed(now, now, borrows.counter("place", ""), gate.Advice{Known: true, Remaining: remaining, Limit: 1000, Reset: 10 * time.Second})
		w.run(time.Second)
		v := grants.g.gate.View(grants.clock(), grants.g.book.Meter(budget.Name{Rule: "place"}))
		return v.Gap
	}
	if n := tell(1000 - used); n != 0 {
		t.Errorf("%d taken for a stranger's, and there is none", n)
	}
	if own := borrows.book.Gate().View(borrows.clock(), borrows.counter("place", "")).Gap; own != 0 {
		t.Errorf("the borrower takes %d of the others for a stranger's", own)
	}
	if n := tell(1000 - used - 300); n < 250 || n > 300 {
		t.Errorf("%d taken for a stranger's, who used 300, and 50 are at hand", n)
	}
}

// TestWhatIsGivenBackIsLentToOthers lets a borrower rest with what it has at hand: within seconds the other uses it, not when the loan has ended.
func TestWhatIsGivenBackIsLentToOthers(t *testing.T) {
	w, grants, borrows := pair(t, window(60, time.Minute))
	w.run(2 * time.Second)
	if n := borrows.counter("place", "").Lent(gate.Ordinary); n != 0 {
		t.Errorf("%d units at hand after a rest", n)
	}
	grants.flood(place, "a", time.Hour)
	w.run(200 * time.Millisecond)
	if n := w.took[place]; n < 50 {
		t.Errorf("%d of 60 used", n)
	}
}

// TestNothingIsSaidOfALoanBeforeARecordSaysIt takes over from a record that names a loan. Its borrower hears of that when a record on disk says
// that the loan goes on, and is lent more when the borrower ignores who lent before, and another record says what it had then.
func TestNothingIsSaidOfALoanBeforeARecordSaysIt(t *testing.T) {
	w, grants, borrows := pair(t, window(1000, 10*time.Second))
	w.run(time.Second)
	now := grants.clock()
	g := must(NewGranter(Config{}, "next", w.figures.profile(t), budget.Options{Factor: budget.Permille}, now, must(ReadRecord(w.record)).Claim("next", w.stored), 0))
	write := func() {
		g.Record(now)
		g.Written()
	}
	write()
	for i, epoch := range []uint64{g.Epoch() - 1, g.Epoch()} {
		a := borrows.b.Ask(now)
		a.Epoch = epoch
		for p := range a.Loans {
			for l := range a.Loans[p].Lines {
				a.Loans[p].Lines[l].Want = 10
			}
		}
		g.Hear(now, a)
		for _, word := range g.Words(now) { // of the other purse, of which nothing was lent, it may speak
			if word.Give.Loans[gate.Ordinary].ID != 0 {
				t.Fatalf("question %d is answered before a record", i)
			}
		}
		if !g.NeedsRecord(now) {
			t.Fatalf("question %d: no record is asked for", i)
		}
		write()
		g.Turn(now)
		words := g.Words(now)
		if len(words) != 1 || !words[0].Give.Loans[gate.Ordinary].Known {
			t.Fatalf("question %d: %v after a record, want one word of the loan", i, words)
		}
		for _, l := range words[0].Give.Loans[gate.Ordinary].Lines {
			had := borrows.b.loans[gate.Ordinary].holds[l.Name].granted
			if more := l.Granted > had; more != (i == 1) {
				t.Errorf("question %d: %d of %s lent in all, had %d", i, l.Granted, l.Rule, had)
			}
		}
	}
}
