package gate

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// clock is a gate with a moment of its own.
type clock struct {
	*Gate
	t   *testing.T
	now time.Time
}

func begin(t *testing.T, cfg Config) *clock {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &clock{New(base, cfg), t, base}
}

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func (c *clock) counter(classes uint8, windows ...Window) *Counter {
	return c.Counter(Rule{Name: "c", Windows: windows, Classes: classes}, "")
}

func (c *clock) bucket(b Bucket) *Counter { return c.Counter(Rule{Name: "b", Bucket: &b}, "") }

func (c *clock) lane(class Class, counters ...*Counter) *Lane {
	var legs []Leg
	for _, n := range counters {
		legs = append(legs, Leg{Counter: n, Item: 1})
	}
	return c.Lane(class, legs...)
}

// take takes at once or fails.
func (c *clock) take(l *Lane, items int) Permit {
	c.t.Helper()
	p, k, err := c.Enter(c.now, l, items, time.Time{})
	if k != nil || err != nil {
		c.t.Fatalf("no permit for %d: ticket %v, %v", items, k, err)
	}
	return p
}

// free reports whether a request could leave now.
func (c *clock) free(l *Lane, items int) bool {
	at, err := c.Probe(c.now, l, items)
	return err == nil && !at.After(c.now)
}

// wait queues a request.
func (c *clock) wait(l *Lane, items int) *Ticket {
	c.t.Helper()
	_, k, err := c.Enter(c.now, l, items, time.Time{})
	if k == nil || err != nil {
		c.t.Fatalf("no ticket: %v", err)
	}
	return k
}

// through says which of the tickets have been let through.
func through(of ...*Ticket) (n int) {
	for _, k := range of {
		if k.Permit.turn != 0 {
			n++
		}
	}
	return n
}

const second = time.Second

// TestSlotIsBusyUntilSpanAfterAnswer answers late and wants the slot only a span after the answer.
func TestSlotIsBusyUntilSpanAfterAnswer(t *testing.T) {
	t.Run("S3-18 a sliding window", func(t *testing.T) {
		c := begin(t, Config{})
		l := c.lane(Read, c.counter(1<<Read, Window{N: 2, Per: second}))
		a, b := c.take(l, 1), c.take(l, 1)
		c.pass(3 * second)
		if c.free(l, 1) {
			t.Fatal("two in flight, a third was let go")
		}
		c.Done(c.now, a, Answered, -1)
		c.pass(second)
		if c.free(l, 1) {
			t.Error("free at the span: the venue's clock may be slower")
		}
		c.pass(200 * time.Microsecond)
		if !c.free(l, 1) || c.free(l, 2) {
			t.Error("want exactly one slot")
		}
		c.Done(c.now, b, NeverLeft, -1)
		if !c.free(l, 2) {
			t.Error("what never left still holds its slot")
		}
		c.Done(c.now, b, Answered, -1)
		if !c.free(l, 2) {
			t.Error("a second Done counted")
		}
	})
}

// TestLostAnswerKeepsItsSlotUntilItMustHaveArrived loses an answer, and leaves another permit open for ever.
func TestLostAnswerKeepsItsSlotUntilItMustHaveArrived(t *testing.T) {
	c := begin(t, Config{})
	l := c.lane(Read, c.counter(1<<Read, Window{N: 1, Per: second}))
	lost := c.take(l, 1)
	c.pass(5 * second)
	c.Done(c.now, lost, Unknown, -1)
	c.pass(7 * second) // 12 s after it left it has arrived, and is counted from then
	if c.free(l, 1) {
		t.Error("free at 12 s")
	}
	c.pass(1001 * time.Millisecond)
	if !c.free(l, 1) {
		t.Error("not free a span after 12 s")
	}
	c.take(l, 1) // nobody closes this one
	c.pass(59 * second)
	if c.free(l, 1) {
		t.Error("an open permit was forgotten before its lease")
	}
	c.pass(second)
	c.free(l, 1)
	c.pass(1001 * time.Millisecond)
	if !c.free(l, 1) {
		t.Error("a lost permit blocks for ever")
	}
}

// TestAllCountersOrNone wants nothing taken anywhere when one counter refuses.
func TestAllCountersOrNone(t *testing.T) {
	t.Run("S4-15 both or none", func(t *testing.T) {
		c := begin(t, Config{})
		ip, heavy := c.counter(1<<Read, Window{N: 10, Per: second}), c.counter(1<<Read, Window{N: 1, Per: second})
		both, one := c.lane(Read, ip, heavy), c.lane(Read, ip)
		c.take(both, 1)
		for range 5 {
			_, k, err := c.Enter(c.now, both, 1, time.Time{})
			if k == nil || err != nil {
				t.Fatal("S4-15: heavy is spent")
			}
			c.Leave(k)
		}
		if !c.free(one, 9) || c.free(one, 10) {
			t.Error("a refused request took something at the other counter")
		}
	})
}

// TestWeightsAreCounted sends batches that cost more than one.
func TestWeightsAreCounted(t *testing.T) {
	c := begin(t, Config{})
	ip, signer := c.counter(1<<Order, Window{N: 3, Per: second}), c.bucket(Bucket{Rate: 40, Per: second, Burst: 60})
	l := c.Lane(Order, Leg{Counter: ip, Request: 1}, Leg{Counter: signer, Item: 1})
	c.take(l, 15)
	c.take(l, 45)
	if c.free(l, 1) {
		t.Error("60 tokens for 61 orders")
	}
	if _, _, err := c.Enter(c.now, l, 61, time.Time{}); !errors.Is(err, ErrNever) {
		t.Errorf("dearer than the burst: %v", err)
	}
}

// TestCancelsGoFirstAndHaveAShare fills a counter that all use with orders and reads, and wants the tenth that belongs to
// cancels to be there, and a waiting cancel to go before everybody.
func TestCancelsGoFirstAndHaveAShare(t *testing.T) {
	c := begin(t, Config{})
	all := c.counter(1<<Cancel|1<<Order|1<<Read, Window{N: 100, Per: second})
	reads, orders, cancels := c.lane(Read, all), c.lane(Order, all), c.lane(Cancel, all)
	n := map[Class]int{}
	for _, l := range []*Lane{reads, orders, cancels} {
		for c.free(l, 1) {
			c.Done(c.now, c.take(l, 1), Answered, -1)
			n[l.class]++
		}
	}
	if n[Read] != 80 || n[Order] != 10 || n[Cancel] != 10 {
		t.Fatalf("let go %v, want 80 reads, 10 orders, 10 cancels", n)
	}
	r, o, k := c.wait(reads, 1), c.wait(orders, 1), c.wait(cancels, 1)
	c.pass(1001 * time.Millisecond)
	changed, _ := c.Turn(c.now)
	if len(changed) != 3 || changed[0] != k || changed[1] != o || changed[2] != r {
		t.Errorf("the order of turns is wrong: %v", changed)
	}
}

// TestAccountsTakeTurns queues a hundred orders of one account before one of another, at a counter that both use.
func TestAccountsTakeTurns(t *testing.T) {
	c := begin(t, Config{})
	ip := c.counter(1<<Order, Window{N: 2, Per: second})
	a, b := c.lane(Order, ip), c.lane(Order, ip)
	for range 2 {
		c.Done(c.now, c.take(a, 1), Answered, -1)
	}
	for range 100 {
		c.wait(a, 1)
	}
	k := c.wait(b, 1)
	c.pass(1001 * time.Millisecond)
	c.Turn(c.now)
	if through(k) != 1 {
		t.Error("one order waits behind a hundred of another account")
	}
}

// TestBlockedAccountDoesNotBlockAnother leaves an account without tokens of its own waiting, and wants the other to pass.
func TestBlockedAccountDoesNotBlockAnother(t *testing.T) {
	c := begin(t, Config{})
	ip := c.counter(1<<Order, Window{N: 1, Per: second})
	poor, rich := c.bucket(Bucket{Rate: 1, Per: time.Hour, Burst: 1}), c.bucket(Bucket{Rate: 100, Per: second, Burst: 100})
	a, b := c.lane(Order, ip, poor), c.lane(Order, ip, rich)
	c.Done(c.now, c.take(a, 1), Answered, -1)
	c.wait(a, 1)
	c.pass(20 * second) // starved long since
	for range 20 {
		k := c.wait(b, 1)
		c.Turn(c.now)
		if through(k) != 1 {
			t.Fatal("an account whose tokens are an hour away keeps the address for itself")
		}
		c.Done(c.now, k.Permit, Answered, -1)
		c.pass(1001 * time.Millisecond)
	}
}

// TestReadsAreNotStarvedByOrders saturates a counter with orders for a minute while one read waits.
func TestReadsAreNotStarvedByOrders(t *testing.T) {
	c := begin(t, Config{Patience: 5 * second})
	all := c.counter(1<<Order|1<<Read|1<<Bulk, Window{N: 10, Per: second})
	orders, bulk := c.lane(Order, all), c.lane(Bulk, all)
	c.Done(c.now, c.take(orders, 10), Answered, -1)
	k := c.wait(bulk, 1)
	waited, sent := time.Duration(0), 0
	for ; through(k) == 0 && waited < time.Minute; waited += 100 * time.Millisecond {
		for len(orders.aheadOf()) < 30 {
			c.wait(orders, 1)
		}
		changed, _ := c.Turn(c.now)
		for _, k := range changed {
			c.Done(c.now, k.Permit, Answered, -1)
			sent++
		}
		c.pass(100 * time.Millisecond)
	}
	if waited > 65*second || through(k) == 0 {
		t.Errorf("waited %s behind %d orders", waited, sent)
	}
	if waited < 5*second {
		t.Errorf("went after %s, before its patience ended", waited)
	}
}

func (l *Lane) aheadOf() (out []*Ticket) {
	for k := l.head; k != nil; k = k.next {
		out = append(out, k)
	}
	return out
}

// TestBatchIsNotStarvedBySingles keeps singles coming while a batch of ten waits for the same bucket.
func TestBatchIsNotStarvedBySingles(t *testing.T) {
	c := begin(t, Config{})
	b := c.bucket(Bucket{Rate: 10, Per: second, Burst: 10})
	singles, batches := c.lane(Order, b), c.lane(Order, b)
	c.Done(c.now, c.take(singles, 10), Answered, -1)
	k := c.wait(batches, 10)
	for i := 0; through(k) == 0; i++ {
		if i > 300 {
			t.Fatal("thirty seconds and no batch")
		}
		for len(singles.aheadOf()) < 5 {
			c.wait(singles, 1)
		}
		changed, _ := c.Turn(c.now)
		for _, k := range changed {
			c.Done(c.now, k.Permit, Answered, -1)
		}
		c.pass(100 * time.Millisecond)
	}
}

// TestRequestOverTwoBusyCountersGetsThrough keeps two counters busy with requests for one of them each, so that they are
// hardly ever free together, while one request needs both.
func TestRequestOverTwoBusyCountersGetsThrough(t *testing.T) {
	c := begin(t, Config{})
	x, y := c.counter(1<<Order, Window{N: 1, Per: second}), c.counter(1<<Order, Window{N: 1, Per: 1300 * time.Millisecond})
	lx, ly, both := c.lane(Order, x), c.lane(Order, y), c.lane(Order, x, y)
	c.Done(c.now, c.take(lx, 1), Answered, -1)
	c.Done(c.now, c.take(ly, 1), Answered, -1)
	k := c.wait(both, 1)
	for i := 0; through(k) == 0; i++ {
		if i > 2000 {
			t.Fatal("twenty seconds and not once both")
		}
		for _, l := range []*Lane{lx, ly} {
			if l.head == nil {
				c.wait(l, 1)
			}
		}
		changed, _ := c.Turn(c.now)
		for _, k := range changed {
			c.Done(c.now, k.Permit, Answered, -1)
		}
		c.pass(10 * time.Millisecond)
	}
}

// TestDeadlineCountsWhoIsAhead queues a minute's work and asks by deadlines before and after its end.
func TestDeadlineCountsWhoIsAhead(t *testing.T) {
	c := begin(t, Config{})
	l := c.lane(Order, c.bucket(Bucket{Rate: 10, Per: second, Burst: 10}))
	c.Done(c.now, c.take(l, 10), Answered, -1)
	for range 600 {
		c.wait(l, 1)
	}
	var miss *MissError
	if _, _, err := c.Enter(c.now, l, 1, c.now.Add(59*second)); !errors.As(err, &miss) {
		t.Errorf("a deadline before the queue's end: %v", err)
	} else if d := miss.At.Sub(c.now); d < 60*second || d > 61*second {
		t.Errorf("first slot in %s, want 60 s", d)
	}
	_, k, err := c.Enter(c.now, l, 1, c.now.Add(62*second))
	if k == nil || err != nil {
		t.Fatalf("a deadline after the queue's end: %v", err)
	}
	for range 620 {
		changed, _ := c.Turn(c.now)
		for _, k := range changed {
			c.Done(c.now, k.Permit, Answered, -1)
		}
		c.pass(100 * time.Millisecond)
	}
	if through(k) != 1 || k.Missed != nil {
		t.Errorf("it did not get through: %v", k.Missed)
	}
}

// TestHopelessWaiterIsLetGoEarly stops a counter after somebody has queued with a deadline.
func TestHopelessWaiterIsLetGoEarly(t *testing.T) {
	c := begin(t, Config{})
	n := c.bucket(Bucket{Rate: 10, Per: second, Burst: 1})
	l := c.lane(Order, n)
	c.Done(c.now, c.take(l, 1), Answered, -1)
	_, k, err := c.Enter(c.now, l, 1, c.now.Add(second))
	if k == nil || err != nil {
		t.Fatal(err)
	}
	c.Stop(c.now, c.now.Add(time.Minute), n)
	if changed, _ := c.Turn(c.now); len(changed) != 1 || changed[0].Missed == nil {
		t.Errorf("it waits for what cannot be: %v", changed)
	}
}

// TestTurnNamesTheMomentThatMatters follows only the moments that Turn names and wants a saturated bucket to be used whole.
func TestTurnNamesTheMomentThatMatters(t *testing.T) {
	c := begin(t, Config{})
	l := c.lane(Order, c.bucket(Bucket{Rate: 7, Per: second, Burst: 3}), c.counter(1<<Order, Window{N: 61, Per: 10 * second}))
	for range 3 {
		c.Done(c.now, c.take(l, 1), Answered, -1)
	}
	for range 1000 {
		c.wait(l, 1)
	}
	began, sent, turns := c.now, 3, 0
	for sent < 601 {
		changed, next := c.Turn(c.now)
		turns++
		for _, k := range changed {
			c.Done(c.now, k.Permit, Answered, -1)
			sent++
		}
		if !next.After(c.now) {
			t.Fatalf("turn at %s names %s", c.now, next)
		}
		c.now = next
	}
	// 61 in ten seconds bind: the 601st leaves as the ninth span ends, or soon after.
	if d := c.now.Sub(began); d < 90*second || d > 100*second {
		t.Errorf("601 took %s", d)
	}
	if turns > 4*sent {
		t.Errorf("%d turns for %d requests", turns, sent)
	}
}

// TestExchangeIsAllOrNothing turns single permits into a batch, and leaves them alone when the batch's own limit is spent.
func TestExchangeIsAllOrNothing(t *testing.T) {
	c := begin(t, Config{})
	signer := c.bucket(Bucket{Rate: 1, Per: second, Burst: 10})
	single, batch := c.counter(1<<Order, Window{N: 10, Per: second}), c.counter(1<<Order, Window{N: 1, Per: second})
	one := c.Lane(Order, Leg{Counter: single, Request: 1}, Leg{Counter: signer, Item: 1})
	many := c.Lane(Order, Leg{Counter: batch, Request: 1}, Leg{Counter: signer, Item: 1})
	var held []Permit
	for range 10 {
		held = append(held, c.take(one, 1))
	}
	p, ok := c.Exchange(c.now, held[:5], many, 5)
	if !ok {
		t.Fatal("what was held is not free for the batch")
	}
	if _, ok := c.Exchange(c.now, held[5:], many, 5); ok {
		t.Error("two batches of one")
	}
	c.Done(c.now, p, Answered, -1)
	for _, k := range held {
		c.Done(c.now, k, Answered, -1) // the first five are closed already
	}
	if v := c.View(c.now, signer); v.Layers[0].Used != 10 || v.Flight != 0 {
		t.Errorf("signer %+v, want 10 used", v)
	}
	if v := c.View(c.now, single); v.Layers[0].Used != 5 {
		t.Errorf("singles %+v, want 5 used", v)
	}
}

// TestRandomUseKeepsEveryCounterWithin drives a gate with random lanes, classes, costs, answers and stops, and checks after
// every step that no counter holds more than it may, and in the end that nothing is left in flight.
func TestRandomUseKeepsEveryCounterWithin(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		c := begin(t, Config{})
		var counters []*Counter
		for range 3 {
			counters = append(counters, c.counter(15, Window{N: 5 + r.IntN(30), Per: time.Duration(100+r.IntN(3000)) * time.Millisecond}))
		}
		counters = append(counters, c.bucket(Bucket{Rate: 1 + r.IntN(30), Per: second, Burst: 5 + r.IntN(30)}))
		var lanes []*Lane
		for range 8 {
			lanes = append(lanes, c.lane(Class(r.IntN(4)), counters[r.IntN(2)], counters[3-r.IntN(2)]))
		}
		var open []Permit
		var waiting []*Ticket
		for range 3000 {
			c.pass(time.Duration(r.IntN(50)) * time.Millisecond)
			switch l := lanes[r.IntN(len(lanes))]; r.IntN(10) {
			case 0, 1, 2, 3:
				by := time.Time{}
				if r.IntN(3) == 0 {
					by = c.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
				}
				p, k, err := c.Enter(c.now, l, 1+r.IntN(3), by)
				if err == nil && k == nil {
					open = append(open, p)
				} else if k != nil {
					waiting = append(waiting, k)
				}
			case 4:
				if n := len(waiting); n > 0 && c.Leave(waiting[n-1]) {
					open = append(open, waiting[n-1].Permit)
				}
				waiting = waiting[:max(0, len(waiting)-1)]
			case 5:
				if r.IntN(20) == 0 {
					c.Heed(c.now, c.now.Add(-second), counters[r.IntN(4)], Advice{Throttled: true, Wait: time.Duration(r.IntN(2000)) * time.Millisecond})
				}
			default:
				if n := len(open); n > 0 {
					i := r.IntN(n)
					c.Done(c.now, open[i], Outcome(r.IntN(3)), -1)
					open[i] = open[n-1]
					open = open[:n-1]
				}
			}
			changed, next := c.Turn(c.now)
			if !next.IsZero() && !next.After(c.now) {
				t.Fatalf("seed %d: the next turn is not later", seed)
			}
			for _, k := range changed {
				if k.Missed == nil {
					open = append(open, k.Permit)
				}
				for i, w := range waiting {
					if w == k {
						waiting = append(waiting[:i], waiting[i+1:]...)
						break
					}
				}
			}
			for i, n := range counters {
				v := c.View(c.now, n)
				if n.flight < 0 || v.Layers[0].Used > v.Layers[0].Full || v.Layers[0].Used < 0 {
					t.Fatalf("seed %d: counter %d holds %+v", seed, i, v)
				}
			}
		}
		for _, k := range waiting {
			c.Leave(k)
		}
		c.pass(time.Hour)
		for i, n := range counters {
			if v := c.View(c.now, n); v.Flight != 0 || v.Waiting != 0 || v.Layers[0].Used != 0 {
				t.Fatalf("seed %d: counter %d is left with %+v", seed, i, v)
			}
		}
	}
}
