package relayer

import (
	"math"
	"slices"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// purse is what the wallet has while calls are put together: each takes from what those before it have left.
type purse struct {
	pusd, usdce *Amounts
	tokens      map[polymarket.TokenID]*Amounts
	unknown     bool // something before brings cash of which only the chain can tell how much
}

func newPurse(id Identity, l *Looked) *purse {
	pusd, usdce := l.Cash[id.Contracts.Collateral], l.Cash[id.Contracts.USDCe]
	p := &purse{pusd: &pusd, usdce: &usdce, tokens: map[polymarket.TokenID]*Amounts{}}
	for token, a := range l.Positions {
		p.tokens[token] = &a
	}
	return p
}

func (p *purse) token(id polymarket.TokenID) *Amounts {
	if p.tokens[id] == nil {
		p.tokens[id] = &Amounts{}
	}
	return p.tokens[id]
}

// free is what no resting order needs.
func (a Amounts) free() int64 { return max(0, a.Have-max(0, a.Held)) }

// take takes an amount, or all there is, and leaves what resting orders need unless held is theirs to take.
func (p *purse) take(from *Amounts, want msgs.AmountOrMax, name string, held bool) (int64, *msgs.Error) {
	there := from.free()
	if held {
		there = max(0, from.Have)
	}
	a := int64(want.Amount)
	if want.Max {
		a = there
	}
	if a <= there && a > 0 {
		from.Have -= a
		return a, nil
	}
	if !want.Max && from == p.pusd && p.unknown {
		from.Have = max(0, from.Have-a) // what is redeemed before may cover it; the rehearsal will show
		return a, nil
	}
	return 0, short(name, a, from.Have, there)
}

// short says why an amount is not there.
func short(name string, want, have, there int64) *msgs.Error {
	if want == 0 && have <= 0 || want > have {
		return failure(msgs.NotEnoughBalance, "the wallet has "+money.Cash(max(0, have)).String()+" of "+name, "ask for less, or bring more first")
	}
	return failure(msgs.HeldByOrders, "the wallet has "+money.Cash(max(0, have)).String()+" of "+name+", and resting orders need all but "+money.Cash(there).String(),
		"cancel orders, ask for less, or set allow_held where there is one")
}

// merges sets the splits and merges of every condition off against each other: of the two only the difference is called. Where that
// is a merge, or nothing, it is done here; a split waits for what may bring cash before.
func (b *batch) merges(p *purse, rs []*request) (*request, *msgs.Error) {
	for _, g := range groups(rs, msgs.VerbSplit, msgs.VerbMerge) {
		n, bad, err := net(p, g)
		if bad != nil {
			return bad, err
		}
		n.of = g
		if n.amount > 0 {
			b.splits = append(b.splits, n)
		} else if bad, err := b.set(p, n); bad != nil {
			return bad, err
		}
	}
	return nil, nil
}

// split adds the splits that remain.
func (b *batch) split(p *purse, _ []*request) (*request, *msgs.Error) {
	for _, n := range b.splits {
		if bad, err := b.set(p, n); bad != nil {
			return bad, err
		}
	}
	return nil, nil
}

// netted is what splits and merges of one condition come to.
type netted struct {
	of     []*request
	amount int64   // split when positive, merged when negative
	parts  []int64 // of each request
}

// net sets splits off against merges. A merge may take what is split beside it, and of the rest what is free.
func net(p *purse, g []*request) (n netted, bad *request, err *msgs.Error) {
	n.parts = make([]int64, len(g))
	tokens := g[0].positions()
	if len(tokens) != 2 {
		return n, g[0], failure(msgs.UnknownToken, "the market's shares are not known", "send it again later")
	}
	yes, no := p.token(tokens[0]), p.token(tokens[1])
	free, have := min(yes.free(), no.free()), max(0, min(yes.Have, no.Have))
	var split, merged int64
	for i, r := range g {
		if c, ok := r.command.(*msgs.Split); ok {
			n.parts[i] = int64(c.Amount)
			split = plus(split, int64(c.Amount))
		}
	}
	for _, all := range []bool{false, true} { // amounts first: the rest is what is left of them
		for i, r := range g {
			c, ok := r.command.(*msgs.Merge)
			if !ok || c.Amount.Max != all {
				continue
			}
			there := free
			if c.AllowHeld {
				there = have
			}
			left := plus(split, there) - merged
			a := int64(c.Amount.Amount)
			if all {
				a = min(left, there)
			}
			if a <= 0 || a > left {
				return n, r, short("full sets", a, plus(split, have)-merged, max(0, left))
			}
			n.parts[i] = a
			merged = plus(merged, a)
		}
	}
	n.amount = split - merged
	return n, nil, nil
}

// set adds what a condition's splits and merges come to.
func (b *batch) set(p *purse, n netted) (*request, *msgs.Error) {
	g := n.of
	tokens := g[0].positions()
	// What nets to nothing is done without a call, unless one of them may yet be executed by a unit that was given up: then both are
	// called, so that whichever unit it is executes all of its own.
	both := n.amount == 0 && slices.ContainsFunc(g, func(r *request) bool { return b.ghostly(r.ID) })
	if n.amount > p.pusd.Have && !p.unknown {
		last := of(g, msgs.VerbSplit)
		return last[len(last)-1], short(assetPUSD, n.amount, p.pusd.Have, p.pusd.Have)
	}
	p.pusd.Have = max(0, p.pusd.Have-n.amount)
	for _, id := range tokens {
		p.token(id).Have = plus(p.token(id).Have, n.amount)
	}
	for i, r := range g {
		a := money.Cash(n.parts[i])
		if r.Verb == msgs.VerbMerge {
			a = -a
		}
		e := msgs.Effect{assetPUSD: -a, tokens[0].String(): a, tokens[1].String(): a}
		if n.amount == 0 && !both {
			b.done = append(b.done, verdict{r: r, Effect: e})
		} else {
			b.share(r, e, false)
		}
	}
	condition := hashOf(conditionOf(g[0].command))
	switch {
	case both:
		var sum int64
		for i, r := range g {
			if r.Verb == msgs.VerbSplit {
				sum = plus(sum, n.parts[i])
			}
		}
		b.call(of(g, msgs.VerbSplit), b.id.Contracts.Split(g[0].NegRisk, condition, polymarket.Units(sum)))
		b.call(of(g, msgs.VerbMerge), b.id.Contracts.Merge(g[0].NegRisk, condition, polymarket.Units(sum)))
	case n.amount > 0:
		b.call(with(g, msgs.VerbSplit), b.id.Contracts.Split(g[0].NegRisk, condition, polymarket.Units(n.amount)))
	case n.amount < 0:
		b.call(with(g, msgs.VerbMerge), b.id.Contracts.Merge(g[0].NegRisk, condition, polymarket.Units(-n.amount)))
	}
	return nil, nil
}

// with lists all of a group, those of the verb that is called first: it says which permission is needed.
func with(g []*request, verb string) []*request {
	out := slices.Clone(g)
	slices.SortStableFunc(out, func(a, b *request) int {
		switch {
		case a.Verb == b.Verb:
			return 0
		case a.Verb == verb:
			return -1
		}
		return 1
	})
	return out
}

// plus adds amounts, of which none is negative beyond measure, without wrapping.
func plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
