package limits

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestOrdersNeverExceedTheBucket takes permits as fast as they come for a minute of virtual time, and wants exactly what
// the bucket allows: never more in any second, and all of it.
func TestOrdersNeverExceedTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Standard()).Orders("main")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var taken []time.Time
		for {
			n, err := o.Wait(ctx, 15)
			if err != nil {
				break
			}
			for range n {
				taken = append(taken, time.Now())
			}
		}
		want := 60 + 40*60
		if len(taken) < want-1 || len(taken) > want+1 {
			t.Errorf("%d permits in a minute, want %d", len(taken), want)
		}
		for i := range taken {
			in := 0
			for j := i; j < len(taken) && taken[j].Sub(taken[i]) < time.Second; j++ {
				in++
			}
			if in > 60+40 {
				t.Fatalf("%d permits within a second", in)
			}
		}
	})
}

// TestCancelsDoNotWaitForOrders empties the order bucket and stops orders, and wants a cancel to pass at once.
func TestCancelsDoNotWaitForOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Standard())
		l.Orders("main").Try(1000)
		l.Penalise(Order, "main", time.Now().Add(time.Hour))
		began := time.Now()
		if err := l.Wait(t.Context(), Call{DeleteOrders, "main", 100}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("the cancel waited %s", d)
		}
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
		if _, err := l.Orders("main").Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("waited %s, want a minute", d)
		}
	})
}

// TestReturnedPermitsAreUsedFirst gives permits back and wants exactly those again from an empty bucket.
func TestReturnedPermitsAreUsedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Standard()).Orders("main")
		if n := o.Try(1000); n != 60 {
			t.Fatalf("%d permits at once, want 60", n)
		}
		o.Return(7)
		if n := o.Try(1000); n != 7 {
			t.Errorf("%d permits after giving back 7", n)
		}
	})
}

// TestManyCancelsArePaced cancels a thousand orders with one call and then one more: the second waits until the first is
// paid for.
func TestManyCancelsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Standard())
		began := time.Now()
		for _, items := range []int{1000, 1} {
			if err := l.Wait(t.Context(), Call{DeleteOrders, "main", items}); err != nil {
				t.Fatal(err)
			}
		}
		if d, least := time.Since(began), (1001-120)*time.Second/80; d < least {
			t.Errorf("1001 cancels left within %s, want at least %s", d, least)
		}
	})
}

// TestStoppedWaiterTakesNothing ends a waiter's context and wants the tokens for the next one.
func TestStoppedWaiterTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Standard()).Orders("main")
		o.Try(1000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := o.Wait(ctx, 1); err == nil {
			t.Fatal("a permit from an empty bucket")
		}
		time.Sleep(25 * time.Millisecond)
		if n := o.Try(10); n != 1 {
			t.Errorf("%d permits, want the one that has come back", n)
		}
	})
}

// TestStateTellsUse wants used and limit of the order bucket after some permits.
func TestStateTellsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Standard())
		l.Orders("main").Try(10)
		if s := l.State("main")[0]; s.Layer != "orders" || s.Used != 10 || s.Limit != 60 || s.PerMS != 1500 {
			t.Errorf("state %+v", s)
		}
	})
}
