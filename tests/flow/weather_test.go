package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/judge"
	"sluice/services/executor"
)

// inWeather runs an executor at the whole figures of today's Standard tier before a venue that enforces what it likes, with a
// backlog of n orders stored before anything starts.
func inWeather(t *testing.T, n int, box sandbox.Config, test func(p *plant)) {
	t.Helper()
	box.Enforce = true
	cfg := setup{idle: true, sandbox: box, executor: func(e *executor.Config) { e.Limits = documented(t, "polymarket-2026-11", "Standard", budget.Permille) }}
	inPlant(t, cfg, func(p *plant) {
		p.store(n)
		test(p)
	})
}

// resting checks that each of n orders of a backlog rests, and was taken once.
func (p *plant) resting(n int) {
	p.t.Helper()
	for i := range n {
		if e := p.last("main", fmt.Sprintf("o-%d", i)); e.State != "open" {
			p.t.Errorf("o-%d is %s: %s", i, e.State, p.story("main", e.ClientOrderID))
		}
	}
}

// TestHeadersThatLie lets every answer to an order lie about the signer's allowance. What promises more than there is, or makes
// no sense, or is missing changes nothing; what promises less is heeded and slows; and a tier that the signer does not have is
// believed until the venue refuses, which it does a few times and not for ever.
func TestHeadersThatLie(t *testing.T) {
	const n = 120
	const least = (n - 60) * time.Second / 40
	reset := func(s int64) string { return fmt.Sprint(time.Now().Unix() + s) }
	for _, c := range []struct {
		name      string
		headers   func() map[string]string
		most      time.Duration
		throttled int
		want      wrongs
	}{
		{"more than there is", func() map[string]string {
			return map[string]string{"Poly-RateLimit-Remaining": "1000000", "Poly-RateLimit-Reset": reset(3600)}
		}, least * 101 / 100, 0, nil},
		{"nonsense", func() map[string]string {
			return map[string]string{"Poly-RateLimit-Tier": "Tin", "Poly-RateLimit-Remaining": "many", "Poly-RateLimit-Reset": "yesterday", "Retry-After": "-1"}
		}, least * 101 / 100, 0, nil},
		{"nothing", func() map[string]string {
			return map[string]string{"Poly-RateLimit-Tier": "", "Poly-RateLimit-Remaining": "", "Poly-RateLimit-Reset": ""}
		}, least * 101 / 100, 0, nil},
		{"none is left", func() map[string]string {
			return map[string]string{"Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Reset": reset(1)}
		}, time.Minute, 0, nil},
		{"another tier", func() map[string]string {
			return map[string]string{"Poly-RateLimit-Tier": "Elite", "Poly-RateLimit-Remaining": "899"}
		}, 3 * time.Minute, 8, wrongs{judge.LimitsExceeded: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWeather(t, n, sandbox.Config{}, func(p *plant) {
				p.venue.SetFaults(func(f *sandbox.Faults) { f.LieHeaders, f.Headers = sandbox.Fault{PerMille: 1000}, c.headers() })
				p.want = c.want
				p.start("drainer")
				p.ready()
				d := p.drain(n, 10*time.Minute)
				p.pass(rest)
				p.resting(n)
				if took := d.last.Sub(d.first); took > c.most || d.throttled > c.throttled {
					t.Errorf("took %s and was refused %d times, want at most %s and %d", took, d.throttled, c.most, c.throttled)
				}
			})
		})
	}
}

// TestVenueThatAllowsLessThanItSays: the edge lets a hundred requests through in ten seconds where thousands are documented. It
// refuses the others, shows a page of HTML without a word of how long, or only queues them. Each time the backlog is drained,
// nothing is lost or sent twice, and a small part of what was sent was over, which a client without manners repeats all the time.
func TestVenueThatAllowsLessThanItSays(t *testing.T) {
	const n = 250
	for edge, most := range map[sandbox.Edge]struct {
		throttled int
		over      int64 // in a queue all that waited there
	}{sandbox.EdgeRefuses: {40, 40}, sandbox.EdgeBlocks: {40, 40}, sandbox.EdgeQueues: {0, n}} {
		t.Run("edge "+string(edge), func(t *testing.T) {
			l := edition(t, sandbox.EditionNow)
			l.Windows = append(l.Windows, sandbox.Window{Name: "less", On: []string{"POST /order", "POST /orders"}, N: 100, PerMS: 10_000})
			inWeather(t, n, sandbox.Config{Limits: l, Edge: edge}, func(p *plant) {
				p.want = wrongs{judge.LimitsExceeded: 1}
				p.start("drainer")
				p.ready()
				d := p.drain(n, 5*time.Minute)
				p.pass(rest)
				p.resting(n)
				over := int64(-1)
				for _, u := range p.venue.LimitUses() {
					if u.Limit == "less" {
						over = int64(u.Excess)
					}
				}
				if d.throttled > most.throttled || over > most.over || over <= 0 {
					t.Errorf("%d of %d requests were refused and %d over, want at most %d and %d, and some", d.throttled, d.posts, over, most.throttled, most.over)
				}
				t.Logf("%d requests, %d over, %d refused, %s", d.posts, over, d.throttled, d.last.Sub(d.first))
				var s msgs.StatusAnswer
				if err := json.Unmarshal(p.question("svc.executor.main.status", "{}"), &s); err != nil {
					t.Fatal(err)
				}
				if told := len(s.Throttles) > 0 && s.Throttles[0].Cause == "others" && strings.HasPrefix(s.Throttles[0].Layer, "clob place"); told != (edge != sandbox.EdgeQueues) {
					t.Errorf("status says of refusals: %+v", s.Throttles)
				}
			})
		})
	}
}

// TestBlockedAddressStopsAtOnce: the edge answers with a page of HTML and 403. One request meets it; the account is halted with
// the cause, what waits is refused, and nothing more leaves, also when the page is gone, until somebody resumes.
func TestBlockedAddressStopsAtOnce(t *testing.T) {
	const n = 200
	inWeather(t, n, sandbox.Config{}, func(p *plant) {
		p.start("drainer")
		p.ready()
		p.pass(time.Second)
		p.venue.SetFaults(func(f *sandbox.Faults) { f.BlockPage = sandbox.Fault{PerMille: 1000, On: "*"} })
		var d drained
		d.read(p)
		before := d.posts
		p.pass(time.Minute)
		d.read(p)
		if d.posts != before+1 {
			t.Errorf("%d orders' requests met the page, want 1", d.posts-before)
		}
		halts := p.ofType("main", "order.halted")
		if len(halts) != 1 {
			t.Fatalf("%d halts, want 1", len(halts))
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.BlockPage = sandbox.Fault{} })
		p.pass(10 * time.Minute)
		if d.read(p); d.posts != before+1 {
			t.Errorf("%d more left while halted", d.posts-before-1)
		}
		p.send("resume", "{'request_id':'go'}")
		p.submit("after", "BUY", "GTC", "0.10", "5", always)
		p.is("after", "open")
	})
}
