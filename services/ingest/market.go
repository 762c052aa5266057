package ingest

import (
	"context"
	"errors"
	"fmt"
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
	joining []token // to be subscribed with the next look; under mu
	members int     // tokens and joining; under mu

	id      string // of the connection
	books   map[string]*book
	order   []*book // as joined
	fresh   int     // books that are
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

// event takes one event; raw is the message it came in.
func (m *markets) event(at time.Time, raw []byte, e polymarket.Event) {
	switch e := e.(type) {
	case polymarket.Book:
		m.counted(e)
		m.one(at, raw, e.AssetID, e)
	case polymarket.PriceChange:
		m.counted(e)
		for i := range e.Changes {
			m.one(at, raw, e.Changes[i].AssetID, e)
		}
	case polymarket.TickSizeChange:
		m.counted(e)
		m.hint(change{market: msgs.ConditionID(e.Market), tick: tickText(e.New)})
		if b := m.one(at, raw, e.AssetID, e); b != nil && e.New != 0 {
			b.tick = tickText(e.New)
		}
	case polymarket.LastTrade:
		m.counted(e)
		m.trade(at, raw, e)
	case polymarket.BestBidAsk:
		m.counted(e)
		m.one(at, raw, e.AssetID, e)
	case polymarket.NewMarket:
		m.counted(e)
		m.hint(change{market: msgs.ConditionID(e.Market)})
	case polymarket.MarketResolved:
		m.counted(e)
		m.hint(change{market: msgs.ConditionID(e.Market), resolved: true, winner: msgs.TokenID(e.WinningAssetID)})
		for _, id := range e.AssetIDs {
			m.one(at, raw, id, e)
		}
	default:
		m.count.unknown.WithLabelValues(channelMarket).Inc()
	}
}

func (m *markets) counted(e polymarket.Event) {
	m.count.conn.frames.WithLabelValues(channelMarket, e.EventType()).Inc()
}

// one brings an event to the book of one token: raw out, applied, and the book out if it changed. It returns nil for a
// token that is not ours, and for one that has seen this message already.
func (m *markets) one(at time.Time, raw []byte, id string, e polymarket.Event) *book {
	b := m.books[id]
	if b == nil || b.touched == m.frameNo {
		return nil
	}
	b.touched = m.frameNo
	m.raw(b, at, raw)
	switch b.state.Apply(e) {
	case polymarket.Updated:
		b.learn(e)
		b.venueMS, b.recvUS = max(b.state.TimestampMS(), stampOf(e)), at.UnixMicro()
		if b.state.Ready() {
			m.show(b, true)
		}
	case polymarket.Gap:
		m.doubt(b, at, "gap")
	}
	return b
}

// learn takes from a snapshot what the market's fact would otherwise say.
func (b *book) learn(e polymarket.Event) {
	if t := tickText(b.state.Tick); t != "" {
		b.tick = t
	}
	s, ok := e.(polymarket.Book)
	if !ok {
		return
	}
	b.since = time.Time{}
	if s.MinSize > 0 {
		b.minSize = s.MinSize
	}
}

func stampOf(e polymarket.Event) int64 {
	if t, ok := e.(polymarket.TickSizeChange); ok {
		return t.TimestampMS
	}
	return 0
}

// doubt withdraws a book: it is published once more as not fresh, and its snapshot is waited for.
func (m *markets) doubt(b *book, at time.Time, reason string) {
	m.count.doubts.WithLabelValues(reason).Inc()
	if b.shown && b.fresh {
		m.show(b, false)
	}
	b.since, b.patience = at.Add(-snapshotTimeout), snapshotTimeout // the next look subscribes again
}

// show publishes the book as it stands.
func (m *markets) show(b *book, fresh bool) {
	b.bookSeq++
	switch {
	case fresh && !b.fresh:
		m.fresh++
	case b.fresh && !fresh:
		m.fresh--
	}
	b.shown, b.fresh = true, fresh
	v := &m.view
	*v = msgs.Book{V: 1, TokenID: b.id, ConditionID: b.market, Bids: v.Bids[:0], Asks: v.Asks[:0], TickSize: b.tick, MinSize: b.minSize,
		NegRisk: b.negRisk, VenueMS: b.venueMS, RecvUS: b.recvUS, Conn: m.id, Seq: b.bookSeq, Fresh: fresh}
	m.side = b.state.Bids(m.side[:0], msgs.MaxLevels)
	v.Bids = appendSide(v.Bids, m.side)
	m.side = b.state.Asks(m.side[:0], msgs.MaxLevels)
	v.Asks = appendSide(v.Asks, m.side)
	m.out = appendBook(m.out[:0], v)
	m.send("book", b.bookTo)
}

func appendSide(dst []msgs.Level, src []polymarket.Level) []msgs.Level {
	for _, l := range src {
		dst = append(dst, msgs.Level(l))
	}
	return dst
}

func (m *markets) raw(b *book, at time.Time, frame []byte) {
	b.rawSeq++
	m.out = appendRaw(m.out[:0], &msgs.Raw{V: 1, TokenID: b.id, RecvUS: at.UnixMicro(), Conn: m.id, Seq: b.rawSeq, Frame: frame})
	m.send("raw", b.rawTo)
}

func (m *markets) trade(at time.Time, raw []byte, e polymarket.LastTrade) {
	b := m.one(at, raw, e.AssetID, e)
	if b == nil {
		return
	}
	m.out = appendLastTrade(m.out[:0], &msgs.LastTrade{V: 1, TokenID: b.id, ConditionID: b.market, Side: msgs.Side(e.Side), Price: e.Price,
		Size: e.Size, VenueMS: e.TimestampMS, RecvUS: at.UnixMicro(), Conn: m.id})
	m.send("trade", b.tradeTo)
}

// send publishes m.out. Market data may be lost, so a failure is counted and the next message tries again.
func (m *markets) send(what, subject string) {
	if m.publish(subject, m.out) != nil {
		m.count.publish.WithLabelValues(what).Inc()
	}
}

// look subscribes what has joined, and again what has waited too long for its book.
func (m *markets) look(now time.Time) ([][]byte, error) {
	if now.Sub(m.looked) < lookEvery && m.looked.After(m.opened) {
		return nil, nil
	}
	m.looked = now
	if e := m.epoch.Load(); e != m.written {
		m.written = e
		for _, b := range m.order {
			if b.shown {
				m.show(b, b.fresh)
			}
		}
	}
	var send [][]byte
	if ids := m.admit(now); len(ids) > 0 {
		send = append(send, polymarket.MarketAdd(ids, true))
	}
	late := m.late(now)
	if len(late) == 0 {
		return send, nil
	}
	if m.fresh == 0 && now.Sub(m.opened) >= snapshotTimeout {
		return nil, fmt.Errorf("%w within %s", errSnapshot, snapshotTimeout)
	}
	// Known tokens are not dumped again unless they were given up before.
	return append(send, polymarket.MarketRemove(late), polymarket.MarketAdd(late, true)), nil
}

// late are the tokens that have waited too long for a snapshot; each waits twice as long next time.
func (m *markets) late(now time.Time) []string {
	if m.fresh == len(m.order) {
		return nil
	}
	var ids []string
	for _, b := range m.order {
		if b.since.IsZero() || now.Sub(b.since) < b.patience {
			continue
		}
		b.since, b.patience = now, min(2*b.patience, maxSnapshotTimeout)
		ids = append(ids, string(b.id))
	}
	return ids
}

func (m *markets) state() (state, cause string) {
	if m.fresh == len(m.order) {
		return stateUp, ""
	}
	return stateStale, "waiting for books"
}

// lost withdraws every book: what the venue does now is not seen.
func (m *markets) lost(cause error) {
	label := causeLabel(cause)
	for _, b := range m.order {
		if b.shown && b.fresh {
			m.count.doubts.WithLabelValues(label).Inc()
			m.show(b, false)
		}
	}
}

func (m *markets) tokens() int { return len(m.order) }

func tickText(t polymarket.Tick) string {
	if t == 0 {
		return ""
	}
	return t.String()
}
