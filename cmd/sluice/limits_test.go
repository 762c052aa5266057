package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// oddLimits is a file of limits that nobody has tuned anything for.
const oddLimits = `profiles:
- name: odd
  date: 2026-11-22
  source: a test
  api: odd
  rules:
  - name: calls
    scope: ip
    class: order
    for: [GET /x]
    layers:
    - {n: 7, per: 3s}
    - {n: 61, per: 47s}
`

func limitsFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Every profile is listed with its date and source, and shown with each figure; a file of one's own adds to them.
func TestLimitsAreListedAndShown(t *testing.T) {
	says(t, "list", ok(t, "limits", "list"), "PROFILE", "polymarket-2026-02", "2026-02-08", "polynode", "coingecko", "editions of autumn 2026")
	var list struct{ Profiles []profileLine }
	one(t, ok(t, "limits", "list", "-o", "json", "--limits", limitsFile(t, oddLimits)), &list)
	found := 0
	for _, p := range list.Profiles {
		if p.Date == "" || p.Source == "" || p.Rules == 0 {
			t.Errorf("%+v", p)
		}
		if p.Name == "odd" || p.Name == "polymarket-safe" || p.Name == "polymarket-per-second" || p.Name == "kalshi" {
			found++
		}
	}
	if found != 4 {
		t.Errorf("%d of four are listed: %+v", found, list)
	}
	says(t, "show", ok(t, "limits", "show", "polymarket"), "signer orders", "Gold", "400 a 1s, burst 600", "3500 in 10s (up to 5000 when learned)", "36000 in 10m (up to 120000 when learned)", "DELETE /cancel-all (1 and 1 each)")
	says(t, "show", ok(t, "limits", "show", "relayer"), "100 units in 24h", "3000 units in 24h", "without end", "25 in 1m")
	var shown struct {
		Profile string
		Rules   []ruleLine
		Caps    map[string]map[string]int
	}
	one(t, ok(t, "limits", "show", "polynode", "-o", "json"), &shown)
	if shown.Profile != "polynode" || len(shown.Rules) != 8 || shown.Caps["event_connections"]["Growth"] != 50 {
		t.Errorf("%+v", shown)
	}
	refused(t, call(t, "limits", "show", "polymarkt"), "polymarkt", "did you mean polymarket")
}

// What governs a request is explained with source and date, and the layer that binds is named.
func TestLimitsExplainWhatBinds(t *testing.T) {
	for args, want := range map[string][2]string{
		"POST /order --factor 1":                                     {"signer orders", "40"},
		"POST /order --factor 1 --tier elite":                        {"clob place", "60"},
		"POST /order":                                                {"signer orders", "32"},
		"POST /orders --items 15 --factor 1":                         {"signer orders", "2.67"},
		"DELETE /cancel-market-orders --factor 1 --tier elite":       {"clob cancel market", "2.5"},
		"data GET /positions --profile polymarket-safe --factor 1":   {"safe positions", "0.02"},
		"GET /v3/trades --profile polynode --tier growth --factor 1": {"v3_heavy", "25"},
	} {
		words := strings.Split(args, " --")
		list := []string{"limits", "explain", "-o", "json", words[0]}
		for _, w := range words[1:] {
			list = append(list, strings.Fields("--"+w)...)
		}
		var e struct {
			Binding string
			Rate    string `json:"requests_per_second"`
			Layers  []governing
		}
		one(t, ok(t, list...), &e)
		if e.Binding != want[0] || e.Rate != want[1] {
			t.Errorf("%s: bound by %q at %s, want %v", args, e.Binding, e.Rate, want)
		}
		for _, l := range e.Layers {
			if l.Source == "" || l.Date == "" || l.Documented == "" {
				t.Errorf("%s: %+v", args, l)
			}
		}
	}
	says(t, "of the relayer", ok(t, "limits", "explain", "POST /submit"), "no rule of polymarket", "--profile relayer")
	says(t, "of a day", ok(t, "limits", "explain", "POST /submit", "--profile", "relayer"), "binding: relayer units", "sluice quota")
	if out := ok(t, "limits", "explain", "POST /order"); strings.Contains(out, "sluice quota") {
		t.Errorf("a request without a quota is explained with one: %s", out)
	}
	says(t, "explain", ok(t, "limits", "explain", "POST /order"), "binding: signer orders", "SOURCE", "2026-11-15")
	refused(t, call(t, "limits", "explain", "nowhere GET /x", "--profile", "kalshi"), "no rule", "sluice limits show")
	refused(t, call(t, "limits", "explain", "POST /order", "--tier", "golden"), "golden", "did you mean Gold")
	refused(t, call(t, "limits", "explain", "POST /order", "--factor", "0"), "factor")
}

// The daily quota governs what the relayer takes: explain names it, plan waits for the next day, and a simulation sends what a day
// holds and no more.
func TestLimitsKnowTheDailyQuota(t *testing.T) {
	submit := func(args ...string) []string {
		return append([]string{"limits", args[0], "--profile", "relayer", "--endpoint", "POST /submit", "--factor", "1", "-o", "json"}, args[1:]...)
	}
	var e struct {
		Binding string
		Rate    string `json:"requests_per_second"`
	}
	if one(t, ok(t, "limits", "explain", "POST /submit", "--profile", "relayer", "-o", "json"), &e); e.Binding != "relayer units" || e.Rate != "0.0012" {
		t.Errorf("explained as %+v", e)
	}
	for purpose, days := range map[string]int64{"rescue": 1, "essential": 2, "ordinary": 2} {
		var p struct {
			Drained int64 `json:"drained_ms"`
			Binding string
		}
		one(t, ok(t, submit("plan", "--orders", "200", "--purpose", purpose)...), &p)
		if day := (24 * time.Hour).Milliseconds(); p.Drained < days*day || p.Drained > days*day*101/100 || !strings.HasPrefix(p.Binding, "relayer units") {
			t.Errorf("%s: %+v, want %d days", purpose, p, days)
		}
	}
	for _, c := range []struct {
		args []string
		sent int
	}{
		{submit("simulate", "--for", "24h"), 100},
		{submit("simulate", "--for", "72h", "--delay", "stall"), 300},
		{submit("simulate", "--for", "24h", "--tier", "verified"), 3000},
		{[]string{"limits", "simulate", "--profile", "polymarket-safe", "--endpoint", "relayer POST /submit", "--for", "48h", "-o", "json"}, 38},
	} {
		var s struct{ Sent, Violations int }
		if one(t, ok(t, c.args...), &s); s.Sent != c.sent || s.Violations != 0 {
			t.Errorf("%v: %+v, want %d sent", c.args, s, c.sent)
		}
	}
	refused(t, call(t, submit("simulate", "--for", "800h")...), "744h where a daily quota governs")
	refused(t, call(t, submit("simulate", "--tier", "partner", "--for", "25h")...), "up to 24h")
}

// An endpoint that no rule is for is said to be none, with what was perhaps meant; one that a tier does not include, and a request
// that can never pass, are refused; a number that is none and a file that is not there are named.
func TestLimitsSayWhatWasNotMeant(t *testing.T) {
	for _, args := range [][]string{{"explain", "POST /ordr"}, {"simulate", "--endpoint", "POST /ordr", "--for", "1s"}, {"plan", "--orders", "5", "--endpoint", "POST /ordr"}} {
		says(t, args[0], ok(t, append([]string{"limits"}, args...)...), `no rule of polymarket is for "POST /ordr"`, "did you mean POST /order")
	}
	if out := ok(t, "limits", "explain", "POST /order"); strings.Contains(out, "no rule") {
		t.Errorf("a known endpoint: %s", out)
	}
	says(t, "excluded", ok(t, "limits", "explain", "GET /v3/trades", "--profile", "polynode"), "nothing", "binding: v3")
	refused(t, call(t, "limits", "simulate", "--endpoint", "GET /v3/trades", "--profile", "polynode"), "does not include", "--tier")
	for _, endpoint := range []string{"POST /orders", "POST /order"} {
		refused(t, call(t, "limits", "simulate", "--endpoint", endpoint, "--items", "100"), "100 in a request, which carries", "never pass", "fewer")
	}
	for _, n := range []string{"-5", "ten", "1000001"} {
		refused(t, call(t, "limits", "plan", "--orders", n), "--orders "+n+" is not between 0 and 1000000", "whole number")
	}
	refused(t, call(t, "limits", "explain", "POST /orders", "--items", "-1"), "--items -1 is not between")
	refused(t, call(t, "limits", "plan", "--orders"), "--orders needs a number")
	for _, args := range [][]string{{"check", "nofile.yaml"}, {"list", "--limits", "nofile.yaml"}, {"simulate", "--profile", "nofile.yaml"}} {
		refused(t, call(t, append([]string{"limits"}, args...)...), "nofile.yaml: no such file", "name a file")
	}
}

// A queue of forty thousand takes what arithmetic says, and the limit that is waited for is named.
func TestLimitsPlanNamesTimeAndBindingLimit(t *testing.T) {
	var p struct {
		Requests int
		Drained  int64 `json:"drained_ms"`
		Binding  string
	}
	one(t, ok(t, "limits", "plan", "--orders", "40000", "--factor", "1", "-o", "json"), &p)
	if least := int64((40_000 - 60) * 1000 / 40); p.Drained < least || p.Drained > least*101/100 || !strings.HasPrefix(p.Binding, "signer orders") || p.Requests != 40_000 {
		t.Errorf("%+v", p)
	}
	says(t, "plan", ok(t, "limits", "plan", "--orders", "150", "--batch", "15", "--profile", "polymarket-2026-11", "--tier", "Gold"), "drained after", "nothing", "10")
	refused(t, call(t, "limits", "plan", "--orders", "100", "--batch", "50"), "dearer", "fewer")
	refused(t, call(t, "limits", "plan", "--orders=-1"), "not between")
}

// A simulation counts no violation and uses what there is, also for odd figures of one's own; the trace can be counted again.
func TestLimitsSimulateCountsAndLeavesATrace(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace.jsonl")
	var s struct {
		Sent, Violations int
		Utilisation      json.Number
		Binding          string
	}
	one(t, ok(t, "limits", "simulate", "--profile", limitsFile(t, oddLimits), "--endpoint", "GET /x", "--for", "1h", "--factor", "1", "--delay", "jitter", "--trace", trace, "-o", "json"), &s)
	used, err := s.Utilisation.Float64()
	if err != nil || s.Violations != 0 || used < 0.98 || s.Sent < 4500 {
		t.Errorf("%+v", s)
	}
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var arrived []time.Duration
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct {
			SentUS    int64 `json:"sent_us"`
			ArrivedUS int64 `json:"arrived_us"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil || l.ArrivedUS < l.SentUS {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		arrived = append(arrived, time.Duration(l.ArrivedUS)*time.Microsecond)
	}
	if len(arrived) != s.Sent {
		t.Errorf("%d lines for %d requests", len(arrived), s.Sent)
	}
	for i, at := range arrived {
		for n, span := range map[int]time.Duration{7: 3 * time.Second, 61: 47 * time.Second} {
			in := 0
			for _, other := range arrived[max(0, i-200):min(len(arrived), i+200)] {
				if other <= at && other >= at-span {
					in++
				}
			}
			if in > n {
				t.Fatalf("%d arrived within %s of %s", in, span, at)
			}
		}
	}
	says(t, "simulate", ok(t, "limits", "simulate", "--profile", "polymarket-2026-02", "--for", "1m", "--factor", "1"), "violations", "clob place", "1.000")
	refused(t, call(t, "limits", "simulate", "--for", "90h"), "--for up to 24h")
	refused(t, call(t, "limits", "simulate", "--endpoint", "nowhere GET /x", "--profile", "kalshi"), "no limit covers")
}

// A file with mistakes is refused with file, line and reason of each.
func TestBadLimitsAreRefusedWithTheirLines(t *testing.T) {
	bad := limitsFile(t, strings.Replace(strings.Replace(oddLimits, "n: 7", "n: -7", 1), "scope: ip", "scope: moon", 1))
	for _, args := range [][]string{{"limits", "check", bad}, {"limits", "list", "--limits", bad}, {"limits", "simulate", "--profile", bad}} {
		refused(t, call(t, args...), "mine.yaml:7", "mine.yaml:12", "docs/limits.md")
	}
	unknown := limitsFile(t, strings.Replace(oddLimits, "api: odd", "apy: odd", 1))
	refused(t, call(t, "limits", "check", unknown), "mine.yaml:5", "apy")
	says(t, "check", ok(t, "limits", "check", limitsFile(t, oddLimits)), "odd", "GOOD")
}

// limitStatus shows the limits of a running executor after an order: how full, how much is free, and as one object.
func limitStatus(t *testing.T, r *running) {
	buy(t, r)
	says(t, "status", ok(t, r.tool("limits", "status", "--account", "main")...), "HEADROOM", "signer", "main", "█", "%")
	var s struct {
		Limits []use
		Venue  map[string]string
	}
	one(t, ok(t, r.tool("limits", "status", "-o", "json")...), &s)
	signers := map[string]bool{}
	for _, l := range s.Limits {
		if l.Limit <= 0 || l.PerMS <= 0 || l.Headroom < 0 || l.Headroom > 100 || l.Scope == "ip" && l.Account != "" {
			t.Errorf("%+v", l)
		}
		if l.Scope == "signer" {
			signers[l.Account] = true
		}
	}
	if !signers["main"] || !signers["eoa"] || s.Venue["main"] != "ok" {
		t.Errorf("%+v", s)
	}
	refused(t, call(t, r.tool("limits", "status", "--account", "nobody")...), "nobody")
}

// What is limited is said with the moment at which it is free.
func TestStatusSaysUntilWhen(t *testing.T) {
	now := time.Now().UnixMilli()
	for _, c := range []struct {
		l        msgs.LimitState
		headroom int64
		limited  bool
	}{
		{msgs.LimitState{Scope: "signer", Layer: "signer cancels", Used: "1120", Limit: "120", PerMS: 1500, FreeAtMS: now + 11_000}, 0, true},
		{msgs.LimitState{Scope: "ip", Layer: "clob place", Used: "1", Limit: "10", PerMS: 1000, FreeAtMS: now}, 90, false},
		{msgs.LimitState{Scope: "ip", Layer: "clob place", Used: "-3", Limit: "10", PerMS: 1000}, 100, false},
		{msgs.LimitState{Scope: "ip", Layer: "closed", Used: "0", Limit: "0"}, 0, false},
	} {
		u := useOf("main", c.l, now)
		if u.Headroom != c.headroom || u.IsLimited != c.limited || u.IsLimited != strings.Contains(limitedText(u), "limited until") {
			t.Errorf("%+v: %+v, %s", c.l, u, limitedText(u))
		}
		if n := strings.Count(bar(u.Headroom), "█"); n != int(c.headroom/10) || len([]rune(bar(u.Headroom))) != 10 {
			t.Errorf("%d%%: %s", u.Headroom, bar(u.Headroom))
		}
	}
}

// tenOrders is the venue's profile with a window of one's own on top.
const tenOrders = `profiles:
- name: mine
  date: 2026-11-22
  source: a test
  api: clob
  from: [polymarket]
  rules:
  - {name: my orders, scope: ip, class: order, for: [POST /order], layers: [{n: 10, per: 1m}]}
`

// A running plant takes over a file that changes, and keeps what is in force when the file has a mistake, which the log names
// with its line.
func TestLimitsAreReadAgainWhileRunning(t *testing.T) {
	file := limitsFile(t, tenOrders)
	dir := t.TempDir()
	r := up(t, dir, nil, "--limits", file, "--limits-profile", "mine", "--limits-factor", "1")
	rest(t, r, "first")
	limit := func() (n int64) {
		var s struct{ Limits []use }
		one(t, ok(t, r.tool("limits", "status", "-o", "json")...), &s)
		for _, l := range s.Limits {
			if l.Layer == "my orders" {
				n = l.Limit
			}
		}
		return n
	}
	if n := limit(); n != 10 {
		t.Fatalf("the window of the file is %d, want 10", n)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(tenOrders, "n: 10", "n: 2500", 1))
	eventually(t, "the larger window is in force", func() bool { return limit() == 2500 })
	write(strings.Replace(tenOrders, "n: 10,", "n: -12345,", 1))
	eventually(t, "the mistake is in the log", func() bool {
		b, err := os.ReadFile(r.Log)
		return err == nil && strings.Contains(string(b), "mine.yaml:8") && strings.Contains(string(b), "in force stay")
	})
	if n := limit(); n != 2500 {
		t.Errorf("after the mistake the window is %d", n)
	}
	rest(t, r, "second")
	refused(t, call(t, append([]string{"up", "--data", t.TempDir(), "--limits-profile", "mine"}, anywhere()...)...), "mine", "sluice limits list")
}
