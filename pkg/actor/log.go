package actor

import (
	"context"
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

// unit is one decision, or one question, that is not yet let out.
type unit struct {
	events []msgs.Event
	raw    [][]byte
	size   int
	at     cursors // when it was decided
	deeds  []Deed
	after  func()
}

// flight is the one append that is under way.
type flight struct {
	units []unit
	sent  time.Time
}

// appended is the end of a flight.
type appended struct {
	seq uint64
	err error
}

// claim makes this process the only writer: it appends an owner event until it wins, then folds up to it.
func (a *Actor) claim(ctx context.Context) error {
	stream, err := a.cfg.JS.Stream(ctx, msgs.LogStream(a.cfg.Account))
	if err != nil {
		return fmt.Errorf("open log %s: %w", msgs.LogStream(a.cfg.Account), err)
	}
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		last, env, err := a.last(ctx, stream)
		if err != nil {
			return err
		}
		a.seq, a.epoch, a.n = last, env.Epoch+1, 0
		if k := len(env.Events); k > 0 {
			a.n = msgs.HeadOf(env.Events[k-1]).N
		}
		a.setCursors(env.Cursors)
		own := &msgs.OrderOwner{Owner: a.cfg.Owner, Epoch: a.epoch}
		own.Type = msgs.Type(a.cfg.Family + ".owner")
		a.stamp(own, time.Now())
		raw, err := json.Marshal(own)
		if err != nil {
			return fmt.Errorf("encode claim: %w", err)
		}
		seq, err := a.append(ctx, a.message([][]byte{raw}, a.cursors), a.seq)
		if err == nil {
			return a.fold(ctx, stream, seq)
		}
		if !errors.Is(err, ErrReplaced) {
			return fmt.Errorf("claim %s: %w", a.subject, err)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// last is the family's last message and its sequence, 0 where there is none.
func (a *Actor) last(ctx context.Context, stream jetstream.Stream) (uint64, msgs.Envelope, error) {
	var env msgs.Envelope
	m, err := stream.GetLastMsgForSubject(ctx, a.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, env, nil
	}
	if err != nil {
		return 0, env, fmt.Errorf("read last of %s: %w", a.subject, err)
	}
	if err := json.Unmarshal(m.Data, &env); err != nil {
		return 0, env, fmt.Errorf("read last of %s, sequence %d: %w", a.subject, m.Sequence, err)
	}
	if env.Env != a.cfg.Env {
		return 0, env, &EnvError{Stream: msgs.LogStream(a.cfg.Account), Have: env.Env, Own: a.cfg.Env}
	}
	return m.Sequence, env, nil
}

// fold rebuilds the state: the snapshot, if there is one that the log reaches beyond, then the log up to the claim.
func (a *Actor) fold(ctx context.Context, stream jetstream.Stream, claim uint64) error {
	from := a.restore(ctx, claim) + 1
	a.seq = claim
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: a.subject, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: from, MemoryStorage: true, Replicas: 1, InactiveThreshold: laneIdle,
	})
	if err != nil {
		return fmt.Errorf("read log %s: %w", a.subject, err)
	}
	it, err := c.Messages(jetstream.PullMaxMessages(foldAhead))
	if err != nil {
		return fmt.Errorf("read log %s: %w", a.subject, err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read log %s: %w", a.subject, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read log %s: %w", a.subject, err)
		}
		var env msgs.Envelope
		if err := json.Unmarshal(m.Data(), &env); err != nil {
			return fmt.Errorf("read log %s, sequence %d: %w", a.subject, meta.Sequence.Stream, err)
		}
		for _, e := range env.Events {
			a.cfg.Core.Apply(e)
			a.n = msgs.HeadOf(e).N
		}
		a.setCursors(env.Cursors)
		if meta.Sequence.Stream >= claim {
			return nil
		}
	}
}

// stamp gives an event its number and its common part.
func (a *Actor) stamp(e msgs.Event, now time.Time) {
	a.n++
	h := msgs.HeadOf(e)
	h.V, h.Account, h.Env, h.N, h.AtMS = 1, a.cfg.Account, a.cfg.Env, a.n, now.UnixMilli()
}

// message is one append: the events in order, with the owner and the cursors that hold when the last of them is decided.
func (a *Actor) message(events [][]byte, at cursors) *nats.Msg {
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
	b = append(b, `,"cursors":{`...)
	sep := ""
	for i, l := range a.cfg.lanes() {
		b = append(b, sep...)
		b = strconv.AppendQuote(b, l.Name)
		b = append(b, ':')
		b = strconv.AppendUint(b, at[i], 10)
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
	m.Header.Set(msgs.HeaderAppend, fmt.Sprintf("%s/%d/%d", a.cfg.Owner, a.epoch, a.appends))
	return m
}

// lanes is every lane, express first.
func (c *Config) lanes() []Lane {
	if c.Submit == nil {
		return c.Express
	}
	return append(c.Express[:len(c.Express):len(c.Express)], *c.Submit)
}

func (a *Actor) setCursors(m map[string]uint64) {
	for i, l := range a.cfg.lanes() {
		if v, ok := m[l.Name]; ok {
			a.cursors[i] = v
		}
	}
}

func (a *Actor) cursorMap(at cursors) map[string]uint64 {
	m := map[string]uint64{}
	for i, l := range a.cfg.lanes() {
		m[l.Name] = at[i]
	}
	return m
}

// append stores m as the family's next message after expect and returns its sequence. It asks again until it knows: a
// lost acknowledgement is found out by the next refusal, whose last message is then our own.
func (a *Actor) append(ctx context.Context, m *nats.Msg, expect uint64) (uint64, error) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		try, cancel := context.WithTimeout(ctx, requestWait)
		ack, err := a.cfg.JS.PublishMsg(try, m, jetstream.WithExpectLastSequenceForSubject(expect, a.subject), jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil {
			return ack.Sequence, nil
		}
		if code(err) == errWrongLast {
			seq, own, err := a.isOurs(ctx, m)
			if err == nil && own {
				return seq, nil
			}
			if err == nil {
				return 0, ErrReplaced
			}
			a.log.Warn("last of the family unreadable after a refused append", "error", err)
		} else if ctx.Err() == nil && code(err) != errBusy {
			a.log.Warn("append not acknowledged, asking again", "error", err, "expect", expect)
		}
		if err := pause(ctx, wait); err != nil {
			return 0, err
		}
	}
}

// isOurs reports whether the family's last message is m, and its sequence.
func (a *Actor) isOurs(ctx context.Context, m *nats.Msg) (uint64, bool, error) {
	try, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	stream, err := a.cfg.JS.Stream(try, msgs.LogStream(a.cfg.Account))
	if err != nil {
		return 0, false, err
	}
	last, err := stream.GetLastMsgForSubject(try, a.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return last.Sequence, last.Header.Get(msgs.HeaderAppend) == m.Header.Get(msgs.HeaderAppend), nil
}

// code is the broker's error code in err, 0 where there is none.
func code(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// pause waits for d or the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
