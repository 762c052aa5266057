package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
)

// The catalogue (Gamma) and the public history (Data) as far as a trader polls them: their windows are what a client meets
// first. Both stand under a prefix of the sandbox's own address.

// publicRows bounds a page of the public history, as the venue does.
const publicRows = 500

// gammaMarket is a market as the catalogue writes it: lists within strings.
type gammaMarket struct {
	ID                    string      `json:"id"`
	Version               string      `json:"version"`
	ConditionID           string      `json:"conditionId"`
	Slug                  string      `json:"slug"`
	Question              string      `json:"question"`
	EndDate               string      `json:"endDate"`
	ClobTokenIDs          string      `json:"clobTokenIds"`
	Outcomes              string      `json:"outcomes"`
	NegRisk               bool        `json:"negRisk"`
	EnableOrderBook       bool        `json:"enableOrderBook"`
	AcceptingOrders       bool        `json:"acceptingOrders"`
	Active                bool        `json:"active"`
	Closed                bool        `json:"closed"`
	OrderPriceMinTickSize json.Number `json:"orderPriceMinTickSize"`
	OrderMinSize          json.Number `json:"orderMinSize"`
}

type gammaEvent struct {
	ID      string        `json:"id"`
	Slug    string        `json:"slug"`
	Title   string        `json:"title"`
	Closed  bool          `json:"closed"`
	NegRisk bool          `json:"negRisk"`
	Markets []gammaMarket `json:"markets"`
}

func (s *Sandbox) gammaMarkets(keep func(*market) bool) []gammaMarket {
	out := []gammaMarket{}
	for i, m := range s.markets {
		if keep(m) {
			names := outcomes()
			out = append(out, gammaMarket{
				ID: strconv.Itoa(i + 1), Version: "v1", ConditionID: m.ConditionID, Slug: m.Slug, Question: m.Question, EndDate: ends,
				ClobTokenIDs: string(mustJSON(m.Tokens)), Outcomes: string(mustJSON(names)), NegRisk: m.NegRisk, EnableOrderBook: true,
				AcceptingOrders: !m.resolved, Closed: m.resolved, Active: true, OrderPriceMinTickSize: number(m.tick), OrderMinSize: number(minOrderSize),
			})
		}
	}
	return out
}

// slice is one page by limit and offset.
func slice[T any](q *request, all []T) answer {
	offset, _ := strconv.Atoi(q.query.Get("offset"))
	limit, err := strconv.Atoi(q.query.Get("limit"))
	if err != nil || limit <= 0 {
		limit = publicRows
	}
	offset = min(max(offset, 0), len(all))
	return ok(append([]T{}, all[offset:min(len(all), offset+min(limit, publicRows))]...))
}

func (s *Sandbox) getGammaMarkets(q *request) answer {
	slug, conditions := q.query.Get("slug"), q.query["condition_ids"]
	return slice(q, s.gammaMarkets(func(m *market) bool {
		return (slug == "" || slug == m.Slug) && (len(conditions) == 0 || slices.Contains(conditions, m.ConditionID)) && q.query.Get("closed") != "true"
	}))
}

// gammaEvents has an event for each market.
func (s *Sandbox) gammaEvents(keep func(*market) bool) []gammaEvent {
	out := []gammaEvent{}
	for _, m := range s.gammaMarkets(keep) {
		out = append(out, gammaEvent{ID: m.ID, Slug: m.Slug, Title: m.Question, NegRisk: m.NegRisk, Markets: []gammaMarket{m}})
	}
	return out
}

func (s *Sandbox) getGammaEvents(q *request) answer {
	slug := q.query.Get("slug")
	return slice(q, s.gammaEvents(func(m *market) bool { return slug == "" || slug == m.Slug }))
}

func (s *Sandbox) getSearch(q *request) answer {
	text := strings.ToLower(q.query.Get("q"))
	found := s.gammaEvents(func(m *market) bool { return strings.Contains(strings.ToLower(m.Question+" "+m.Slug), text) })
	return ok(map[string]any{"events": found, "tags": []string{}, "profiles": []string{}})
}

func (s *Sandbox) getEmptyList(*request) answer { return ok([]string{}) }

type publicPosition struct {
	ProxyWallet  string      `json:"proxyWallet"`
	Asset        string      `json:"asset"`
	ConditionID  string      `json:"conditionId"`
	Size         json.Number `json:"size"`
	CurPrice     json.Number `json:"curPrice"`
	Slug         string      `json:"slug"`
	Outcome      string      `json:"outcome"`
	OutcomeIndex int         `json:"outcomeIndex"`
}

// getPositions lists what a wallet holds.
func (s *Sandbox) getPositions(q *request) answer {
	out := []publicPosition{}
	w := s.wallets[common.HexToAddress(q.query.Get("user"))]
	for _, m := range s.markets {
		for i, token := range m.Tokens {
			if w != nil && w.shares[token] != nil && w.shares[token].have > 0 {
				out = append(out, publicPosition{ProxyWallet: w.address.Hex(), Asset: token, ConditionID: m.ConditionID,
					Size: number(money.Size(w.shares[token].have)), CurPrice: number(m.middle(i)), Slug: m.Slug, Outcome: outcomes()[i], OutcomeIndex: i})
			}
		}
	}
	return slice(q, out)
}

type publicTrade struct {
	ProxyWallet     string      `json:"proxyWallet"`
	Type            string      `json:"type"`
	Side            string      `json:"side"`
	Asset           string      `json:"asset"`
	ConditionID     string      `json:"conditionId"`
	Size            json.Number `json:"size"`
	Price           json.Number `json:"price"`
	Timestamp       int64       `json:"timestamp"`
	Slug            string      `json:"slug"`
	OutcomeIndex    int         `json:"outcomeIndex"`
	TransactionHash string      `json:"transactionHash"`
}

// getPublicTrades lists what takers have traded, newest first.
func (s *Sandbox) getPublicTrades(q *request) answer {
	out := []publicTrade{}
	user, condition := q.query.Get("user"), q.query.Get("market")
	for _, t := range slices.Backward(s.trades) {
		l := t.taker()
		wallet := l.order.wallet.address.Hex()
		if user != "" && !strings.EqualFold(user, wallet) || condition != "" && condition != t.market.ConditionID {
			continue
		}
		out = append(out, publicTrade{ProxyWallet: wallet, Type: "TRADE", Side: l.order.eng.Side.String(), Asset: l.order.token(), ConditionID: t.market.ConditionID,
			Size: number(l.size), Price: number(l.price), Timestamp: t.matched.Unix(), Slug: t.market.Slug, OutcomeIndex: l.order.eng.Outcome, TransactionHash: t.txHash})
	}
	return slice(q, out)
}
