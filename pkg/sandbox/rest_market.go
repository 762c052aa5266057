package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/pkg/money"
)

const (
	// maxTokens bounds the token lists of the plural reads.
	maxTokens = 500
	// endCursor marks the last page: base64 of −1.
	endCursor = "LTE="
)

func (s *Sandbox) getOK(*request) answer      { return ok("OK") }
func (s *Sandbox) getTime(*request) answer    { return ok(time.Now().Unix()) }
func (s *Sandbox) getVersion(*request) answer { return ok(map[string]int{"version": 2}) }

// page is one page of a list.
type page struct {
	Limit      int    `json:"limit"`
	Count      int    `json:"count"`
	NextCursor string `json:"next_cursor"`
	Data       any    `json:"data"`
}

// paged cuts a page out of all; the cursor is the base64 of an offset.
func paged[T any](s *Sandbox, q *request, all []T) answer {
	from := 0
	if c := q.query.Get("next_cursor"); c != "" {
		text, err := base64.StdEncoding.DecodeString(c)
		n, errN := strconv.Atoi(string(text))
		if err != nil || errN != nil {
			return refuse(http.StatusBadRequest, "Invalid next_cursor")
		}
		if from = n; n < 0 {
			from = len(all)
		}
	}
	from = min(from, len(all))
	to := min(from+s.cfg.PageSize, len(all))
	next := endCursor
	if to < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return ok(page{s.cfg.PageSize, to - from, next, append([]T{}, all[from:to]...)})
}

type wireToken struct {
	TokenID string      `json:"token_id"`
	Outcome string      `json:"outcome"`
	Price   json.Number `json:"price"`
	Winner  bool        `json:"winner"`
}

type wireMarket struct {
	EnableOrderBook         bool        `json:"enable_order_book"`
	Active                  bool        `json:"active"`
	Closed                  bool        `json:"closed"`
	Archived                bool        `json:"archived"`
	AcceptingOrders         bool        `json:"accepting_orders"`
	AcceptingOrderTimestamp string      `json:"accepting_order_timestamp"`
	MinimumOrderSize        json.Number `json:"minimum_order_size"`
	MinimumTickSize         json.Number `json:"minimum_tick_size"`
	ConditionID             string      `json:"condition_id"`
	QuestionID              string      `json:"question_id"`
	Question                string      `json:"question"`
	Description             string      `json:"description"`
	MarketSlug              string      `json:"market_slug"`
	EndDateISO              string      `json:"end_date_iso"`
	GameStartTime           *string     `json:"game_start_time"`
	SecondsDelay            int         `json:"seconds_delay"`
	FPMM                    string      `json:"fpmm"`
	MakerBaseFee            int         `json:"maker_base_fee"`
	TakerBaseFee            int         `json:"taker_base_fee"`
	NotificationsEnabled    bool        `json:"notifications_enabled"`
	NegRisk                 bool        `json:"neg_risk"`
	NegRiskMarketID         string      `json:"neg_risk_market_id"`
	NegRiskRequestID        string      `json:"neg_risk_request_id"`
	Icon                    string      `json:"icon"`
	Image                   string      `json:"image"`
	Rewards                 wireRewards `json:"rewards"`
	Is5050Outcome           bool        `json:"is_50_50_outcome"`
	Tokens                  []wireToken `json:"tokens"`
	Tags                    []string    `json:"tags"`
}

type wireRewards struct {
	Rates     []string `json:"rates"`
	MinSize   int      `json:"min_size"`
	MaxSpread int      `json:"max_spread"`
}

// simple is the short form of a market.
type simpleMarket struct {
	ConditionID     string      `json:"condition_id"`
	Rewards         wireRewards `json:"rewards"`
	Tokens          []wireToken `json:"tokens"`
	Active          bool        `json:"active"`
	Closed          bool        `json:"closed"`
	Archived        bool        `json:"archived"`
	AcceptingOrders bool        `json:"accepting_orders"`
}

// opened and ends are fixed dates around the life of every sandbox.
const (
	opened = "2026-01-01T00:00:00Z"
	ends   = "2040-01-01T00:00:00Z"
)

func (m *market) wire() wireMarket {
	w := wireMarket{
		EnableOrderBook: true, Active: true, AcceptingOrders: true, AcceptingOrderTimestamp: opened,
		MinimumOrderSize: number(minOrderSize), MinimumTickSize: number(m.tick), ConditionID: m.ConditionID,
		QuestionID: m.ConditionID, Question: m.Question, Description: m.Question, MarketSlug: m.Slug, EndDateISO: ends,
		NotificationsEnabled: true, NegRisk: m.NegRisk, Tokens: m.wireTokens(), Tags: []string{"Sandbox"},
	}
	if m.NegRisk {
		w.NegRiskMarketID = m.ConditionID
	}
	return w
}

func (m *market) wireTokens() []wireToken {
	var out []wireToken
	for i, o := range outcomes() {
		out = append(out, wireToken{TokenID: m.Tokens[i], Outcome: o, Price: number(m.middle(i))})
	}
	return out
}

// number writes a quantity as a JSON number.
func number[T money.Micro](v T) json.Number { return json.Number(money.Format(v)) }

func (s *Sandbox) getMarkets(q *request) answer {
	var all []wireMarket
	for _, m := range s.markets {
		all = append(all, m.wire())
	}
	return paged(s, q, all)
}

func (s *Sandbox) getSimplified(q *request) answer {
	var all []simpleMarket
	for _, m := range s.markets {
		all = append(all, simpleMarket{ConditionID: m.ConditionID, Tokens: m.wireTokens(), Active: true, AcceptingOrders: true})
	}
	return paged(s, q, all)
}

func (s *Sandbox) getMarket(q *request) answer {
	m := s.conditionOf(q)
	if m == nil {
		return refuse(http.StatusNotFound, "market not found")
	}
	return ok(m.wire())
}

// getClobMarket answers the compact trading parameters.
func (s *Sandbox) getClobMarket(q *request) answer {
	m := s.conditionOf(q)
	if m == nil {
		return refuse(http.StatusNotFound, "market not found")
	}
	type token struct {
		T string `json:"t"`
		O string `json:"o"`
	}
	out := map[string]any{
		"c": m.ConditionID, "t": []token{{m.Tokens[0], outcomes()[0]}, {m.Tokens[1], outcomes()[1]}},
		"mts": number(m.tick), "mos": number(minOrderSize), "mbf": 0, "tbf": 0, "ao": true, "aot": opened, "sd": 0,
	}
	if m.NegRisk {
		out["nr"] = true
	}
	if m.feeRate != 0 {
		out["fd"] = map[string]any{"r": number(money.Price(m.feeRate)), "e": 1, "to": true}
	}
	return ok(out)
}

func (s *Sandbox) getByToken(q *request) answer {
	m, _, err := s.tokenOf(q)
	if err != nil {
		return refuse(http.StatusNotFound, "market not found")
	}
	return ok(map[string]string{"condition_id": m.ConditionID, "primary_token_id": m.Tokens[0], "secondary_token_id": m.Tokens[1]})
}

func (s *Sandbox) getBook(q *request) answer {
	return s.readOne(q, func(m *market, i int) any { return m.view(i) })
}

func (s *Sandbox) getPrice(q *request) answer {
	side := q.query.Get("side")
	if side != "BUY" && side != "SELL" {
		return refuse(http.StatusBadRequest, "Invalid side")
	}
	return s.readOne(q, func(m *market, i int) any { return map[string]money.Price{"price": m.sidePrice(i, side)} })
}

// sidePrice is the best bid for BUY and the best ask for SELL: what somebody of that side already offers.
func (m *market) sidePrice(i int, side string) money.Price {
	bid, ask := m.best(i)
	if side == "BUY" {
		return bid
	}
	return ask
}

func (s *Sandbox) getMidpoint(q *request) answer {
	return s.readOne(q, func(m *market, i int) any { return map[string]money.Price{"mid": m.middle(i)} })
}

func (s *Sandbox) getSpread(q *request) answer {
	return s.readOne(q, func(m *market, i int) any { return map[string]money.Price{"spread": m.width(i)} })
}

func (m *market) width(i int) money.Price {
	bid, ask := m.best(i)
	return ask - bid
}

type lastTrade struct {
	TokenID string `json:"token_id,omitempty"`
	Price   string `json:"price"`
	Side    string `json:"side"`
}

// lastTrade is the last price and taker side, or the venue's defaults before the first trade.
func (m *market) lastTrade(i int) lastTrade {
	if m.last[i] == 0 {
		return lastTrade{Price: "0.5"}
	}
	return lastTrade{Price: m.last[i].String(), Side: m.lastSide[i]}
}

func (s *Sandbox) getLastTrade(q *request) answer {
	return s.readOne(q, func(m *market, i int) any { return m.lastTrade(i) })
}

func (s *Sandbox) getTick(q *request) answer {
	return s.readOne(q, func(m *market, _ int) any { return map[string]json.Number{"minimum_tick_size": number(m.tick)} })
}

func (s *Sandbox) getNegRisk(q *request) answer {
	return s.readOne(q, func(m *market, _ int) any { return map[string]bool{"neg_risk": m.NegRisk} })
}

func (s *Sandbox) getFeeRate(q *request) answer {
	if _, _, err := s.tokenOf(q); err != nil {
		return refuse(http.StatusNotFound, "fee rate not found for market")
	}
	return ok(map[string]int{"base_fee": 0})
}

func (s *Sandbox) getHistory(q *request) answer {
	if _, _, err := s.find(q.query.Get("market")); err != nil {
		return refuseErr(err)
	}
	return ok(map[string][]string{"history": {}})
}

// readOne answers a read about one token.
func (s *Sandbox) readOne(q *request, read func(*market, int) any) answer {
	m, i, err := s.tokenOf(q)
	if err != nil {
		return refuseErr(err)
	}
	return ok(read(m, i))
}

// tokenAsk is one entry of a plural read.
type tokenAsk struct {
	TokenID string `json:"token_id"`
	Side    string `json:"side"`
}

// asked reads the tokens of a plural read, from the body or the comma-separated query.
func asked(q *request) ([]tokenAsk, error) {
	var out []tokenAsk
	if q.method == http.MethodPost {
		if json.Unmarshal(q.body, &out) != nil {
			return nil, errors.New("Invalid payload")
		}
	} else {
		sides := strings.Split(q.query.Get("sides"), ",")
		for i, id := range strings.Split(q.query.Get("token_ids"), ",") {
			a := tokenAsk{TokenID: id}
			if i < len(sides) {
				a.Side = sides[i]
			}
			out = append(out, a)
		}
	}
	if len(out) > maxTokens {
		return nil, errors.New("Payload exceeds the limit")
	}
	return out, nil
}

// readMany answers a plural read; tokens without a book are left out, as at the venue.
func (s *Sandbox) readMany(q *request, each func(*market, int, tokenAsk)) error {
	asks, err := asked(q)
	if err != nil {
		return err
	}
	for _, a := range asks {
		if m, i, err := s.find(a.TokenID); err == nil {
			each(m, i, a)
		}
	}
	return nil
}

func (s *Sandbox) postBooks(q *request) answer {
	out := []wireBook{}
	return answerMany(s.readMany(q, func(m *market, i int, _ tokenAsk) { out = append(out, m.view(i)) }), &out)
}

func (s *Sandbox) postPrices(q *request) answer {
	out := map[string]map[string]money.Price{}
	return answerMany(s.readMany(q, func(m *market, i int, a tokenAsk) {
		if out[a.TokenID] == nil {
			out[a.TokenID] = map[string]money.Price{}
		}
		out[a.TokenID][a.Side] = m.sidePrice(i, a.Side)
	}), &out)
}

func (s *Sandbox) postMidpoints(q *request) answer {
	out := map[string]money.Price{}
	return answerMany(s.readMany(q, func(m *market, i int, a tokenAsk) { out[a.TokenID] = m.middle(i) }), &out)
}

func (s *Sandbox) postSpreads(q *request) answer {
	out := map[string]money.Price{}
	return answerMany(s.readMany(q, func(m *market, i int, a tokenAsk) { out[a.TokenID] = m.width(i) }), &out)
}

func (s *Sandbox) postLastTrades(q *request) answer {
	out := []lastTrade{}
	return answerMany(s.readMany(q, func(m *market, i int, a tokenAsk) {
		l := m.lastTrade(i)
		l.TokenID = a.TokenID
		out = append(out, l)
	}), &out)
}

func answerMany(err error, out any) answer {
	if err != nil {
		return refuseErr(err)
	}
	return ok(out)
}
