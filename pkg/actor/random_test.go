package actor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// trouble is what happens to one account while commands come: a broker that restarts and loses messages on the way to
// the reader, a disk that is slow and whose acknowledgements get lost, owners that come, stop, are cut off and crash.
type trouble struct {
	*actortest.Bubble
	rng *rand.Rand

	mu      sync.Mutex
	stored  map[msgs.ClientOrderID]bool   // intents that the broker has acknowledged
	submits map[msgs.ClientOrderID]uint64 // acknowledged submits, the first of each id
	dead    map[msgs.ClientOrderID]bool   // cancelled before the first submit was even tried
	loses   atomic.Bool
}

func (x *trouble) chance(percent int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rng.IntN(100) < percent
}

func (x *trouble) pick(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rng.IntN(n)
}

func (x *trouble) sleep(ms int) { time.Sleep(time.Duration(x.pick(ms)) * time.Millisecond) }

// watched is a toy that knows what was stored, and complains when it is told an end too early.
type watched struct {
	*toy
	x *trouble
}

func (c watched) Decide(now time.Time, m any) actor.Decision {
	if end, ok := m.(actor.LaneEnd); ok {
		c.x.mu.Lock()
		for id, seq := range c.x.submits {
			if seq <= end.Seq && c.seen[id] == "" {
				c.x.T.Errorf("told the end %d while submit %d of %s is undecided", end.Seq, seq, id)
			}
		}
		c.x.mu.Unlock()
	}
	return c.toy.Decide(now, m)
}

// owner starts an actor in the middle of the trouble.
func (x *trouble) owner(i int) *bench {
	core := watched{newToy(), x}
	var cut bool
	p := startOn(x.Bubble, x.JetStream(), func(c *actor.Config) {
		c.Core, c.Owner = core, fmt.Sprint("owner", i)
		l := &lossy{JetStream: c.JS}
		l.before = func(ctx context.Context, _ *nats.Msg) error {
			if x.chance(20) {
				x.sleep(300)
			}
			if cut = cut || x.chance(1); cut {
				<-ctx.Done() // cut off: nothing of it reaches the broker any more
			}
			return ctx.Err()
		}
		l.after = func(m *nats.Msg) error {
			x.acknowledged(m)
			if x.chance(10) {
				return context.DeadlineExceeded
			}
			return nil
		}
		c.JS = &leaky{l, func(jetstream.Msg) bool { return x.loses.Load() && x.chance(3) }}
		perform := c.Perform
		c.Perform = func(ctx context.Context, job actor.Job) {
			x.mu.Lock()
			for _, d := range job.Deeds {
				if id := d.(post).id; !x.stored[id] {
					x.T.Errorf("%s is posted and its intent is not on disk", id)
				} else if x.dead[id] {
					x.T.Errorf("%s is posted and was cancelled before its submit was stored", id)
				}
			}
			x.mu.Unlock()
			perform(ctx, job)
		}
	})
	p.core = core.toy
	return p
}

func (x *trouble) acknowledged(m *nats.Msg) {
	env, err := msgs.DecodeEnvelope(m.Data)
	if err != nil {
		x.T.Error(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range env.Events {
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			x.stored[s.Orders[0].ClientOrderID] = true
		}
	}
}

// command stores a command; what is not acknowledged is sent again, as a user would.
func (x *trouble) command(js jetstream.JetStream, verb string, id msgs.ClientOrderID) {
	for x.T.Context().Err() == nil {
		ack, err := js.Publish(x.T.Context(), msgs.CmdSubject(msgs.FamilyOrder, "a", verb), []byte(id))
		if err == nil {
			x.mu.Lock()
			if verb == "submit" && x.submits[id] == 0 {
				x.submits[id] = ack.Sequence
			}
			x.mu.Unlock()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// restart restarts the server at a moment when nobody makes a consumer: the server sleeps in its shutdown under a lock that
// this takes, and a mutex that is waited for stops the virtual time.
func (x *trouble) restart() {
	x.loses.Store(false)
	time.Sleep(3 * time.Second)
	x.Bubble.Restart()
	time.Sleep(time.Second) // connections come back
	x.loses.Store(true)
}

// send sends submits, a fifth of them repeated, a fifth cancelled before, a fifth afterwards.
func (x *trouble) send(js jetstream.JetStream, sender, orders int) {
	for i := range orders {
		id := msgs.ClientOrderID(fmt.Sprintf("s%d-%d", sender, i))
		what := x.pick(5)
		if what == 0 {
			x.command(js, "cancel", id)
			x.mu.Lock()
			x.dead[id] = true
			x.mu.Unlock()
		}
		x.command(js, "submit", id)
		switch what {
		case 1:
			x.command(js, "submit", id)
		case 2:
			x.command(js, "cancel", id)
		}
		x.sleep(60)
	}
}

// check judges the log.
func (x *trouble) check(js jetstream.JetStream) {
	var n, epoch uint64
	cursors, intents, killed := map[string]uint64{}, map[msgs.ClientOrderID]int{}, map[msgs.ClientOrderID]bool{}
	for _, env := range log(x.T, js) {
		if env.Epoch < epoch {
			x.T.Errorf("epoch %d after %d", env.Epoch, epoch)
		}
		epoch = env.Epoch
		for lane, seq := range env.Cursors {
			if seq < cursors[lane] {
				x.T.Errorf("cursor of %s at %d after %d", lane, seq, cursors[lane])
			}
			cursors[lane] = seq
		}
		for _, e := range env.Events {
			if n++; msgs.HeadOf(e).N != n {
				x.T.Fatalf("event numbered %d where %d is next", msgs.HeadOf(e).N, n)
			}
			switch e := e.(type) {
			case *msgs.OrderSubmitting:
				intents[e.Orders[0].ClientOrderID]++
			case *msgs.OrderCancelled:
				killed[e.ClientOrderID] = true
			}
		}
	}
	for id := range x.submits {
		switch {
		case intents[id] > 1:
			x.T.Errorf("%s has %d intents", id, intents[id])
		case intents[id] == 0 && !killed[id]:
			x.T.Errorf("%s is lost", id)
		}
	}
}

// Whatever happens in whatever order, every stored submit is decided once, cancels that were first win, events are
// numbered without a gap, cursors never go back, and nothing is performed before it is on disk.
func TestRandomTrouble(t *testing.T) {
	seeds := 6
	if s, err := strconv.Atoi(os.Getenv("SLUICE_ACTOR_SEEDS")); err == nil {
		seeds = s // to look for trouble
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				x := &trouble{Bubble: b, rng: rand.New(rand.NewPCG(uint64(seed), 2)), stored: map[msgs.ClientOrderID]bool{},
					submits: map[msgs.ClientOrderID]uint64{}, dead: map[msgs.ClientOrderID]bool{}}
				x.loses.Store(true)
				p := x.owner(0)
				var senders sync.WaitGroup
				for s := range 2 {
					senders.Go(func() { x.send(b.JetStream(), s, 25) })
				}
				for i := 1; i <= 10; i++ {
					x.sleep(300)
					switch x.pick(4) {
					case 0:
						x.restart()
					case 1:
						p.cancel()
						if x.chance(50) {
							x.sleep(5000)
						}
						p = x.owner(i)
					default:
						p = x.owner(i)
					}
				}
				senders.Wait()
				x.loses.Store(false)
				time.Sleep(time.Minute) // also for the cut-off to be replaced
				p = start(b, nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				x.check(p.js)
			})
		})
	}
}
