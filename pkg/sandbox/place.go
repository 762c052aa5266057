package sandbox

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/sandbox/engine"
)

// placement is the venue's answer to one order.
type placement struct {
	Success            bool     `json:"success"`
	ErrorMsg           string   `json:"errorMsg"`
	OrderID            string   `json:"orderID"`
	Status             string   `json:"status"`
	MakingAmount       string   `json:"makingAmount"`
	TakingAmount       string   `json:"takingAmount"`
	TradeIDs           []string `json:"tradeIDs"`
	TransactionsHashes []string `json:"transactionsHashes"`
}

// place takes an order through the rules into the book. The order may have been seen before, may be refused, held, or
// matched; only an order that the rules let through is remembered. The caller holds the lock.
func (s *Sandbox) place(o *order) (placement, error) {
	if err := s.admit(o); err != nil {
		if o.state == "" {
			o.state, o.reason = stateRejected, err.Error()
			s.recordOrder(o)
		}
		return placement{}, err
	}
	s.remember(o)
	if s.faults.DelayOrder.strikes(s.rng, "POST /order") {
		o.state = stateDelayed
		o.hold()
		s.recordOrder(o)
		s.tellOrder(o, "PLACEMENT")
		s.after(s.faults.delayFor(), func() { s.release(o) })
		return placement{Success: true, OrderID: o.id, Status: stateDelayed, TradeIDs: []string{}, TransactionsHashes: []string{}}, nil
	}
	trades, err := s.execute(o)
	if err != nil {
		return placement{}, err
	}
	return o.placed(trades), nil
}

// admit applies every rule that needs no book but the post-only one, which needs its best price.
func (s *Sandbox) admit(o *order) error {
	o.wallet = s.walletOf(o.key.owner, o.walletKind)
	if known := s.orders[o.id]; known != nil && !s.faults.forgets(known) {
		o.state = known.state
		return refusef("order %s is invalid. Duplicated.", o.id)
	}
	if o.market.resolved {
		return errNoBook
	}
	if s.faults.ClosedOnly && o.eng.Side == engine.Buy {
		return refusef("'%s' address in closed only mode", o.key.owner.Hex())
	}
	if o.walletKind == KindEOA && !o.wallet.known {
		return errMaker
	}
	if err := o.check(); err != nil {
		return err
	}
	meets := o.market.book.Meets(&o.eng)
	if meets && o.postOnly {
		return errCrosses
	}
	if o.eng.Side == engine.Buy && o.maker < minMarketable && (meets || o.eng.Life != engine.Rests) {
		return refusef("invalid amount for a marketable BUY order ($%s), min size: $1", o.maker)
	}
	return o.afford()
}

// execute matches an admitted order and publishes all that follows from it.
func (s *Sandbox) execute(o *order) ([]*trade, error) {
	fills, err := o.market.book.Submit(&o.eng)
	if err != nil {
		o.state, o.reason = stateKilled, killed(err).Error()
		o.hold()
		s.recordOrder(o)
		return nil, killed(err)
	}
	o.state = stateLive
	switch {
	case o.eng.Done():
		o.state = stateMatched
	case o.eng.Life != engine.Rests:
		o.state, o.reason = stateMatched, "rest killed"
	}
	o.hold()
	trades := s.settleFills(o, fills)
	s.recordOrder(o)
	s.tellOrder(o, "PLACEMENT")
	for _, f := range fills {
		s.makerFilled(s.orders[f.Maker.ID])
	}
	for _, t := range trades {
		s.advance(t, statusMatched)
	}
	s.publishMatch(o, fills, trades)
	s.watchExpiry(o)
	s.scheduleRequote(o.market)
	return trades, nil
}

// killed puts a refusal of the engine in the venue's words.
func killed(err error) error {
	switch {
	case errors.Is(err, engine.NotWhole):
		return errNotWhole
	case errors.Is(err, engine.NoMatch):
		return errNoMatch
	}
	return errCrosses
}

// makerFilled brings a resting order up to date after a fill.
func (s *Sandbox) makerFilled(maker *order) {
	if maker.eng.Done() {
		maker.state = stateMatched
		s.stop(maker.expiry)
		s.notify(maker, noticeFilled)
	}
	maker.hold()
	s.recordOrder(maker)
	s.tellOrder(maker, "UPDATE")
}

// release ends the hold of a delayed order.
func (s *Sandbox) release(o *order) {
	if o.state != stateDelayed {
		return
	}
	if _, err := s.execute(o); err != nil {
		s.tellOrder(o, "CANCELLATION")
	}
}

// watchExpiry lets a resting GTD order stop a minute before its expiration.
func (s *Sandbox) watchExpiry(o *order) {
	if o.kind == typeGTD && o.state == stateLive {
		o.expiry = s.after(time.Until(time.Unix(o.expiration, 0).Add(-expiryLead)), func() { s.finish(o, stateExpired, "expired") })
	}
}

// finish takes an open order out of the market.
func (s *Sandbox) finish(o *order, state, reason string) {
	if o.state != stateLive {
		return
	}
	o.market.book.Cancel(o.id)
	o.state, o.reason = state, reason
	s.stop(o.expiry)
	o.hold()
	s.recordOrder(o)
	s.tellOrder(o, "CANCELLATION")
	s.notify(o, noticeCancelled)
	s.publishLevels(o.market, []touch{{o.eng.Outcome, o.eng.Side, o.eng.Price}})
	s.scheduleRequote(o.market)
}

// placed is the answer to an order that was executed.
func (o *order) placed(trades []*trade) placement {
	p := placement{Success: true, OrderID: o.id, Status: stateLive, TradeIDs: []string{}, TransactionsHashes: []string{}}
	if len(trades) == 0 {
		return p
	}
	p.Status = stateMatched
	making, taking := money.Format(o.eng.Paid), money.Format(o.eng.Filled)
	if o.eng.Side == engine.Sell {
		making, taking = taking, making
	}
	p.MakingAmount, p.TakingAmount = making, taking
	for _, t := range trades {
		p.TradeIDs = append(p.TradeIDs, t.id)
	}
	return p
}

// cancel takes out the owner's orders of those ids. The answer names what was not cancelled and why.
func (s *Sandbox) cancel(key *apiKey, ids []string) canceled {
	out := canceled{Canceled: []string{}, NotCanceled: map[string]string{}}
	for _, id := range ids {
		o := s.orders[strings.ToLower(id)]
		switch {
		case o == nil || o.key.owner != key.owner:
			out.NotCanceled[id] = "Order not found or already canceled"
		case o.state == stateLive:
			s.finish(o, stateCancelled, "cancelled by owner")
			out.Canceled = append(out.Canceled, id)
		case o.state == stateMatched:
			out.NotCanceled[id] = "Order already matched"
		case o.state == stateDelayed:
			out.NotCanceled[id] = "Order is delayed and cannot be canceled yet"
		default:
			out.NotCanceled[id] = "Order not found or already canceled"
		}
	}
	return out
}

// canceled is the venue's answer to every cancel.
type canceled struct {
	Canceled    []string          `json:"canceled"`
	NotCanceled map[string]string `json:"not_canceled"`
}

// resting returns the resting orders that pass the filter, oldest first.
func (s *Sandbox) resting(keep func(*order) bool) (out []*order) {
	for _, m := range s.markets {
		for e := range m.book.Orders() {
			if o := s.orders[e.ID]; keep(o) {
				out = append(out, o)
			}
		}
	}
	slices.SortFunc(out, func(a, b *order) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

// remember makes an order known under its id and gives it its place in time.
func (s *Sandbox) remember(o *order) {
	s.seq++
	o.seq, o.created = s.seq, time.Now()
	s.orders[o.id] = o
}
