package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// valuesAgain is between two tries to read values: a broker that has just come back has no stream until somebody makes it.
const valuesAgain = 250 * time.Millisecond

// Values follows a stream that keeps the last value of each subject: first what is there, then every change. What a reader has
// taken it keeps, although the stream may be in memory and gone: values are reference data, never what something is decided from twice.
type Values struct {
	JS       jetstream.JetStream
	Stream   string
	Filter   string // of subjects; may have wildcards
	Replicas int    // of the shared streams, should they have to be made again
	// Take takes one value. What it refuses is logged and passed over. It may get a value more than once.
	Take func(subject string, data []byte) error
	// Caught is called each time when no further value waits: after the last of those that were there, and after each change. It is
	// not called as long as there is no value at all. It may be nil.
	Caught func()
	Log    *slog.Logger
}

// Follow reads until ctx ends, and returns nil then. Whatever interrupts it is waited out, said aloud once a minute; it begins
// anew each time, because the broker may have come back without the stream, or with another one whose sequences begin at one.
func (v Values) Follow(ctx context.Context) error {
	conn := v.JS.Conn()
	lost := conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED)
	defer conn.RemoveStatusListener(lost)
	var said complaint
	for ctx.Err() == nil {
		for len(lost) > 0 {
			<-lost // of the time before this reading
		}
		err := untilLost(ctx, lost, v.read)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = errors.Join(err, EnsureStreams(ctx, v.JS, v.Replicas))
		}
		if ctx.Err() == nil && said.due(err) {
			v.Log.Warn("last values interrupted, reading them again", "stream", v.Stream, "filter", v.Filter, "error", err)
		}
		if pause(ctx, valuesAgain) != nil {
			break
		}
	}
	return nil
}

// read takes what is there and what comes, until ctx ends or something interrupts it.
func (v Values) read(ctx context.Context) error {
	c, err := v.JS.OrderedConsumer(ctx, v.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{v.Filter}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
		MaxResetAttempts: 1, // what the library tries by itself cannot be interrupted
	})
	if err != nil {
		return fmt.Errorf("open values: %w", err)
	}
	it, err := c.Messages()
	if err != nil {
		return fmt.Errorf("open values: %w", err)
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read values: %w", err)
		}
		if err := v.Take(m.Subject(), m.Data()); err != nil {
			v.Log.Warn("value unreadable, passed over", "subject", m.Subject(), "error", err)
		}
		if at, err := m.Metadata(); v.Caught != nil && (err != nil || at.NumPending == 0) {
			v.Caught()
		}
	}
}
