package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// over gives the error with which a bench's actor ended, nil while it runs.
func (p *bench) over() error {
	select {
	case err := <-p.ended:
		p.ended <- err
		if err == nil {
			err = errors.New("ended without an error")
		}
		return err
	default:
		return nil
	}
}

// Two processes of the same name that claim at the same time are told apart: only one believes that it has won.
func TestRacingClaimsOfOneNameHaveOneWinner(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		wait := make(chan struct{})
		slow := start(b, func(c *actor.Config) {
			first := true
			c.JS = &lossy{JetStream: c.JS, before: func(context.Context, *nats.Msg) error {
				if first {
					first = false
					<-wait
				}
				return nil
			}}
		})
		time.Sleep(time.Second)
		quick := start(b, nil)
		time.Sleep(time.Second)
		close(wait)
		time.Sleep(time.Second)
		quick.ask("submit", "one")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if err := quick.over(); !errors.Is(err, actor.ErrReplaced) {
			t.Errorf("the first to claim: %v, want to be replaced by the second", err)
		}
		if err := slow.over(); err != nil {
			t.Errorf("the second ended: %v", err)
		}
		envs := log(t, slow.js)
		if got, want := kinds(envs)[:2], []msgs.Type{msgs.KindOwner, msgs.KindOwner}; !slices.Equal(got, want) || envs[1].Epoch != 2 {
			t.Errorf("log begins %v, second epoch %d", got, envs[1].Epoch)
		}
		if n := len(slow.sent()) + len(quick.sent()); n != 1 {
			t.Errorf("%d posts of one submit", n)
		}
	})
}

// A broker that does not answer when an actor starts is waited for.
func TestStartWaitsForTheBroker(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		first := start(b, nil)
		first.ask("submit", "one")
		time.Sleep(time.Second)
		first.cancel()
		time.Sleep(5 * time.Second)
		began := time.Now()
		p := start(b, func(c *actor.Config) { c.JS = &away{c.JS, began.Add(10 * time.Minute)} })
		time.Sleep(9 * time.Minute)
		if err := p.over(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		p.ask("submit", "two")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("two")) {
			t.Errorf("posted %v", got)
		}
	})
}

// away is a broker that cannot be reached until a moment.
type away struct {
	jetstream.JetStream
	until time.Time
}

func (a *away) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if time.Now().Before(a.until) {
		return nil, nats.ErrNoResponders
	}
	return a.JetStream.Stream(ctx, name)
}

// What stands on the log and is not ours is said with its place and what to do; nothing is written.
func TestForeignMessagesOnTheLogAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ last, then string }{
		"not JSON":                 {"hello", ""},
		"not an envelope":          {`{"a":1}`, ""},
		"a string":                 {`"hello"`, ""},
		"without events":           {`{"v":1,"account":"a","env":"sandbox","events":[]}`, ""},
		"earlier, not JSON":        {"hello", `{"v":1,"account":"a","env":"sandbox","epoch":1,"events":[{"v":1,"type":"order.owner","n":1}]}`},
		"numbered from the middle": {`{"v":1,"account":"a","env":"sandbox","epoch":1,"events":[{"v":1,"type":"order.owner","n":7}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1, "a"); err != nil {
					t.Fatal(err)
				}
				for _, data := range []string{c.last, c.then} {
					if data == "" {
						continue
					}
					if _, err := b.JetStream().Publish(t.Context(), "evt.order.a", []byte(data)); err != nil {
						t.Fatal(err)
					}
				}
				p := start(b, nil)
				time.Sleep(10 * time.Second)
				var wrong *actor.LogError
				if err := p.over(); !errors.As(err, &wrong) || wrong.Seq != 1 || !strings.Contains(err.Error(), "nats stream rmm LOG_a 1") {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// Events of a newer version keep their place in the numbering and do not disturb.
func TestEventsOfANewerVersionAreCounted(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1, "a"); err != nil {
			t.Fatal(err)
		}
		const newer = `{"v":1,"account":"a","env":"sandbox","epoch":4,"events":[{"v":1,"type":"order.owner","n":1},{"v":2,"type":"order.dreamt","n":2,"of":[1]}]}`
		if _, err := b.JetStream().Publish(t.Context(), "evt.order.a", []byte(newer)); err != nil {
			t.Fatal(err)
		}
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"1 order.owner", "2 order.dreamt", "3 order.owner", "4 order.submitting", "5 order.accepted"}; !slices.Equal(p.core.heard, want) {
			t.Errorf("heard %v", p.core.heard)
		}
	})
}

// A lane that the last message of the log does not know of keeps the cursor that an earlier one has.
func TestCursorsNeverGoBack(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		p.cancel()
		time.Sleep(5 * time.Second)
		older := start(b, func(c *actor.Config) { c.Submit = nil }) // knows of one lane only
		time.Sleep(time.Second)
		older.cancel()
		time.Sleep(5 * time.Second)
		q := start(b, nil)
		time.Sleep(5 * time.Second)
		q.ask("submit", "two")
		time.Sleep(5 * time.Second)
		envs := log(t, q.js)
		if got := envs[len(envs)-1].Cursors["submit"]; got != 2 {
			t.Errorf("cursor %d at the end", got)
		}
		if got := q.core.asks; !slices.Equal(got, []string{"submit two"}) {
			t.Errorf("the last owner read %v", got)
		}
	})
}

// said is a log that can be searched.
type said struct{ bytes.Buffer }

func (s *said) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&s.Buffer, nil)) }

// A full log holds everything up, says so at once and then once a minute, and goes on by itself when there is room.
func TestFullLogIsSaidAloudAndWaitedOut(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		var heard said
		p := start(b, func(c *actor.Config) { c.Log = heard.logger() })
		time.Sleep(time.Second)
		limit := func(bytes int64) {
			s, err := p.js.Stream(t.Context(), msgs.LogStream("a"))
			if err != nil {
				t.Fatal(err)
			}
			cfg := s.CachedInfo().Config
			cfg.MaxBytes = bytes
			if _, err := p.js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		limit(300)
		p.ask("submit", "one")
		time.Sleep(10*time.Minute + 30*time.Second)
		synctest.Wait()
		if got := p.sent(); len(got) != 0 {
			t.Errorf("posted %v without an intent on disk", got)
		}
		if n := strings.Count(heard.String(), "append refused"); n < 10 || n > 12 {
			t.Errorf("said %d times in ten minutes:\n%s", n, heard.String())
		}
		limit(1 << 20)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("one")) || !strings.Contains(heard.String(), "append succeeded") {
			t.Errorf("posted %v; said\n%s", got, heard.String())
		}
	})
}

// A decision that no message can hold ends the actor; it is not tried for ever.
func TestDecisionTooLargeForTheLogEndsTheActor(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, func(c *actor.Config) {
			c.Hear = func(actor.Record) any { return posted{msgs.ClientOrderID(strings.Repeat("x", 2<<20))} }
		})
		p.ask("submit", "one")
		time.Sleep(time.Second)
		if err := p.over(); !errors.Is(err, nats.ErrMaxPayload) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A log that is emptied under its owner is not taken for another owner's claim.
func TestEmptiedLogIsNotAReplacement(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		s, err := p.js.Stream(t.Context(), msgs.LogStream("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.ask("submit", "two")
		time.Sleep(time.Second)
		var wrong *actor.LogError
		if err := p.over(); !errors.As(err, &wrong) {
			t.Errorf("ended with %v", err)
		}
		if got := p.sent(); !slices.Equal(got, ids("one")) {
			t.Errorf("posted %v", got)
		}
	})
}

// ticking decides something at every tick.
type ticking struct{ *toy }

func (c ticking) Decide(now time.Time, m any) actor.Decision {
	if _, ok := m.(actor.Tick); ok {
		return c.toy.Decide(now, posted{"tick"})
	}
	return c.toy.Decide(now, m)
}

// While the log cannot be written, ticks, questions and commands do not pile up without a bound.
func TestNothingPilesUpWhileTheLogIsAway(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		const bound = 2<<20 + 1<<20 // pending, and one append under way
		hold := make(chan struct{})
		decided := 0
		p := start(b, func(c *actor.Config) {
			c.Core = ticking{newToy()}
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), "tick") {
					<-hold
				}
				return nil
			}}
			c.Published = func(events []msgs.Event, _ [][]byte) { decided += len(events) }
		})
		for range 5 {
			time.Sleep(2 * time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			for range 2000 {
				go p.act.Ask(ctx, func(uint64) any { return nil })
			}
			time.Sleep(2 * time.Second)
			cancel()
		}
		close(hold)
		time.Sleep(time.Second)
		synctest.Wait()
		if size := decided * 300; size > bound {
			t.Errorf("%d events were decided while nothing could be written", decided)
		}
	})
}

// A snapshot of a log that was removed is not mixed with the one that grew in its place, even beyond it.
func TestSnapshotOfAnotherLogIsLeftAside(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		store, err := actor.Snapshots(t.Context(), js, 1)
		if err != nil {
			t.Fatal(err)
		}
		with := func(c *actor.Config) { c.Snapshots, c.Hear = store, hearMany }
		fill := func(p *bench, name string, n int) {
			for i := range n {
				p.ask("submit", fmt.Sprint(name, i))
			}
			time.Sleep(10 * time.Minute)
			p.cancel()
			time.Sleep(10 * time.Second)
		}
		fill(start(b, with), "old", 60)
		if names, err := store.List(t.Context()); err != nil || len(names) != 1 {
			t.Fatalf("snapshots: %v, %v", names, err)
		}
		for _, s := range []string{msgs.LogStream("a"), msgs.AskStream("a")} {
			if err := js.DeleteStream(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		fill(start(b, func(c *actor.Config) { c.Hear = hearMany }), "new", 60)
		p := start(b, with)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		state, _ := p.core.Snapshot()
		if bytes.Contains(state, []byte("old")) || !bytes.Contains(state, []byte("new59.99")) {
			t.Error("the state has orders of the log that was removed")
		}
	})
}

// When the log was purged below a snapshot and the snapshot cannot be used, the actor does not start from what is left.
func TestLogPurgedWithoutASnapshotIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		for i := range 10 {
			p.ask("submit", fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		p.cancel()
		time.Sleep(5 * time.Second)
		s, err := p.js.Stream(t.Context(), msgs.LogStream("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(6)); err != nil {
			t.Fatal(err)
		}
		q := start(b, nil)
		time.Sleep(5 * time.Second)
		var wrong *actor.LogError
		if err := q.over(); !errors.As(err, &wrong) || wrong.Seq != 6 {
			t.Errorf("ended with %v", err)
		}
	})
}
