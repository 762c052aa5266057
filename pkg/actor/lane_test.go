package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// ids is what a venue should have got: one, two, three …
func ids(names ...string) (out []msgs.ClientOrderID) {
	for _, n := range names {
		out = append(out, msgs.ClientOrderID(n))
	}
	return out
}

// Submits that wait for a permit when the broker restarts are decided afterwards, and before those that came later.
func TestSubmitsInHandOutliveTheirConsumer(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		g := &gate{open: make(chan struct{})}
		p := start(b, func(c *actor.Config) { c.Limiter = g })
		p.ask("submit", "one")
		p.ask("submit", "two")
		time.Sleep(time.Second)
		b.Restart()
		time.Sleep(5 * time.Second)
		p.ask("submit", "three")
		time.Sleep(5 * time.Second)
		close(g.open)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		decided := slices.Compact(slices.Clone(p.core.asks)) // each is judged again while it waits
		if want := []string{"submit one", "submit two", "submit three"}; !slices.Equal(decided, want) {
			t.Errorf("decided %v, want %v", decided, want)
		}
		if got := slices.Sorted(slices.Values(p.sent())); !slices.Equal(got, ids("one", "three", "two")) { // by goroutines of their own
			t.Errorf("posted %v, want all three once", got)
		}
		if g.out != 3 {
			t.Errorf("%d permits are out after three posts", g.out)
		}
	})
}

// The end of the submit lane is not told while a submit before it is in hand, whatever becomes of the consumer.
func TestLaneEndIsNotToldBeforeWhatIsInHand(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		g := &gate{open: make(chan struct{})}
		p := start(b, func(c *actor.Config) { c.Limiter = g })
		p.ask("submit", "first")
		g.open <- struct{}{}
		time.Sleep(time.Second)
		seq := p.ask("submit", "waits")
		time.Sleep(time.Second)
		b.Restart()
		time.Sleep(5 * time.Second)
		p.ask("cancel", "another")
		time.Sleep(5 * time.Second)
		if ends := p.ends(); len(ends) > 0 && ends[len(ends)-1] >= seq {
			t.Errorf("told the ends %v while the submit %d was undecided", ends, seq)
		}
		close(g.open)
		time.Sleep(5 * time.Second)
		if ends := p.ends(); len(ends) == 0 || ends[len(ends)-1] < seq+1 {
			t.Errorf("told the ends %v, want one of the cancel's %d or later", ends, seq+1)
		}
	})
}

func (p *bench) ends() []uint64 {
	p.T.Helper()
	v, err := p.act.Ask(p.T.Context(), func(uint64) any { return slices.Clone(p.core.ends) })
	if err != nil {
		p.T.Fatal(err)
	}
	return v.([]uint64)
}

// leaky is a JetStream whose consumers lose what drop names on the way to the reader, after the broker has counted it
// as delivered.
type leaky struct {
	jetstream.JetStream
	drop func(jetstream.Msg) bool
}

type leakyStream struct {
	jetstream.Stream
	drop func(jetstream.Msg) bool
}

type leakyConsumer struct {
	jetstream.Consumer
	drop func(jetstream.Msg) bool
}

type leakyMessages struct {
	jetstream.MessagesContext
	drop func(jetstream.Msg) bool
}

func (l *leaky) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := l.JetStream.Stream(ctx, name)
	return &leakyStream{s, l.drop}, err
}

func (l *leakyStream) CreateConsumer(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := l.Stream.CreateConsumer(ctx, cfg)
	return &leakyConsumer{c, l.drop}, err
}

func (l *leakyConsumer) Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	m, err := l.Consumer.Messages(opts...)
	return &leakyMessages{m, l.drop}, err
}

func (l *leakyConsumer) Fetch(n int, opts ...jetstream.FetchOpt) (jetstream.MessageBatch, error) {
	b, err := l.Consumer.Fetch(n, opts...)
	return &leakyBatch{b, l.drop}, err
}

type leakyBatch struct {
	jetstream.MessageBatch
	drop func(jetstream.Msg) bool
}

func (l *leakyBatch) Messages() <-chan jetstream.Msg {
	out := make(chan jetstream.Msg)
	go func() {
		defer close(out)
		for m := range l.MessageBatch.Messages() {
			if !l.drop(m) {
				out <- m
			}
		}
	}()
	return out
}

func (l *leakyMessages) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	for {
		m, err := l.MessagesContext.Next(opts...)
		if err != nil || !l.drop(m) {
			return m, err
		}
	}
}

// A message that the broker sent and the reader never got (a pull that had just expired, a full buffer) is missed as
// soon as the next one comes, and read again in its place.
func TestMessageLostOnTheWayIsReadAgain(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		lost := map[string]bool{}
		p := start(b, func(c *actor.Config) {
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool {
				id := string(m.Data())
				if lost[id] || !strings.HasPrefix(id, "lost") {
					return false
				}
				lost[id] = true
				return true
			}}
		})
		time.Sleep(time.Second)
		for _, id := range []string{"one", "lost two", "three", "lost four", "five"} {
			p.ask("submit", id)
			time.Sleep(time.Second)
		}
		p.ask("cancel", "lost six")
		p.ask("cancel", "seven")
		time.Sleep(time.Second)
		p.ask("submit", "lost six")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("one", "lost two", "three", "lost four", "five")) {
			t.Errorf("posted %v", got)
		}
	})
}

// A cancel that is removed from the stream before anybody has read it holds nothing up.
func TestSubmitsDoNotWaitForWhatWasRemoved(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, func(c *actor.Config) {
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool { return string(m.Data()) == "removed" }}
		})
		time.Sleep(time.Second)
		cancel := p.ask("cancel", "removed")
		p.ask("submit", "one")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := p.sent(); len(got) != 0 {
			t.Errorf("posted %v before the cancel that was stored earlier was heard", got)
		}
		s, err := p.js.Stream(t.Context(), msgs.AskStream("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteMsg(t.Context(), cancel); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("one")) {
			t.Errorf("posted %v", got)
		}
	})
}

// A lane whose stream is removed and made again while it is read ends the actor, even when the new stream has grown
// beyond the cursor: what is in it below the cursor would never be read.
func TestLaneWhoseStreamIsMadeAnewIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		p := start(b, nil)
		p.ask("submit", "one")
		time.Sleep(time.Second)
		if err := p.js.DeleteStream(t.Context(), msgs.AskStream("a")); err != nil {
			t.Fatal(err)
		}
		if err := actor.EnsureStreams(t.Context(), p.js, 1, "a"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			p.ask("submit", "two")
		}
		time.Sleep(time.Minute)
		select {
		case err := <-p.ended:
			p.ended <- err
			var lane *actor.LaneError
			if !errors.As(err, &lane) || !lane.Anew {
				t.Errorf("ended with %v", err)
			}
		default:
			t.Error("the actor goes on")
		}
	})
}

// A submit that was refused because of a halt is not refused after a resume that was stored before it, whichever lane is
// read first: also what needs no permit is decided behind the barrier.
func TestEverySubmitIsDecidedBehindTheBarrier(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		late := make(chan struct{})
		p := start(b, func(c *actor.Config) {
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool {
				if string(m.Data()) == "one" && strings.HasSuffix(m.Subject(), "cancel") {
					<-late
				}
				return false
			}}
			hear := c.Hear
			c.Hear = func(r actor.Record) any {
				if m := hear(r).(asked); m.id != "refuse" {
					return m
				}
				return asked{"cancel", "refused", r.Seq} // uses no permit
			}
		})
		time.Sleep(time.Second)
		p.ask("cancel", "one")
		p.ask("submit", "refuse")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := kinds(log(t, p.js)); len(got) != 1 {
			t.Errorf("decided %v before the cancel that was stored earlier", got[1:])
		}
		close(late)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := kinds(log(t, p.js)); len(got) != 3 {
			t.Errorf("decided %v", got)
		}
	})
}

// A submit may be written beside the question for the barrier; but it is not performed before a cancel that was stored
// earlier is heard, which takes it back, permit and all.
func TestSubmitWrittenAheadIsTakenBackByAnEarlierCancel(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		late, l := make(chan struct{}), &counting{give: 5}
		p := start(b, func(c *actor.Config) {
			c.Limiter = l
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool {
				if strings.HasSuffix(m.Subject(), "cancel") {
					<-late
				}
				return false
			}}
		})
		time.Sleep(time.Second)
		p.ask("cancel", "one")
		p.ask("submit", "one")
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if got := kinds(log(t, p.js)); !slices.Equal(got[1:], []msgs.Type{msgs.KindSubmitting}) {
			t.Errorf("written beside the barrier: %v", got[1:])
		}
		close(late)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.sent(); len(got) != 0 {
			t.Errorf("posted %v, which had been cancelled before", got)
		}
		if got := kinds(log(t, p.js)); !slices.Equal(got[2:], []msgs.Type{msgs.KindCancelled, msgs.KindCancelled}) {
			t.Errorf("after the cancel was heard: %v, want it and the killed submit", got[2:])
		}
		if l.out() != 0 {
			t.Errorf("%d permits are out and nothing was posted", l.out())
		}
	})
}

// What a crash left open is not taken up before a cancel is heard that was stored while nobody owned the account.
func TestOpenDeedsWaitForCancelsStoredMeanwhile(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		never := func(ctx context.Context, _ actor.Job) { <-ctx.Done() }
		p := start(b, func(c *actor.Config) { c.Perform, c.Grace = never, time.Millisecond })
		p.ask("submit", "one")
		p.ask("submit", "two")
		time.Sleep(time.Second)
		p.cancel()
		time.Sleep(time.Second)
		p.ask("cancel", "one")
		next := start(b, nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := next.sent(); !slices.Equal(got, ids("two")) {
			t.Errorf("taken up: %v, want the one that nobody cancelled", got)
		}
	})
}

// Whoever waits for permits of a batch stops when the batch needs none any more, however many batches there are; and an
// actor that is replaced gives back what it holds.
func TestPermitsAreNeitherLeakedNorAwaitedInVain(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l := &counting{give: 3}
		p := start(b, func(c *actor.Config) {
			c.Limiter = l
			c.JS = &leaky{c.JS, func(m jetstream.Msg) bool { return string(m.Data()) == "held" }}
		})
		for i := range 150 {
			p.ask("submit", fmt.Sprint("id", i))
		}
		time.Sleep(time.Second)
		for i := range 150 {
			p.ask("cancel", fmt.Sprint("id", i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := l.waiting(); n != 0 {
			t.Errorf("%d wait for permits when nothing needs one", n)
		}
		p.ask("submit", "last")
		time.Sleep(time.Second)
		p.ask("cancel", "held")
		l.add(1) // goes to the batch, which now waits for the cancel
		time.Sleep(time.Second)
		start(b, func(c *actor.Config) { c.Submit, c.Owner = nil, "new" })
		time.Sleep(time.Second)
		p.act.Tell(t.Context(), posted{"makes an append"})
		if err := <-p.ended; !errors.Is(err, actor.ErrReplaced) {
			t.Errorf("ended with %v", err)
		} else {
			p.ended <- err
		}
		synctest.Wait()
		if l.waiting() != 0 || l.out() != len(p.sent()) {
			t.Errorf("%d wait and %d permits are out after %d posts", l.waiting(), l.out(), len(p.sent()))
		}
	})
}

// counting is a limiter that knows who waits and what is out.
type counting struct {
	mu           sync.Mutex
	give         int
	taken, waits int
}

func (l *counting) Try(want int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(want, l.give)
	l.give, l.taken = l.give-n, l.taken+n
	return n
}

func (l *counting) Wait(ctx context.Context, want int) (int, error) {
	l.count(1)
	defer l.count(-1)
	for {
		if n := l.Try(want); n > 0 {
			return n, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (l *counting) Return(n int) { l.mu.Lock(); l.give, l.taken = l.give+n, l.taken-n; l.mu.Unlock() }
func (l *counting) add(n int)    { l.mu.Lock(); l.give += n; l.mu.Unlock() }
func (l *counting) count(n int)  { l.mu.Lock(); l.waits += n; l.mu.Unlock() }
func (l *counting) waiting() int { l.mu.Lock(); defer l.mu.Unlock(); return l.waits }
func (l *counting) out() int     { l.mu.Lock(); defer l.mu.Unlock(); return l.taken }
