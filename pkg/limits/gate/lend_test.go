package gate

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestPastNeverSaysLess counts at random, tells the past, recalls it in another gate some time later, and compares what
// either lets leave at once: the one that recalled never more, and after a while as much.
func TestPastNeverSaysLess(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := Rule{Name: "r", Windows: []Window{{N: 20 + rng.IntN(400), Per: time.Second}, {N: 300 + rng.IntN(3000), Per: 30 * time.Second}}}
		if rng.IntN(2) == 0 {
			r.Bucket = &Bucket{Rate: 10 + rng.IntN(90), Per: time.Second, Burst: 20 + rng.IntN(200), Negative: true}
		}
		now := time.Unix(1_000_000, 0)
		a := New(now, Config{})
		c := a.Counter(r, "k")
		for range rng.IntN(400) {
			if n := min(1+rng.IntN(9), a.Free(now, c, Cancel)); n > 0 {
				a.LendOut(now, c, n)
				a.TakeIn(now, c, n, n)
			}
			now = now.Add(time.Duration(rng.IntN(200)) * time.Millisecond)
		}
		past := a.Past(now, c)
		ago := time.Duration(rng.IntN(20_000)) * time.Millisecond
		now = now.Add(ago)
		b := New(now, Config{})
		d := b.Counter(r, "k")
		b.Recall(now, d, past, ago-time.Duration(rng.IntN(2))*time.Millisecond)
		for range 200 {
			x, y := a.Free(now, c, Cancel), b.Free(now, d, Cancel)
			if y > x {
				t.Fatalf("seed %d: %d free after recalling, %d were", seed, y, x)
			}
			now = now.Add(time.Duration(rng.IntN(50)) * time.Millisecond)
		}
		now = now.Add(31 * time.Second)
		if x, y := a.Free(now, c, Cancel), b.Free(now, d, Cancel); x != y {
			t.Fatalf("seed %d: %d free after a window, want %d", seed, y, x)
		}
	}
}

// TestPastIsShort counts a full window of ten minutes and wants few cells, each not long.
func TestPastIsShort(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := New(now, Config{})
	c := g.Counter(Rule{Name: "r", Windows: []Window{{N: 36_000, Per: 10 * time.Minute}}}, "")
	sum := 0
	for range 36_000 {
		g.LendOut(now, c, 1)
		g.TakeIn(now, c, 1, 1)
		now = now.Add(16 * time.Millisecond)
	}
	p := g.Past(now, c)
	for _, x := range p.Cells {
		sum += x.N
	}
	if len(p.Cells) > 200 || sum != 36_000 {
		t.Errorf("%d units in %d cells, want all in at most 200", sum, len(p.Cells))
	}
}

// TestPastToldOftenGrowsOld fills a window of ten minutes and hands its past on each three seconds: what was used is free a window
// later, and at most a 32nd after that.
func TestPastToldOftenGrowsOld(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := Rule{Name: "r", Windows: []Window{{N: 3600, Per: 10 * time.Minute}}}
	g := New(now, Config{})
	c := g.Counter(r, "")
	began := now
	step := func() {
		const each = 3 * time.Second
		now = now.Add(each)
		past := g.Past(now, c)
		g = New(now, Config{})
		c = g.Counter(r, "")
		g.Recall(now, c, past, 0)
	}
	for now.Sub(began) < 100*time.Second {
		for range 36 * 3 {
			g.LendOut(now, c, 1)
			g.TakeIn(now, c, 1, 1)
			now = now.Add(time.Second / 36 / 2)
		}
		step()
	}
	full := g.Free(now, c, Cancel)
	for now.Sub(began) < 10*time.Minute {
		step()
		if n := g.Free(now, c, Cancel); n != full {
			t.Fatalf("%d free after %v, want %d", n, now.Sub(began), full)
		}
	}
	for now.Sub(began) < 12*time.Minute {
		step()
	}
	if n := g.Free(now, c, Cancel); n != 3600 {
		t.Errorf("%d of 3600 free after a window and what its last use took", n)
	}
}

// TestWhatIsAtHandIsNotAskedForAgain lends from one of two counters and not from the other: the first is asked once.
func TestWhatIsAtHandIsNotAskedForAgain(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := New(now, Config{})
	w := Rule{Name: "narrow", Windows: []Window{{N: 10, Per: time.Second}}}
	narrow, broad := g.Counter(w, ""), g.Counter(Rule{Name: "broad", Windows: []Window{{N: 100, Per: time.Second}}}, "")
	lent := lender{narrow: 0, broad: 1000}
	g.Share(lent, narrow, broad)
	g.Renew(Ordinary, now.Add(time.Hour))
	if _, k, err := g.Enter(now, g.Lane(Order, Leg{Counter: narrow, Item: 1}, Leg{Counter: broad, Item: 1}), 1, time.Time{}); k == nil || err != nil {
		t.Fatalf("it left, or cannot leave: %v", err)
	}
	for range 50 {
		g.Turn(now)
	}
	if n := broad.Lent(Ordinary); n != 1 {
		t.Errorf("%d units at hand for one request", n)
	}
}

// lender lends so much of each counter at most.
type lender map[*Counter]int

func (l lender) Lend(_ time.Time, c *Counter, w Want) int {
	n := min(w.Units, l[c])
	l[c] -= n
	return n
}

func (lender) Settle(time.Time, *Counter, Purse, int, int) {}

func (lender) Heed(time.Time, *Counter, time.Duration, Advice) {}
