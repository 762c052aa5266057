package judge

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// checkState: the last told state of each order is the venue's, and each trade leg was told once.
func (a *account) checkState() {
	for _, o := range a.listed {
		v := a.venueOf(o)
		if v == nil {
			continue
		}
		a.checkFills(o, v)
		if o.told.state == "" || o.told.state == "submitting" || o.told.state == "unknown" || a.phantom(o, v) ||
			(o.told.state == "rejected" && v.stands()) {
			continue // counted as lost
		}
		wrongs := slices.Concat(v.disagrees(&o.told), v.unended(o), a.misplaced(o, v))
		if len(wrongs) > 0 {
			a.court.accuse(WrongState, Finding{
				Account: a.name, ClientOrderID: o.id, OrderID: v.id, Seq: o.told.mark.seq, AtUs: o.told.mark.storedUs,
				Why: strings.Join(wrongs, "; "),
			})
		}
	}
}

// traded is the sum of the order's legs: all that did not fail, or only what is not final yet. Without any trade line
// the order line's own figure stands in.
func (v *venueOrder) traded(pending bool) *big.Rat {
	sum := new(big.Rat)
	for _, g := range v.legs {
		if g.trade.status == "FAILED" || (pending && g.trade.final()) {
			continue
		}
		sum.Add(sum, g.size)
	}
	if filled := quantity(v.filled); len(v.legs) == 0 && filled != nil && !pending {
		return filled
	}
	return sum
}

// unended lists the trades that have ended at the venue, and of whose fills that was never told, or told otherwise.
func (v *venueOrder) unended(o *order) []string {
	var out []string
	seen := map[*trade]bool{}
	for _, g := range v.legs {
		f := o.fills[g.trade.id]
		if f == nil || seen[g.trade] || !g.trade.final() {
			continue
		}
		seen[g.trade] = true
		for _, leg := range sorted(f.legs) {
			if f.ends[leg] != g.trade.status {
				out = append(out, fmt.Sprintf("trade %s is %s, told %s", g.trade.id, g.trade.status, cmp.Or(f.ends[leg], "nothing")))
			}
		}
	}
	return out
}

func (v *venueOrder) failed() bool {
	return slices.ContainsFunc(v.legs, func(g *leg) bool { return g.trade.status == "FAILED" })
}

// disagrees lists how what was told differs from the venue.
func (v *venueOrder) disagrees(t *told) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	filled := v.traded(false)
	if states := v.states(); states != nil && !slices.Contains(states, t.state) {
		add("told %s, at the venue %s", t.state, v.status)
	}
	if !equal(t.filled, filled) {
		add("told %s filled, traded %s", show(t.filled), show(filled))
	}
	if pending := v.traded(true); !equal(t.unsettled, pending) {
		add("told %s unsettled, at the venue %s", show(t.unsettled), show(pending))
	}
	if t.state == "open" && t.final {
		add("told final while open")
	}
	if t.state == "open" && !v.failed() && t.size != nil && t.remaining != nil {
		rest := new(big.Rat).Set(t.size)
		if t.filled != nil {
			rest.Sub(rest, t.filled)
		}
		if !equal(rest, t.remaining) {
			add("told %s remaining of %s with %s filled", show(t.remaining), show(t.size), show(t.filled))
		}
	}
	return out
}

// states are the words that may be told of the order as it stands at the venue; nil when the judge cannot say.
func (v *venueOrder) states() []string {
	var out []string
	traded := v.traded(false).Sign() > 0
	switch v.status {
	case "live":
		out = []string{"open"}
	case "delayed":
		out = []string{"delayed", "open"}
	case "matched":
		out = []string{"filled"}
		if v.immediate() {
			out = append(out, "cancelled") // the rest was killed
		}
	case "cancelled", "expired":
		out = []string{"cancelled"}
	case "killed":
		out = []string{"cancelled"}
		if traded {
			out = append(out, "filled")
		} else {
			out = append(out, "rejected")
		}
	case "rejected":
		out = []string{"rejected", "cancelled"}
	default:
		return nil
	}
	if v.failed() && v.status != "live" {
		out = append(out, "filled", "cancelled")
	}
	return out
}

// checkFills compares, trade by trade, what was told with the venue's legs. Legs of one order in one trade are taken
// together: how they are numbered is between the venue and its reader.
func (a *account) checkFills(o *order, v *venueOrder) {
	type part struct {
		size   *big.Rat
		price  *big.Rat
		legs   int
		failed bool
	}
	parts := map[string]*part{}
	for _, g := range v.legs {
		p := parts[g.trade.id]
		if p == nil {
			p = &part{size: new(big.Rat), price: g.price, failed: g.trade.status == "FAILED"}
			parts[g.trade.id] = p
		}
		p.size.Add(p.size, g.size)
		p.legs++
	}
	accuse := func(k Kind, at mark, format string, args ...any) {
		a.court.accuse(k, Finding{
			Account: a.name, ClientOrderID: o.id, OrderID: v.id, Seq: at.seq, AtUs: at.storedUs, Why: fmt.Sprintf(format, args...),
		})
	}
	for _, id := range sorted(parts) {
		p, f := parts[id], o.fills[id]
		switch {
		case f == nil && p.failed: // what never was need not be told
		case f == nil:
			accuse(FillsMissing, o.told.mark, "trade %s of %s never told", id, show(p.size))
		case f.size.Cmp(p.size) < 0:
			accuse(FillsMissing, f.mark, "trade %s of %s told as %s", id, show(p.size), show(f.size))
		case f.size.Cmp(p.size) > 0:
			accuse(FillsUnknown, f.mark, "trade %s of %s told as %s", id, show(p.size), show(f.size))
		case p.legs == 1 && p.price != nil && f.price != nil && p.price.Cmp(f.price) != 0:
			accuse(FillsUnknown, f.mark, "trade %s at %s told at %s", id, show(p.price), show(f.price))
		}
	}
	for _, id := range sorted(o.fills) {
		if parts[id] == nil {
			accuse(FillsUnknown, o.fills[id].mark, "trade %s is not at the venue", id)
		}
	}
}

// sorted is the keys of m in order, so that findings do not change from run to run.
func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
