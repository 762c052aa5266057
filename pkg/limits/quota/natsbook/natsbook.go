// Package natsbook keeps the book of a daily quota on a NATS stream, for all processes that spend from it.
//
// It owns one literal subject of one stream, which holds that book's events and nothing else. Positions are sequences of the
// stream. Every append carries the last sequence of the subject, so that of two writers one is refused and decides anew.
//
// The stream must sync every append and forget nothing by age: what a book still needs can be two days old, and one that nobody
// asks is not therefore empty. Space comes back by Trim, below what the book itself says that it needs; the last event stays, as
// it is what the fence is held against.
//
// Times are the writers' own as long as they agree with the broker's clock to a minute, else the broker's.
//
// How it fails: a refusal because somebody else has written is quota.ErrBehind, a subject that ends before what was written to it
// is *quota.LostError; any other failure of an append leaves open whether the event was stored, and the keeper looks.
package natsbook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits/quota"
)

const (
	// errWrongLast is the broker's code for another last sequence than the one expected.
	errWrongLast jetstream.ErrorCode = 10071
	// callWait bounds one call of the broker, also where the caller's context does not.
	callWait = 5 * time.Second
	// few is how many events are read one by one: beyond, making a consumer is cheaper.
	few = 8
	// chunk is how many events are asked of a consumer at once.
	chunk = 1000
	// idle is after how long the broker gives up a consumer whose reader has died.
	idle = time.Minute
)

// Log is a journal on a stream. It implements quota.Journal.
type Log struct {
	js              jetstream.JetStream
	stream, subject string
}

var _ quota.Journal = (*Log)(nil)

// New makes a journal of one subject, which must be literal: the broker's fence is only exact for those.
func New(js jetstream.JetStream, stream, subject string) *Log { return &Log{js, stream, subject} }

// Append stores an event.
func (l *Log) Append(ctx context.Context, after uint64, e quota.Event) (uint64, error) {
	ctx, stop := context.WithTimeout(ctx, callWait)
	defer stop()
	data, err := quota.Encode(after, e)
	if err != nil {
		return 0, err
	}
	m := nats.NewMsg(l.subject)
	m.Data = data
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectStream(l.stream), jetstream.WithExpectLastSequenceForSubject(after, l.subject), jetstream.WithRetryAttempts(0))
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == errWrongLast {
		return 0, quota.ErrBehind
	}
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", l.subject, err)
	}
	return ack.Sequence, nil
}

// Read gives the events behind a position, all that were stored before it was called.
func (l *Log) Read(ctx context.Context, after uint64) (out []quota.Entry, err error) {
	stream, last, err := l.end(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", l.subject, err)
	case last < after:
		return nil, &quota.LostError{Last: last, Want: after}
	}
	for pos := after; pos < last; pos = out[len(out)-1].Pos {
		if len(out) == few {
			out, err = l.rest(ctx, stream, out, last)
		} else {
			out, err = l.next(ctx, stream, out, pos)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s behind %d: %w", l.subject, pos, err)
		}
	}
	return out, nil
}

// end is where the subject ends; 0 when nothing is stored.
func (l *Log) end(ctx context.Context) (jetstream.Stream, uint64, error) {
	ctx, stop := context.WithTimeout(ctx, callWait)
	defer stop()
	stream, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return nil, 0, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, l.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return stream, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return stream, m.Sequence, nil
}

// next adds the event behind a position.
func (l *Log) next(ctx context.Context, stream jetstream.Stream, out []quota.Entry, pos uint64) ([]quota.Entry, error) {
	ctx, stop := context.WithTimeout(ctx, callWait)
	defer stop()
	m, err := stream.GetMsg(ctx, pos+1, jetstream.WithGetMsgSubject(l.subject))
	if err != nil {
		return nil, err
	}
	e, err := quota.Decode(m.Sequence, m.Data)
	return append(out, byBroker(e, m.Time)), err
}

// byBroker tells an event's times by the broker's clock where the writer's was wrong: one machine's clock must neither give
// everybody's units back nor close the book for days.
func byBroker(e quota.Entry, stored time.Time) quota.Entry {
	off := stored.Sub(e.Event.At)
	if off.Abs() <= quota.LeaveWithin {
		return e
	}
	e.Event.At = stored.Round(0).UTC()
	if !e.Event.Until.IsZero() {
		e.Event.Until = e.Event.Until.Add(off)
	}
	return e
}

// rest adds the events up to the last through a consumer.
func (l *Log) rest(ctx context.Context, stream jetstream.Stream, out []quota.Entry, last uint64) ([]quota.Entry, error) {
	c, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: l.subject, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: out[len(out)-1].Pos + 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: idle,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.DeleteConsumer(context.WithoutCancel(ctx), c.CachedInfo().Name) }() // else the broker does, after a while
	for pending := c.CachedInfo().NumPending; pending > 0; {
		batch, err := c.Fetch(int(min(pending, chunk)), jetstream.FetchMaxWait(callWait))
		if err != nil {
			return nil, err
		}
		n := len(out)
		for m := range batch.Messages() {
			at, err := m.Metadata()
			if err != nil {
				return nil, err
			}
			e, err := quota.Decode(at.Sequence.Stream, m.Data())
			if err != nil {
				return nil, err
			}
			if out = append(out, byBroker(e, at.Timestamp)); e.Pos >= last {
				return out, nil
			}
		}
		if err := errors.Join(batch.Error(), ctx.Err()); err != nil {
			return nil, err
		}
		if len(out) == n {
			break
		}
		pending -= uint64(len(out) - n)
	}
	return nil, fmt.Errorf("nothing came behind %d, and %d is stored", out[len(out)-1].Pos, last)
}

// Trim forgets the events before a position.
func (l *Log) Trim(ctx context.Context, before uint64) error {
	ctx, stop := context.WithTimeout(ctx, callWait)
	defer stop()
	stream, err := l.js.Stream(ctx, l.stream)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(l.subject), jetstream.WithPurgeSequence(before))
	}
	if err != nil {
		return fmt.Errorf("trim %s below %d: %w", l.subject, before, err)
	}
	return nil
}
