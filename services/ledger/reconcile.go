package ledger

import (
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// lateMS is how long a trade may take to settle, and a settlement to be explained by a trade, before it is reported:
// longer than the venue's retries usually take.
const lateMS = 2 * 60 * 1000

// report adds a comparison to the entry.
func (t *turn) report(r Report) {
	r.AtMS = t.nowMS
	r.Discrepancy = max(r.Expected-r.Actual, r.Actual-r.Expected)
	t.e.Reports = append(t.e.Reports, r)
	t.dirty = true
}

// judge compares a settlement with the trades that it settles, once all of them are known.
func (t *turn) judge(x *txn) {
	if x.Judged || len(x.Legs) == 0 || !t.complete(x) {
		return
	}
	x.Judged, t.dirty = true, true
	slices.SortFunc(x.Legs, legID.compare)
	expected, ref := map[Asset]money.Cash{}, msgs.Ref{TxHash: x.Hash}
	var told, charged money.Cash
	for _, id := range x.Legs {
		l := t.known(id)
		expected[Cash] += l.cash()
		expected[assetOf(l.Token)] += money.Cash(l.shares())
		told += l.Fee
		ref.TradeID = id.Trade
		if len(x.Legs) == 1 {
			ref.OrderID = l.Order
			if o := t.j.orders[l.Order]; o != nil {
				ref.ClientOrderID = o.Client
			}
		}
	}
	actual := map[Asset]money.Cash{}
	for _, p := range x.Net {
		actual[p.Asset] += money.Cash(p.Amount)
		expected[p.Asset] += 0
	}
	for _, f := range x.Fills {
		charged += f.Fee
	}
	// One rounding for each leg is no discrepancy: its price times its size need not be whole.
	slack := t.j.cfg.Tolerance + money.Cash(len(x.Legs))
	for _, a := range byKey(expected) {
		r := Report{Subject: "trade", Ref: ref, Asset: a, Expected: expected[a], Actual: actual[a], Tolerance: slack, Block: x.Block}
		explain(&r, charged-told)
		t.report(r)
	}
}

// explain says whether a comparison holds. A fee that the chain shows and the feed did not tell explains itself.
func explain(r *Report, fee money.Cash) {
	off := r.Expected - r.Actual
	within := func(d money.Cash) bool { return d <= r.Tolerance && d >= -r.Tolerance }
	switch {
	case off == 0:
		r.Match = true
	case within(off):
		r.Match, r.Explanation = true, "rounding"
	case r.Asset == Cash && fee > 0 && within(off-fee):
		r.Match, r.Explanation, r.Tolerance = true, "fee", r.Tolerance+fee
	default:
		r.Explanation = "not explained: compare the trade with its transaction"
	}
}

// known is a leg that is not to be changed.
func (t *turn) known(id legID) *leg {
	if l := t.legs[id]; l != nil {
		return l
	}
	return t.j.legs[id]
}

// complete reports whether the legs of a transaction are all that it has settled.
func (t *turn) complete(x *txn) bool {
	left := map[msgs.OrderID]money.Size{}
	for _, f := range x.Fills {
		left[f.Order] += f.Size
	}
	for _, id := range x.Legs {
		if l := t.known(id); l != nil {
			left[l.Order] -= l.Size
		} else {
			return false
		}
	}
	for _, n := range left {
		if n > 0 {
			return false
		}
	}
	return true
}

// ticked looks for what should have come. Of several, one is reported at a tick. When nothing is late and entries were
// made that no event has told of, it tells where the chain of entries stands.
func (t *turn) ticked() {
	t.e.Kind = KindLate
	if l := t.unsettled(); l != nil {
		if l.Late = true; l.Gone {
			t.e.Reason, t.dirty = "new_chain", true
			return
		}
		t.report(Report{Subject: "trade", Ref: l.ref(), Asset: Cash, Expected: l.cash(), Explanation: "matched and not settled after two minutes"})
		return
	}
	if id := t.took(); id != "" {
		t.order(id).Rests, t.dirty, t.e.Reason = true, true, "rests"
		return
	}
	for _, h := range byKey(t.j.txs) {
		x := t.j.txs[h]
		if len(x.Fills) == 0 || x.Judged || x.Late || x.Undone || t.nowMS-x.AtMS < lateMS {
			continue
		}
		t.tx(h).Late = true
		r := Report{Subject: "transaction", Ref: msgs.Ref{TxHash: h}, Asset: Cash, Block: x.Block, Explanation: "settled on chain, and the private feed tells no trade that explains it"}
		for _, id := range x.Legs {
			if l := t.j.legs[id]; l != nil {
				r.Expected += l.cash()
			}
		}
		for _, p := range x.Net {
			if p.Asset == Cash {
				r.Actual += money.Cash(p.Amount)
			}
		}
		t.report(r)
		return
	}
	if t.j.covered < t.j.seq {
		t.e.Kind, t.dirty = KindHead, true
	}
}

// took is the first order that took at once so long ago that every trade of then is told: what is left of it rests.
func (t *turn) took() (first msgs.OrderID) {
	for id, o := range t.j.orders {
		if o.Room > 0 && !o.Rests && !o.Closed && o.TookMS > 0 && t.nowMS-o.TookMS >= lateMS && (first == "" || id < first) {
			first = id
		}
	}
	return first
}

// unsettled is the first leg that should have settled and was not reported.
func (t *turn) unsettled() *leg {
	var first *leg
	for id, l := range t.j.legs {
		if l.Open && !l.Late && t.nowMS-l.SinceMS >= lateMS && (first == nil || id.compare(first.legID) < 0) {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	return t.leg(first.legID)
}

func sortedLegs(m map[legID]*leg) []legID {
	ids := make([]legID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, legID.compare)
	return ids
}
