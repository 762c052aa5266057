package polymarket

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"

	"sluice/pkg/money"
)

// Time is the venue's clock, Unix seconds.
func (c *CLOB) Time(ctx context.Context) (int64, error) {
	k := call{method: "GET", path: "/time"}
	v, err := c.get(ctx, k)
	if err != nil {
		return 0, err
	}
	n, ok := v.number()
	if !ok {
		return 0, misread(k, v)
	}
	return n, nil
}

// defaultVersion is what the venue speaks when it does not say.
const defaultVersion = 2

// Version is the domain version that the venue takes orders in.
func (c *CLOB) Version(ctx context.Context) (int, error) {
	k := call{method: "GET", path: "/version"}
	v, err := c.get(ctx, k)
	if err != nil {
		return 0, err
	}
	for name, f := range v.fields() {
		if string(name) != "version" || f.isNull() {
			continue
		}
		n, ok := f.number()
		if !ok {
			return 0, misread(k, v)
		}
		return int(n), nil
	}
	return defaultVersion, nil
}

// Market is one market of the CLOB's catalogue.
type Market struct {
	ConditionID, QuestionID string
	Slug, Question          string
	Tokens                  []MarketToken
	Tick                    Tick // zero when the venue names one this package does not know
	MinSize                 money.Size
	NegRisk                 bool
	Active, Closed          bool
	Archived                bool
	AcceptingOrders         bool
	EnableOrderBook         bool
	EndDate                 string // ISO 8601, "" if none
	SecondsDelay            int64  // how long the venue holds taker orders
}

// MarketToken is one outcome of a market.
type MarketToken struct {
	TokenID string
	Outcome string
	Price   money.Price
	Winner  bool
}

// Tradable reports whether orders can be placed now.
func (m Market) Tradable() bool { return m.EnableOrderBook && m.AcceptingOrders && !m.Closed }

// Markets returns one page of the catalogue and the cursor of the next, "" after the last. The first cursor is "".
func (c *CLOB) Markets(ctx context.Context, cursor string) (_ []Market, next string, err error) {
	if cursor == "" {
		cursor = firstCursor
	}
	k := call{method: "GET", path: "/markets", query: query("next_cursor", cursor)}
	v, err := c.get(ctx, k)
	if err != nil {
		return nil, "", err
	}
	data, next, ok := page(v)
	if !ok {
		return nil, "", misread(k, v)
	}
	var out []Market
	for e := range data.items() {
		out = append(out, decodeMarket(e))
	}
	return out, next, nil
}

// Market returns one market by its condition id.
func (c *CLOB) Market(ctx context.Context, conditionID string) (Market, error) {
	k := call{method: "GET", path: "/markets/" + url.PathEscape(conditionID)}
	v, err := c.get(ctx, k)
	if err != nil {
		return Market{}, err
	}
	m := decodeMarket(v)
	if m.ConditionID == "" {
		return Market{}, misread(k, v)
	}
	return m, nil
}

func decodeMarket(v value) Market {
	var m Market
	for k, f := range v.fields() {
		switch string(k) {
		case "condition_id":
			m.ConditionID = f.id()
		case "question_id":
			m.QuestionID = f.id()
		case "market_slug":
			m.Slug = f.text()
		case "question":
			m.Question = f.text()
		case "tokens":
			for t := range f.items() {
				m.Tokens = append(m.Tokens, decodeMarketToken(t))
			}
		case "minimum_tick_size":
			m.Tick = knownTick(f)
		case "minimum_order_size":
			m.MinSize, _ = micro[money.Size](f)
		case "neg_risk":
			m.NegRisk = f.bool()
		case "active":
			m.Active = f.bool()
		case "closed":
			m.Closed = f.bool()
		case "archived":
			m.Archived = f.bool()
		case "accepting_orders":
			m.AcceptingOrders = f.bool()
		case "enable_order_book":
			m.EnableOrderBook = f.bool()
		case "end_date_iso":
			m.EndDate = f.text()
		case "seconds_delay":
			m.SecondsDelay, _ = f.number()
		}
	}
	return m
}

func decodeMarketToken(v value) MarketToken {
	var t MarketToken
	for k, f := range v.fields() {
		switch string(k) {
		case "token_id":
			t.TokenID = f.text()
		case "outcome":
			t.Outcome = f.text()
		case "price":
			t.Price, _ = micro[money.Price](f)
		case "winner":
			t.Winner = f.bool()
		}
	}
	return t
}

// knownTick is zero for a tick that is none of the venue's.
func knownTick(v value) Tick {
	if p, ok := micro[money.Price](v); ok && Tick(p).Known() {
		return Tick(p)
	}
	return 0
}

// Terms are the trading parameters of a market, from the compact listing.
type Terms struct {
	ConditionID     string
	Tokens          []MarketToken // without prices
	Tick            Tick
	MinSize         money.Size
	NegRisk         bool
	AcceptingOrders bool
	SecondsDelay    int64
	Fee             FeeTerms // nil rate: no fee
}

// Terms returns the trading parameters of a market by its condition id.
func (c *CLOB) Terms(ctx context.Context, conditionID string) (Terms, error) {
	k := call{method: "GET", path: "/clob-markets/" + url.PathEscape(conditionID)}
	v, err := c.get(ctx, k)
	if err != nil {
		return Terms{}, err
	}
	var t Terms
	for name, f := range v.fields() {
		switch string(name) {
		case "c":
			t.ConditionID = f.id()
		case "t":
			for e := range f.items() {
				t.Tokens = append(t.Tokens, decodeShortToken(e))
			}
		case "mts":
			t.Tick = knownTick(f)
		case "mos":
			t.MinSize, _ = micro[money.Size](f)
		case "nr":
			t.NegRisk = f.bool()
		case "ao":
			t.AcceptingOrders = f.bool()
		case "sd":
			t.SecondsDelay, _ = f.number()
		case "fd":
			t.Fee = decodeFee(f)
		}
	}
	if t.Tick == 0 {
		return Terms{}, errors.Join(misread(k, v), ErrUnknownTick)
	}
	return t, nil
}

func decodeShortToken(v value) MarketToken {
	var t MarketToken
	for k, f := range v.fields() {
		switch string(k) {
		case "t":
			t.TokenID = f.text()
		case "o":
			t.Outcome = f.text()
		}
	}
	return t
}

func decodeFee(v value) FeeTerms {
	var t FeeTerms
	for k, f := range v.fields() {
		switch string(k) {
		case "r":
			t.Rate = rational(f)
		case "e":
			if n, ok := f.number(); ok {
				t.Exponent = int(min(max(n, 0), maxFeeExponent))
			}
		}
	}
	return t
}

// maxRatText bounds what is handed to the rational parser.
const maxRatText = 80

// rational reads a decimal exactly, nil for anything else. Exponents are written out first: the parser of big.Rat would
// spend memory on a large one.
func rational(v value) *big.Rat {
	s := v.text()
	if strings.ContainsAny(s, "eE") {
		s, _ = expand(s)
	}
	if len(s) > maxRatText || strings.ContainsAny(s, "/_xXpPbBoO") {
		return nil
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return r
}

// Book returns the order book of a token, best levels first.
func (c *CLOB) Book(ctx context.Context, tokenID string) (Book, error) {
	k := call{method: "GET", path: "/book", query: query("token_id", tokenID)}
	v, err := c.get(ctx, k)
	if err != nil {
		return Book{}, err
	}
	b, err := decodeBook(v)
	if err != nil {
		return Book{}, errors.Join(misread(k, v), err)
	}
	return b, nil
}

// Price is the best price of a token: side Buy gives the best bid, Sell the best ask.
func (c *CLOB) Price(ctx context.Context, tokenID string, side Side) (money.Price, error) {
	return c.price(ctx, call{method: "GET", path: "/price", query: query("token_id", tokenID, "side", string(side))}, "price")
}

// Midpoint is the middle between best bid and best ask of a token.
func (c *CLOB) Midpoint(ctx context.Context, tokenID string) (money.Price, error) {
	return c.price(ctx, call{method: "GET", path: "/midpoint", query: query("token_id", tokenID)}, "mid", "mid_price")
}

// TickSize is a token's tick. An unknown one is ErrUnknownTick.
func (c *CLOB) TickSize(ctx context.Context, tokenID string) (Tick, error) {
	p, err := c.price(ctx, call{method: "GET", path: "/tick-size", query: query("token_id", tokenID)}, "minimum_tick_size")
	if t := Tick(p); err != nil || t.Known() {
		return t, err
	}
	return 0, fmt.Errorf("read tick size: %w: %s", ErrUnknownTick, p)
}

// NegRisk reports whether a token belongs to a neg-risk market, whose orders are signed for another exchange.
func (c *CLOB) NegRisk(ctx context.Context, tokenID string) (bool, error) {
	return c.getBool(ctx, call{method: "GET", path: "/neg-risk", query: query("token_id", tokenID)}, "neg_risk")
}

func (c *CLOB) price(ctx context.Context, k call, names ...string) (money.Price, error) {
	v, err := c.get(ctx, k)
	if err != nil {
		return 0, err
	}
	for key, f := range v.fields() {
		for _, name := range names {
			if p, ok := micro[money.Price](f); ok && string(key) == name {
				return p, nil
			}
		}
	}
	return 0, misread(k, v)
}
