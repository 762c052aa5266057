package actor

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// Codes of the broker's refusals that mean something to the fence.
const (
	errWrongLast jetstream.ErrorCode = 10071 // the family's last sequence is another
	errBusy      jetstream.ErrorCode = 10164 // on a replicated stream: another append is under way, which says nothing about who wins
)

// maxLanes bounds the lanes of one actor: what two services need, and room.
const maxLanes = 4

// cursors is the last decided sequence of each lane, in the order of Config.lanes.
type cursors [maxLanes]uint64

// standing is what holds beside an event, and is written with it.
type standing struct {
	cursors     cursors
	incarnation string         // of the log
	unjudged    *msgs.Unjudged // what starts have found and the core has not judged; nil: nothing
}

// unit is one decision, or one question, that is not yet let out.
type unit struct {
	events []msgs.Event
	raw    [][]byte
	size   int
	at     standing // when it was decided
	deeds  []Deed
	behind []Deed // those that wait for the gate
	gate   *gate  // nil where none do
	submit bool   // it decides one
	uses   int    // permits
	after  func()
	became bool      // of a deed: it may wait for company
	kept   time.Time // when it was decided
}

// flight is the one append that is under way.
type flight struct {
	units []unit
	name  string // of the append
	sent  time.Time
}

// appended is the end of a flight.
type appended struct {
	seq uint64
	err error
}

// claim makes this process the only writer: it appends an owner event until it wins, and gives its sequence. The claim is
// the log's new end, so what can be seen only of the one before it is looked at first and written with it.
func (a *Actor) claim(ctx context.Context) (uint64, error) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		last, env, err := a.last(ctx)
		if err != nil {
			return 0, err
		}
		a.epoch, a.n = env.Epoch+1, 0
		if k := len(env.Events); k > 0 {
			a.n = msgs.HeadOf(env.Events[k-1]).N
		}
		a.incarnation = cmp.Or(env.Incarnation, rand.Text())
		if err := a.resume(ctx, env); err != nil {
			return 0, err
		}
		own := a.owner()
		a.stamp(own, time.Now())
		raw, err := json.Marshal(own)
		if err != nil {
			return 0, fmt.Errorf("encode claim: %w", err)
		}
		seq, err := a.append(ctx, a.message([][]byte{raw}, a.standing()), last)
		if !errors.Is(err, ErrReplaced) {
			return seq, err
		}
		if err := pause(ctx, wait); err != nil {
			return 0, err
		}
	}
}

// last is the family's last message and its sequence, 0 where there is none.
func (a *Actor) last(ctx context.Context) (seq uint64, env msgs.Envelope, err error) {
	err = a.patiently(ctx, func() error {
		a.ended, a.unjudged = time.Time{}, &msgs.Unjudged{}
		stream, err := a.cfg.JS.Stream(ctx, msgs.LogStream(a.cfg.Account))
		if err != nil {
			return fmt.Errorf("open log %s: %w", msgs.LogStream(a.cfg.Account), err)
		}
		m, err := stream.GetLastMsgForSubject(ctx, a.subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return a.lookBack(ctx, stream)
		}
		if err != nil {
			return fmt.Errorf("read last of %s: %w", a.subject, err)
		}
		seq, a.ended, a.unjudged.EndedMS = m.Sequence, m.Time, m.Time.UnixMilli()
		if env, err = a.decode(seq, m.Data); err == nil && len(env.Events) == 0 {
			err = a.foreign(seq, "it holds no events")
		}
		return err
	})
	return seq, env, err
}

// decode reads one message of the log.
func (a *Actor) decode(seq uint64, b []byte) (msgs.Envelope, error) {
	env, err := msgs.DecodeEnvelope(b)
	switch {
	case err != nil:
		return env, a.foreign(seq, err.Error())
	case env.Env == "":
		return env, a.foreign(seq, "it is not an envelope")
	case env.Env != a.cfg.Env:
		return env, &EnvError{Stream: msgs.LogStream(a.cfg.Account), Have: env.Env, Own: a.cfg.Env}
	}
	return env, nil
}

// CheckEnv looks at the last message of a family's log and returns an *EnvError when it was written in another env: a process of
// another env shall neither wait for the log as a spare nor ask a venue for anything before it is told. A log that cannot be read
// now is no reason to end: who claims it looks again.
func CheckEnv(ctx context.Context, js jetstream.JetStream, family string, account msgs.Account, own msgs.Env) error {
	stream, err := js.Stream(ctx, msgs.LogStream(account))
	if err != nil {
		return nil
	}
	m, err := stream.GetLastMsgForSubject(ctx, msgs.EvtSubject(family, account))
	if err != nil {
		return nil
	}
	if env, err := msgs.DecodeEnvelope(m.Data); err == nil && env.Env != "" && env.Env != own {
		return &EnvError{Stream: msgs.LogStream(account), Have: env.Env, Own: own}
	}
	return nil
}

func (a *Actor) foreign(seq uint64, cause string) error {
	return &LogError{Stream: msgs.LogStream(a.cfg.Account), Seq: seq, Cause: cause}
}

// fold rebuilds the state: the snapshot, if there is one that the log reaches beyond, then the log up to the claim. It
// wants every event: what is missing may be a fill.
func (a *Actor) fold(ctx context.Context, claim uint64) error {
	from, err := a.restore(ctx, claim)
	if err != nil {
		return err
	}
	from++
	a.seq = claim
	return a.patiently(ctx, func() error {
		stream, err := a.cfg.JS.Stream(ctx, msgs.LogStream(a.cfg.Account))
		if err != nil {
			return fmt.Errorf("read log %s: %w", a.subject, err)
		}
		c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			FilterSubject: a.subject, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
			OptStartSeq: from, MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
		})
		if err != nil {
			return fmt.Errorf("read log %s: %w", a.subject, err)
		}
		it, err := c.Messages(jetstream.PullMaxMessages(foldAhead), jetstream.PullHeartbeat(heartbeat))
		if err != nil {
			return fmt.Errorf("read log %s: %w", a.subject, err)
		}
		defer it.Stop()
		reading, stop := context.WithCancel(ctx)
		defer stop()
		for part := range a.decodeAhead(reading, &reader{it: it}, from, claim) {
			d := <-part
			if d.err == nil {
				d.err = a.replay(d)
			}
			if d.err != nil {
				return fmt.Errorf("read log %s: %w", a.subject, d.err)
			}
			from = d.seq + 1
		}
		return ctx.Err()
	})
}

// decoded is one message of the log.
type decoded struct {
	seq uint64
	env msgs.Envelope
	err error
}

// decodeAhead reads the log from one sequence to another, in order, and decodes beside that: decoding is what a fold takes
// its time for. The channel ends after the last message, after an error, or with ctx.
func (a *Actor) decodeAhead(ctx context.Context, r *reader, from, to uint64) <-chan chan decoded {
	parts := make(chan chan decoded, foldDecoding)
	go func() {
		defer close(parts)
		for from <= to {
			part := make(chan decoded, 1)
			m, at, err := r.message(ctx)
			if err != nil {
				part <- decoded{err: err}
			}
			select {
			case parts <- part:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			from = at.Sequence.Stream + 1
			go func() {
				env, err := a.decode(at.Sequence.Stream, m.Data())
				part <- decoded{at.Sequence.Stream, env, err}
			}()
		}
	}()
	return parts
}

// replay takes one message of the log into the state.
func (a *Actor) replay(d decoded) error {
	seq, env := d.seq, &d.env
	for _, e := range env.Events {
		if n := msgs.HeadOf(e).N; n != a.n+1 {
			return a.gap(seq, n)
		}
		a.n++
		a.accused(e)
		a.cfg.Core.Apply(e)
	}
	a.setCursors(env.Cursors, env.Rewound)
	return nil
}

// owner is a word of the owner about itself.
func (a *Actor) owner() *msgs.OrderOwner {
	o := &msgs.OrderOwner{Owner: a.cfg.Owner, Epoch: a.epoch, Incarnation: a.incarnation}
	o.Type = msgs.Type(a.cfg.Family + ".owner")
	return o
}

// stamp gives an event its number and its common part.
func (a *Actor) stamp(e msgs.Event, now time.Time) {
	a.n++
	h := msgs.HeadOf(e)
	h.V, h.Account, h.Env, h.N, h.AtMS = 1, a.cfg.Account, a.cfg.Env, a.n, now.UnixMilli()
}

// message is one append: the events in order, with the owner and what holds when the last of them is decided.
func (a *Actor) message(events [][]byte, at standing) *nats.Msg {
	a.appends++
	b := make([]byte, 0, 256+len(events)*768)
	b = append(b, `{"v":1,"account":"`...)
	b = append(b, a.cfg.Account...)
	b = append(b, `","env":"`...)
	b = append(b, a.cfg.Env...)
	b = append(b, `","owner":`...)
	b = strconv.AppendQuote(b, a.cfg.Owner)
	b = append(b, `,"epoch":`...)
	b = strconv.AppendUint(b, a.epoch, 10)
	b = append(b, `,"incarnation":`...)
	b = strconv.AppendQuote(b, at.incarnation)
	if a.rewound {
		b = append(b, `,"rewound":true`...)
	}
	if a.cfg.Judges && at.unjudged != nil {
		b = append(append(b, `,"unjudged":`...), encodeUnjudged(at.unjudged)...)
	}
	b = append(b, `,"cursors":{`...)
	sep := ""
	for i, l := range a.cfg.lanes() {
		b = append(b, sep...)
		b = strconv.AppendQuote(b, l.Name)
		b = append(b, ':')
		b = strconv.AppendUint(b, at.cursors[i], 10)
		sep = ","
	}
	b = append(b, `},"events":[`...)
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	m := nats.NewMsg(a.subject)
	m.Data = append(b, `]}`...)
	m.Header.Set(msgs.HeaderAppend, fmt.Sprintf("%s/%d/%s/%d", a.cfg.Owner, a.epoch, a.run, a.appends))
	return m
}

// lanes is every lane, express first.
func (c *Config) lanes() []Lane {
	if c.Submit == nil {
		return c.Express
	}
	return append(c.Express[:len(c.Express):len(c.Express)], *c.Submit)
}

func (a *Actor) standing() standing { return standing{a.cursors, a.incarnation, a.unjudged} }

// setCursors moves the cursors on. They go back only where a lane was lost and its owner says so: else another version may
// have written without knowing of a lane.
func (a *Actor) setCursors(m map[string]uint64, rewound bool) {
	for i, l := range a.cfg.lanes() {
		if rewound {
			a.cursors[i] = m[l.Name]
		}
		a.cursors[i] = max(a.cursors[i], m[l.Name])
	}
}

func (a *Actor) cursorMap(at cursors) map[string]uint64 {
	m := map[string]uint64{}
	for i, l := range a.cfg.lanes() {
		m[l.Name] = at[i]
	}
	return m
}

// patiently does f again for as long as the broker cannot be asked.
func (a *Actor) patiently(ctx context.Context, f func() error) error {
	return Patiently(ctx, a.cfg.JS.Conn(), a.log, f)
}

// code is the broker's error code in err, 0 where there is none.
func code(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}
