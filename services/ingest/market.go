package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// snapshotTimeout is how long a subscribed token may be without its book before it is subscribed again.
	snapshotTimeout = 30 * time.Second
	// maxSnapshotTimeout is where the doubling of that ends: a token without a book at the venue costs little then.
	maxSnapshotTimeout = 10 * time.Minute
	// lookEvery is how often the tokens of a connection are gone through.
	lookEvery = time.Second
)

// errSnapshot renews a connection that has brought no book at all.
var errSnapshot = errors.New("no snapshot")

// publisher is what NATS is to the market data: it may not keep data after the call.
type publisher func(subject string, data []byte) error

// markets is the session of a market connection: a book for each of its tokens, kept and published.
type markets struct {
	publish publisher
	hint    func(change)
	wake    func() // of its connection
	count   *counters
	epoch   *atomic.Uint64 // counts the times when NATS may have lost the books

	mu      sync.Mutex
	joining []token        // to be subscribed with the next look; under mu
	leaving []msgs.TokenID // to be given up with the next look; under mu
	members int            // tokens that are or will be here; under mu

	gainsaid map[msgs.TokenID]bool // withdrawn by another replica since the last look, nil for none; under mu

	id      string // of the connection
	books   map[string]*book
	order   []*book // as joined
	fresh   int     // books that are
	absent  int     // books that the venue does not seem to have
	renewed bool    // the connection was renewed for want of any book, and none has come since
	opened  time.Time
	looked  time.Time
	written uint64 // epoch in which the books were published
	frameNo uint64

	out  []byte // one message, reused
	view msgs.Book
	side []polymarket.Level
}

// book is one token's book and how it is published.
type book struct {
	token
	state           polymarket.BookState
	rawTo, bookTo   string // subjects
	tradeTo         string
	rawSeq, bookSeq uint64
	venueMS, recvUS int64
	shown           bool      // a book was published on this or an earlier connection
	fresh           bool      // the last one published was fresh
	since           time.Time // waiting for a snapshot since, zero when not
	patience        time.Duration
	absent          bool   // asked for twice in vain: nobody waits for it, though it is asked for again
	touched         uint64 // number of the frame that changed it last
}

func newMarkets(p publisher, hint func(change), count *counters, epoch *atomic.Uint64) *markets {
	return &markets{publish: p, hint: hint, count: count, epoch: epoch, books: map[string]*book{}}
}

// join adds tokens, which are subscribed within a second or with the next connect. It may be called from any goroutine.
func (m *markets) join(ts ...token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joining = append(m.joining, ts...)
	m.members += len(ts)
}

// size is how many tokens have joined. It may be called from any goroutine.
func (m *markets) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.members
}

// leave gives tokens up, within a second. It may be called from any goroutine.
func (m *markets) leave(ids ...msgs.TokenID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaving = append(m.leaving, ids...)
	m.joining = slices.DeleteFunc(m.joining, func(t token) bool { return slices.Contains(ids, t.id) })
	m.members -= len(ids)
}

// dismiss gives up what has left since the last call and returns the token ids. The last word about a book that is not
// followed any more is that it is not fresh.
func (m *markets) dismiss() []string {
	m.mu.Lock()
	gone := m.leaving
	m.leaving = nil
	m.mu.Unlock()
	var ids []string
	for _, id := range gone {
		b := m.books[string(id)]
		if b == nil {
			continue
		}
		m.withdraw(b, "left")
		if b.absent {
			m.absent--
		}
		delete(m.books, string(id))
		m.order = slices.DeleteFunc(m.order, func(o *book) bool { return o == b })
		ids = append(ids, string(id))
	}
	return ids
}

// admit takes what has joined since the last call and returns the token ids.
func (m *markets) admit(now time.Time) []string {
	m.mu.Lock()
	ts := m.joining
	m.joining = nil
	m.mu.Unlock()
	var ids []string
	for _, t := range ts {
		b := &book{token: t, since: now, patience: snapshotTimeout,
			rawTo:   msgs.MDSubject(venue, "raw", string(t.id)),
			bookTo:  msgs.MDSubject(venue, "book", string(t.id)),
			tradeTo: msgs.MDSubject(venue, "trade", string(t.id))}
		b.state.AssetID = string(t.id)
		m.books[string(t.id)] = b
		m.order = append(m.order, b)
		ids = append(ids, string(t.id))
	}
	return ids
}

// hello subscribes every token anew.
func (m *markets) hello(id string) []byte {
	now := time.Now()
	m.dismiss()
	m.admit(now)
	m.id, m.opened, m.looked, m.fresh = id, now, now, 0
	ids := make([]string, len(m.order))
	for i, b := range m.order {
		ids[i] = string(b.id)
		b.state.Reset()
		b.rawSeq, b.bookSeq, b.fresh, b.since, b.patience = 0, 0, false, now, snapshotTimeout
	}
	return polymarket.MarketSubscribe(polymarket.Subscription{AssetIDs: ids, CustomFeatures: true})
}

// frame takes one message or an array of them.
func (m *markets) frame(_ context.Context, at time.Time, data []byte) error {
	for one := range elements(data) {
		m.frameNo++
		f := polymarket.DecodeFrame(one)
		if f.Kind == polymarket.FrameMalformed {
			m.count.unknown.WithLabelValues(channelMarket).Inc()
			continue
		}
		for _, e := range f.Events {
			m.event(at, one, e)
		}
	}
	return nil
}
