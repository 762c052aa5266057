package rehearse

import (
	"errors"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
)

// TestBacklogIsDrainedInTheLeastTime plans forty thousand orders and compares with the least time that the layers allow by
// arithmetic: at most a hundredth more.
func TestBacklogIsDrainedInTheLeastTime(t *testing.T) {
	const items = 40_000
	for _, c := range []struct {
		name, profile, endpoint, tier string
		batch                         int
		least                         time.Duration
		binding                       string
	}{
		{"Standard", "polymarket-2026-11", "POST /order", "Standard", 1, (items - 60) * time.Second / 40, "signer orders"},
		{"Standard in batches", "polymarket-2026-11", "POST /orders", "Standard", 15, (items - 60) * time.Second / 40, "signer orders"},
		{"Gold", "polymarket-2026-11", "POST /order", "Gold", 1, (items - 600) * time.Second / 400, "signer orders"},
		// 36,000 in the first ten minutes, then 4,000 more: 3,500, and after ten seconds 500 in their second.
		{"February's windows", "polymarket-2026-02", "POST /order", "", 1, 610 * time.Second, "clob place"},
		// 2,667 requests, 1,000 in each ten seconds.
		{"February's windows in batches", "polymarket-2026-02", "POST /orders", "", 15, 20 * time.Second, "clob place batch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := full()
			o.Tier = c.tier
			f, err := Plan(Backlog{Profile: profile(t, c.profile), Options: o, Endpoint: c.endpoint, Items: items, Batch: c.batch, Answer: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if f.Last < c.least || f.Last > c.least*101/100 {
				t.Errorf("drained in %s, least is %s", f.Last, c.least)
			}
			if len(f.Waits) == 0 || f.Waits[0].Rule != c.binding {
				t.Errorf("bound by %q, want %q: %+v", f.Binding, c.binding, f.Waits)
			}
			t.Logf("%d requests in %s, least %s, bound by %s", f.Requests, f.Last, c.least, f.Binding)
		})
	}
}

// TestPlanSaysWhatCannotBe plans what no limit covers, what never passes, and nothing.
func TestPlanSaysWhatCannotBe(t *testing.T) {
	p := profile(t, "polymarket-2026-11")
	if _, err := Plan(Backlog{Profile: profile(t, "kalshi"), Options: full(), Endpoint: "other GET /x", Items: 1}); !errors.Is(err, ErrUnlimited) {
		t.Errorf("no limit: %v", err)
	}
	if _, err := Plan(Backlog{Profile: p, Options: full(), Endpoint: "POST /orders", Items: 100, Batch: 50}); !errors.Is(err, gate.ErrNever) {
		t.Errorf("a batch of 50: %v", err)
	}
	if _, err := Plan(Backlog{Profile: p, Options: budget.Options{Tier: "Tin"}, Endpoint: "POST /orders", Items: 1}); err == nil {
		t.Error("a tier that does not exist was taken")
	}
	if _, err := Plan(Backlog{Profile: p, Endpoint: "POST /order", Items: -1}); err == nil {
		t.Error("a negative backlog was taken")
	}
	if f, err := Plan(Backlog{Profile: p, Endpoint: "POST /order", Items: 40}); err != nil || f.Last != 0 || f.Binding != "" || f.Requests != 40 {
		t.Errorf("forty orders: %+v, %v", f, err)
	}
}
