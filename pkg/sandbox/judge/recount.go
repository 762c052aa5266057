package judge

import (
	"cmp"
	"slices"
	"strings"
)

// tally is one limit counted again.
type tally struct {
	name, account    string
	arrived          int64
	worst, allowed   int64 // units in the fullest span, or tokens missing at worst; 0 where there is none
	excess           int64
	at, first, last  int64 // of the first excess, of the first and the last arrival
	window           []int64
	tokens, refilled int64 // millionths; µs
	bucketLimit
}

func (t *tally) note(at, n int64) {
	if t.arrived == 0 {
		t.first = at
	}
	t.arrived, t.last = t.arrived+n, at
}

func (t *tally) blame(at, n int64) {
	if t.excess == 0 {
		t.at = at
	}
	t.excess += n
}

// recount counts every arrival against what is allowed, in the order of arrival. What is over is not counted against what
// comes later, so that each excess is counted once.
func (v *venue) recount() map[string]*tally {
	r := recounting{v: v, tallies: map[string]*tally{}, tier: map[string]string{}}
	if v.allowed == nil {
		return r.tallies
	}
	slices.SortStableFunc(v.arrivals, func(a, b arrival) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	slices.SortStableFunc(v.tiers, func(a, b tierChange) int { return cmp.Compare(a.at, b.at) })
	for i := range v.arrivals {
		a := &v.arrivals[i]
		for len(v.tiers) > 0 && v.tiers[0].at <= a.at {
			r.change(v.tiers[0])
			v.tiers = v.tiers[1:]
		}
		r.windows(a)
		if a.account != "" && len(v.allowed.tiers) > 0 {
			r.bucket(a, "orders", a.orders, false)
			r.bucket(a, "cancels", a.cancels, a.sweep)
		}
		if a.unit {
			r.unit(a)
		}
	}
	return r.tallies
}

type recounting struct {
	v       *venue
	tallies map[string]*tally
	tier    map[string]string
}

func (r *recounting) tally(name, account string) *tally {
	t := r.tallies[name]
	if t == nil {
		t = &tally{name: name, account: account}
		r.tallies[name] = t
	}
	return t
}

// windows counts an arrival in all its windows, or in none.
func (r *recounting) windows(a *arrival) {
	over := false
	of := make([]*tally, 0, len(a.windows))
	for _, i := range a.windows {
		w := &r.v.allowed.windows[i]
		t := r.tally("ip "+w.name+addressed(a.address), "")
		t.note(a.at, 1)
		t.allowed = int64(w.n)
		t.window = since(t.window, a.at-w.per)
		n := int64(len(t.window) + 1)
		t.worst = max(t.worst, n)
		if n > t.allowed {
			over = true
			t.blame(a.at, 1)
		}
		of = append(of, t)
	}
	for _, t := range of {
		if !over {
			t.window = append(t.window, a.at)
		}
	}
}

// addressed tells the limits of several addresses apart. One machine has one, whatever it is called.
func addressed(address string) string {
	switch address {
	case "", "pipe", "127.0.0.1", "::1":
		return ""
	}
	return " from " + address
}

// since drops what was before a moment.
func since(at []int64, from int64) []int64 {
	i, _ := slices.BinarySearch(at, from)
	return at[i:]
}

// bucket takes tokens of a signer, all or none; a sweep needs one where its tier may overdraw.
func (r *recounting) bucket(a *arrival, name string, n int64, sweep bool) {
	if n == 0 {
		return
	}
	tier := r.tierOf(a.account)
	t := r.tally("signer "+a.account+" "+name, a.account)
	if t.arrived == 0 {
		t.bucketLimit = tier.tokens(name)
		t.tokens, t.refilled = t.burst*million, a.at
	}
	t.note(a.at, n)
	t.allowed = t.burst
	t.refill(a.at)
	if sweep && tier.overdraw && t.tokens >= million || t.tokens >= n*million {
		t.tokens -= n * million
		return
	}
	t.worst = max(t.worst, n-t.tokens/million)
	t.blame(a.at, n)
}

const million = 1_000_000

func (t *tally) refill(at int64) {
	span := min(max(at-t.refilled, 0), maxSpan)
	t.tokens, t.refilled = min(t.burst*million, t.tokens+span*t.rate), max(at, t.refilled)
}

func (r *recounting) tierOf(account string) tierLimit {
	for _, t := range r.v.allowed.tiers {
		if strings.EqualFold(t.name, r.tier[account]) {
			return t
		}
	}
	return r.v.allowed.tiers[0]
}

func (t tierLimit) tokens(name string) bucketLimit {
	if name == "cancels" {
		return t.cancels
	}
	return t.orders
}

// change puts another tier in force. What a bucket holds stays, up to the new burst.
func (r *recounting) change(c tierChange) {
	r.tier[c.name] = c.tier
	if len(r.v.allowed.tiers) == 0 {
		return
	}
	for _, name := range []string{"orders", "cancels"} {
		if t := r.tallies["signer "+c.name+" "+name]; t != nil {
			t.refill(c.at)
			t.bucketLimit = r.tierOf(c.name).tokens(name)
			t.tokens = min(t.tokens, t.burst*million)
		}
	}
}

// unit counts a submission to the relayer in its builder's rolling day.
func (r *recounting) unit(a *arrival) {
	const day = 24 * 3600 * million
	t := r.tally("relayer "+a.account+" units", "")
	t.note(a.at, 1)
	for i, b := range r.v.allowed.builders {
		if i == 0 || strings.EqualFold(b.name, r.tier[a.account]) {
			t.allowed = int64(b.units)
		}
	}
	t.window = since(t.window, a.at-day)
	n := int64(len(t.window) + 1)
	t.worst = max(t.worst, n)
	if t.allowed > 0 && n > t.allowed {
		t.blame(a.at, 1)
		return
	}
	if !a.denied { // a venue that refuses early charges nothing
		t.window = append(t.window, a.at)
	}
}
