package actor_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// An append that takes long leaves an order behind a barrier of long ago. A cancel that was stored meanwhile, and that nobody has read
// yet, still wins; and what nobody cancels leaves, however long its append took.
func TestBarrierOfALongAppendIsAskedForAnew(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		const takes = time.Second
		late := make(chan struct{})
		p := start(b, func(c *actor.Config) {
			c.JS = &leaky{&lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if strings.Contains(string(m.Data), "submitting") {
					time.Sleep(takes)
				}
				return nil
			}}, func(m jetstream.Msg) bool {
				if strings.HasSuffix(m.Subject(), "cancel") {
					<-late
				}
				return false
			}}
		})
		p.ask("submit", "before")
		time.Sleep(5 * time.Second)
		p.ask("submit", "one")
		p.ask("submit", "two")
		time.Sleep(takes / 2)
		p.ask("cancel", "one")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("before")) {
			t.Errorf("posted %v before the cancel was heard", got)
		}
		close(late)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("before", "two")) {
			t.Errorf("posted %v, want what nobody had cancelled", got)
		}
	})
}

// While more is decided than the disk keeps up with, nothing is heard, and so no cancel. An order whose intent was on its way to the disk
// then does not leave before the cancels are heard that were stored meanwhile.
func TestCancelWinsThoughNothingIsHeardForAWhile(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		hold := make(chan struct{})
		p := start(b, func(c *actor.Config) {
			first := true
			c.JS = &lossy{JetStream: c.JS, before: func(_ context.Context, m *nats.Msg) error {
				if first && strings.Contains(string(m.Data), "submitting") {
					first = false
					<-hold
				}
				return nil
			}}
		})
		p.ask("submit", "one")
		p.ask("submit", "two")
		time.Sleep(time.Second)
		for i := range 250 { // events of far more than what may be decided and not on disk
			p.act.Tell(t.Context(), many(fmt.Sprint("fill", i)))
		}
		p.ask("cancel", "one")
		time.Sleep(time.Second)
		synctest.Wait()
		if slices.Contains(p.core.asks, "cancel one") {
			t.Fatal("the cancel is heard, so nothing is shown")
		}
		close(hold)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("two")) {
			t.Errorf("posted %v, want what nobody had cancelled", got)
		}
	})
}

// again posts an order once more.
type again struct{ post }

func (again) Leaves() {}

// beside is what does not leave.
type beside struct{ id msgs.ClientOrderID }

// stubborn is a toy that posts each order twice.
type stubborn struct {
	*toy
	intents map[msgs.ClientOrderID]int
}

func (c *stubborn) Decide(now time.Time, m any) actor.Decision {
	switch m := m.(type) {
	case posted:
		if c.intents[m.id] == 1 {
			d := c.toy.ask(asked{"submit", m.id + "?", 0}) // the event is of a new id, so that the toy takes it for a submit
			d.Events[0].(*msgs.OrderSubmitting).Orders[0].ClientOrderID = m.id
			return actor.Decision{Events: d.Events, Deeds: []actor.Deed{beside(m), again{post(m)}}}
		}
	case actor.Recalled:
		if a, repeats := m.Deed.(again); repeats {
			return killed(a.id, 0)
		}
	}
	return c.toy.Decide(now, m)
}

func (c *stubborn) Apply(e msgs.Event) {
	if s, ok := e.(*msgs.OrderSubmitting); ok {
		id := s.Orders[0].ClientOrderID
		if c.intents[id]++; c.intents[id] > 1 && c.seen[id] == "dead" {
			return // cancelled for ever
		}
	}
	c.toy.Apply(e)
}

func (c *stubborn) Stands(d actor.Deed) bool {
	if a, repeats := d.(again); repeats {
		d = a.post
	}
	return c.toy.Stands(d)
}

// What leaves once more, long after its submit was decided, waits behind a barrier of its own: a cancel that was stored before, and
// that nobody has read yet, stops it. What does not leave waits for nothing.
func TestRepeatLeavesBehindABarrier(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		late := make(chan struct{})
		var mu sync.Mutex
		var done []string
		did := func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(done) }
		p := start(b, func(c *actor.Config) {
			c.Core = &stubborn{newToy(), map[msgs.ClientOrderID]int{}}
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool {
				if strings.HasSuffix(m.Subject(), "cancel") {
					<-late
				}
				return false
			}}
			c.Perform = func(_ context.Context, job actor.Job) {
				for _, d := range job.Deeds {
					mu.Lock()
					done = append(done, strings.NewReplacer("actor_test.", "", "{", "", "}", "").Replace(fmt.Sprintf("%T %v", d, d)))
					mu.Unlock()
					if d, posts := d.(post); posts {
						time.Sleep(time.Second)
						job.Deliver(posted(d))
					}
				}
			}
		})
		p.ask("submit", "one")
		time.Sleep(100 * time.Millisecond)
		p.ask("cancel", "one")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got, want := did(), []string{"post one", "beside one"}; !slices.Equal(got, want) {
			t.Errorf("did %v before the cancel was heard, want %v", got, want)
		}
		close(late)
		time.Sleep(5 * time.Second)
		p.ask("submit", "two")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got, want := slices.Sorted(slices.Values(did())), []string{"again two", "beside one", "beside two", "post one", "post two"}; !slices.Equal(got, want) {
			t.Errorf("did %v, want %v", got, want)
		}
	})
}

// Who listens gets each event as it stands on the log, so that nobody has to write it again.
func TestListenersGetEventsAsTheyStandOnTheLog(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		var mu sync.Mutex
		var heard [][]byte
		p := start(b, func(c *actor.Config) {
			c.Published = func(events []msgs.Event, raw [][]byte) {
				mu.Lock()
				defer mu.Unlock()
				if len(events) != len(raw) {
					t.Errorf("%d events come as %d", len(events), len(raw))
				}
				heard = append(heard, raw...)
			}
		})
		for i := range 20 {
			p.ask("submit", fmt.Sprint("id", i))
			p.ask("cancel", fmt.Sprint("id", i))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s, err := p.js.Stream(t.Context(), msgs.LogStream("a"))
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(2); seq <= s.CachedInfo().State.LastSeq; seq++ { // the first is the claim
			m, err := s.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			env, err := msgs.DecodeEnvelope(m.Data)
			if err != nil {
				t.Fatal(err)
			}
			for range env.Events {
				if len(heard) == 0 || !bytes.Contains(m.Data, heard[0]) {
					t.Fatalf("message %d is %s, and %q was heard", seq, m.Data, heard)
				}
				heard = heard[1:]
			}
		}
		if len(heard) > 0 {
			t.Errorf("%q was heard and is not on the log", heard)
		}
	})
}
