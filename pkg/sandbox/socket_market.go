package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// touch is a price level of which something changed.
type touch struct {
	outcome int
	side    engine.Side
	price   money.Price
}

// mirror is the same level as the other token shows it.
func (t touch) mirror() touch { return touch{1 - t.outcome, 1 - t.side, money.Unit - t.price} }

type bookFrame struct {
	EventType string `json:"event_type"`
	wireBook
}

type priceChange struct {
	AssetID string      `json:"asset_id"`
	Price   money.Price `json:"price"`
	Size    money.Size  `json:"size"`
	Side    string      `json:"side"`
	Hash    string      `json:"hash"`
	BestBid money.Price `json:"best_bid"`
	BestAsk money.Price `json:"best_ask"`
}

type changeFrame struct {
	EventType    string        `json:"event_type"`
	Market       string        `json:"market"`
	Timestamp    string        `json:"timestamp"`
	PriceChanges []priceChange `json:"price_changes"`
}

type lastTradeFrame struct {
	EventType       string `json:"event_type"`
	AssetID         string `json:"asset_id"`
	Market          string `json:"market"`
	Price           string `json:"price"`
	Side            string `json:"side"`
	Size            string `json:"size"`
	FeeRateBps      string `json:"fee_rate_bps"`
	Timestamp       string `json:"timestamp"`
	TransactionHash string `json:"transaction_hash"`
}

type tickFrame struct {
	EventType   string `json:"event_type"`
	AssetID     string `json:"asset_id"`
	Market      string `json:"market"`
	OldTickSize string `json:"old_tick_size"`
	NewTickSize string `json:"new_tick_size"`
	Timestamp   string `json:"timestamp"`
}

type bestFrame struct {
	EventType string      `json:"event_type"`
	Market    string      `json:"market"`
	AssetID   string      `json:"asset_id"`
	BestBid   money.Price `json:"best_bid"`
	BestAsk   money.Price `json:"best_ask"`
	Spread    money.Price `json:"spread"`
	Timestamp string      `json:"timestamp"`
}

// resolvedFrame tells who asked for custom features that a market has ended.
type resolvedFrame struct {
	EventType      string       `json:"event_type"`
	ID             string       `json:"id"`
	Market         string       `json:"market"`
	Assets         [2]string    `json:"assets_ids"`
	WinningAsset   string       `json:"winning_asset_id"`
	WinningOutcome string       `json:"winning_outcome"`
	EventMessage   eventMessage `json:"event_message"`
	Timestamp      string       `json:"timestamp"`
	Tags           []string     `json:"tags"`
}

type eventMessage struct {
	ID          string `json:"id"`
	Ticker      string `json:"ticker"`
	Slug        string `json:"slug"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// marketAsk is what a client of the market channel says.
type marketAsk struct {
	Type      string   `json:"type"`
	Operation string   `json:"operation"`
	Assets    []string `json:"assets_ids"`
	Custom    *bool    `json:"custom_feature_enabled"`
	Dump      *bool    `json:"initial_dump"`
}

func (s *Sandbox) serveMarketSocket(w http.ResponseWriter, r *http.Request) {
	s.serveSocket(w, r, s.hearMarket)
}

// hearMarket subscribes and unsubscribes. New tokens are answered by their books, in one array.
func (s *Sandbox) hearMarket(c *socket, frame []byte) {
	var ask marketAsk
	if json.Unmarshal(frame, &ask) != nil {
		c.push([]byte("INVALID OPERATION"))
		return
	}
	if ask.Custom != nil {
		c.custom = *ask.Custom
	}
	if ask.Operation == "unsubscribe" {
		for _, token := range ask.Assets {
			delete(c.tokens, token)
		}
		return
	}
	books := []bookFrame{}
	for _, token := range ask.Assets {
		m := s.byToken[token]
		if m == nil || c.tokens[token] {
			continue
		}
		c.tokens[token] = true
		books = append(books, bookFrame{"book", m.view(m.outcome(token))})
	}
	switch {
	case len(books) == 0:
		c.push([]byte("NO NEW ASSETS"))
	case (ask.Dump == nil || *ask.Dump) && !s.faults.FreezeFeed:
		c.push(mustJSON(books))
	}
}

// watches reports whether a socket wants frames about either token of m.
func (m *market) watches(c *socket) bool { return c.tokens[m.Tokens[0]] || c.tokens[m.Tokens[1]] }

// publishLevels tells the new size of levels, for both tokens, and the best prices when they moved.
func (s *Sandbox) publishLevels(m *market, touched []touch) {
	if len(touched) == 0 {
		return
	}
	m.changed = time.Now()
	s.cast(m.watches, func() any { return m.changes(touched) })
	for i, token := range m.Tokens {
		bid, ask := m.best(i)
		if now := [2]money.Price{bid, ask}; now != m.seen[i] {
			m.seen[i] = now
			s.cast(func(c *socket) bool { return c.custom && c.tokens[token] }, func() any {
				return bestFrame{"best_bid_ask", m.ConditionID, token, bid, ask, ask - bid, millis(m.changed)}
			})
		}
	}
}

func (m *market) changes(touched []touch) changeFrame {
	f := changeFrame{EventType: "price_change", Market: m.ConditionID, Timestamp: millis(m.changed)}
	var all []touch
	for _, t := range touched {
		if !slices.Contains(all, t) && !slices.Contains(all, t.mirror()) {
			all = append(all, t)
		}
	}
	hashes := [2]string{m.view(0).Hash, m.view(1).Hash}
	for _, t := range all {
		for _, side := range []touch{t, t.mirror()} {
			bid, ask := m.best(side.outcome)
			f.PriceChanges = append(f.PriceChanges, priceChange{
				m.Tokens[side.outcome], side.price, m.book.SizeAt(side.outcome, side.side, side.price), side.side.String(),
				hashes[side.outcome], bid, ask})
		}
	}
	return f
}

// publishMatch tells everything that one submission changed: levels, last prices, and after a trade the whole books.
func (s *Sandbox) publishMatch(o *order, fills []engine.Fill, trades []*trade) {
	m := o.market
	var touched []touch
	for _, f := range fills {
		touched = append(touched, touch{f.Maker.Outcome, f.Maker.Side, f.Maker.Price})
	}
	if o.state == stateLive {
		touched = append(touched, touch{o.eng.Outcome, o.eng.Side, o.eng.Price})
	}
	for _, t := range trades {
		l := t.taker()
		m.last[o.eng.Outcome], m.last[1-o.eng.Outcome] = l.price, money.Unit-l.price
		m.lastSide[o.eng.Outcome], m.lastSide[1-o.eng.Outcome] = o.eng.Side.String(), (1 - o.eng.Side).String()
	}
	s.publishLevels(m, touched)
	for _, t := range trades {
		l := t.taker()
		s.cast(func(c *socket) bool { return c.tokens[o.token()] }, func() any {
			return lastTradeFrame{"last_trade_price", o.token(), m.ConditionID, l.price.String(), o.eng.Side.String(), l.size.String(), "0",
				millis(t.matched), t.txHash}
		})
	}
	if len(trades) == 0 {
		return
	}
	for i, token := range m.Tokens {
		s.cast(func(c *socket) bool { return c.tokens[token] }, func() any { return bookFrame{"book", m.view(i)} })
	}
}

func (s *Sandbox) publishTick(m *market, old money.Price) {
	for _, token := range m.Tokens {
		s.cast(func(c *socket) bool { return c.tokens[token] }, func() any {
			return tickFrame{"tick_size_change", token, m.ConditionID, old.String(), m.tick.String(), millis(time.Now())}
		})
	}
}

// publishResolved tells the outcome of a market.
func (s *Sandbox) publishResolved(m *market) {
	s.cast(func(c *socket) bool { return c.custom && m.watches(c) }, func() any {
		id := strconv.Itoa(slices.Index(s.markets, m) + 1)
		return resolvedFrame{
			EventType: "market_resolved", ID: id, Market: m.ConditionID, Assets: m.Tokens, WinningAsset: m.Tokens[m.winner], WinningOutcome: outcomes()[m.winner],
			EventMessage: eventMessage{ID: id, Ticker: m.Slug, Slug: m.Slug, Title: m.Question}, Timestamp: millis(time.Now()), Tags: []string{},
		}
	})
}
