package executor

import (
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// replace decides a replace. The old order is cancelled at once; the new one is written, and waits until the venue has
// shown that the old one is closed.
func (t *turn) replace(a *Asked, c *msgs.Replace) {
	if t.repeated(a, c.ClientOrderID) {
		return
	}
	old := t.client(c.Replaces)
	if old == nil || old.Intent == nil || old.Intent.Signature != "" {
		t.refuse(a, t.proposal(a, &msgs.Submit{ClientOrderID: c.ClientOrderID}),
			failure(msgs.NotFound, "there is no order "+string(c.Replaces)+" that could be replaced", "submit a new order"))
		return
	}
	s := successor(c, old)
	p := t.proposal(a, s)
	p.Replaces = c.Replaces
	if p.SizeIs = c.SizeIs; p.SizeIs != msgs.NewSize {
		p.SizeIs = msgs.TotalSize
		p.Size = max(0, p.Size-old.Filled)
	}
	if t.dead(a, p) {
		return
	}
	err := p.timely(a, c.SentMS)
	if err == nil && (old.State == msgs.Filled || p.Size == 0) {
		err = filledFirst(c.Replaces)
	}
	if err == nil {
		err = p.build(t, a, s)
	}
	if err == nil {
		err = t.capped(p, old)
	}
	switch {
	case err != nil:
		t.refuse(a, p, err)
	case old.Final:
		t.send(a, p)
	default:
		t.hold(a, p, old)
	}
}

// successor is the submit that a replace amounts to: what it does not say is the old order's.
func successor(c *msgs.Replace, old *order) *msgs.Submit {
	s := &msgs.Submit{Common: c.Common, ClientOrderID: c.ClientOrderID, TokenID: old.TokenID, Side: old.Side, Type: old.OrderType, Price: new(old.Price),
		Size: new(old.Size), ExpiresMS: old.ExpiresMS, PostOnly: old.PostOnly, DeferExec: old.Intent.DeferExec, Builder: old.Intent.Builder, ValidUntilMS: c.ValidUntilMS}
	if s.Meta == nil {
		s.Meta = old.Meta
	}
	if c.Price != nil {
		s.Price = c.Price
	}
	if c.Size != nil {
		s.Size = c.Size
	}
	if c.Type != "" {
		s.Type = c.Type
	}
	if c.ExpiresMS != 0 {
		s.ExpiresMS = c.ExpiresMS
	}
	if s.Type != msgs.GTD {
		s.ExpiresMS = 0
	}
	if c.PostOnly != nil {
		s.PostOnly = *c.PostOnly
	}
	s.PostOnly = s.PostOnly && s.Type.Rests()
	return s
}

func filledFirst(old msgs.ClientOrderID) *msgs.Error {
	return failure(msgs.ReplacedOrderFilled, "the order "+string(old)+" is filled", "look at its fills; submit a new order if more is wanted")
}

// hold writes the new order's intent beside the wish that the old one ends. Nothing is sent but the cancel.
func (t *turn) hold(a *Asked, p *proposal, old *order) {
	if t.comparing {
		t.Wait = true
		return
	}
	t.emit(&msgs.OrderSubmitting{Head: a.head(msgs.KindSubmitting), Orders: []msgs.Intent{p.Intent}})
	t.emit(&msgs.OrderCancelling{Head: a.head(msgs.KindCancelling), Orders: []msgs.OrderRef{{ClientOrderID: old.ClientOrderID, OrderID: old.OrderID}}})
	old.Wish = &wish{CmdSeq: a.Seq}
	t.early(CancelOrders{[]msgs.OrderID{old.OrderID}})
}

// releaseHeld lets every held order go whose wait is over.
func (t *turn) releaseHeld() {
	for _, ord := range t.walkHeld() {
		if d := t.draft(ord); !d.Final {
			t.release(d)
		}
	}
}

// release sends a held order, or ends it, once the order that it replaces is closed or time has run out.
func (t *turn) release(d *order) {
	old := t.client(d.Intent.Replaces)
	switch {
	case t.stays(d):
		t.rejected(d, t.stopCause(), bySluice, "")
	case old != nil && old.State == msgs.Filled:
		t.rejected(d, filledFirst(old.ClientOrderID), bySluice, "")
	case expired(d.Intent.ValidUntilMS, t.nowMS), old != nil && !old.Final && old.Wish == nil && !old.Taken:
		t.rejected(d, failure(msgs.ReplaceUnresolved, "the venue has not shown in time that the replaced order is closed",
			"see what became of both orders; the new one was not sent"), bySluice, "")
	case old == nil:
		t.succeed(d, nil)
	case old.Final:
		t.follow(d, old)
	}
}

// follow sends a held order after one that is closed. When the size depends on what that one has filled, the venue is asked
// how much it has matched, because the answer to a cancel does not say it; the fills must then have arrived.
func (t *turn) follow(d, old *order) {
	matched, told := t.closed[old.OrderID]
	switch {
	case d.Intent.SizeIs == msgs.NewSize, told && old.gross() >= matched:
		t.succeed(d, old)
	case told:
		t.deed(Lookup{OrderID: old.OrderID, FromMS: t.at(lookMS), Try: old.Tries, Single: true})
	case t.ticked, !t.byClient[old.ClientOrderID].Final:
		t.deed(Lookup{OrderID: old.OrderID, Try: old.Tries, Single: true})
	}
}

// succeed sends a held order with the size that is left of it.
func (t *turn) succeed(d *order, old *order) {
	in := *d.Intent
	if old != nil && in.SizeIs != msgs.NewSize {
		in.Size = max(0, in.Size-(old.Filled-d.HeldAt))
	}
	if in.Size == 0 {
		t.rejected(d, filledFirst(in.Replaces), bySluice, "")
		return
	}
	if in.Size != d.Intent.Size {
		if err := t.resize(&in); err != nil {
			t.rejected(d, err, bySluice, "")
			return
		}
	}
	t.emit(&msgs.OrderSubmitting{Head: about(d, msgs.KindSubmitting), Orders: []msgs.Intent{in}})
	t.deed(Post{Intent: in, Again: true, After: t.n})
}

// resize computes amounts and id of an intent anew; nothing under the old id has left.
func (t *turn) resize(in *msgs.Intent) *msgs.Error {
	p := &proposal{Intent: *in}
	p.market = &Market{msgs.Market{MinSize: sizeStep}}
	d, ok := domainFor(in, t.id.ChainID)
	tick, err := polymarket.ParseTick(in.TickSize)
	if !ok || err != nil {
		return failure(msgs.VersionMismatch, "the intent does not fit this version of Sluice", "submit a new order")
	}
	if err := p.amounts(tick); err != nil {
		return err
	}
	o, err := orderFrom(&p.Intent)
	if err != nil {
		return failure(msgs.BadValue, err.Error(), "submit a new order")
	}
	id, err := o.Hash(d)
	if err != nil {
		return failure(msgs.BadValue, err.Error(), "submit a new order")
	}
	p.OrderID = msgs.OrderID(id.Hex())
	*in = p.Intent
	return nil
}

// domainFor is the signing domain in which an intent has the id that it bears.
func domainFor(in *msgs.Intent, chain uint64) (polymarket.Domain, bool) {
	o, err := orderFrom(in)
	if err != nil {
		return polymarket.Domain{}, false
	}
	for _, version := range []string{polymarket.VersionCLOB, polymarket.VersionProtocol} {
		d := polymarket.Domain{ChainID: chain, Version: version, NegRisk: in.NegRisk}
		if id, err := o.Hash(d); err == nil && msgs.OrderID(id.Hex()) == in.OrderID {
			return d, true
		}
	}
	return polymarket.Domain{}, false
}

// holdAt notes, when an intent is applied, that its order waits for another one, and what that one has filled so far.
func (o *Orders) holdAt(ord *order) {
	old := o.byClient[ord.Intent.Replaces]
	ord.Held = ord.Tries == 1 && ord.Intent.Replaces != "" && old != nil && !old.Final
	ord.HeldAt = money.Size(0)
	if ord.Held {
		ord.HeldAt = old.Filled
	}
}
