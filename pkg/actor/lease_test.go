package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
)

func leases(t *testing.T, js jetstream.JetStream, owner string) *actor.Leases {
	t.Helper()
	l, err := actor.OpenLeases(t.Context(), js, 1, owner, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// One holds, the other waits; a release is taken over at once, and a holder that is gone after its lease has run out.
func TestSpareTakesOverWhenTheHolderLetsGo(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		first, err := leases(t, b.JetStream(), "one").Hold(t.Context(), "order.a", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *actor.Lease, 1)
		go func() {
			l, err := leases(t, b.JetStream(), "two").Hold(t.Context(), "order.a", false, nil)
			if err != nil {
				t.Error(err)
			}
			got <- l
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(got) != 0 || first.Context.Err() != nil {
			t.Fatal("the spare took a lease that is being renewed")
		}
		began := time.Now()
		first.Release()
		second := <-got
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a released lease was taken over after %v", took)
		}
		if second.Context.Err() != nil {
			t.Error("the new holder has lost it already")
		}
		second.Release()
	})
}

func TestExclusiveNamesTheHolder(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		first, err := leases(t, b.JetStream(), "one").Hold(t.Context(), "order.a", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Release()
		_, err = leases(t, b.JetStream(), "two").Hold(t.Context(), "order.a", true, nil)
		var held *actor.HeldError
		if !errors.As(err, &held) || held.Holder != "one" {
			t.Fatalf("got %v", err)
		}
	})
}

// Whoever starts anew with exclusive after a crash finds the lease of the process that crashed, and outwaits it.
func TestExclusiveTakesOverFromTheDead(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		nc := b.Connect()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leases(t, js, "dead").Hold(t.Context(), "order.a", true, nil); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		began := time.Now()
		second, err := leases(t, b.JetStream(), "alive").Hold(t.Context(), "order.a", true, nil)
		if err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		second.Release()
	})
}

// A holder that can no longer reach the broker gives up by its own clock, not later than the broker lets a spare in.
func TestHolderCutOffGivesUpByItself(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		nc := b.Connect()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		first, err := leases(t, js, "one").Hold(t.Context(), "order.a", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		spare := leases(t, b.JetStream(), "two")
		time.Sleep(10 * time.Second)
		began := time.Now()
		nc.Close()
		var lost time.Duration
		go func() {
			<-first.Context.Done()
			lost = time.Since(began)
		}()
		second, err := spare.Hold(t.Context(), "order.a", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		taken := time.Since(began)
		synctest.Wait()
		if lost == 0 || lost > taken {
			t.Errorf("given up after %v, taken over after %v", lost, taken)
		}
		if taken > 5*time.Second {
			t.Errorf("taken over after %v", taken)
		}
		second.Release()
	})
}

// A restart of the server, which forgets leases, lets the holder go on or ends its lease; never do two hold it for long.
func TestLeaseOverAServerRestart(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		l := leases(t, b.JetStream(), "one")
		first, err := l.Hold(ctx, "order.a", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Restart()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if first.Context.Err() == nil {
			return
		}
		again, err := leases(t, b.JetStream(), "one").Hold(ctx, "order.a", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Release()
	})
}

// One that owns is had to work again after it was replaced, a spare when the owner lets go; a real error ends it, and so does the context.
func TestOwnerWorksAgainAfterItWasReplaced(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		broken := errors.New("broken")
		var worked atomic.Int32
		ended := make(chan error, 1)
		go func() {
			ended <- leases(t, b.JetStream(), "first").Own(t.Context(), "tx.main", false, nil, func(context.Context) error {
				if worked.Add(1) < 3 {
					return fmt.Errorf("loop: %w", actor.ErrReplaced)
				}
				time.Sleep(time.Minute)
				return broken
			})
		}()
		b.Wait()
		ctx, stop := context.WithCancel(t.Context())
		var waited atomic.Value
		var took atomic.Bool
		spare := make(chan error, 1)
		go func() {
			spare <- leases(t, b.JetStream(), "second").Own(ctx, "tx.main", false, func(holder string) { waited.Store(holder) }, func(ctx context.Context) error {
				took.Store(true)
				<-ctx.Done()
				return nil
			})
		}()
		time.Sleep(30 * time.Second)
		b.Wait()
		if worked.Load() != 3 || waited.Load() != "first" || took.Load() {
			t.Errorf("it has worked %d times, the spare has waited for %q and works: %t; want 3, first, false", worked.Load(), waited.Load(), took.Load())
		}
		if err := <-ended; !errors.Is(err, broken) {
			t.Errorf("it ended with %v, want what broke it", err)
		}
		time.Sleep(30 * time.Second)
		b.Wait()
		if !took.Load() {
			t.Error("the spare does not work although the owner has ended")
		}
		stop()
		if err := <-spare; err != nil {
			t.Errorf("the spare was stopped and ended with %v", err)
		}
	})
}
