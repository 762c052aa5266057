package flow

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
)

// backlog is how many orders wait in the tests below. The whole demand is 40,000, which takes minutes of a processor:
// go test ./tests/flow -run TestBacklog -backlog 40000
var backlog = flag.Int("backlog", 650, "orders that wait in the tests of backlogs")

// weather is the seed of what goes wrong in bad weather: go test ./tests/flow -run TestBacklogDrainsThroughBadWeather -weather 2
var weather = flag.Uint64("weather", 1, "seed of the faults that a backlog meets")

// documented is an executor's limits by a profile of the catalogue, in full, for one tier.
func documented(t *testing.T, profile, tier string, factor int) executor.Limits {
	t.Helper()
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile(profile)
	if err != nil {
		t.Fatal(err)
	}
	return executor.Limits{Profile: p, Options: budget.Options{Factor: factor, Tier: tier}}
}

// edition is the venue's side of it.
func edition(t *testing.T, name string) *sandbox.Limits {
	t.Helper()
	l, err := sandbox.Edition(name)
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

// store puts n submits on the bus while nobody reads them.
func (p *plant) store(n int) {
	p.t.Helper()
	subject := subjectOf("main", "submit")
	for i := range n {
		m := nats.NewMsg(subject)
		m.Data = []byte(submitOf(coin, fmt.Sprintf("o-%d", i), "BUY", "GTC", "0.10", "5", always))
		if i%200 == 199 || i == n-1 { // the answer to one says that those before are stored
			p.publish(p.bus, subject, m.Data)
			continue
		}
		if err := p.bus.PublishMsg(m); err != nil {
			p.t.Fatal(err)
		}
	}
}

// drained is what the venue's journal says about the draining of a backlog.
type drained struct {
	taken            int // orders that rest
	posts, throttled int // requests
	first, last      time.Time
	arrivals         []arrival
	next             int // line of the journal
}

// read goes on reading the journal.
func (d *drained) read(p *plant) {
	p.t.Helper()
	lines := p.venue.Journal(d.next)
	d.next += len(lines)
	for _, b := range lines {
		switch {
		case bytes.Contains(b, []byte(`"kind":"order"`)):
			if bytes.Contains(b, []byte(`"account":"main"`)) && bytes.Contains(b, []byte(`"status":"live"`)) {
				d.taken++
			}
		case bytes.Contains(b, []byte(`"kind":"request"`)):
			var l line
			if err := json.Unmarshal(b, &l); err != nil {
				p.t.Fatal(err)
			}
			if l.Status == 429 {
				d.throttled++
			}
			if l.Method == "POST" && strings.HasPrefix(l.Path, "/order") {
				a, err := arrivalOf(l)
				if err != nil {
					p.t.Fatalf("%v: %s", err, b)
				}
				if a.orders == nil {
					continue
				}
				if d.posts++; d.posts == 1 {
					d.first = a.at
				}
				d.last, d.arrivals = a.at, append(d.arrivals, a)
			}
		}
	}
}

// drain waits until all of a backlog rest at the venue.
func (p *plant) drain(n int, most time.Duration) (d drained) {
	p.t.Helper()
	for end := time.Now().Add(most); d.taken < n; p.pass(time.Second) {
		if d.read(p); time.Now().After(end) {
			p.t.Fatalf("after %s %d of %d orders rest: %+v", most, d.taken, n, d)
		}
	}
	return d
}

// TestBacklogDrainsInTheLeastTime lets an executor find a backlog and drain it at the venue's whole figures, which enforces them
// and counts for itself: nothing is refused, nothing is over by the venue's count or the judge's, and from the first arrival to
// the last it takes at most a hundredth more than the arithmetic of the limits asks for.
func TestBacklogDrainsInTheLeastTime(t *testing.T) {
	n := *backlog
	for _, c := range []struct {
		id, profile, tier, edition string
		least                      time.Duration
	}{
		{"M-5 Standard", "polymarket-2026-11", "Standard", sandbox.EditionNow, time.Duration(n-60) * time.Second / 40},
		{"M-5 Gold", "polymarket-2026-11", "Gold", sandbox.EditionNow, time.Duration(n-600) * time.Second / 400},
		// In batches of fifteen, a thousand in ten seconds; single orders, which go beside them, are left out of the sum.
		{"M-5 February", "polymarket-2026-02", "", sandbox.EditionFeb, time.Duration((n/15-1)/1000) * 10 * time.Second},
	} {
		t.Run(c.id, func(t *testing.T) {
			cfg := setup{idle: true, sandbox: sandbox.Config{Enforce: true, Limits: edition(t, c.edition)},
				executor: func(e *executor.Config) { e.Limits = documented(t, c.profile, c.tier, budget.Permille) }}
			if c.tier != "" {
				cfg.sandbox.Tiers = map[string]string{"main": c.tier}
			}
			inPlant(t, cfg, func(p *plant) {
				p.store(n)
				p.start("drainer")
				p.ready()
				d := p.drain(n, c.least+5*time.Minute)
				took := d.last.Sub(d.first)
				t.Logf("%d orders in %d requests, %s from first to last, least %s", n, d.posts, took, c.least)
				if d.throttled != 0 {
					t.Errorf("%d requests were answered 429", d.throttled)
				}
				if most := c.least*100/99 + time.Second/4; took > most {
					t.Errorf("took %s, want at most %s", took, most)
				}
			})
		})
	}
}

// TestBacklogDrainsThroughBadWeather drains a backlog while one answer in twenty is lost, two requests in a hundred end in a 5xx,
// the engine restarts for ninety seconds and then takes post-only orders for two minutes. Nothing is over a limit, no order
// leaves twice, and beside the time that the venue takes nothing it lasts hardly longer than the limits ask for.
func TestBacklogDrainsThroughBadWeather(t *testing.T) {
	const down, window, backOff = 90 * time.Second, 2 * time.Minute, 40 * time.Second
	n := *backlog
	for _, c := range []struct {
		tier        string
		rate, burst int
	}{{"Standard", 40, 60}, {"Gold", 400, 600}} {
		t.Run("M-5 "+c.tier, func(t *testing.T) {
			least := time.Duration(n-c.burst)*time.Second/time.Duration(c.rate) + down + window
			cfg := setup{idle: true, sandbox: sandbox.Config{Seed: *weather, Enforce: true, Limits: edition(t, sandbox.EditionNow), Tiers: map[string]string{"main": c.tier}},
				executor: func(e *executor.Config) { e.Limits = documented(t, "polymarket-2026-11", c.tier, budget.Permille) }}
			inPlant(t, cfg, func(p *plant) {
				p.store(n)
				p.venue.SetFaults(func(f *sandbox.Faults) {
					f.DropAnswer, f.ServerError = sandbox.Fault{PerMille: 50}, sandbox.Fault{PerMille: 20}
				})
				p.start("drainer")
				p.ready()
				p.pass(min(10*time.Second, time.Duration(n-c.burst)*time.Second/time.Duration(c.rate)*2/3)) // some are left when the venue stops
				shut := time.Now()
				p.venue.Restart(down, window)
				d := p.drain(n, least+10*time.Minute)
				took := d.last.Sub(d.first)
				way := course{c.rate, c.burst, shut.Sub(d.first), down + window}
				bound, early := way.least(d.arrivals, denies), way.least(d.arrivals, shown)
				t.Logf("%d orders in %d requests, %s from first to last, least %s, and %s with the waits for denials", n, d.posts, took, least, bound)
				if took*99 > bound*100 || took < early {
					t.Errorf("took %s, want at least %s, and at most a hundredth more than %s", took, early, bound)
				}
				if d.throttled != 0 {
					t.Errorf("%d requests were answered 429", d.throttled)
				}
				if most := least*100/99 + backOff; took > most {
					t.Errorf("took %s, want at most %s", took, most)
				}
				p.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer, f.ServerError = sandbox.Fault{}, sandbox.Fault{} })
			})
		})
	}
}

// TestCancelOfAThousandSaysUntilWhen rests orders on the Standard tier (a thousand with a backlog of as many, else fewer) and
// cancels all: the signer's balance of cancels goes far below zero, status says until when no cancel can leave, a cancel that is asked for meanwhile waits just so long and is
// refused by nobody, and how the orders are best cancelled when a second cancel must stay possible is known.
func TestCancelOfAThousandSaysUntilWhen(t *testing.T) {
	n := 150
	if *backlog >= 1000 {
		n = 1000
	}
	cfg := setup{idle: true, sandbox: sandbox.Config{Enforce: true, Tiers: map[string]string{"main": "Gold"}},
		executor: func(e *executor.Config) { e.Limits = documented(t, "polymarket-2026-11", "Standard", budget.Permille) }}
	inPlant(t, cfg, func(p *plant) {
		p.manyRestOnStandard(n)
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'all'}")
		p.until("all are cancelled", func() bool { return len(p.ofType("main", "order.cancel_all_done")) == 1 })
		status := func() (used, limit string, free time.Duration) {
			var s struct {
				Limits []struct {
					Layer, Used, Limit string
					FreeAtMS           int64 `json:"free_at_ms"`
				}
			}
			if err := json.Unmarshal(p.question("svc.executor.main.status", "{}"), &s); err != nil {
				t.Fatal(err)
			}
			for _, l := range s.Limits {
				if l.Layer == "signer cancels" {
					return l.Used, l.Limit, time.UnixMilli(l.FreeAtMS).Sub(asked)
				}
			}
			return "", "", 0
		}
		used, limit, free := status()
		// What was cancelled, less the burst, and the one to come; status speaks in whole milliseconds.
		least := time.Duration(1+n+1-120+1)*time.Second/80 - 10*time.Millisecond
		if limit != "120" || free < least || free > least*101/100+time.Second/5 {
			t.Errorf("%s of %s used, free after %s, want %s", used, limit, free, least)
		}
		p.submit("two", "BUY", "GTC", "0.11", "5", always)
		p.is("two", "open")
		p.send("cancel", "{'client_order_id':'two'}")
		p.final("two")
		for _, l := range p.requests("main", "DELETE /order") {
			if after := time.UnixMicro(l.AtUS).Sub(asked); l.Status != 200 || after < least || after > free+time.Second {
				t.Errorf("the next cancel came after %s and was answered %d", after, l.Status)
			}
		}
	})
}

// TestSecondCancelLeavesDuringAHalt rests orders on the Standard tier (a thousand with a backlog of as many, else fewer), halts with cancel
// and wants another cancel at once, of an order that somebody has placed at the venue's page. Where room is kept for it, orders are
// ended in chunks and it leaves between them; else it waits until the balance is paid back. Either way everything ends, and nothing
// is refused for its rate.
func TestSecondCancelLeavesDuringAHalt(t *testing.T) {
	n := 150
	if *backlog >= 1000 {
		n = 1000
	}
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("M-4 room kept %v", keep), func(t *testing.T) {
			cfg := setup{idle: true, sandbox: sandbox.Config{Enforce: true, Tiers: map[string]string{"main": "Gold"}},
				executor: func(e *executor.Config) {
					e.Limits = documented(t, "polymarket-2026-11", "Standard", budget.Permille)
					e.Limits.KeepCancel = keep
				}}
			inPlant(t, cfg, func(p *plant) {
				p.manyRestOnStandard(n)
				p.send("halt", "{'request_id':'stop','cancel':true}")
				p.pass(20 * time.Millisecond)
				id, asked := p.byHand("main", coin, polymarket.Buy, "0.10", "10"), time.Now()
				p.send("cancel", "{'order_id':'%s'}", id)
				p.until("the second cancel is answered", func() bool { return len(p.requests("main", "DELETE /order")) > 0 })
				second := p.requests("main", "DELETE /order")[0]
				after := time.UnixMicro(second.AtUS).Sub(asked)
				if owed := time.Duration(n-120) * time.Second / 80; second.Status != 200 || keep != (after < 50*time.Millisecond) || !keep && after < owed/2 {
					t.Errorf("the second cancel came after %s and was answered %d", after, second.Status)
				}
				p.until("all are cancelled", func() bool { return len(p.ofType("main", "order.cancel_all_done")) == 1 })
				if open := p.open("main"); len(open) != 0 {
					t.Errorf("%d orders are open", len(open))
				}
				chunks := p.requests("main", "DELETE /orders")
				t.Logf("the second cancel left after %s, %d requests by ids", after, len(chunks))
				if keep != (len(chunks) > 0) {
					t.Errorf("%d requests by ids", len(chunks))
				}
				for _, l := range append(chunks, p.requests("main", "DELETE /cancel-all")...) {
					if l.Status != 200 {
						t.Errorf("%s was answered %d", l.Path, l.Status)
					}
				}
			})
		})
	}
}

// manyRestOnStandard drains a backlog of n orders that rest, with Gold's limits, and then has the account on Standard, of which
// the executor knows.
func (p *plant) manyRestOnStandard(n int) {
	p.t.Helper()
	p.store(n)
	p.start("drainer")
	p.ready()
	p.drain(n, 5*time.Minute)
	if err := p.venue.SetTier("main", "Standard"); err != nil {
		p.t.Fatal(err)
	}
	p.submit("one", "BUY", "GTC", "0.11", "5", always) // its answer tells of the tier
	p.is("one", "open")
	p.pass(2 * time.Second)
}
