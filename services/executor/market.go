package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// venue is the name of the venue in subjects.
const venue = "polymarket"

// Bounds of reading the market stream.
const (
	firstFacts = 10 * time.Second       // to wait for the first market before the account is opened anyhow: cancels must work
	bookWait   = 250 * time.Millisecond // for the last book of a token that nobody has asked for before
	maxBooks   = 1000                   // tokens whose books are followed; beyond it the oldest asked for is let go
)

// facts follows the market facts on the bus and shows them as immutable snapshots.
type facts struct {
	shown  atomic.Pointer[Facts]
	loaded chan struct{} // closed when there was something to show
	gauge  func(int)
	log    *slog.Logger
}

func newFacts(gauge func(int), log *slog.Logger) *facts {
	f := &facts{loaded: make(chan struct{}), gauge: gauge, log: log}
	f.shown.Store(NewFacts())
	return f
}

// now is what is known at this moment.
func (f *facts) now() *Facts { return f.shown.Load() }

// follow reads the last value of every market and every change, until ctx ends. A market whose fact is gone from the bus
// (the stream is in memory) keeps the one that was read.
//
// Whenever the connection comes back it begins anew: the server may have started again without the stream, or with another
// one whose sequences begin at one.
func (f *facts) follow(ctx context.Context, js jetstream.JetStream) error {
	back := js.Conn().StatusChanged(nats.CONNECTED)
	defer js.Conn().RemoveStatusListener(back)
	known := map[msgs.ConditionID]*Market{}
	for {
		life, end := context.WithCancel(ctx)
		go func() {
			select {
			case <-back:
				end()
			case <-life.Done():
			}
		}()
		err := f.read(life, js, known)
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

// read takes what is there and what comes into known, until ctx ends.
func (f *facts) read(ctx context.Context, js jetstream.JetStream, known map[msgs.ConditionID]*Market) error {
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
		fact := &Market{}
		if err := json.Unmarshal(m.Data(), &fact.Market); err != nil {
			f.log.Warn("market fact unreadable", "subject", m.Subject(), "error", err)
			continue
		}
		known[fact.ConditionID] = fact
		if meta, err := m.Metadata(); err != nil || meta.NumPending == 0 {
			f.show(known)
		}
	}
}

func (f *facts) show(known map[msgs.ConditionID]*Market) {
	all := make([]*Market, 0, len(known))
	for _, id := range slices.Sorted(maps.Keys(known)) {
		all = append(all, known[id])
	}
	f.shown.Store(NewFacts(all...))
	f.gauge(len(all))
	select {
	case <-f.loaded:
	default:
		close(f.loaded)
	}
}

// books keeps the last book of the tokens that were asked for.
type books struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu    sync.Mutex
	known map[msgs.TokenID]*followed
	asked []msgs.TokenID // oldest first
}

type followed struct {
	book atomic.Pointer[msgs.Book]
	sub  *nats.Subscription
}

// last is the latest book of a token, nil when there is none. The first question about a token waits for the bus, at most
// bookWait; later ones do not.
func (b *books) last(token msgs.TokenID) *msgs.Book {
	if token == "" {
		return nil
	}
	b.mu.Lock()
	f := b.known[token]
	b.mu.Unlock()
	if f == nil {
		f = b.follow(token)
	}
	return f.book.Load()
}

// follow subscribes to a token's book and reads its last value. It is called by one goroutine for each account; two that
// ask for one token at the same time both subscribe, and one of them is let go.
func (b *books) follow(token msgs.TokenID) *followed {
	f, subject := &followed{}, msgs.MDSubject(venue, "book", string(token))
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { f.take(m.Data) })
	if err == nil {
		f.sub = sub
	}
	ctx, cancel := context.WithTimeout(context.Background(), bookWait)
	defer cancel()
	if s, err := b.js.Stream(ctx, msgs.MarketStream); err == nil {
		if m, err := s.GetLastMsgForSubject(ctx, subject); err == nil && f.book.Load() == nil {
			f.take(m.Data)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if other := b.known[token]; other != nil {
		f.drop()
		return other
	}
	b.known[token] = f
	b.asked = append(b.asked, token)
	if len(b.asked) > maxBooks {
		b.known[b.asked[0]].drop()
		delete(b.known, b.asked[0])
		b.asked = b.asked[1:]
	}
	return f
}

func (f *followed) take(data []byte) {
	book := &msgs.Book{}
	if json.Unmarshal(data, book) == nil {
		f.book.Store(book)
	}
}

func (f *followed) drop() {
	if f.sub != nil {
		_ = f.sub.Unsubscribe() // fails only on a closed connection, which has no subscriptions
	}
}
