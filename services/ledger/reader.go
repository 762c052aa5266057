package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

const (
	// readAhead is how many messages the broker may send before they are taken.
	readAhead = groupMost
	// readerIdle is how long the broker keeps a consumer that nobody pulls from.
	readerIdle = 30 * time.Second
	// heartbeat is how soon a reader learns that its consumer is gone; pullExpiry is how long one pull lives.
	heartbeat  = 5 * time.Second
	pullExpiry = 30 * time.Second
)

// reading is one subject of one stream, read from a place on.
type reading struct {
	s       *Service
	k       *keeper
	desk    *desk
	part    part
	stream  string
	subject string
	from    Place // what is booked
	take    func(ctx context.Context, m jetstream.Msg, at Place) error
	again   func(ctx context.Context) error // before it is read from its beginning again; nil for nothing
	unread  uint64                          // up to here messages may have been removed before they were read
	end     uint64                          // where the subject ended when it was opened
}

// run reads until ctx ends. When the broker loses the consumer, or a message between the two is lost, it makes another
// and goes on behind what was taken last.
func (r *reading) run(ctx context.Context) error {
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryLast) {
		taken := r.from.Seq
		err := r.consume(ctx)
		if ctx.Err() != nil {
			break
		}
		if final(err) {
			return err
		}
		if r.from.Seq != taken {
			wait = retryFirst
		}
		r.s.lacks.fail(r.part, err)
		r.s.cfg.Log.Warn("reading interrupted, opening it again", "stream", r.stream, "subject", r.subject, "after", r.from.Seq, "error", err)
		if pause(ctx, wait) != nil {
			break
		}
	}
	return nil
}

// final reports an error that waiting does not mend.
func final(err error) bool {
	if e, ok := errors.AsType[*jetstream.APIError](err); ok {
		return e.Code < 500
	}
	_, behind := errors.AsType[*BehindError](err)
	_, env := errors.AsType[*actor.EnvError](err)
	return behind || env
}

// consume reads with one consumer.
func (r *reading) consume(ctx context.Context) error {
	stream, err := r.s.js.Stream(ctx, r.stream)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", r.stream, err)
	}
	info := stream.CachedInfo()
	if err := r.compare(ctx, stream); err != nil {
		return err
	}
	if err := r.opened(ctx, stream); err != nil {
		return err
	}
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: r.subject, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: r.from.Seq + 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: readerIdle,
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", r.subject, err)
	}
	it, err := c.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("read %s: %w", r.subject, err)
	}
	defer it.Stop()
	for read := uint64(1); ; read++ {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		at, err := m.Metadata()
		if err != nil {
			return err
		}
		if at.Sequence.Consumer != read {
			return fmt.Errorf("message %d of the consumer came where %d is next", at.Sequence.Consumer, read)
		}
		place := Place{Seq: at.Sequence.Stream, Born: info.Created.UnixNano(), Stamp: at.Timestamp.UnixNano()}
		if err := r.take(ctx, m, place); err != nil {
			return err
		}
		r.from = place
		if err := r.arrived(ctx); err != nil {
			return err
		}
	}
}

// lose takes note of messages that were removed unread.
func (r *reading) lose(ctx context.Context, from, to uint64) error {
	r.unread = 0
	r.s.cfg.Log.Error("messages were removed before they were booked", "stream", r.stream, "subject", r.subject, "from", from, "to", to)
	return r.k.give(ctx, work{desk: r.desk, inputs: []Input{Missed{Part: r.part.name, From: from, To: to}}})
}

// opened notes where the subject ends now: what stands before is what the books lack.
func (r *reading) opened(ctx context.Context, stream jetstream.Stream) error {
	last, err := stream.GetLastMsgForSubject(ctx, r.subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		r.end = 0
	case err != nil:
		return fmt.Errorf("look for the end of %s: %w", r.subject, err)
	default:
		r.end = last.Sequence
	}
	if r.from.Seq < r.end {
		r.s.lacks.lack(r.part, fmt.Sprintf("%s is being read up to %d", r.stream, r.end))
	}
	return r.arrived(ctx)
}

// arrived says that the subject is booked as far as it stood when it was opened, once that is so and on disk.
func (r *reading) arrived(ctx context.Context) error {
	if r.end == caughtUp || r.from.Seq < r.end {
		return nil
	}
	if err := r.k.settled(ctx); err != nil {
		return err
	}
	r.end = caughtUp
	r.s.lacks.have(r.part)
	return nil
}

// caughtUp stands for an end that was reached.
const caughtUp = math.MaxUint64

// compare starts from the beginning when the stream is another one than was read: made anew, emptied or restored from a
// copy. What is booked is recognised and not booked again.
func (r *reading) compare(ctx context.Context, stream jetstream.Stream) error {
	info := stream.CachedInfo()
	other := r.from.Seq > 0 && (r.from.Born != info.Created.UnixNano() || info.State.LastSeq < r.from.Seq)
	if !other && r.from.Seq > 0 {
		switch m, err := stream.GetMsg(ctx, r.from.Seq); {
		case errors.Is(err, jetstream.ErrMsgNotFound): // purged, or removed by hand
		case err != nil:
			return fmt.Errorf("look at %s:%d: %w", r.stream, r.from.Seq, err)
		default:
			other = m.Time.UnixNano() != r.from.Stamp
		}
	}
	switch {
	case other:
		r.s.cfg.Log.Error("the stream is not the one that was read before: it was emptied, made anew or restored from a copy; it is read from its beginning",
			"stream", r.stream, "ends", info.State.LastSeq, "booked", r.from.Seq)
		if r.again != nil {
			if err := r.again(ctx); err != nil {
				return err
			}
		}
		r.from = Place{}
	case r.unread > r.from.Seq && info.State.FirstSeq > r.from.Seq+1:
		return r.lose(ctx, r.from.Seq+1, min(r.unread, info.State.FirstSeq-1))
	}
	return nil
}

// readOrders feeds the executor's events to the books.
func (s *Service) readOrders(ctx context.Context, k *keeper, d *desk) error {
	account := d.book.Terms.Account
	last := d.from.Log.N // event that was read
	r := &reading{s: s, k: k, desk: d, part: part{partOrders, account}, stream: msgs.LogStream(account), subject: msgs.EvtSubject(msgs.FamilyOrder, account), from: d.from.LogAt}
	r.take = func(ctx context.Context, m jetstream.Msg, at Place) error {
		env, err := msgs.DecodeEnvelope(m.Data())
		if err != nil {
			s.dead(ctx, m, r.stream, at, err)
			return nil
		}
		if env.Env != s.cfg.Env {
			return &actor.EnvError{Stream: r.stream, Have: env.Env, Own: s.cfg.Env}
		}
		if first := firstOf(env.Events, last); first > last+1 {
			s.lacks.lack(part{partOpen, account}, "events were removed unread")
			if err := r.lose(ctx, last+1, first-1); err != nil {
				return err
			}
			select {
			case d.missed <- struct{}{}:
			default: // it is asked for already
			}
		}
		w := work{desk: d}
		for i, e := range env.Events {
			w.inputs = append(w.inputs, Ordered{Event: e, Incarnation: incarnation(&env, i), At: at})
			last = max(last, msgs.HeadOf(e).N)
		}
		return k.give(ctx, w)
	}
	r.again = func(ctx context.Context) error {
		last = 0
		return k.give(ctx, work{desk: d, inputs: []Input{Rewound{}}})
	}
	return r.run(ctx)
}

// incarnation is that of the log with event i of a message; empty where it is as before. Which one a message bears is that
// of its last event.
func incarnation(env *msgs.Envelope, i int) string {
	type reborn interface{ Incarnated() string }
	for k := len(env.Events) - 1; k > i; k-- {
		if e, ok := env.Events[k].(reborn); ok && e.Incarnated() != "" {
			return ""
		}
	}
	return env.Incarnation
}

// readTrades feeds the private feed to the books.
func (s *Service) readTrades(ctx context.Context, k *keeper, d *desk) error {
	account := d.book.Terms.Account
	r := &reading{s: s, k: k, desk: d, part: part{partTrades, account}, stream: msgs.AskStream(account), subject: msgs.FeedSubject(account, "trade"), from: d.from.FeedAt,
		unread: d.unread}
	r.take = func(ctx context.Context, m jetstream.Msg, at Place) error {
		t := &msgs.FeedTrade{}
		err := json.Unmarshal(m.Data(), t)
		if err == nil && t.Env != s.cfg.Env {
			return &actor.EnvError{Stream: r.stream, Have: t.Env, Own: s.cfg.Env}
		}
		if err == nil && t.TradeID == "" {
			err = errors.New("a trade without an id")
		}
		if err != nil {
			s.dead(ctx, m, r.stream, at, err)
			return nil
		}
		return k.give(ctx, work{desk: d, inputs: []Input{Traded{Trade: t, At: at}}})
	}
	return r.run(ctx)
}

// dead puts a message aside that could not be read. The letter is a courtesy to people; the books go on without it.
func (s *Service) dead(ctx context.Context, m jetstream.Msg, stream string, at Place, cause error) {
	e := &msgs.Error{Code: msgs.BadJSON, Cause: "the ledger cannot read this: " + cause.Error(), Fix: "find out who wrote it; compare the balances with the venue"}
	s.count.dead.WithLabelValues(string(e.Code)).Inc()
	err := actor.PutAside(ctx, s.js, msgs.NewDead(msgs.Dead{Service: serviceName, Stream: stream, Seq: at.Seq, Subject: m.Subject(), Headers: m.Headers(), Error: e},
		time.Now(), m.Data()))
	s.cfg.Log.Error("message put aside", "stream", stream, "seq", at.Seq, "cause", cause, "letter_error", err)
}

// firstOf is the number of the first of some events, that which is next where there are none.
func firstOf(events []msgs.Event, last uint64) uint64 {
	if len(events) == 0 {
		return last + 1
	}
	return msgs.HeadOf(events[0]).N
}
