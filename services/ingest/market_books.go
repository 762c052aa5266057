package ingest

import (
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

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
	m.withdraw(b, reason)
	b.since, b.patience = at.Add(-snapshotTimeout), snapshotTimeout // the next look subscribes again
}

// withdraw publishes a fresh book once more, as not fresh.
func (m *markets) withdraw(b *book, reason string) {
	if b.shown && b.fresh {
		m.count.doubts.WithLabelValues(reason).Inc()
		m.show(b, false)
	}
}

// show publishes the book as it stands.
func (m *markets) show(b *book, fresh bool) {
	b.bookSeq++
	switch {
	case fresh && !b.fresh:
		m.fresh++
		m.renewed = false
		if b.absent {
			b.absent = false
			m.absent--
		}
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

func tickText(t polymarket.Tick) string {
	if t == 0 {
		return ""
	}
	return t.String()
}
