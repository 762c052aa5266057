package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// An intent is on the log, with its cursor, before its deed is performed.
func TestDeedIsPerformedAfterItsEventIsOnDisk(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		synctest.Wait()
		envs := log(t, p.js)
		want := []msgs.Type{msgs.KindOwner, msgs.KindSubmitting, msgs.KindAccepted}
		if got := kinds(envs); !slices.Equal(got, want) {
			t.Fatalf("log is %v, want %v", got, want)
		}
		if got := envs[1].Cursors["submit"]; got != 1 {
			t.Errorf("cursor %d beside the intent, want 1", got)
		}
		if got := p.sent(); !slices.Equal(got, []msgs.ClientOrderID{"one"}) {
			t.Errorf("posted %v", got)
		}
	})
}

// While the append of an intent is held, nothing is posted; and what is decided meanwhile is one message.
func TestWhatIsDecidedDuringAnAppendIsTheNextMessage(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold := make(chan struct{})
		p := start(b, func(c *actor.Config) {
			first := true
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), `"submit":1}`) && first {
					first = false
					<-hold
				}
				return nil
			}}
		})
		p.ask("submit", "one")
		time.Sleep(time.Second)
		for i := range 40 {
			p.ask("submit", fmt.Sprintf("more%d", i))
			p.ask("cancel", fmt.Sprintf("other%d", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := p.sent(); len(got) != 0 {
			t.Fatalf("posted %v while the intent was not on disk", got)
		}
		close(hold)
		time.Sleep(time.Second)
		synctest.Wait()
		envs := log(t, p.js)
		if got := len(envs[2].Events); got < 80 {
			t.Errorf("the second append holds %d events, want all 80 that were decided during the first", got)
		}
		if got := p.sent(); len(got) != 41 {
			t.Errorf("%d posted, want 41", len(got))
		}
		var n uint64
		for _, env := range envs {
			for _, e := range env.Events {
				if n++; msgs.HeadOf(e).N != n {
					t.Fatalf("event numbered %d where %d is next", msgs.HeadOf(e).N, n)
				}
			}
		}
	})
}

// A cancel that is stored before its submit is decided wins, however the two lanes race.
func TestCancelStoredBeforeTheSubmitWins(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		for i := range 200 {
			p.ask("cancel", fmt.Sprintf("id%d", i))
			p.ask("submit", fmt.Sprintf("id%d", i))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); len(got) != 0 {
			t.Fatalf("posted %d orders that had been cancelled before: %v", len(got), got)
		}
		all := kinds(log(t, p.js))
		if got := len(all) - count(all, msgs.KindSubmitting); got != 401 {
			t.Errorf("%d events beside intents, want owner, 200 cancels and 200 killed submits", got)
		}
	})
}

func count(all []msgs.Type, kind msgs.Type) (n int) {
	for _, k := range all {
		if k == kind {
			n++
		}
	}
	return n
}

// Submits that are killed are let through while the limiter holds back what would be sent; a cancel that arrives while
// the permit is awaited still wins; and permits that were not used go back.
func TestKilledSubmitsNeedNoPermit(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		g := &gate{open: make(chan struct{})}
		p := start(b, func(c *actor.Config) { c.Limiter = g })
		for i := range 100 {
			p.ask("submit", fmt.Sprintf("id%d", i))
		}
		time.Sleep(time.Second)
		for i := range 100 {
			p.ask("cancel", fmt.Sprintf("id%d", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(kinds(log(t, p.js))); got != 201 {
			t.Errorf("%d events with the limiter closed, want owner, 100 cancels and 100 killed submits", got)
		}
		close(g.open)
		time.Sleep(time.Second)
		p.ask("submit", "last")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, []msgs.ClientOrderID{"last"}) {
			t.Errorf("posted %v, want only the one that nobody cancelled", got)
		}
		if g.out != 1 {
			t.Errorf("%d permits are out after one post", g.out)
		}
		end, err := p.act.Ask(t.Context(), func(uint64) any { return slices.Clone(p.core.ends) })
		if ends := end.([]uint64); err != nil || len(ends) == 0 || ends[len(ends)-1] < 200 {
			t.Errorf("the core heard of lane ends %v, want one that includes all 200 commands; %v", ends, err)
		}
	})
}

// A newcomer's claim ends the old owner, whose decisions never reach the log and whose deeds are not performed.
func TestReplacedOwnerDropsWhatItHasInHand(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold := make(chan struct{})
		old := start(b, func(c *actor.Config) {
			c.Owner = "old"
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), "submitting") {
					<-hold
				}
				return nil
			}}
		})
		old.ask("submit", "one")
		time.Sleep(time.Second)
		next := start(b, func(c *actor.Config) { c.Owner = "new" })
		time.Sleep(time.Second)
		close(hold)
		err := <-old.ended
		old.ended <- err
		if !errors.Is(err, actor.ErrReplaced) {
			t.Fatalf("old owner ended with %v", err)
		}
		synctest.Wait()
		if got := old.sent(); len(got) != 0 {
			t.Errorf("the old owner posted %v", got)
		}
		if got := next.sent(); !slices.Equal(got, []msgs.ClientOrderID{"one"}) {
			t.Errorf("the new owner posted %v", got)
		}
		if _, err := old.act.Ask(t.Context(), func(uint64) any { return nil }); !errors.Is(err, actor.ErrReplaced) {
			t.Errorf("the old owner still answers: %v", err)
		}
	})
}

// An acknowledgement that gets lost is not taken for a replacement.
func TestLostAcknowledgementIsRecognised(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		lost := 0
		p := start(b, func(c *actor.Config) {
			c.JS = &lossy{JetStream: c.JS, after: func(m *nats.Msg) error {
				if lost++; lost%2 == 0 {
					return context.DeadlineExceeded
				}
				return nil
			}}
		})
		for i := range 10 {
			p.ask("submit", fmt.Sprintf("id%d", i))
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		select {
		case err := <-p.ended:
			t.Fatalf("ended with %v", err)
		default:
		}
		if got := p.sent(); len(got) != 10 {
			t.Errorf("posted %v", got)
		}
		if got := len(kinds(log(t, p.js))); got != 21 {
			t.Errorf("%d events, want 21 without repeats", got)
		}
	})
}

// Whatever step a crash falls between, each submit becomes exactly one intent, none is lost, and replay equals the state
// that the last owner had. Crashes are abrupt ends of the actor at a random publish, before or after it is stored.
func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				rng := rand.New(rand.NewPCG(seed, 1))
				const orders = 60
				sender := start(b, nil) // also the first owner
				go func() {
					for i := range orders {
						if _, err := sender.js.Publish(t.Context(), "cmd.order.a.submit", fmt.Appendf(nil, "id%d", i)); err != nil {
							return
						}
						time.Sleep(30 * time.Millisecond)
					}
				}()
				for range 12 {
					time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
					fuse, stored := rng.IntN(6), rng.IntN(2) == 0
					start(b, func(c *actor.Config) {
						dead := false
						l := &lossy{JetStream: c.JS}
						l.before = func(ctx context.Context, _ *nats.Msg) error {
							if fuse--; fuse < 0 && !stored || dead {
								dead = true
								<-ctx.Done()
								return ctx.Err()
							}
							return nil
						}
						l.after = func(*nats.Msg) error {
							if fuse < 0 && stored {
								dead = true
								return context.DeadlineExceeded
							}
							return nil
						}
						c.JS = l
					})
				}
				time.Sleep(time.Second)
				last := start(b, nil)
				time.Sleep(10 * time.Second)
				synctest.Wait()

				intents := map[msgs.ClientOrderID]int{}
				fresh := newToy()
				for _, env := range log(t, last.js) {
					for _, e := range env.Events {
						fresh.Apply(e)
						if s, ok := e.(*msgs.OrderSubmitting); ok {
							intents[s.Orders[0].ClientOrderID]++
						}
					}
				}
				for i := range orders {
					if id := msgs.ClientOrderID(fmt.Sprintf("id%d", i)); intents[id] != 1 {
						t.Errorf("%s has %d intents", id, intents[id])
					}
				}
				live, err := last.act.Ask(t.Context(), func(uint64) any { s, _ := last.core.Snapshot(); return string(s) })
				if err != nil {
					t.Fatal(err)
				}
				if replayed, _ := fresh.Snapshot(); live != string(replayed) || len(fresh.open) != 0 {
					t.Errorf("live %v\nreplayed %s", live, replayed)
				}
			})
		})
	}
}

// The actor outlives a restart of the embedded server, and reads on where it was.
func TestServerRestartIsWaitedOut(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "before")
		time.Sleep(time.Second)
		b.Restart()
		time.Sleep(5 * time.Second)
		p.ask("cancel", "x")
		p.ask("submit", "after")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, []msgs.ClientOrderID{"before", "after"}) {
			t.Errorf("posted %v", got)
		}
	})
}

// A question is answered from what is on disk: while an append is held, an answer that could see its event is held too.
func TestAnswersWaitForTheDisk(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold := make(chan struct{})
		p := start(b, func(c *actor.Config) {
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), "submitting") {
					<-hold
				}
				return nil
			}}
		})
		p.ask("submit", "one")
		time.Sleep(time.Second)
		got := make(chan any, 1)
		go func() {
			v, _ := p.act.Ask(t.Context(), func(n uint64) any { return n })
			got <- v
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(got) != 0 {
			t.Errorf("answered %v before the disk had it", <-got)
		}
		close(hold)
		if v := <-got; v != uint64(2) {
			t.Errorf("answered %v, want 2", v)
		}
	})
}

// After enough events the state is kept, and the next owner starts from it; a snapshot of another log is left aside.
func TestSnapshotShortensTheNextStart(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		store, err := actor.Snapshots(t.Context(), js, 1)
		if err != nil {
			t.Fatal(err)
		}
		with := func(c *actor.Config) { c.Snapshots, c.Hear = store, hearMany }
		p := start(b, with)
		for i := range 60 {
			p.ask("submit", fmt.Sprintf("id%d", i))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if names, err := store.List(t.Context()); err != nil || len(names) != 1 {
			t.Fatalf("snapshots: %v, %v", names, err)
		}
		q := start(b, with)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(q.core.heard); n == 0 || n > 3000 {
			t.Errorf("the newcomer replayed %d events", n)
		}
		a, _ := p.core.Snapshot()
		z, _ := q.core.Snapshot()
		if string(a) != string(z) {
			t.Error("the state from the snapshot is another")
		}
	})
}

func TestLogOfAnotherEnvIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		q := start(b, func(c *actor.Config) { c.Env = msgs.Live })
		err := <-q.ended
		q.ended <- err
		var env *actor.EnvError
		if !errors.As(err, &env) || env.Have != msgs.Sandbox {
			t.Fatalf("ended with %v", err)
		}
		p.ask("submit", "two")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := p.sent(); len(got) != 2 {
			t.Errorf("the rightful owner was disturbed: posted %v", got)
		}
	})
}

func TestLaneThatEndsBeforeItsCursorIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		p.cancel()
		time.Sleep(5 * time.Second)
		if err := p.js.DeleteStream(t.Context(), msgs.AskStream("a")); err != nil {
			t.Fatal(err)
		}
		q := start(b, nil)
		err := <-q.ended
		q.ended <- err
		var lane *actor.LaneError
		if !errors.As(err, &lane) {
			t.Fatalf("ended with %v", err)
		}
	})
}

func TestStopWaitsForWorkAndThenCutsIt(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, func(c *actor.Config) { c.Grace = time.Second })
		p.ask("submit", "quick")
		time.Sleep(15 * time.Millisecond)
		synctest.Wait()
		p.cancel()
		err := <-p.ended
		p.ended <- err
		if got := kinds(log(t, p.js)); err != nil || got[len(got)-1] != msgs.KindAccepted {
			t.Errorf("stopped with %v; the log ends %v", err, got)
		}
		q := start(b, func(c *actor.Config) {
			c.Grace = time.Second
			c.Perform = func(ctx context.Context, _ actor.Job) { <-ctx.Done() }
		})
		q.ask("submit", "slow")
		time.Sleep(time.Second)
		q.cancel()
		began := time.Now()
		err = <-q.ended
		q.ended <- err
		if took := time.Since(began); err != nil || took != time.Second {
			t.Errorf("stopped after %v with %v, want the grace of 1 s", took, err)
		}
	})
}

func TestStopDoesNotWaitForWhatOnlyLooksLater(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		q := start(b, func(c *actor.Config) {
			c.Perform = func(ctx context.Context, j actor.Job) {
				select {
				case <-j.Leaving:
				case <-ctx.Done():
				}
			}
		})
		q.ask("submit", "later")
		time.Sleep(time.Second)
		q.cancel()
		began := time.Now()
		err := <-q.ended
		q.ended <- err
		if took := time.Since(began); err != nil || took != 0 {
			t.Errorf("stopped after %v with %v, want at once", took, err)
		}
	})
}

func TestGroupEndsAtOnceWhenStartingAgainIsHopeless(t *testing.T) {
	for _, hopeless := range []error{&actor.EnvError{Stream: "LOG_a", Have: "sandbox", Own: "live"}, &actor.HeldError{Name: "order.a", Holder: "one"}} {
		synctest.Test(t, func(t *testing.T) {
			runs := 0
			g := &actor.Group{Log: slog.New(slog.DiscardHandler)}
			g.Add("bad", func(context.Context) error { runs++; return fmt.Errorf("own: %w", hopeless) })
			g.Add("good", func(ctx context.Context) error { <-ctx.Done(); return nil })
			if err := g.Run(t.Context()); runs != 1 || !errors.Is(err, hopeless) {
				t.Errorf("%d runs, %v; want one and %v", runs, err, hopeless)
			}
		})
	}
}

func TestGroupStartsAgainAndThenGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		g := &actor.Group{Log: slog.New(slog.DiscardHandler)}
		g.Add("bad", func(context.Context) error { runs++; return errors.New("boom") })
		g.Add("good", func(ctx context.Context) error { <-ctx.Done(); return nil })
		err := g.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "boom") || runs != 6 {
			t.Errorf("ended after %d runs with %v", runs, err)
		}
	})
}

// Who listens where the streams say again what they stored never hears the append of an owner that was replaced.
func TestRefusedAppendIsNotHeard(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		if err := actor.EnsureStreams(t.Context(), js, 1, "a"); err != nil {
			t.Fatal(err)
		}
		sub, err := b.NATS().SubscribeSync(actor.Stored + ".evt.order.a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "evt.order.a", []byte("kept")); err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "evt.order.a", []byte("refused"), jetstream.WithExpectLastSequenceForSubject(0, "evt.order.a")); err == nil {
			t.Fatal("the fence let it through")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n, _, _ := sub.Pending(); n != 1 {
			t.Fatalf("%d messages heard, want the stored one alone", n)
		}
		if m, err := sub.NextMsg(time.Second); err != nil || string(m.Data) != "kept" {
			t.Errorf("heard %v, %v", m, err)
		}
	})
}

func TestGroupThatIsToldToStopDoesNotFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		g := &actor.Group{Log: slog.New(slog.DiscardHandler)}
		g.Add("good", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		stop(errors.New("terminated signal received"))
		if err := g.Run(ctx); err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}
