package executor

import (
	"math/big"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Market is one market fact. It is never changed once it is in Facts.
type Market struct{ msgs.Market }

// fee is what a taker pays in the market; the highest that is known anywhere when the fact does not say.
func (m *Market) fee() polymarket.FeeTerms {
	if m.FeeRate == nil {
		return polymarket.HighestFee()
	}
	return polymarket.FeeTerms{Rate: big.NewRat(int64(*m.FeeRate), money.Unit), Exponent: m.FeeExponent}
}

// room is the most that a taker's purchase of size at price or better pays beside the price.
func (m *Market) room(size money.Size, price money.Price) money.Cash {
	if m.FeeRate == nil {
		return polymarket.Room(polymarket.HighestRate, 1, size, price)
	}
	return polymarket.Room(int64(*m.FeeRate), m.FeeExponent, size, price)
}

// Facts is what is known of the markets at one moment. It is immutable: With gives the next one.
type Facts struct {
	byToken     map[msgs.TokenID]*Market
	byCondition map[msgs.ConditionID]*Market
	bySlug      map[string]*Market
}

// NewFacts is the facts of those markets; of two about one market the later in the list counts.
func NewFacts(markets ...*Market) *Facts {
	f := &Facts{byToken: map[msgs.TokenID]*Market{}, byCondition: map[msgs.ConditionID]*Market{}, bySlug: map[string]*Market{}}
	for _, m := range markets {
		f.byCondition[m.ConditionID] = m
		if m.Slug != "" {
			f.bySlug[m.Slug] = m
		}
		for _, tok := range m.Tokens {
			f.byToken[tok.TokenID] = m
		}
	}
	return f
}

// Len is how many markets are known.
func (f *Facts) Len() int { return len(f.byCondition) }

// Token is the market of a token, nil when it is not known.
func (f *Facts) Token(id msgs.TokenID) *Market { return f.byToken[id] }

// Market finds a market by slug or condition id, nil when it is not known.
func (f *Facts) Market(name string) *Market {
	if m := f.byCondition[msgs.ConditionID(name)]; m != nil {
		return m
	}
	return f.bySlug[name]
}

// Outcome finds one outcome of a market; both are empty when it is not known.
func (f *Facts) Outcome(market, outcome string) (*Market, msgs.TokenID) {
	m := f.Market(market)
	if m == nil {
		return nil, ""
	}
	for _, tok := range m.Tokens {
		if tok.Outcome == outcome {
			return m, tok.TokenID
		}
	}
	return nil, ""
}
