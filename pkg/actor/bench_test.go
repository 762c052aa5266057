package actor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// toy is the smallest core that has everything: submits become intents, cancels kill for ever, outcomes close.
type toy struct {
	open  []msgs.ClientOrderID // intents without outcome, in log order
	seen  map[msgs.ClientOrderID]string
	heard []string
	asks  []string
	ends  []uint64
}

func newToy() *toy { return &toy{seen: map[msgs.ClientOrderID]string{}} }

type asked struct {
	verb string
	id   msgs.ClientOrderID
	seq  uint64
}

type post struct{ id msgs.ClientOrderID }
type posted struct{ id msgs.ClientOrderID }

func hear(r actor.Record) any {
	verb := r.Subject[strings.LastIndexByte(r.Subject, '.')+1:]
	return asked{verb, msgs.ClientOrderID(r.Data), r.Seq}
}

func (c *toy) Decide(now time.Time, m any) actor.Decision {
	switch m := m.(type) {
	case asked:
		return c.ask(m)
	case posted:
		e := &msgs.OrderAccepted{VenueStatus: "live"}
		e.Type, e.ClientOrderID = msgs.KindAccepted, m.id
		return actor.Decision{Events: []msgs.Event{e}}
	case many:
		var d actor.Decision
		for i := range 100 {
			d.Events = append(d.Events, c.Decide(now, posted{msgs.ClientOrderID(fmt.Sprintf("%s.%d", m, i))}).Events...)
		}
		return d
	case actor.Recalled:
		return killed(m.Deed.(post).id, 0)
	case actor.LaneEnd:
		c.ends = append(c.ends, m.Seq) // a test's eye; a real core keeps no state outside Apply
	}
	return actor.Decision{}
}

func (c *toy) Stands(d actor.Deed) bool { return c.seen[d.(post).id] != "dead" }

func killed(id msgs.ClientOrderID, seq uint64) actor.Decision {
	e := &msgs.OrderCancelled{Reason: msgs.KilledInQueue}
	e.Type, e.CmdSeq, e.ClientOrderID = msgs.KindCancelled, seq, id
	return actor.Decision{Events: []msgs.Event{e}}
}

func (c *toy) ask(m asked) actor.Decision {
	c.asks = append(c.asks, m.verb+" "+string(m.id)) // a test's eye, like ends
	if m.verb == "cancel" {
		e := &msgs.OrderCancelled{Reason: msgs.Requested}
		e.Type, e.CmdSeq, e.ClientOrderID = msgs.KindCancelled, m.seq, m.id
		return actor.Decision{Events: []msgs.Event{e}, Drain: true}
	}
	switch c.seen[m.id] {
	case "":
		e := &msgs.OrderSubmitting{Orders: []msgs.Intent{{ClientOrderID: m.id}}}
		e.Type, e.CmdSeq = msgs.KindSubmitting, m.seq
		return actor.Decision{Events: []msgs.Event{e}, Deeds: []actor.Deed{post{m.id}}, Uses: 1}
	case "dead":
		return killed(m.id, m.seq)
	}
	return actor.Decision{}
}

func (c *toy) Apply(e msgs.Event) {
	c.heard = append(c.heard, fmt.Sprintf("%d %s", msgs.HeadOf(e).N, e.Kind()))
	switch e := e.(type) {
	case *msgs.OrderSubmitting:
		c.seen[e.Orders[0].ClientOrderID] = "open"
		c.open = append(c.open, e.Orders[0].ClientOrderID)
	case *msgs.OrderAccepted:
		c.seen[e.ClientOrderID] = "done"
		c.close(e.ClientOrderID)
	case *msgs.OrderCancelled:
		c.seen[e.ClientOrderID] = "dead"
		if e.Reason == msgs.KilledInQueue {
			c.close(e.ClientOrderID)
		}
	}
}

func (c *toy) close(id msgs.ClientOrderID) {
	c.open = slices.DeleteFunc(c.open, func(open msgs.ClientOrderID) bool { return open == id })
}

func (c *toy) Open() iter.Seq[actor.Deed] {
	return func(yield func(actor.Deed) bool) {
		for _, id := range c.open {
			if !yield(post{id}) {
				return
			}
		}
	}
}

func (c *toy) Snapshot() ([]byte, error) {
	return json.Marshal(struct {
		Open []msgs.ClientOrderID
		Seen map[msgs.ClientOrderID]string
	}{c.open, c.seen})
}

func (c *toy) Restore(b []byte) error {
	var s struct {
		Open []msgs.ClientOrderID
		Seen map[msgs.ClientOrderID]string
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	c.open, c.seen = s.Open, s.Seen
	return nil
}

// errCrashed is how an actor ends that did not come back from Run.
var errCrashed = errors.New("crashed")

// bench is one account's actor in a bubble, with a venue that answers after a while.
type bench struct {
	*actortest.Bubble
	js     jetstream.JetStream
	core   *toy
	act    *actor.Actor
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	posts []msgs.ClientOrderID
}

func start(b *actortest.Bubble, change func(*actor.Config)) *bench {
	b.T.Helper()
	return startOn(b, b.JetStream(), change)
}

func startOn(b *actortest.Bubble, js jetstream.JetStream, change func(*actor.Config)) *bench {
	b.T.Helper()
	p := &bench{Bubble: b, js: js, core: newToy(), ended: make(chan error, 1)}
	if err := actor.EnsureStreams(b.T.Context(), p.js, 1, "a"); err != nil {
		b.T.Fatal(err)
	}
	cfg := actor.Config{
		Account: "a", Env: msgs.Sandbox, Family: msgs.FamilyOrder, Owner: "test", JS: p.js, Core: p.core, Hear: hear,
		Express: []actor.Lane{{Name: "express", Stream: msgs.AskStream("a"), Subjects: []string{"cmd.order.a.cancel"}}},
		Submit:  &actor.Lane{Name: "submit", Stream: msgs.AskStream("a"), Subjects: []string{"cmd.order.a.submit"}},
		Perform: p.perform(20 * time.Millisecond), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	p.act = actor.New(cfg)
	ctx, cancel := context.WithCancel(b.T.Context())
	p.cancel = cancel
	go func() {
		err := errCrashed
		defer func() { p.ended <- err }()
		err = p.act.Run(ctx)
	}()
	b.T.Cleanup(func() { cancel(); <-p.ended; p.ended <- nil })
	return p
}

func (p *bench) perform(d time.Duration) actor.Perform {
	return func(ctx context.Context, job actor.Job) {
		for _, deed := range job.Deeds {
			id := deed.(post).id
			p.mu.Lock()
			p.posts = append(p.posts, id)
			p.mu.Unlock()
			select {
			case <-time.After(d):
				job.Deliver(posted{id})
			case <-ctx.Done():
				return
			}
		}
	}
}

func (p *bench) sent() []msgs.ClientOrderID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.posts)
}

func (p *bench) ask(verb, id string) uint64 {
	p.T.Helper()
	ack, err := p.js.Publish(p.T.Context(), msgs.CmdSubject("order", "a", verb), []byte(id))
	if err != nil {
		p.T.Fatal(err)
	}
	return ack.Sequence
}

// log is the family as it stands on disk.
func log(t *testing.T, js jetstream.JetStream) []msgs.Envelope {
	t.Helper()
	envs, err := readLog(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return envs
}

func readLog(ctx context.Context, js jetstream.JetStream) (envs []msgs.Envelope, err error) {
	s, err := js.Stream(ctx, msgs.LogStream("a"))
	if err != nil {
		return nil, err
	}
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq > 0 && seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			return nil, err
		}
		e, err := msgs.DecodeEnvelope(m.Data)
		if err != nil {
			return nil, err
		}
		envs = append(envs, e)
	}
	return envs, nil
}

func kinds(envs []msgs.Envelope) (all []msgs.Type) {
	for _, env := range envs {
		for _, e := range env.Events {
			all = append(all, e.Kind())
		}
	}
	return all
}

// lossy is a JetStream whose publishes can be held, refused or robbed of their acknowledgement.
type lossy struct {
	jetstream.JetStream
	before func(ctx context.Context, m *nats.Msg) error // not stored when it fails
	after  func(m *nats.Msg) error                      // stored, but not acknowledged when it fails
}

func (l *lossy) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if l.before != nil {
		if err := l.before(ctx, m); err != nil {
			return nil, err
		}
	}
	ack, err := l.JetStream.PublishMsg(ctx, m, opts...)
	if err == nil && l.after != nil {
		if err := l.after(m); err != nil {
			return nil, err
		}
	}
	return ack, err
}

// gate is a limiter that gives nothing until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	out  int
}

func (g *gate) Try(int) int { return 0 }
func (g *gate) Wait(ctx context.Context, want int) (int, error) {
	select {
	case <-g.open:
		g.mu.Lock()
		g.out++
		g.mu.Unlock()
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
func (g *gate) Return(n int) {
	g.mu.Lock()
	g.out -= n
	g.mu.Unlock()
}

// hearMany takes one command for a hundred outcomes, so that few commands make many events.
func hearMany(r actor.Record) any { return many(r.Data) }

type many []byte
