package executor

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// build judges a proposal against the market and completes its intent: everything that the signature covers.
func (p *proposal) build(t *turn, a *Asked, c *msgs.Submit) *msgs.Error {
	if expired(p.ValidUntilMS, t.nowMS) {
		return tooLate(p.ValidUntilMS, t.nowMS)
	}
	if m := a.Facts.Market(c.Market); m != nil && p.market == nil {
		return noOutcome(m, c.Outcome)
	}
	tick, err := p.tradable(t)
	if err != nil {
		return err
	}
	if err := p.lasts(t.nowMS); err != nil {
		return err
	}
	if c.Signed != nil {
		if err := p.takeSigned(t, c.Signed); err != nil {
			return err
		}
		p.leaveRoom(tick)
		return nil
	}
	if c.MaxSlippage != nil {
		if err := p.slip(t, a.Book, *c.MaxSlippage, tick); err != nil {
			return err
		}
	}
	if err := p.amounts(tick); err != nil {
		return err
	}
	p.Builder = c.Builder
	p.leaveRoom(tick)
	return p.identify(t, a.Salt)
}

// leaveRoom says what a purchase can cost beside its price, for whoever counts what can still be spent.
func (p *proposal) leaveRoom(tick polymarket.Tick) {
	switch {
	case p.Side != msgs.Buy || p.PostOnly:
		p.FeeRoom = 0
	case p.OrderType.Rests():
		p.FeeRoom = p.market.room(p.Size, p.Price)
	default:
		p.FeeRoom = p.market.fee().RoomFor(money.Cash(p.MakerAmount), tick)
	}
}

// noOutcome says which outcomes a market has beside the one that was asked for.
func noOutcome(m *Market, asked string) *msgs.Error {
	var has []string
	for _, tok := range m.Tokens {
		has = append(has, strconv.Quote(tok.Outcome))
	}
	return &msgs.Error{Code: msgs.UnknownToken, Field: "outcome", Cause: fmt.Sprintf("the market has no outcome %q", asked), Fix: "use one of " + strings.Join(has, ", ") + ", spelled as they stand here"}
}

// tradable judges the market, and gives its tick.
func (p *proposal) tradable(t *turn) (polymarket.Tick, *msgs.Error) {
	m := p.market
	if m == nil {
		return 0, failure(msgs.UnknownToken, "no market fact is known for this token", "check the token with `sluice markets`; ingest must follow the market")
	}
	if t.rules.FactAge > 0 && t.nowMS-m.AtMS > t.rules.FactAge.Milliseconds() {
		return 0, failure(msgs.UnknownToken, fmt.Sprintf("the market fact is %d s old", (t.nowMS-m.AtMS)/1000), "see whether ingest runs and reaches the venue")
	}
	if m.Closed || !m.Accepting {
		return 0, failure(msgs.MarketClosed, "the market takes no orders", "choose another market")
	}
	tick, err := polymarket.ParseTick(m.TickSize)
	if err != nil {
		return 0, failure(msgs.PriceOffTick, "the market's tick "+strconv.Quote(m.TickSize)+" is not known to this version", "update Sluice")
	}
	return tick, nil
}

// lasts judges how long the order wants to rest. The venue stops a GTD order a minute before its expiration, so that
// minute is added.
func (p *proposal) lasts(nowMS int64) *msgs.Error {
	if p.OrderType != msgs.GTD {
		return nil
	}
	if p.ExpiresMS < nowMS+gtdAheadMS {
		return &msgs.Error{Code: msgs.BadValue, Field: "expires_ms", Cause: fmt.Sprintf("expires_ms is %d ms ahead and the venue wants at least %d", p.ExpiresMS-nowMS, int64(gtdAheadMS)),
			Fix: "let it rest for at least 180 s, or cancel a GTC order yourself"}
	}
	p.ExpirationS = (p.ExpiresMS + gtdExtraMS + 999) / 1000
	return nil
}

// slip sets the worst price from the book.
func (p *proposal) slip(t *turn, b *msgs.Book, by money.Price, tick polymarket.Tick) *msgs.Error {
	if b == nil || !b.Fresh || t.nowMS*1000-b.RecvUS > t.rules.BookAge.Microseconds() {
		return failure(msgs.NoFreshBook, "there is no fresh book of this token, so a slippage means nothing", "give price, the worst you accept, or wait for the feed")
	}
	side, best := b.Asks, money.Price(0)
	if p.Side == msgs.Sell {
		side = b.Bids
	}
	if len(side) == 0 {
		return failure(msgs.NoFreshBook, "nobody stands on the other side of the book", "wait, or give price")
	}
	best = side[0].Price
	step := money.Price(tick)
	if p.Side == msgs.Buy {
		p.Price = min((best+by)/step*step, money.Unit-step)
	} else {
		p.Price = max((best-by+step-1)/step*step, step)
	}
	return nil
}

// amounts judges price and size, and computes what the order gives and gets.
func (p *proposal) amounts(tick polymarket.Tick) *msgs.Error {
	if tick.Valid(p.Price) != nil {
		return offTick(p.Price, tick)
	}
	if p.OrderType.Rests() && p.Size < p.market.MinSize {
		return &msgs.Error{Code: msgs.BelowMinSize, Field: "size", Cause: fmt.Sprintf("size is %s and this market takes at least %s", p.Size, p.market.MinSize), Fix: "order at least " + p.market.MinSize.String() + " shares"}
	}
	var err error
	switch {
	case p.OrderType.Rests():
		p.MakerAmount, p.TakerAmount, err = polymarket.LimitAmounts(polymarket.Side(p.Side), p.Price, p.Size, tick)
	case p.Side == msgs.Sell:
		p.MakerAmount, p.TakerAmount, err = polymarket.MarketSellAmounts(p.Size, p.Price, tick)
	default:
		cash := p.Amount
		if cash == 0 {
			if cash, err = money.Cost(p.Size, p.Price, money.Down); err != nil {
				break
			}
		}
		p.MakerAmount, p.TakerAmount, err = polymarket.MarketBuyAmounts(cash, p.Price, tick)
	}
	if err != nil {
		return failure(msgs.BelowMinSize, err.Error(), "order more, or at another price")
	}
	if p.Size == 0 {
		p.Size = money.Size(p.TakerAmount)
	}
	return nil
}

// offTick names the nearest prices that are valid.
func offTick(price money.Price, tick polymarket.Tick) *msgs.Error {
	step := money.Price(tick)
	low := max(step, min(price/step*step, money.Unit-step))
	high := min(low+step, money.Unit-step)
	near := low.String()
	if high != low && price > low {
		near += " or " + high.String()
	}
	return &msgs.Error{Code: msgs.PriceOffTick, Field: "price", Cause: fmt.Sprintf("price %s is not on the market's tick %s, or not within it and 1 less it", price, tick), Fix: "use " + near}
}

// identify completes the intent with what tells this order from all others, and computes its id.
func (p *proposal) identify(t *turn, salt uint64) *msgs.Error {
	p.Salt = salt & polymarket.MaxSalt
	p.Maker, p.Signer, p.SignatureType = t.maker, t.signer, int(t.id.Kind)
	p.TimestampMS = t.nowMS
	o, err := orderOn(&p.Intent, t.id.Maker, t.id.Signer)
	if err != nil {
		return failure(msgs.BadValue, err.Error(), "check the order's fields")
	}
	d := p.domain(t.id.ChainID)
	id, err := o.Hash(d)
	if err != nil {
		return failure(msgs.VersionMismatch, err.Error(), "update Sluice: it does not know how this market's orders are signed")
	}
	p.OrderID, p.made = msgs.OrderID(id.Hex()), &made{o, d}
	return nil
}

func (p *proposal) domain(chain uint64) polymarket.Domain {
	return polymarket.Domain{ChainID: chain, Version: p.market.Domain, NegRisk: p.NegRisk}
}

// orderFrom is the order that an intent describes, in the venue's types.
func orderFrom(in *msgs.Intent) (polymarket.Order, error) {
	maker, err := polymarket.ParseAddress(in.Maker)
	if err != nil {
		return polymarket.Order{}, err
	}
	signer, err := polymarket.ParseAddress(in.Signer)
	if err != nil {
		return polymarket.Order{}, err
	}
	return orderOn(in, maker, signer)
}

// orderOn is orderFrom for an intent whose maker and signer are known to be these.
func orderOn(in *msgs.Intent, maker, signer polymarket.Address) (polymarket.Order, error) {
	o := polymarket.Order{
		Salt: in.Salt, Maker: maker, Signer: signer, MakerAmount: in.MakerAmount, TakerAmount: in.TakerAmount, Side: polymarket.Side(in.Side),
		SignatureType: polymarket.WalletKind(in.SignatureType), TimestampMS: in.TimestampMS, Expiration: in.ExpirationS,
	}
	var err error
	if o.TokenID, err = polymarket.ParseTokenID(string(in.TokenID)); err != nil {
		return o, err
	}
	if in.Builder != "" {
		if o.Builder, err = polymarket.ParseHash(in.Builder); err != nil {
			return o, err
		}
	}
	if in.Metadata != "" {
		o.Metadata, err = polymarket.ParseHash(in.Metadata)
	}
	return o, err
}
