package lend

import (
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// says is the venue's answer to a request of a member that names the size of the window.
func (m *member) says(limit int) {
	way := must(m.book.Way(budget.Request{Endpoint: place, Account: "x", Items: 1}))
	now := m.clock()
	m.book.Heed(now, now, way, &signal.Signal{Kind: signal.Good, Window: signal.Count{Limit: limit, Reset: 10 * time.Second}}, func() int { return 0 })
}

// TestWindowNamedToOneIsRaisedForAll documents 100 in ten seconds, or 300, and has the venue, which allows 300, name the larger size, or
// much more, to one process: to who grants, or to who borrows. Most of 300 is used from then on and nothing is over, and who grants next
// knows it too.
func TestWindowNamedToOneIsRaisedForAll(t *testing.T) {
	const (
		named = 300
		most  = 6 * named * 3 / 4 // of a minute: so small a window has much at hand, and on its way
	)
	for name, borrower := range map[string]bool{"to who borrows": true, "to who grants": false} {
		t.Run(name, func(t *testing.T) {
			l := window(100, 10*time.Second)
			l.Most = catalogue.Figure{N: named}
			w, grants, borrows := pair(t, l)
			w.venue[place] = server(window(named, 10*time.Second))
			took := func(span time.Duration) int {
				before := w.took[place]
				w.run(span)
				return w.took[place] - before
			}
			grants.flood(place, "a", time.Hour)
			borrows.flood(place, "b", time.Hour)
			if n := took(30 * time.Second); n > 300 {
				t.Errorf("%d were used in 30 s before anything was named, want at most 300", n)
			}
			if borrower {
				borrows.says(9_999_999)
			} else {
				grants.says(9_999_999)
			}
			took(11 * time.Second)
			if n := took(60 * time.Second); n < most {
				t.Errorf("%d were used in a minute, want at least %d", n, most)
			}
			next := w.join()
			grants.kill()
			next.flood(place, "c", time.Hour)
			took(time.Minute) // what the dead one held is counted for a while
			if n := took(60 * time.Second); n < most {
				t.Errorf("%d were used in a minute under another, want at least %d", n, most)
			}
			if w.over > 0 {
				t.Errorf("%d too many", w.over)
			}
		})
	}
}

// TestTierThatIsNoNewsChangesNothing lets one process hear a tier and, much later, another process hear another one: the word of the
// first, who goes on borrowing, does not bring the old tier back.
func TestTierThatIsNoNewsChangesNothing(t *testing.T) {
	c := must(catalogue.Load())
	p := must(c.Profile("polymarket-2026-11"))
	now := time.Unix(1_000_000, 0)
	make := func() *budget.Budget { return must(budget.New(p, budget.Options{}, now)) }
	g := must(NewGranter(Config{}, "g", p, budget.Options{}, now, Record{Epoch: 1}, 0))
	mine, yours := make(), make()
	first, second := NewBorrower(Config{}, "first", mine), NewBorrower(Config{}, "second", yours)
	resident := NewResident(g, mine)
	hear := func(b *Borrower, want string) {
		t.Helper()
		g.Hear(now, b.Ask(now))
		if got := g.Book().Tier("main"); got != want {
			t.Fatalf("the tier is %s, want %s", got, want)
		}
	}
	mine.LearnTier(now, "main", "Gold")
	hear(first, "Gold")
	hear(second, "Gold")
	now = now.Add(time.Hour)
	yours.LearnTier(now, "main", "Standard")
	hear(second, "Standard")
	first.Lend(now, mine.Meter(budget.Name{Rule: "signer orders", Key: "main"}), gate.Want{Units: 1, Class: gate.Order})
	hear(first, "Standard")
	if resident.Pulse(now); g.Book().Tier("main") != "Standard" {
		t.Error("who grants brought back what it had heard an hour ago")
	}
	if r := g.Record(now); r.Tiers["main"] != "Standard" {
		t.Errorf("the record says %v", r.Tiers)
	}
}
