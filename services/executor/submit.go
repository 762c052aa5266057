package executor

import (
	"cmp"
	"fmt"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// submit decides a submit. The order of the questions matters: what must never leave is asked first, then what the
// sender can mend.
func (t *turn) submit(a *Asked, c *msgs.Submit) {
	if t.repeated(a, c.ClientOrderID) {
		return
	}
	p := t.proposal(a, c)
	if t.dead(a, p) {
		return
	}
	err := p.timely(a, c.SentMS)
	if err == nil {
		err = p.build(t, a, c)
	}
	if err == nil {
		err = t.capped(p, nil)
	}
	if err != nil {
		t.refuse(a, p, err)
		return
	}
	t.send(a, p)
}

// proposal is an order on its way to be sent, as far as it is made out.
type proposal struct {
	msgs.Intent
	market *Market
	made   *made // once it is identified
}

// proposal takes from a submit what needs no judgement, so that also a refusal can tell what it was about.
func (t *turn) proposal(a *Asked, c *msgs.Submit) *proposal {
	p := &proposal{}
	p.ClientOrderID, p.Side, p.OrderType = c.ClientOrderID, c.Side, c.Type
	p.PostOnly, p.DeferExec = c.PostOnly, c.DeferExec
	p.CmdHash, p.Meta, p.ReplyTo = a.Hash, c.Meta, a.ReplyTo
	p.TokenID = c.TokenID
	if c.Signed != nil {
		p.TokenID, p.Side = c.Signed.TokenID, c.Signed.Side
	}
	if p.TokenID != "" {
		p.market = a.Facts.Token(p.TokenID)
	} else {
		p.market, p.TokenID = a.Facts.Outcome(c.Market, c.Outcome)
	}
	if p.market != nil {
		p.ConditionID, p.NegRisk, p.TickSize = p.market.ConditionID, p.market.NegRisk, p.market.TickSize
	}
	if c.Price != nil {
		p.Price = *c.Price
	}
	if c.Size != nil {
		p.Size = *c.Size
	}
	if c.Amount != nil {
		p.Amount = *c.Amount
	}
	p.ExpiresMS = c.ExpiresMS
	if p.ExpiresMS == 0 {
		p.ExpiresMS = c.Expiration * 1000
	}
	p.ValidUntilMS = validUntil(a, c.SentMS, c.ValidUntilMS)
	if c.FeeRateBPS != nil {
		p.Warnings = append(p.Warnings, "fee_rate_bps has no effect: since CLOB V2 fees are set at the match")
	}
	if c.Nonce != nil {
		p.Warnings = append(p.Warnings, "nonce has no effect: CLOB V2 tells orders apart by salt and timestamp")
	}
	return p
}

// validUntil is when a command is too old, 0 for never.
func validUntil(a *Asked, sentMS int64, given *int64) int64 {
	switch {
	case given != nil:
		return *given
	case sentMS != 0:
		return sentMS + defaultValidMS
	}
	return a.Stored.UnixMilli() + defaultValidMS
}

// order is the proposal as an order, for events about its refusal.
func (p *proposal) order(state msgs.State) msgs.Order {
	s := orderOf(&p.Intent)
	s.OrderID = ""
	s.State, s.Final = state, true
	return s
}

// repeated answers a submit whose id is spent: the same content gets the present state and no event, another is refused
// and leaves the first order as it is.
func (t *turn) repeated(a *Asked, id msgs.ClientOrderID) bool {
	first := t.byClient[id]
	content, retired := t.spent.has(spentClient, string(id))
	var same bool
	switch {
	case first != nil:
		same = first.Hash == "" || first.Hash == a.Hash
	case retired:
		same = content == mark(spentClient, a.Hash) || content == mark(spentClient, "")
	default:
		return false
	}
	if !same {
		t.emit(&msgs.OrderRejected{Head: a.head(msgs.KindRejected),
			Order: msgs.Order{ClientOrderID: id, State: msgs.Rejected, Final: true}, By: bySluice,
			Error: failure(msgs.DuplicateID, "the id was used for another order, which is not touched", "use a new client_order_id for every order")})
		return true
	}
	if a.ReplyTo != "" {
		t.deed(Reply{a.ReplyTo, t.present(first, a, id)})
	}
	return true
}

// present is an order's state in the clothes of an event.
func (t *turn) present(o *order, a *Asked, id msgs.ClientOrderID) msgs.Event {
	head := msgs.Head{V: 1, Account: t.id.Account, N: t.n, AtMS: t.nowMS, CmdSeq: a.Seq}
	if o == nil {
		head.Type = msgs.KindRejected
		return &msgs.OrderRejected{Head: head, Order: msgs.Order{ClientOrderID: id, State: msgs.Rejected, Final: true}, By: bySluice,
			Error: failure(msgs.DuplicateID, "the order of this id ended some time ago; this repeat did nothing", endedLongAgo)}
	}
	head.N, head.AtMS = o.N, o.AtMS
	return o.told(head)
}

// told is the event of the kind that leads to the state in which the order is.
func (o *order) told(head msgs.Head) msgs.Event {
	switch {
	case o.State == msgs.Submitting && o.Intent != nil:
		head.Type = msgs.KindSubmitting
		return &msgs.OrderSubmitting{Head: head, Orders: []msgs.Intent{*o.Intent}}
	case o.State == msgs.Unknown:
		head.Type = msgs.KindUnknown
		return &msgs.OrderUnknown{Head: head, Order: o.Order, SinceMS: o.AtMS}
	case o.State == msgs.Cancelled:
		head.Type = msgs.KindCancelled
		return &msgs.OrderCancelled{Head: head, Order: o.Order, Reason: cmp.Or(o.Ending.Reason, msgs.ByVenue)}
	case o.State == msgs.Rejected:
		head.Type = msgs.KindRejected
		return &msgs.OrderRejected{Head: head, Order: o.Order, Error: o.Ending.Error, By: o.Ending.By, VenueMessage: o.Ending.Message}
	case o.State == msgs.Filled && len(o.Legs) > 0:
		head.Type = msgs.KindFilled
		return &msgs.OrderFilled{Head: head, Order: o.Order, Fill: new(o.Legs[len(o.Legs)-1].Fill)}
	}
	head.Type = msgs.KindAccepted
	return &msgs.OrderAccepted{Head: head, Order: o.Order, VenueStatus: cmp.Or(o.Venue, polymarket.StatusLive)}
}

// dead ends a submit that someone has cancelled, halted or swept away before it was read.
func (t *turn) dead(a *Asked, p *proposal) bool {
	s := p.order(msgs.Cancelled)
	killer, tomb := t.spent.has(spentTomb, string(p.ClientOrderID))
	if b := t.killed(a, &s); b != nil || tomb {
		head := a.head(msgs.KindCancelled)
		if b != nil {
			head.ReqID = string(b.Request)
		} else if killer != 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("the cancel stored as %d came before this submit was read", killer))
		}
		t.emit(&msgs.OrderCancelled{Head: head, Order: s, Reason: msgs.KilledInQueue})
		return true
	}
	if t.held() {
		t.refuse(a, p, t.inDoubt())
		return true
	}
	if t.isHalted(a) {
		t.refuse(a, p, failure(msgs.Halted, "the account is halted, or was when this was stored", "resume it, then submit anew with a new id"))
		return true
	}
	return false
}

// timely judges age and clock.
func (p *proposal) timely(a *Asked, sentMS int64) *msgs.Error {
	stored := a.Stored.UnixMilli()
	switch {
	case a.Full != "":
		return failure(msgs.NoSpace, a.Full+", and what is left is kept for fills and cancels", "make room: see what fills it with `sluice doctor`; cancels work meanwhile; submit anew then")
	case sentMS != 0 && stored-sentMS > idAgeMS:
		return failure(msgs.IDTooOld, "sent_ms lies more than 24 h back, so nobody can tell whether this is a repeat", "submit with a new id and the present time")
	case sentMS > stored+skewMS:
		return failure(msgs.ClockSkew, fmt.Sprintf("sent_ms lies %d ms ahead of the broker's clock", sentMS-stored), "set the sender's clock by NTP")
	}
	return nil
}

// refuse rejects a command; it is never sent.
func (t *turn) refuse(a *Asked, p *proposal, err *msgs.Error) {
	t.emit(&msgs.OrderRejected{Head: a.head(msgs.KindRejected), Order: p.order(msgs.Rejected), Error: err, By: bySluice})
}

// send writes the intent, and posts it once that is on disk.
func (t *turn) send(a *Asked, p *proposal) {
	if t.comparing {
		t.Wait = true
		return
	}
	t.emit(&msgs.OrderSubmitting{Head: a.head(msgs.KindSubmitting), Orders: []msgs.Intent{p.Intent}})
	t.deed(Post{Intent: p.Intent, After: t.n, made: p.made})
	t.Uses = 1
}

// expired reports whether an order's command is too old to leave at nowMS.
func expired(validUntilMS, nowMS int64) bool { return validUntilMS != 0 && nowMS > validUntilMS }

func tooLate(validUntilMS, nowMS int64) *msgs.Error {
	return failure(msgs.ExpiredInQueue, fmt.Sprintf("the command was valid until %d and it is %d", validUntilMS, nowMS),
		"submit anew; give valid_until_ms when an order may wait longer, 0 when it may wait for ever")
}
