package ledger

import (
	"cmp"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

func (l legID) compare(m legID) int {
	return cmp.Or(cmp.Compare(l.Trade, m.Trade), cmp.Compare(l.Leg, m.Leg))
}

// maxLegSize bounds a fill that can be counted: a thousand million shares, beyond any market.
const maxLegSize = money.Size(1e9) * money.Unit

// traded takes the venue's word about a trade: the first sight of a leg moves what its order held to what is leaving.
func (t *turn) traded(tr *msgs.FeedTrade) {
	t.e.Kind, t.e.Reason = KindTrade, "trade."+string(tr.Status)
	t.e.Ref = msgs.Ref{TradeID: tr.TradeID, TxHash: tr.TxHash}
	for i := range tr.Legs {
		f := &tr.Legs[i]
		l := t.matched(legID{tr.TradeID, f.Leg}, leg{Order: f.OrderID, Token: f.TokenID, Side: f.Side, Price: f.Price, Size: f.Size, Fee: f.Fee, Took: f.Role != msgs.Maker})
		if l != nil {
			t.progress(l, tr.Status, tr.TxHash)
		}
	}
	t.name()
}

// matched gives a leg, new or known; nil when it cannot be booked or was over long ago.
func (t *turn) matched(id legID, first leg) *leg {
	if l := t.leg(id); l != nil {
		return l
	}
	if first.Order == "" || first.Token == "" || first.Side != msgs.Buy && first.Side != msgs.Sell ||
		first.Size <= 0 || first.Size > maxLegSize || first.Price < 0 || first.Price > money.Unit || first.Fee < 0 || first.Fee > money.Cash(maxLegSize) {
		return nil
	}
	key := "trade " + id.String()
	if t.seen(key) {
		return nil
	}
	t.key(key)
	l := &first
	l.legID, l.SinceMS = id, t.nowMS
	t.legs[id] = l
	o := t.orderOr(l.Order)
	o.Rests = o.Rests || !l.Took
	l.leaveRoom(o)
	o.Filled, o.Paid = o.Filled+l.Size, o.Paid+cost(l.Size, l.Price, money.Up)
	return l
}

// leaveRoom keeps for a purchase that took what it can be charged until the chain shows what it was.
func (l *leg) leaveRoom(o *order) {
	if l.Took && l.Side == msgs.Buy {
		l.Room = max(0, o.share(l.Size, cost(l.Size, l.Price, money.Up))-l.Fee)
	}
}

// progress takes how far the settlement of a leg has come. What the venue says may come twice and out of order; the
// outcome is the same.
func (t *turn) progress(l *leg, s msgs.TradeStatus, hash msgs.TxHash) {
	if hash != "" && !slices.Contains(l.Hashes, hash) {
		l.Hashes = append(l.Hashes, hash)
		t.dirty = true
	}
	switch {
	case s == msgs.Confirmed && !l.Confirmed:
		l.Confirmed, t.dirty = true, true
	case s == msgs.Failed && !l.Failed:
		l.Failed, t.dirty = true, true
		t.contradicted(l)
	}
	if l.Tx == "" {
		for _, h := range l.Hashes {
			t.join(l, h)
		}
	}
}

// join settles a leg by a transaction that is booked.
func (t *turn) join(l *leg, h msgs.TxHash) {
	if l.Tx != "" {
		return
	}
	x := t.tx(h)
	switch {
	case x != nil && x.Undone:
	case x == nil && t.booked(h): // compared long ago
		l.Tx, t.dirty = h, true
	case x != nil && x.fills(l.Order):
		l.Tx, t.dirty = h, true
		x.Legs, x.Judged = append(x.Legs, l.legID), false
	}
	if l.Tx != "" {
		t.contradicted(l)
	}
}

// booked reports a transaction that stands.
func (t *turn) booked(h msgs.TxHash) bool {
	_, booked := t.stands(h)
	return booked
}

// contradicted reports a trade that the venue calls failed and that the chain has settled. The chain counts.
func (t *turn) contradicted(l *leg) {
	if !l.Failed || l.Tx == "" {
		return
	}
	t.report(Report{Subject: "trade", Ref: l.ref(), Asset: Cash, Actual: l.cash(), Explanation: "the venue calls this trade failed, and it is settled on chain; the chain counts"})
}

func (l *leg) ref() msgs.Ref { return msgs.Ref{OrderID: l.Order, TradeID: l.Trade, TxHash: l.Tx} }
