package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// One command shows the venue's limits and the relayer's: the window that all accounts share once, each day of units once, with who shares
// it, how full it is and until when it is closed. Accounts that use no relayer add nothing, and why another has no answer is said.
func TestLimitsStatusShowsTheRelayer(t *testing.T) {
	names := []msgs.Account{"main", "second", "third", "fourth", "fifth"}
	b := startBus(t, "sandbox", names...)
	reply := func(subject string, v any) {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		nc := b.service(t)
		if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(text) }); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"limits", "status", "--nats", b.ClientURL()}
	for _, name := range names {
		args = append(args, "--account", string(name))
		reply(msgs.SvcSubject("executor", name, "status"), msgs.StatusAnswer{Account: name, Venue: "ok", Owner: "x",
			Limits: msgs.List[msgs.LimitState]{{Scope: "signer", Layer: "signer orders", Used: "1", Limit: "60", PerMS: 1500}}})
	}
	if out := ok(t, args...); strings.Contains(out, "relayer") {
		t.Errorf("without a relayer:\n%s", out)
	}
	later := time.Now().Add(20 * time.Hour).Truncate(time.Minute)
	gone := msgs.QuotaAnswer{Book: "one", Limit: 100, Used: 100, Remaining: 0, ResetsMS: later.UnixMilli(), PerMinute: msgs.PerMinute{Limit: 25, Used: 3}}
	half := msgs.QuotaAnswer{Book: "two", Limit: 3000, Used: 1500, Remaining: 1500, ResetsMS: later.UnixMilli(), PerMinute: msgs.PerMinute{Limit: 25, Used: 5}}
	quota := func(account msgs.Account, v any) { t.Helper(); reply(msgs.SvcSubject("relayer", account, "quota"), v) }
	quota("main", gone)
	quota("second", half)
	quota("third", half)
	quota("fourth", msgs.ErrorReply{Error: &msgs.Error{Code: msgs.NotFound, Cause: "no credentials", Fix: "give some"}})
	quota("fifth", msgs.ErrorReply{Error: &msgs.Error{Code: msgs.VenueDown, Cause: "the book cannot be read", Fix: "ask again"}})
	out := ok(t, args...)
	says(t, "status", out, "signer orders", "relayer submit", "5/25 in 1m", "relayer units", "100/100 in 24h", "limited until "+later.Format("Jan 2 15:04"),
		"second, third", "1500/3000 in 24h", "50%", "fifth", "the book cannot be read", "ask again")
	if strings.Count(out, "relayer submit") != 1 || strings.Count(out, "relayer units") != 3 || strings.Contains(out, "no credentials") {
		t.Errorf("what is shared is shown several times, or what is not used at all:\n%s", out)
	}
	var s struct {
		Limits []use
		Errors map[string]msgs.Error
	}
	one(t, ok(t, append(args, "-o", "json")...), &s)
	found := map[string]use{}
	for _, u := range s.Limits {
		found[u.Layer+" "+u.Account] = u
	}
	if u := found["relayer submit "]; u != (use{Scope: "ip", Layer: "relayer submit", Used: 5, Limit: 25, PerMS: 60_000, Headroom: 80}) {
		t.Errorf("the minute is %+v", u)
	}
	if u := found["relayer units main"]; u != (use{Account: "main", Scope: "relayer", Layer: "relayer units", Used: 100, Limit: 100, PerMS: 86_400_000, IsLimited: true, FreeAtMS: later.UnixMilli()}) {
		t.Errorf("the day is %+v", u)
	}
	if len(s.Errors) != 1 || s.Errors["fifth"].Code != msgs.VenueDown {
		t.Errorf("errors are %+v", s.Errors)
	}
}
