package relayer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// venue is the name of the venue in subjects.
const venue = "polymarket"

// firstFacts is how long the first market is waited for before accounts are opened anyhow.
const firstFacts = 10 * time.Second

// facts are the latest market facts on the bus.
type facts struct {
	log    *slog.Logger
	loaded chan struct{} // closed when all that was there is read

	mu     sync.Mutex
	known  map[msgs.ConditionID]*msgs.Market // a market is never changed once it is in here
	closed bool
}

func newFacts(log *slog.Logger) *facts {
	return &facts{log: log, loaded: make(chan struct{}), known: map[msgs.ConditionID]*msgs.Market{}}
}

// market is what is known of a condition, nil when nothing is.
func (f *facts) market(id msgs.ConditionID) *msgs.Market {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[id]
}

// patiently waits for the first facts, but not for ever: without any, what needs none works.
func (f *facts) patiently(ctx context.Context) {
	t := time.NewTimer(firstFacts)
	defer t.Stop()
	select {
	case <-f.loaded:
	case <-t.C:
		f.log.Warn("no market facts yet; what names a condition waits for its fact, or is refused")
	case <-ctx.Done():
	}
}

// follow reads the last value of every market and every change, until ctx ends. Whenever the connection comes back it begins anew: the
// server may have started again without the stream, which is in memory.
func (f *facts) follow(ctx context.Context, js jetstream.JetStream) error {
	back := js.Conn().StatusChanged(nats.CONNECTED)
	defer js.Conn().RemoveStatusListener(back)
	for {
		life, end := context.WithCancel(ctx)
		go func() {
			select {
			case <-back:
				end()
			case <-life.Done():
			}
		}()
		err := f.read(life, js)
		interrupted := life.Err() != nil
		end()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if err := actor.EnsureStreams(ctx, js, 1); err != nil {
				f.log.Warn("stream of market facts not made anew, trying again", "error", err)
			}
		case err != nil && !interrupted:
			return err
		}
		if pause(ctx, lookFirst) != nil {
			return nil
		}
	}
}

func (f *facts) read(ctx context.Context, js jetstream.JetStream) error {
	c, err := js.OrderedConsumer(ctx, msgs.MarketStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{msgs.MDSubject(venue, "market", "*")}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
		MaxResetAttempts: 1, // what the library tries by itself cannot be interrupted
	})
	if err != nil {
		return fmt.Errorf("follow market facts: %w", err)
	}
	it, err := c.Messages()
	if err != nil {
		return fmt.Errorf("follow market facts: %w", err)
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow market facts: %w", err)
		}
		fact := &msgs.Market{}
		if err := json.Unmarshal(m.Data(), fact); err != nil {
			f.log.Warn("market fact unreadable", "subject", m.Subject(), "error", err)
			continue
		}
		at, err := m.Metadata()
		f.take(fact, err != nil || at.NumPending == 0)
	}
}

func (f *facts) take(fact *msgs.Market, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[fact.ConditionID] = fact
	if last && !f.closed {
		f.closed = true
		close(f.loaded)
	}
}
