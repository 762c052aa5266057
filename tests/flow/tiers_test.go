package flow

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
)

// limit is what an executor says of one of an account's limits; of several windows of one limit the last counts.
func (p *plant) limit(account, layer string) (limit string) {
	p.t.Helper()
	var s msgs.StatusAnswer
	if err := json.Unmarshal(p.question("svc.executor."+account+".status", "{}"), &s); err != nil {
		p.t.Fatal(err)
	}
	for _, l := range s.Limits {
		if l.Layer == layer {
			limit = l.Limit
		}
	}
	return limit
}

// teaches lets the venue tell a tier by its endpoint or not, and write headers of its own into the answers to orders; "" takes one away.
func (p *plant) teaches(endpoint bool, headers map[string]string) {
	p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.is("GET", "/v1/user/rate-limit-tier") && !endpoint {
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r.Request}, nil
		}
		res, err := send()
		if err != nil || !r.posts() {
			return res, err
		}
		for name, v := range headers {
			if res.Header.Del(name); v != "" {
				res.Header.Set(name, v)
			}
		}
		return res, nil
	})
}

// silent are headers of which none is left.
func silent() map[string]string {
	return map[string]string{"Poly-RateLimit-Tier": "", "Poly-RateLimit-Remaining": "", "Poly-RateLimit-Reset": ""}
}

// TestTierIsLearned lets a signer of the Gold tier drain a backlog with an executor that was told nothing and so begins as Standard. The
// venue tells the tier by its endpoint alone, or by the headers of its answers alone: then the backlog is drained as Gold allows, with
// nothing refused or over. When neither tells, it stays Standard.
func TestTierIsLearned(t *testing.T) {
	const n = 400
	const standard = (n - 60) * time.Second / 40
	for _, c := range []struct {
		name     string
		endpoint bool
		headers  map[string]string
		limit    string
		most     time.Duration
	}{
		{"B-1 by the endpoint", true, silent(), "600", standard / 2},
		{"B-1 by the header", false, nil, "600", standard / 2},
		{"by nobody", false, silent(), "60", 2 * standard},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := setup{idle: true, sandbox: sandbox.Config{Enforce: true, Tiers: map[string]string{"main": "Gold"}},
				executor: func(e *executor.Config) { e.Limits = documented(t, "polymarket-2026-11", "", budget.Permille) }}
			inPlant(t, cfg, func(p *plant) {
				p.store(n)
				p.teaches(c.endpoint, c.headers)
				p.start("learner")
				p.ready()
				d := p.drain(n, 5*time.Minute)
				took := d.last.Sub(d.first)
				if took > c.most || d.throttled != 0 || c.limit == "60" && took < standard {
					t.Errorf("took %s with %d refused; Standard takes %s", took, d.throttled, standard)
				}
				if got := p.limit("main", "signer orders"); got != c.limit {
					t.Errorf("status says a bucket of %s, want %s", got, c.limit)
				}
				t.Logf("%s from first to last, Standard %s", took, standard)
			})
		})
	}
}

// TestTierIsAskedForAgain takes a signer's tier away while nothing is traded: three hours after it was asked for it is known.
func TestTierIsAskedForAgain(t *testing.T) {
	cfg := setup{bookless: true, sandbox: sandbox.Config{Enforce: true, Tiers: map[string]string{"main": "Gold"}},
		executor: func(e *executor.Config) { e.Limits = documented(t, "polymarket-2026-11", "", budget.Permille) }}
	inPlant(t, cfg, func(p *plant) {
		p.until("the tier is known", func() bool { return p.limit("main", "signer orders") == "600" })
		p.ingest.Kill() // its sockets take long to be left alone for hours
		if err := p.venue.SetTier("main", "Standard"); err != nil {
			t.Fatal(err)
		}
		p.pass(2 * time.Hour)
		if got := p.limit("main", "signer orders"); got != "600" {
			t.Errorf("after two hours the bucket is %s, want 600", got)
		}
		p.pass(time.Hour + time.Minute)
		if got := p.limit("main", "signer orders"); got != "60" {
			t.Errorf("after three hours the bucket is %s, want 60", got)
		}
	})
}

// twoEditions are windows for orders of which two editions document 3 and 9 requests in ten seconds.
func twoEditions(t *testing.T) executor.Limits {
	t.Helper()
	p, err := catalogue.Build(catalogue.Profile{Name: "two", Source: "test", Date: "2026-11-22", API: "clob", Rules: []catalogue.Rule{
		{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{"POST /order", "POST /orders"},
			Layers: []catalogue.Layer{{N: 3, Per: 10 * time.Second, Most: catalogue.Figure{N: 9}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return executor.Limits{Profile: p, Options: budget.Options{Factor: budget.Permille}}
}

// TestWindowIsLearned documents two sizes of a window for orders, of which the smaller is in force, at a venue that allows and enforces
// the larger. When its answers name that, or far more, a backlog is drained by the larger, with nothing refused or over; when they name
// nothing, by the smaller.
func TestWindowIsLearned(t *testing.T) {
	const n, small, large = 200, 3, 9
	for _, c := range []struct {
		name, says string
		size       int
	}{
		{"B-1 the larger", fmt.Sprint(large), large},
		{"B-1 above the documented", "9999999", large},
		{"nothing", "", small},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := edition(t, sandbox.EditionNow)
			l.Windows = append(l.Windows, sandbox.Window{Name: "place", On: []string{"POST /order", "POST /orders"}, N: large, PerMS: 10_000})
			cfg := setup{idle: true, sandbox: sandbox.Config{Enforce: true, Edge: sandbox.EdgeRefuses, Limits: l, Tiers: map[string]string{"main": "Elite"}},
				executor: func(e *executor.Config) { e.Limits = twoEditions(t) }}
			inPlant(t, cfg, func(p *plant) {
				p.store(n)
				if c.says != "" {
					p.teaches(true, map[string]string{"X-RateLimit-Limit": c.says, "X-RateLimit-Reset": "10"})
				}
				p.start("learner")
				p.ready()
				d := p.drain(n, 5*time.Minute)
				took := d.last.Sub(d.first)
				t.Logf("%d requests in %s", d.posts, took)
				least := time.Duration((d.posts-1)/c.size) * 10 * time.Second
				if least == 0 || took < least || took > least+10*time.Second || d.throttled != 0 {
					t.Errorf("%d requests took %s with %d refused, want %s or little more", d.posts, took, d.throttled, least)
				}
				if got := p.limit("main", "place"); got != fmt.Sprint(c.size) {
					t.Errorf("status says a window of %s, want %d", got, c.size)
				}
			})
		})
	}
}
