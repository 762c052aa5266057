package sandbox

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// The liquidity maker's ladder. Each level is quoted twice, on the level's own token and on the other one, so that a
// deep enough taker meets direct trades as well as mints and merges.
const (
	quoteLevels = 5
	directBase  = money.Size(300 * money.Unit)
	directStep  = money.Size(100 * money.Unit)
	mirrorBase  = money.Size(100 * money.Unit)
	mirrorStep  = money.Size(50 * money.Unit)
)

// quote is one order that the liquidity maker wants to have in the book.
type quote struct {
	outcome int
	side    engine.Side
	price   money.Price
	size    money.Size
}

// quotes is the whole ladder at the market's present middle and tick.
func (m *market) quotes() (out []quote) {
	top := money.Unit / m.tick
	for k := range quoteLevels {
		direct, mirror := directBase+money.Size(k)*directStep, mirrorBase+money.Size(k)*mirrorStep
		off := money.Price(k * m.step)
		ask := money.Price((m.mid+int64(m.spread))/2) + off
		bid := money.Price((m.mid-int64(m.spread))/2) - off
		if ask >= 1 && ask < top {
			out = append(out, quote{0, engine.Sell, ask * m.tick, direct}, quote{1, engine.Buy, money.Unit - ask*m.tick, mirror})
		}
		if bid >= 1 && bid < top {
			out = append(out, quote{0, engine.Buy, bid * m.tick, direct}, quote{1, engine.Sell, money.Unit - bid*m.tick, mirror})
		}
	}
	return out
}

// scheduleRequote plans one round of quoting after the market has changed.
func (s *Sandbox) scheduleRequote(m *market) {
	if !m.quoting {
		m.quoting = true
		s.after(s.cfg.RequoteAfter, func() { s.requote(m) })
	}
}

// requote fills up the ladder. A level that would trade with somebody's order is left out until that order is gone:
// the liquidity maker never takes.
func (s *Sandbox) requote(m *market) {
	m.quoting = false
	if m.resolved {
		return
	}
	missing := map[quote]bool{}
	for _, q := range m.quotes() {
		missing[q] = true
	}
	var touched []touch
	for _, o := range s.resting(func(o *order) bool { return o.quote && o.market == m }) {
		q := quote{o.eng.Outcome, o.eng.Side, o.eng.Price, o.eng.Left()}
		if missing[q] {
			delete(missing, q)
			continue
		}
		m.book.Cancel(o.id)
		o.state, o.reason = stateCancelled, "quote replaced"
		o.hold()
		s.recordOrder(o)
		touched = append(touched, touch{q.outcome, q.side, q.price})
	}
	for _, q := range m.quotes() {
		if !missing[q] {
			continue
		}
		if o := s.newQuote(m, q); !m.book.Meets(&o.eng) {
			s.placeQuote(o)
			touched = append(touched, touch{q.outcome, q.side, q.price})
		}
	}
	s.publishLevels(m, touched)
}

func (s *Sandbox) newQuote(m *market, q quote) *order {
	s.quoted++
	cash, err := money.Cost(q.size, q.price, money.Down)
	if err != nil {
		panic(err)
	}
	o := &order{
		id:  hexutil.Encode(crypto.Keccak256(fmt.Appendf(nil, "sluice sandbox quote %d %d", s.cfg.Seed, s.quoted))),
		key: s.makerKey, wallet: s.maker, walletKind: s.maker.kind, market: m, kind: typeGTC, postOnly: true,
		salt: fmt.Sprint(s.quoted), maker: cash, taker: money.Cash(q.size), state: stateLive, quote: true,
		eng: engine.Order{Outcome: q.outcome, Side: q.side, Price: q.price, Shares: q.size, PostOnly: true},
	}
	o.eng.ID = o.id
	if q.side == engine.Buy {
		o.eng.Cash = cash
	} else {
		o.maker, o.taker = o.taker, o.maker
	}
	return o
}

func (s *Sandbox) placeQuote(o *order) {
	s.remember(o)
	o.timestamp = o.created.UnixMilli()
	if _, err := o.market.book.Submit(&o.eng); err != nil {
		panic(err) // it was asked whether it meets anything
	}
	o.hold()
	s.recordOrder(o)
}

// walk moves every market by one random tick where there is room, and plans the next step.
func (s *Sandbox) walk() {
	for _, m := range s.markets {
		room := 2 * (int64(m.spread) + quoteLevels*int64(m.step))
		top := 2 * int64(money.Unit/m.tick)
		next := m.mid + 2*(2*s.rng.Int64N(2)-1)
		if next > room && next < top-room {
			m.mid = next
			s.requote(m)
		}
	}
	s.after(s.cfg.Walk, s.walk)
}
