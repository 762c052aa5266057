// Package natslog keeps a sender's journal on a NATS stream, so that another process on another machine can take a key over.
//
// It owns one subject of one stream, which holds that key's records and nothing else. Positions are sequences of the stream.
// Every append carries the last sequence of the subject, so that of two writers one is refused.
//
// The stream must sync every append and lose nothing, by age or by purge: what is gone from it was perhaps sent. A record that
// is missing is noticed by the sender, which then refuses to start.
//
// How it fails: a refusal because somebody else has written is sender.ErrBehind; any other failure leaves open whether the
// record was stored.
package natslog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/evm/sender"
)

// errWrongLast is the broker's code for another last sequence than the one expected.
const errWrongLast jetstream.ErrorCode = 10071

// Log is a journal on a stream. It implements sender.Journal.
type Log struct {
	js              jetstream.JetStream
	stream, subject string
}

var _ sender.Journal = (*Log)(nil)

// New makes a journal of one subject, which must be literal: the broker's fence is only exact for those.
func New(js jetstream.JetStream, stream, subject string) *Log { return &Log{js, stream, subject} }

// Append stores a record.
func (l *Log) Append(ctx context.Context, after uint64, record []byte) (uint64, error) {
	m := nats.NewMsg(l.subject)
	m.Data = record
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectStream(l.stream), jetstream.WithExpectLastSequenceForSubject(after, l.subject), jetstream.WithRetryAttempts(0))
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == errWrongLast {
		return 0, sender.ErrBehind
	}
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", l.subject, err)
	}
	return ack.Sequence, nil
}

// Read gives the records behind a sequence.
func (l *Log) Read(ctx context.Context, after uint64) ([]sender.Entry, error) {
	stream, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", l.stream, err)
	}
	var out []sender.Entry
	for {
		m, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(l.subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s behind %d: %w", l.subject, after, err)
		}
		out = append(out, sender.Entry{At: m.Sequence, Record: m.Data})
		after = m.Sequence
	}
}
