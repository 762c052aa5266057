package executor

import (
	"context"
	"encoding/json"
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

// facts follows the market facts on the bus and shows them as immutable snapshots. A market whose fact is gone from the bus (the
// stream is in memory) keeps the one that was read.
type facts struct {
	shown  atomic.Pointer[Facts]
	loaded chan struct{} // closed when there was something to show
	known  map[msgs.ConditionID]*Market
	gauge  func(int)
}

func newFacts(gauge func(int)) *facts {
	f := &facts{loaded: make(chan struct{}), known: map[msgs.ConditionID]*Market{}, gauge: gauge}
	f.shown.Store(NewFacts())
	return f
}

// now is what is known at this moment.
func (f *facts) now() *Facts { return f.shown.Load() }

// follow reads the last fact of every market and every change, until ctx ends.
func (f *facts) follow(ctx context.Context, s *Service) error {
	return actor.Values{JS: s.js, Stream: msgs.MarketStream, Filter: msgs.MDSubject(venue, "market", "*"), Replicas: s.cfg.Replicas, Take: f.take, Caught: f.show,
		Log: s.cfg.Log}.Follow(ctx)
}

func (f *facts) take(_ string, data []byte) error {
	fact := &Market{}
	if err := json.Unmarshal(data, &fact.Market); err != nil {
		return err
	}
	f.known[fact.ConditionID] = fact
	return nil
}

// show makes what was taken visible to all accounts.
func (f *facts) show() {
	all := make([]*Market, 0, len(f.known))
	for _, id := range slices.Sorted(maps.Keys(f.known)) {
		all = append(all, f.known[id])
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
