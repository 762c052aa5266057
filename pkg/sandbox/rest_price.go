package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
)

// maxTokens bounds the token lists of the plural reads.
const maxTokens = 500

func (s *Sandbox) getBook(q *request) answer {
	return s.readOne(q, func(m *market, i int) any { return m.view(i) })
}

func (s *Sandbox) getPrice(q *request) answer {
	side := q.query.Get("side")
	if !isSide(side) {
		return refuseErr(errSide)
	}
	return s.readOne(q, func(m *market, i int) any { return map[string]money.Price{"price": m.sidePrice(i, side)} })
}

func isSide(side string) bool { return side == "BUY" || side == "SELL" }

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

// getBuilderFees answers for every builder's code: orders may carry any, and here none costs anything.
func (s *Sandbox) getBuilderFees(q *request) answer {
	if code, err := bytes32(q.param("code")); err != nil || common.BytesToHash(code) == (common.Hash{}) {
		return refuse(http.StatusNotFound, "builder fees not found")
	}
	return ok(map[string]int{"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})
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
			return nil, errRead
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
		return nil, errTooMany
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
	if asks, err := asked(q); err == nil && slices.ContainsFunc(asks, func(a tokenAsk) bool { return !isSide(a.Side) }) {
		return refuseErr(errSide)
	}
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
