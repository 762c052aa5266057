package budget

import (
	"cmp"
	"slices"
	"time"

	"sluice/pkg/limits/catalogue"
)

// Layer is how full one layer of one counter is.
type Layer struct {
	API     string // of the profile
	Rule    string
	Scope   string
	Key     string // whom it is counted for; empty for an ip
	Kind    string // window or bucket
	Tier    string // where figures depend on it
	Used    int    // units that are not free: logged, in flight, or owed
	Limit   int    // that may be used
	Full    int    // that are documented
	Per     time.Duration
	Flight  int       // units in flight
	Waiting int       // units that wait
	Lent    int       // units that were lent to this process and have not left
	Cut     int       // permille of the figures in force
	Gap     int       // units that the venue's last count had less than ours: somebody else uses the limit
	FreeAt  time.Time // when one unit may leave; not after now: now
	Source  string
	Date    string
}

// Headroom is what is free, in permille.
func (l Layer) Headroom() int {
	if l.Limit <= 0 {
		return 0
	}
	return min(max(0, l.Limit-l.Used), l.Limit) * Permille / l.Limit
}

// Limited reports whether nothing may leave now.
func (l Layer) Limited(now time.Time) bool { return l.FreeAt.After(now) }

// Status is the state of every counter that has been used, in a fixed order.
func (b *Budget) Status(now time.Time) []Layer {
	var out []Layer
	for _, c := range b.counters {
		out = append(out, b.layers(now, c)...)
	}
	slices.SortFunc(out, func(x, y Layer) int {
		return cmp.Or(cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Key, y.Key), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Per, y.Per))
	})
	return out
}

// Account is the state of a signer's counters, whether used or not, and of those of the ip that have been used.
func (b *Budget) Account(now time.Time, account string) (out []Layer) {
	for i, r := range b.rules {
		if r.Scope == catalogue.Signer {
			b.counter(i, account)
		}
	}
	for _, l := range b.Status(now) {
		if l.Key == account && l.Scope == string(catalogue.Signer) || l.Scope == string(catalogue.IP) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(x, y Layer) int { return -cmp.Compare(x.Scope, y.Scope) })
	return out
}

func (b *Budget) layers(now time.Time, c *counter) (out []Layer) {
	r := b.rules[c.rule]
	view := b.gate.View(now, c.Counter)
	for _, v := range view.Layers {
		l := Layer{API: b.profile.API, Rule: r.Name, Scope: string(r.Scope), Key: c.key, Kind: string(catalogue.WindowKind), Used: v.Used, Limit: v.Limit, Full: v.Full, Per: v.Per,
			Flight: view.Flight, Waiting: view.Waiting, Lent: view.Lent, Cut: view.Cut, Gap: view.Gap, FreeAt: v.FreeAt, Source: r.Source, Date: r.Date}
		if v.Bucket {
			l.Kind = string(catalogue.BucketKind)
		}
		if len(r.Tiers) > 0 {
			l.Tier = c.tier
		}
		out = append(out, l)
	}
	return out
}

// CancelWay is how open orders are best cancelled.
type CancelWay struct {
	All     bool          // one request that ends all; otherwise by ids in chunks
	Chunk   int           // ids in one request
	Chunks  int           // requests
	Blocked time.Duration // how long no other cancel can leave after the last of them
	Last    time.Duration // until the last of them can leave
}

// Cancelling says how an account's open orders are best cancelled: with one cancel of all, which is at once but may leave
// the balance below zero for long; or by ids in chunks when a second cancel must stay possible (keep) and the cancel of all
// would block it.
func (b *Budget) Cancelling(now time.Time, account string, open int, keep bool) CancelWay {
	all := Request{Endpoint: "DELETE /cancel-all", Account: account, Items: open}
	by := Request{Endpoint: "DELETE /orders", Account: account}
	r, err := b.Way(all)
	if err != nil {
		return CancelWay{All: true}
	}
	rate, per, burst := 0, time.Duration(0), 0
	free := now
	for _, c := range r.counters {
		v := b.gate.View(now, c.Counter)
		for _, l := range v.Layers {
			if l.Bucket {
				rate, per, burst = v.Rate, v.Per, l.Limit
				free = b.gate.WhenOne(now, c.Counter, -1-open)
			}
		}
	}
	if rate == 0 {
		return CancelWay{All: true}
	}
	at, err := b.Probe(now, r, open)
	way := CancelWay{All: true, Chunks: 1, Last: max(0, at.Sub(now)), Blocked: max(0, free.Sub(now))}
	if err == nil && (!keep || way.Blocked == 0) {
		return way
	}
	// Chunks of half the bucket leave the other half for whoever must cancel something else meanwhile.
	chunk := max(1, min(open, burst/2))
	if n := b.Batch(by.Endpoint); n > 0 {
		chunk = min(chunk, n)
	}
	n := (open + chunk - 1) / chunk
	return CancelWay{Chunk: chunk, Chunks: n, Last: time.Duration(int64(max(0, open-burst/2)) * int64(per) / int64(rate))}
}

// Refused is how many requests the venue has refused for their rate, by rule.
func (b *Budget) Refused() map[string]int {
	out := map[string]int{}
	for rule, t := range b.refused {
		out[rule] = t.Count
	}
	return out
}

// Slow is how many answers were so late that they were taken for throttles.
func (b *Budget) Slow() int { return b.slow }
