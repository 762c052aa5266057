package budget

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
)

// Cause is the likeliest reason why a venue has refused requests for their rate, although the limiter let them go.
type Cause string

// The causes.
const (
	TooFast Cause = "too_fast" // more in a short time than the venue really allows
	Polling Cause = "polling"  // asked again and again for what a socket tells
	Others  Cause = "others"   // somebody else uses the same key or address
	Singles Cause = "singles"  // orders one by one where batches would do
)

// Explain says what a cause means, and what helps.
func (c Cause) Explain() (means, fix string) {
	switch c {
	case Polling:
		return "the venue is asked again and again for what its sockets tell by themselves",
			"listen instead: books on md.>, orders and trades on feed.> and evt.>; they count against no limit"
	case Others:
		return "most of the limit was gone without us: somebody else uses the same key or address, or the venue allows less than it documents",
			"stop other bots and tools on this key and address, or let all of them go through one bus, where they share one allowance; when there are none, use less with --limits-factor"
	case Singles:
		return "orders leave one by one, and that limit is used up, where a batch counts as one request",
			"send orders that belong together at once: up to fifteen that wait leave as one request, with a limit of its own"
	}
	return "more calls left in a short time than the venue allows, although its documents allow them",
		"use less of the figures with --limits-factor, write what the venue really allows into a file for --limits, or ask it for a higher tier (docs/limits.md)"
}

// Throttle is what the venue has refused under one rule.
type Throttle struct {
	Rule  string
	Scope string
	Count int
	Last  time.Time
	Cause Cause // of the last
}

// throttled notes a refusal of a request, before what it says is heeded.
func (b *Budget) throttled(now time.Time, w *Way, c *counter) {
	r := b.rules[c.rule]
	t := b.refused[r.Name]
	if t == nil {
		t = &Throttle{Rule: r.Name, Scope: string(r.Scope)}
		b.refused[r.Name] = t
	}
	t.Count++
	t.Last, t.Cause = now, b.cause(now, w, c)
}

// cause is why a counter's limit is gone. Somebody who has used less than half of every figure has not used it up alone.
func (b *Budget) cause(now time.Time, w *Way, c *counter) Cause {
	view := b.gate.View(now, c.Counter)
	used := 0
	for _, l := range view.Layers {
		used = max(used, l.Used*Permille/max(1, l.Full))
	}
	switch {
	case view.Gap > 0 || used < Permille/2:
		return Others
	case w.class > gate.Order && told(w.endpoint):
		return Polling
	case w.class == gate.Order && w.singles && b.rules[c.rule].Scope == catalogue.IP:
		return Singles
	}
	return TooFast
}

// told reports whether a venue's sockets tell what an endpoint is asked for.
func told(e catalogue.Endpoint) bool {
	for _, s := range []string{"book", "books", "price", "prices", "midpoint", "midpoints", "spread", "spreads", "last-trade-price", "orders", "trades", "order"} {
		if e.Method == "GET" && (strings.HasSuffix(e.Path, "/"+s) || strings.Contains(e.Path, "/"+s+"/")) {
			return true
		}
	}
	return false
}

// Throttles are what the venue has refused for the rate so far, the latest first.
func (b *Budget) Throttles() []Throttle {
	var out []Throttle
	for _, t := range b.refused {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(x, y Throttle) int {
		return cmp.Or(y.Last.Compare(x.Last), cmp.Compare(x.Rule, y.Rule))
	})
	return out
}
