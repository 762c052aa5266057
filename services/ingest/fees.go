package ingest

import (
	"context"
	"maps"
	"math/big"
	"slices"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// feesAge is how old a market's fee terms may become: the venue sets them with the market.
	feesAge = time.Hour
	// feesRetry is how long a market whose terms could not be read is left alone.
	feesRetry = time.Minute
	// feesPause is between two readings, so that hints about ticks are taken meanwhile: a thousand markets in twenty seconds.
	feesPause = 20 * time.Millisecond
	// feesFirst is how many markets' terms are read before the facts count as loaded.
	feesFirst = 50
)

// fees are a market's, as they were read; the list of markets does not tell them.
type fees struct {
	known    bool
	rate     money.Price // rounded up
	exponent int
	until    time.Time // to read them again
}

// price lays what is known of its fees beside a fact.
func (k *catalogue) price(f *msgs.Market) {
	if x := k.fees[f.ConditionID]; x != nil && x.known {
		f.FeeRate, f.FeeExponent = &x.rate, x.exponent
	}
}

// unpriced is a market whose terms are to be read, empty for none.
func (k *catalogue) unpriced(now time.Time) msgs.ConditionID {
	for _, id := range slices.Sorted(maps.Keys(k.facts)) {
		if x := k.fees[id]; !k.facts[id].Closed && (x == nil || now.After(x.until)) {
			return id
		}
	}
	return ""
}

// readFees reads the terms of one market, where any is to be read, and publishes its fact when they are news. Without them
// the fact says nothing of fees, and whoever needs them has to think of the highest.
func (k *catalogue) readFees(ctx context.Context) {
	id := k.unpriced(time.Now())
	if id == "" {
		return
	}
	before, f := k.fees[id], k.facts[id]
	terms, err := k.clob.Terms(ctx, string(id))
	if k.fees == nil {
		k.fees = map[msgs.ConditionID]*fees{}
	}
	if err != nil {
		if ctx.Err() == nil {
			k.log.Warn("fees of a market not read", "condition_id", string(id), "error", err)
		}
		x := fees{until: time.Now().Add(feesRetry)}
		if before != nil {
			x.known, x.rate, x.exponent = before.known, before.rate, before.exponent
		}
		k.fees[id] = &x
		return
	}
	x := &fees{known: true, rate: rateOf(terms.Fee), exponent: terms.Fee.Exponent, until: time.Now().Add(feesAge)}
	k.fees[id] = x
	if before != nil && before.known && before.rate == x.rate && before.exponent == x.exponent {
		return
	}
	k.price(&f)
	k.facts[id] = f
	if err := k.publish(ctx, f); err != nil && ctx.Err() == nil {
		k.log.Warn("market fact not published", "condition_id", string(id), "error", err)
	}
}

// rateOf is a rate in millionths, rounded up; nothing at all is no fee.
func rateOf(f polymarket.FeeTerms) money.Price {
	if f.Rate == nil || f.Rate.Sign() <= 0 {
		return 0
	}
	r := new(big.Rat).Mul(f.Rate, big.NewRat(money.Unit, 1))
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	if !q.IsInt64() {
		return money.Unit
	}
	return money.Price(q.Int64())
}
