package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sluice/pkg/money"
)

const (
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
		EnableOrderBook: true, Active: true, Closed: m.resolved, AcceptingOrders: !m.resolved, AcceptingOrderTimestamp: opened,
		MinimumOrderSize: number(minOrderSize), MinimumTickSize: number(m.tick), ConditionID: m.ConditionID,
		QuestionID: m.questionID.Hex(), Question: m.Question, Description: m.Question, MarketSlug: m.Slug, EndDateISO: ends,
		NotificationsEnabled: true, NegRisk: m.NegRisk, Tokens: m.wireTokens(), Tags: []string{"Sandbox"},
	}
	if m.NegRisk {
		event := m.questionID
		event[len(event)-1] = 0 // the rest of a question's id is its event's
		w.NegRiskMarketID = event.Hex()
	}
	return w
}

func (m *market) wireTokens() []wireToken {
	var out []wireToken
	for i, o := range outcomes() {
		out = append(out, wireToken{TokenID: m.Tokens[i], Outcome: o, Price: number(m.middle(i)), Winner: m.resolved && m.winner == i})
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
		all = append(all, simpleMarket{ConditionID: m.ConditionID, Tokens: m.wireTokens(), Active: true, Closed: m.resolved, AcceptingOrders: !m.resolved})
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
