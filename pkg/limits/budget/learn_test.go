package budget

import (
	"testing"
	"time"

	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// deleted is a cancel by id, whose window of ten seconds is 3,000 in one edition and 5,000 in the other.
var deleted = Request{Endpoint: "DELETE /order", Account: "a", Items: 1}

// shortOf is the size in force, and the documented one, of the window of ten seconds for cancels by id.
func shortOf(t *testing.T, b *Budget, now time.Time) (limit, full int) {
	t.Helper()
	for _, l := range b.Status(now) {
		if l.Rule == "clob cancel" && l.Per == 10*time.Second {
			return l.Limit, l.Full
		}
	}
	t.Fatal("no such window")
	return 0, 0
}

// heeds sends a request that is answered by a signal.
func heeds(t *testing.T, b *Budget, now time.Time, q Request, s signal.Signal) {
	t.Helper()
	w := way(t, b, q)
	p, k, err := b.Enter(now, w, q.Items, time.Time{})
	if k != nil || err != nil {
		t.Fatalf("not let go: %v", err)
	}
	b.Done(now, p, gate.Answered, -1)
	b.Heed(now, now, w, &s, half)
}

// TestLearnedLimitRaisesUpToTheDocumented names larger windows, as another process does, and wants them up to the other edition's, and
// no further.
func TestLearnedLimitRaisesUpToTheDocumented(t *testing.T) {
	b, now := budgetOf(t, "polymarket", Options{Factor: Permille}), begin()
	learn := func(rule string, per time.Duration, n int) bool {
		return b.LearnLimits(now, []Learned{{Name{Rule: rule}, per, n}})
	}
	if !learn("clob cancel", 10*time.Second, 9_999_999) {
		t.Fatal("not learned")
	}
	send(t, b, now, deleted)
	if _, limit := used(b, now, "clob cancel", ""); limit != 5000 {
		t.Errorf("C-14: limit is %d, want the documented 5,000", limit)
	}
	if got := b.Learned(); len(got) != 1 || got[0] != (Learned{Name{Rule: "clob cancel"}, 10 * time.Second, 5000}) {
		t.Errorf("it tells others %+v", got)
	}
	if learn("clob cancel", 10*time.Second, 4000) {
		t.Error("a smaller limit was learned as a raise")
	}
	if learn("gamma events", 10*time.Second, 4000) || learn("nothing", time.Second, 1) {
		t.Error("a figure was raised that both editions agree on, or that none has")
	}
}

// TestHeaderRaisesWindowUpToTheDocumented lets answers say how large a window is, and wants it raised to what one of the editions
// documents, at most, by the share that is used; where nothing can be told of which window it is, or the answer is a refusal, nothing
// changes.
func TestHeaderRaisesWindowUpToTheDocumented(t *testing.T) {
	of := func(limit int, reset time.Duration) signal.Count {
		return signal.Count{Known: true, Limit: limit, Remaining: limit - 1, Reset: reset}
	}
	signer := signal.Count{Known: true, Remaining: 119, Reset: time.Second}
	for _, c := range []struct {
		name        string
		s           signal.Signal
		limit, full int
	}{
		{"nothing said", signal.Signal{Kind: signal.Good}, 2400, 3000},
		{"C-14 the documented size", signal.Signal{Kind: signal.Good, Window: of(5000, 0)}, 4000, 5000},
		{"C-14 beside the signer's own count", signal.Signal{Kind: signal.Good, Signer: signer, Window: of(5000, 0)}, 4000, 5000},
		{"C-14 of an answer that names no count", signal.Signal{Kind: signal.Good, Window: signal.Count{Limit: 5000}}, 4000, 5000},
		{"C-14 between the two", signal.Signal{Kind: signal.Good, Window: of(4000, 7*time.Second)}, 3200, 4000},
		{"C-14 above the documented", signal.Signal{Kind: signal.Good, Window: of(9_999_999, 10*time.Second)}, 4000, 5000},
		{"of which window it is nobody knows", signal.Signal{Kind: signal.Good, Window: of(4000, 0)}, 2400, 3000},
		{"of the window of ten minutes", signal.Signal{Kind: signal.Good, Window: of(120_000, 0)}, 2400, 3000},
		{"less", signal.Signal{Kind: signal.Good, Window: of(1000, 9*time.Second)}, 800, 1000},
		{"more, and a refusal", signal.Signal{Kind: signal.Throttled, Named: true, Wait: time.Second, Window: of(5000, 0)}, 1680, 3000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, now := budgetOf(t, "polymarket", Options{}), begin()
			heeds(t, b, now, deleted, c.s)
			if limit, full := shortOf(t, b, now); limit != c.limit || full != c.full {
				t.Errorf("%d of %d are used, want %d of %d", limit, full, c.limit, c.full)
			}
		})
	}
}

// TestWhatLowersStays lets the venue name a window smaller, then refuse a request, and then teach more of the same counter: another
// window, the same window, a tier, and another profile. What was asked for less is still in force.
func TestWhatLowersStays(t *testing.T) {
	b, now := budgetOf(t, "polymarket", Options{Factor: Permille}), begin()
	named := func(n int, reset time.Duration) {
		t.Helper()
		now = now.Add(time.Minute)
		heeds(t, b, now, deleted, signal.Signal{Kind: signal.Good, Window: signal.Count{Known: true, Limit: n, Remaining: n - 1, Reset: reset}})
	}
	named(1000, 9*time.Second)
	now = now.Add(time.Second)
	heeds(t, b, now, deleted, signal.Signal{Kind: signal.Throttled, Named: true, Wait: time.Second})
	for _, n := range []int{120_000, 5000} {
		named(n, 0)
		if limit, full := shortOf(t, b, now); limit != 700 || full != 1000 {
			t.Errorf("after %d was named %d of %d are in force, want 700 of 1,000", n, limit, full)
		}
	}
	if l := b.Learned(); len(l) != 2 {
		t.Errorf("learned is %+v", l)
	}
	b.LearnTier(now, "a", "Gold")
	if err := b.Replace(now, profileOf(t, "polymarket-2026-11"), Options{Factor: Permille}); err != nil {
		t.Fatal(err)
	}
	if limit, full := shortOf(t, b, now); limit != 700 || full != 1000 {
		t.Errorf("with another profile %d of %d are in force, want 700 of 1,000", limit, full)
	}
}

// TestTierIsToldWhileItIsNews learns a tier from the venue and another from another process: others are told the first, for a while,
// and then only what the venue says again.
func TestTierIsToldWhileItIsNews(t *testing.T) {
	b, now := budgetOf(t, "polymarket", Options{}), begin()
	b.LearnTier(now, "a", "Gold")
	b.LearnTiers(now, map[string]string{"b": "Silver", "c": "Tin"})
	if b.Tier("a") != "Gold" || b.Tier("b") != "Silver" || b.Tier("c") != "Standard" {
		t.Errorf("tiers are %v", b.Tiers())
	}
	if h := b.Heard(now); len(h) != 1 || h["a"] != "Gold" {
		t.Errorf("heard is %v", h)
	}
	later := now.Add(time.Minute)
	if h := b.Heard(later); len(h) != 0 {
		t.Errorf("a minute later it still tells %v", h)
	}
	if b.LearnTier(later, "a", "gold") {
		t.Error("the same tier in another case is taken for another")
	}
	if h := b.Heard(later); h["a"] != "Gold" {
		t.Errorf("said again, heard is %v", h)
	}
}
