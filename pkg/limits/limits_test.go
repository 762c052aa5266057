package limits

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/referee"
	"sluice/pkg/limits/signal"
)

// open makes a limiter of a documented profile at its full figures.
func open(t testing.TB, name string, o budget.Options) *Limiter {
	t.Helper()
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	if o.Factor == 0 {
		o.Factor = budget.Permille
	}
	l, err := Open(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func order(n int) Request { return Request{Endpoint: "POST /order", Account: "main", Items: n} }

// drain takes the order bucket's sixty and closes the permits as answered.
func drain(t testing.TB, l *Limiter) {
	t.Helper()
	for range 60 {
		p, ok := l.Try(order(1))
		if !ok {
			t.Fatal("the bucket is not full")
		}
		p.Answered()
	}
}

// TestManySendersNeverExceed lets 256 goroutines send through a network with random delays for ten minutes of virtual time,
// and a venue that counts for itself finds nothing in excess and the whole allowance used.
func TestManySendersNeverExceed(t *testing.T) {
	t.Run("S0-19 S3-23 many senders", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polymarket-2026-11", budget.Options{})
			venue := referee.Server{Windows: []*referee.Window{{N: 5000, Per: 10 * time.Second}}, Buckets: []*referee.Bucket{{Rate: 40, Burst: 60, Per: time.Second}}}
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(1, 2))
			delay := func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(random.IntN(200)) * time.Millisecond
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			var senders sync.WaitGroup
			for range 256 {
				senders.Go(func() {
					for {
						p, err := l.Acquire(ctx, order(1))
						if err != nil {
							return
						}
						time.Sleep(delay())
						mu.Lock()
						venue.Arrive(time.Since(began), 1)
						mu.Unlock()
						time.Sleep(delay())
						p.Answered()
					}
				})
			}
			senders.Wait()
			if want := 40*600 + 60; venue.Violations != 0 || venue.Arrived < want*99/100 {
				t.Errorf("%d in excess, %d arrived, want %d", venue.Violations, venue.Arrived, want)
			}
		})
	})
}

// TestMissIsSaidAtOnce asks for a permit by a deadline that is out of reach and by one that is not.
func TestMissIsSaidAtOnce(t *testing.T) {
	t.Run("S0-17 a batch of 16", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polymarket-2026-11", budget.Options{})
			drain(t, l)
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err := l.Acquire(ctx, order(1))
			var miss *MissError
			if !errors.As(err, &miss) || !IsMiss(err) || time.Since(began) != 0 {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
			if d := miss.At.Sub(began); d < 25*time.Millisecond || d > 26*time.Millisecond {
				t.Errorf("first slot after %s, want 25 ms", d)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			if _, err := l.Acquire(ctx, order(1)); err != nil {
				t.Errorf("a deadline within reach: %v", err)
			}
			if _, err := l.Acquire(t.Context(), Request{Endpoint: "POST /orders", Account: "main", Items: 16}); !errors.Is(err, gate.ErrNever) {
				t.Errorf("S0-17: a batch of 16: %v", err)
			}
		})
	})
}

// TestProbeTakesNothing probes a thousand times and then takes all.
func TestProbeTakesNothing(t *testing.T) {
	t.Run("S0-21 probe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polymarket-2026-11", budget.Options{})
			for range 1000 {
				if at, err := l.Probe(order(1)); err != nil || at.After(time.Now()) {
					t.Fatal(at, err)
				}
			}
			drain(t, l)
			if at, err := l.Probe(order(1)); err != nil || time.Until(at) > 26*time.Millisecond || !at.After(time.Now()) {
				t.Errorf("after all is taken the next is at %s, %v", at, err)
			}
		})
	})
}

// TestStoppedWaiterTakesNothing ends a waiter's context and wants the slot for the next.
func TestStoppedWaiterTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-11", budget.Options{})
		drain(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { _, err := l.Acquire(ctx, order(1)); ended <- err }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		time.Sleep(26 * time.Millisecond)
		if _, ok := l.Try(order(1)); !ok {
			t.Error("the slot went with the waiter")
		}
		if _, ok := l.Try(order(1)); ok {
			t.Error("two slots after 26 ms")
		}
	})
}

// TestCancelsDoNotWaitForOrders empties the order bucket, leaves orders waiting and orders stopped, and wants a cancel to
// pass at once.
func TestCancelsDoNotWaitForOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-11", budget.Options{})
		drain(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		var waiters sync.WaitGroup
		for range 100 {
			waiters.Go(func() { _, _ = l.Acquire(ctx, order(1)) })
		}
		synctest.Wait()
		l.Penalise(Order, "main", time.Now().Add(time.Hour))
		began := time.Now()
		if _, err := l.Acquire(t.Context(), Request{Endpoint: "DELETE /orders", Account: "main", Items: 100}); err != nil || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		cancel()
		waiters.Wait()
	})
}

// TestTryPassesWhenOnlyOthersWait leaves one account waiting and wants another to take all of its own, while the one that
// waits is not passed by its own kind.
func TestTryPassesWhenOnlyOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-11", budget.Options{})
		drain(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		var waiter sync.WaitGroup
		waiter.Go(func() { _, _ = l.Acquire(ctx, order(1)) })
		synctest.Wait()
		if n := l.Orders("other").Try(100); n != 60 {
			t.Errorf("S2-34: another account gets %d, want 60", n)
		}
		if n := l.Orders("main").Try(1); n != 0 {
			t.Error("one who came later went before one who waits")
		}
		cancel()
		waiter.Wait()
	})
}

// TestPenaltyOnlyLengthens stops orders for a minute, then for a second, and wants the minute.
func TestPenaltyOnlyLengthens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Standard())
		began := time.Now()
		l.Penalise(Order, "main", began.Add(time.Minute))
		l.Penalise(Order, "main", began.Add(time.Second))
		if n := l.Orders("main").Try(1); n != 0 {
			t.Errorf("%d permits while stopped", n)
		}
		if _, err := l.Orders("other").Wait(t.Context(), 1); err != nil || time.Since(began) != 0 {
			t.Errorf("another account waited %s: %v", time.Since(began), err)
		}
		if _, err := l.Orders("main").Wait(t.Context(), 1); err != nil || time.Since(began) != time.Minute {
			t.Errorf("waited %s, want a minute: %v", time.Since(began), err)
		}
	})
}

// TestHeldPermitsBecomeOneBatch holds permits of orders, sends them as one batch, and wants one request at the windows per
// ip and an order each at the signer.
func TestHeldPermitsBecomeOneBatch(t *testing.T) {
	t.Run("S1-6 S2-41 C-11 one request, each order at the signer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := New(Standard())
			o := l.Orders("main")
			if n := o.Try(1000); n != 60 {
				t.Fatalf("%d permits at once, want 60", n)
			}
			for range 4 {
				p, err := o.Post(t.Context(), 15)
				if err != nil {
					t.Fatal(err)
				}
				p.Answered()
			}
			if n := o.Try(1); n != 0 {
				t.Errorf("%d permits from an empty bucket", n)
			}
			used := map[string]int{}
			for _, s := range l.State("main") {
				used[s.Layer] = max(used[s.Layer], s.Used)
			}
			if used["orders"] != 60 || used["POST /orders"] != 4 || used["POST /order"] != 0 || used["all"] != 4 {
				t.Errorf("used %v", used)
			}
			time.Sleep(time.Second)
			if n := o.Try(1000); n < 39 || n > 40 {
				t.Errorf("%d permits a second later, want 40", n)
			}
		})
	})
}

// TestBatchesCarryWhatSinglesHaveNoRoomFor spends the window of single requests: what then waits gets a batch at once, because
// batches have a window of their own, and what is given back of it is free again. When both are spent the wait is for whichever
// has room first.
func TestBatchesCarryWhatSinglesHaveNoRoomFor(t *testing.T) {
	t.Run("S0-15 S0-17 batches beside singles", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polymarket-2026-02", budget.Options{})
			o := l.Orders("main")
			if n := o.Try(495); n != 495 { // of the 500 in a second
				t.Fatalf("%d single permits, want 495", n)
			}
			if n := o.Try(15); n != 15 {
				t.Fatalf("%d permits where five singles and any batch are free, want 15", n)
			}
			o.Return(3)
			if n := o.Try(2); n != 2 {
				t.Fatalf("%d permits, want 2", n)
			}
			for _, n := range []int{495, 12, 2} {
				for ; n > 15; n -= 15 {
					o.post(t, 15)
				}
				o.post(t, n)
			}
			if left := len(l.held["main"]); left != 0 {
				t.Errorf("%d permits are still held", left)
			}
			began := time.Now()
			for batches := 35; batches < 1000; batches++ {
				o.waitFor(t, 15)
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("a thousand batches took %s", took)
			}
			o.waitFor(t, 1)
			if took := time.Since(began); took != 0 {
				t.Errorf("a single one took %s when batches were spent", took)
			}
			for range 3500 {
				o.waitFor(t, 1)
			}
			if took := time.Since(began); took < 7*time.Second || took > 11*time.Second {
				t.Errorf("another window of singles took %s", took)
			}
		})
	})
}

// TestHeldBatchIsKeptForItsOrders spends the window of single requests and holds a batch, which a repeat beside it leaves alone: that
// has a permit of its own. A batch of which only some leave at first is still good for the rest.
func TestHeldBatchIsKeptForItsOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-02", budget.Options{})
		o, other := l.Orders("main"), l.Orders("other")
		for range 500 {
			o.waitFor(t, 1)
		}
		if n := o.Try(15); n != 15 {
			t.Fatalf("%d permits, want a batch's", n)
		}
		time.Sleep(time.Second)
		if n, err := o.Wait(t.Context(), 1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n := other.Try(499); n != 499 {
			t.Fatalf("%d singles are left for another account, want 499", n)
		}
		began := time.Now()
		o.post(t, 1)
		o.post(t, 12)
		o.post(t, 3)
		if took := time.Since(began); took != 0 {
			t.Errorf("what held its permits left after %s", took)
		}
		if left := len(l.held["main"]); left != 0 {
			t.Errorf("%d permits are still held", left)
		}
	})
}

// waitFor takes permits for n orders at once, and posts them as one.
func (o *Orders) waitFor(t *testing.T, n int) {
	t.Helper()
	if got, err := o.Wait(t.Context(), n); err != nil || got != n {
		t.Fatalf("%d permits, %v, want %d", got, err, n)
	}
	o.post(t, n)
}

// post spends n permits as one request that is answered.
func (o *Orders) post(t *testing.T, n int) {
	t.Helper()
	p, err := o.Post(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	p.Answered()
}

// TestReturnedPermitsAreFree gives permits back and wants exactly those again from an empty bucket.
func TestReturnedPermitsAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Standard()).Orders("main")
		o.Try(1000)
		o.Return(7)
		if n := o.Try(1000); n != 7 {
			t.Errorf("%d permits after giving back 7", n)
		}
	})
}

// TestSweepIsPaidBackBeforeTheNextCancel ends a thousand orders with one request on the Standard tier: the state says until
// when no cancel can leave, a second one waits until then, and orders go on.
func TestSweepIsPaidBackBeforeTheNextCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-11", budget.Options{})
		sweep, err := l.Acquire(t.Context(), Request{Endpoint: "DELETE /cancel-all", Account: "main", Items: 900})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		sweep.Done(Answer{Items: 1000}) // the venue ended more than we knew of
		began := time.Now()
		want := (1001 - 120 + 1) * time.Second / 80
		free := time.Time{}
		for _, s := range l.State("main") {
			if s.Layer == "signer cancels" {
				free = s.FreeAt
			}
		}
		if d := free.Sub(began); d < want || d > want+10*time.Millisecond {
			t.Errorf("the state says %s, want %s", d, want)
		}
		if _, err := l.Acquire(t.Context(), order(1)); err != nil || time.Since(began) != 0 {
			t.Errorf("an order waited %s: %v", time.Since(began), err)
		}
		if _, err := l.Acquire(t.Context(), Request{Endpoint: "DELETE /order", Account: "main", Items: 1}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < want || d > want+10*time.Millisecond {
			t.Errorf("the second cancel left after %s, want %s", d, want)
		}
	})
}

// TestHaltKeepsASecondCancelPossible asks how a thousand orders are best cancelled.
func TestHaltKeepsASecondCancelPossible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, "polymarket-2026-11", budget.Options{})
		if w := l.Cancelling("main", 1000, false); !w.All || w.Last != 0 || w.Blocked < 11*time.Second {
			t.Errorf("all at once: %+v", w)
		}
		w := l.Cancelling("main", 1000, true)
		if w.All || w.Chunk != 60 || w.Chunks != 17 || w.Blocked != 0 {
			t.Errorf("a second cancel must stay possible: %+v", w)
		}
		if w := l.Cancelling("main", 50, true); !w.All {
			t.Errorf("fifty orders: %+v", w)
		}
		platinum := open(t, "polymarket-2026-11", budget.Options{Tier: "Platinum"})
		if w := platinum.Cancelling("main", 5000, false); w.All {
			t.Errorf("a tier whose balance may not go below zero: %+v", w)
		}
	})
}

// TestAnswersLowerAndATierRaises lets the venue say what remains, refuse, and name a tier.
func TestAnswersLowerAndATierRaises(t *testing.T) {
	t.Run("S1-25 a higher tier is learned", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "polymarket", budget.Options{})
			say := func(s signal.Signal) {
				p, err := l.Acquire(t.Context(), order(1))
				if err != nil {
					t.Fatal(err)
				}
				p.Done(Answer{Signal: s})
			}
			say(signal.Signal{Kind: signal.Good, Signer: signal.Count{Known: true, Remaining: 5}})
			if n := l.Orders("main").Try(100); n != 5 {
				t.Errorf("%d permits when the venue says 5 remain", n)
			} else {
				l.Orders("main").Return(5)
			}
			say(signal.Signal{Kind: signal.Good, Signer: signal.Count{Known: true, Remaining: 1000}})
			if n := l.Orders("main").Try(100); n != 4 {
				t.Errorf("%d permits: a high count of the venue must not raise", n)
			} else {
				l.Orders("main").Return(4)
			}
			began := time.Now()
			say(signal.Signal{Kind: signal.Throttled, Wait: 3 * time.Second, Named: true})
			if _, err := l.Acquire(t.Context(), order(1)); err != nil || time.Since(began) != 3*time.Second {
				t.Errorf("left %s after a refusal that named 3 s: %v", time.Since(began), err)
			}
			l = open(t, "polymarket", budget.Options{})
			say(signal.Signal{Kind: signal.Good, Tier: "Gold"})
			time.Sleep(2 * time.Second)
			n := l.Orders("main").Try(700)
			if n < 499 || n > 500 { // the bucket holds 600, the peak per ip is 500 in a second
				t.Errorf("%d permits at Gold", n)
			}
			if changed, err := l.LearnTier("main", "Unobtainium"); changed || err == nil {
				t.Error("an unknown tier was taken")
			}
			if changed, err := l.LearnTier("main", "gold"); changed || err != nil {
				t.Errorf("the tier that is in force is news: %v", err)
			}
			if changed, err := l.LearnTier("main", "SILVER"); !changed || err != nil {
				t.Errorf("another tier is no news: %v", err)
			}
		})
	})
}

// TestReplacedProfileKeepsItsCounts puts smaller figures in force and wants what was sent before to count.
func TestReplacedProfileKeepsItsCounts(t *testing.T) {
	t.Run("S1-1 other figures while running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, "coingecko", budget.Options{})
			q := Request{Endpoint: "coingecko GET /x"}
			for range 6 {
				p, ok := l.Try(q)
				if !ok {
					t.Fatal("no slot")
				}
				p.Answered()
			}
			c, err := catalogue.Load()
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.Profile("coingecko")
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Replace(p, budget.Options{Factor: 700}); err != nil {
				t.Fatal(err)
			}
			if _, ok := l.Try(q); !ok {
				t.Error("the seventh of seven was refused")
			}
			if _, ok := l.Try(q); ok {
				t.Error("an eighth of seven")
			}
			if err := l.Replace(p, budget.Options{Factor: 2000}); err == nil {
				t.Error("a factor of two was taken")
			}
		})
	})
}

// TestOneSpentLimitDoesNotBlockAnother exhausts places, cancels and batches in turn, and wants the others free.
func TestOneSpentLimitDoesNotBlockAnother(t *testing.T) {
	for _, id := range []string{"S0-23", "S0-55", "S2-34"} {
		t.Run(id, func(t *testing.T) {
			l := open(t, "polymarket-2026-02", budget.Options{})
			spent := func(endpoint, account string) {
				for {
					p, ok := l.Try(Request{Endpoint: endpoint, Account: account, Items: 1})
					if !ok {
						return
					}
					p.Answered()
				}
			}
			spent("POST /order", "a")
			if _, ok := l.Try(order(1)); ok {
				t.Error("the limit per ip is not shared by accounts")
			}
			for _, e := range []string{"DELETE /order", "POST /orders", "GET /price", "gamma GET /markets"} {
				if _, ok := l.Try(Request{Endpoint: e, Account: "a", Items: 1}); !ok {
					t.Errorf("%s is blocked by POST /order", e)
				}
			}
		})
	}
}

// TestAcquireAllocatesNothing takes and ends permits of one layer and of all of an order's, once the logs have grown, and counts what
// is allocated.
func TestAcquireAllocatesNothing(t *testing.T) {
	for name, e := range map[string]Endpoint{"one layer": GetOrders, "all layers of an order": PostOrder} {
		t.Run(name, func(t *testing.T) {
			p := Standard()
			p.Orders = Bucket{1_000_000, 1_000_000}
			l := New(p)
			w, err := l.Way(Request{Endpoint: string(e), Account: "main"})
			if err != nil {
				t.Fatal(err)
			}
			if got := testing.AllocsPerRun(400, func() {
				p, err := w.Acquire(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				p.Answered()
			}); got != 0 {
				t.Errorf("%v allocations in each acquire", got)
			}
		})
	}
}
