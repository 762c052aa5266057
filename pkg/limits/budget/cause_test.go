package budget

import (
	"strings"
	"testing"
	"time"

	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// TestCauseOfRefusalsIsNamed has so many requests of one kind answered and the next refused, and wants the likeliest cause, with what
// helps.
func TestCauseOfRefusalsIsNamed(t *testing.T) {
	order := Request{Endpoint: "POST /order", Account: "a", Items: 1}
	for _, c := range []struct {
		id, profile string
		q           Request
		sent        int
		s           signal.Signal
		want        Cause
		rule, helps string
	}{
		{"S1-14 too many calls in a short time", "polymarket-2026-11", Request{Endpoint: "POST /orders", Account: "a", Items: 1}, 60,
			signal.Signal{Kind: signal.Throttled, Signer: signal.Count{Known: true}}, TooFast, "signer orders", "--limits-factor"},
		{"S1-14 polling", "polymarket-2026-02", Request{Endpoint: "GET /book"}, 1200, signal.Signal{Kind: signal.Throttled}, Polling, "clob book", "md.>"},
		{"S1-14 a read that no socket tells", "polymarket-2026-02", Request{Endpoint: "API keys"}, 90, signal.Signal{Kind: signal.Throttled}, TooFast, "clob api keys", "docs/limits.md"},
		{"S1-14 another instance, by the share that we used", "polymarket-2026-02", Request{Endpoint: "GET /book"}, 300, signal.Signal{Kind: signal.Throttled}, Others, "clob book", "one bus"},
		{"S1-14 single orders", "polymarket-2026-02", order, 400, signal.Signal{Kind: signal.Throttled}, Singles, "clob place", "together"},
	} {
		t.Run(c.id, func(t *testing.T) {
			b, now := budgetOf(t, c.profile, Options{Factor: Permille}), begin()
			if len(b.Throttles()) != 0 {
				t.Fatal("refusals of nothing")
			}
			w := way(t, b, c.q)
			for range c.sent {
				p, k, err := b.Enter(now, w, c.q.Items, time.Time{})
				if k != nil || err != nil {
					t.Fatalf("not let go: %v", err)
				}
				b.Done(now, p, gate.Answered, -1)
			}
			for range 2 {
				b.Heed(now, now, w, &c.s, half)
			}
			got := b.Throttles()
			if len(got) != 1 || got[0].Rule != c.rule || got[0].Cause != c.want || got[0].Count != 2 || !got[0].Last.Equal(now) {
				t.Fatalf("%+v, want %s under %q", got, c.want, c.rule)
			}
			if means, fix := got[0].Cause.Explain(); means == "" || !strings.Contains(fix, c.helps) {
				t.Errorf("%s: %s", means, fix)
			}
		})
	}
	t.Run("S1-14 another instance, by the venue's count", func(t *testing.T) {
		b, now := budgetOf(t, "polymarket-2026-11", Options{Factor: Permille}), begin()
		w := way(t, b, order)
		for range 40 {
			p, _, err := b.Enter(now, w, 1, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			b.Done(now, p, gate.Answered, -1)
		}
		b.Heed(now, now, w, &signal.Signal{Kind: signal.Good, Signer: signal.Count{Known: true, Remaining: 2}}, half)
		b.Heed(now, now, w, &signal.Signal{Kind: signal.Throttled, Signer: signal.Count{Known: true}}, half)
		if got := b.Throttles(); len(got) != 1 || got[0].Cause != Others {
			t.Errorf("%+v, want that others use the key", got)
		}
	})
}
