package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/pkg/limits/lend"
	"sluice/pkg/limits/share"
	"sluice/pkg/sandbox"
)

// demoLine is a line of either record, as far as this test asks.
type demoLine struct {
	Kind, Fate, Path, Stream, Subject, Data, Account string
	OrderID                                          string `json:"order_id"`
	Status                                           any
	Legs                                             []struct{ Account string }
	TxHash                                           string `json:"tx_hash"`
}

func demoLinesOf(t *testing.T, path string) (lines []demoLine) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewReader(f); ; {
		b, err := s.ReadBytes('\n')
		if err == io.EOF {
			return lines
		}
		var l demoLine
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines = append(lines, l)
	}
}

// demoEvent is an event on the log, as far as this test asks.
type demoEvent struct {
	Type, Account, Owner, Reason, State string
	ClientOrderID                       string `json:"client_order_id"`
	OrderType                           string `json:"order_type"`
	Error                               struct{ Code string }
	TxHash                              string `json:"tx_hash"`
	Carrier                             string
}

// TestDemoCountsWhatHappened runs a short demonstration and counts again, from the files that it leaves and by other code than the
// judge's, what the report says. Every flow and every fault must have had its turn.
func TestDemoCountsWhatHappened(t *testing.T) {
	t.Parallel()
	missing := demonstrate(t, "6s")
	if len(missing) > 0 { // a machine that is busy with other things needs longer
		missing = demonstrate(t, "25s")
	}
	for _, what := range missing {
		t.Errorf("never happened: %s", what)
	}
}

// demonstrate runs one demonstration, counts again what it counts, and returns what never happened in it.
func demonstrate(t *testing.T, length string) (missing []string) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*demoSettle)
	defer cancel()
	var told, errs tape
	if code := run(ctx, []string{"demo", "--for", length, "--data", dir, "-o", "json"}, &told, &errs, os.Getenv); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, told.String(), errs.String())
	}
	out := told.String()
	var report map[string]int
	if err := json.Unmarshal([]byte(out), &report); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("not one object: %v in %q", err, out)
	}
	want := []string{"books_published", "duplicates_at_venue", "feed_events", "fills_pending", "late_sends", "ledger_discrepancies", "ledger_transactions", "lost", "orders_accepted", "orders_cancelled",
		"orders_filled", "orders_rejected", "orders_submitted", "orders_unknown_open", "tx_by_own_gas", "tx_by_relayer", "tx_confirmed", "tx_requests", "tx_wrong"}
	if got := sorted(report); !slices.Equal(got, want) {
		t.Errorf("the report says %v, want %v", got, want)
	}
	submitted, accepted, last, feed, asked := map[string]bool{}, map[string]bool{}, map[string]string{}, 0, 0
	happened, ours, settled := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, a := range sandbox.Accounts() {
		ours[a.Name] = true
	}
	for _, l := range demoLinesOf(t, filepath.Join(dir, "record.jsonl")) {
		switch {
		case strings.HasSuffix(l.Subject, ".submit"), strings.HasSuffix(l.Subject, ".replace"):
			var c struct {
				ID string `json:"client_order_id"`
			}
			if err := json.Unmarshal([]byte(l.Data), &c); err != nil {
				t.Fatal(err)
			}
			submitted[l.Stream+c.ID] = true
		case strings.HasPrefix(l.Subject, "cmd.tx."):
			asked++
		case strings.HasPrefix(l.Subject, "evt.tx."):
			var m struct{ Events []demoEvent }
			if err := json.Unmarshal([]byte(l.Data), &m); err != nil {
				t.Fatal(err)
			}
			for _, e := range m.Events {
				happened[e.Type+" "+e.Carrier]++
				if e.Type == "tx.confirmed" {
					settled[e.Account+e.TxHash] = true
				}
			}
		case strings.HasPrefix(l.Subject, "feed."):
			feed++
		case strings.HasPrefix(l.Subject, "evt.order."):
			var m struct{ Events []demoEvent }
			if err := json.Unmarshal([]byte(l.Data), &m); err != nil {
				t.Fatal(err)
			}
			for _, e := range m.Events {
				happened[strings.Join([]string{e.Type, e.Reason, e.Error.Code, e.Owner}, " ")]++
				happened[e.Type+" "+e.OrderType]++
				if e.ClientOrderID != "" && e.State != "" && e.Error.Code != "duplicate_id" { // which is about no order of its own
					last[l.Stream+e.ClientOrderID] = e.State
				}
			}
		}
	}
	for _, l := range demoLinesOf(t, filepath.Join(dir, "journal.jsonl")) {
		switch {
		case l.Kind == "order" && ours[l.Account] && slices.Contains([]any{"live", "matched", "delayed"}, l.Status):
			accepted[l.OrderID] = true
		case l.Kind == "trade" && l.TxHash != "":
			for _, leg := range l.Legs {
				if ours[leg.Account] {
					settled[leg.Account+l.TxHash] = true
				}
			}
		case l.Kind == "request":
			happened["request "+l.Fate]++
			if l.Status == 425.0 {
				happened["engine restarting"]++
			}
		}
	}
	states := map[string]int{}
	for _, s := range last {
		states[s]++
	}
	for name, n := range map[string]int{"orders_submitted": len(submitted), "orders_accepted": len(accepted), "orders_filled": states["filled"],
		"orders_cancelled": states["cancelled"], "orders_rejected": states["rejected"], "orders_unknown_open": states["unknown"] + states["submitting"],
		"feed_events": feed, "ledger_transactions": len(settled) + len(ours), // and each wallet was given something once
		"tx_requests": asked, "tx_confirmed": 3, "tx_by_relayer": happened["tx.confirmed relayer"],
		"tx_by_own_gas": happened["tx.confirmed own_gas"], "tx_wrong": 0,
		"ledger_discrepancies": 0, "duplicates_at_venue": 0, "lost": 0, "late_sends": 0, "fills_pending": 0} {
		if report[name] != n {
			t.Errorf("%s is told as %d, and is %d", name, report[name], n)
		}
	}
	if report["books_published"] == 0 {
		t.Error("no book was heard")
	}
	for _, what := range []string{"order.accepted GTC", "order.accepted GTD", "order.filled GTC", "order.filled FOK", "order.filled FAK", "order.settled FAK",
		"order.cancelled requested  ", "order.cancelled killed_in_queue  ", "order.rejected  expired_in_queue ", "order.rejected  price_off_tick ",
		"order.rejected  halted ", "order.halted demonstration  ", "order.resumed   ", "order.cancel_all_done   ", "order.unknown   ",
		"tx.rerouted ", "tx.confirmed relayer", "tx.confirmed own_gas", "order.owner   demo-1", "order.owner   demo-2", "request dropped", "request lost", "engine restarting"} {
		if happened[what] == 0 {
			missing = append(missing, what)
		}
	}
	if v := ok(t, "judge", "--journal", filepath.Join(dir, "journal.jsonl"), "--commands", filepath.Join(dir, "record.jsonl")); !strings.Contains(v, "content: nothing wrong") {
		t.Errorf("the judge says of the files: %s", v)
	}
	return missing
}

// TestDemoHasOneAllowanceForItsAddress starts the plant of a demonstration and reads what its allowance says of itself: of ingest and the
// executor, whose requests leave from one address, one grants and the other borrows.
func TestDemoHasOneAllowanceForItsAddress(t *testing.T) {
	t.Parallel()
	var out, errs tape
	a := &app{ctx: t.Context(), out: &out, err: &errs, getenv: func(string) string { return "" }, cli: &cli{Output: "json", Env: "sandbox"}, config: &file{}}
	c := &demoCmd{For: time.Second, Seed: 1, limitFlags: limitFlags{Profile: "polymarket", Factor: "0.8", Ceiling: "1"}}
	d, err := c.start(a, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	js, err := jetStream(d.nc)
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]bool{}
	for end := time.Now().Add(demoStart); !users["ingest"] || !users["demo-1"]; <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of the allowance use %v", sorted(users))
		}
		kv, err := js.KeyValue(t.Context(), "LIMITS")
		if err != nil {
			continue // nobody has made it yet
		}
		e, err := kv.Get(t.Context(), share.NameOf("", d.flags.CLOB))
		if err != nil {
			continue
		}
		r, err := lend.ReadRecord(e.Value())
		if err != nil {
			t.Fatal(err)
		}
		names := []string{r.Holder}
		for _, l := range r.Loans {
			names = append(names, l.Who)
		}
		for _, n := range names {
			users[n[:strings.LastIndex(n, "-")]] = true
		}
	}
}

// TestDemoWithABrokenExecutorFails: a demonstration whose executor posts every order twice, behind its own back, ends with 1,
// says what was wrong, and leaves the evidence.
func TestDemoWithABrokenExecutorFails(t *testing.T) {
	t.Parallel()
	var out, errs tape
	a := &app{ctx: t.Context(), out: &out, err: &errs, getenv: func(string) string { return "" }, cli: &cli{Output: "json", Env: "sandbox"}, config: &file{}}
	c := &demoCmd{For: time.Second, Seed: 1, settle: time.Second, limitFlags: limitFlags{Profile: "polymarket", Factor: "0.8", Ceiling: "1"}, between: twice("")}
	err := c.Run(a)
	if code, is := err.(exitCode); !is || code != 1 {
		t.Fatalf("ended with %v\n%s%s", err, out.String(), errs.String())
	}
	var report map[string]int
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		t.Errorf("no report: %v in %s", err, out.String())
	}
	says(t, "the end of a broken demonstration", errs.String(), "not content", "unsafe_resends", "what happened is in ", "record.jsonl")
	_, dir, _ := strings.Cut(errs.String(), "what happened is in ")
	dir, _, _ = strings.Cut(dir, ": ")
	t.Cleanup(func() { os.RemoveAll(dir) })
	if r := call(t, "judge", "--journal", filepath.Join(dir, "journal.jsonl"), "--commands", filepath.Join(dir, "record.jsonl")); r.code != 1 {
		t.Errorf("judging the evidence again: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestDemoWithABrokenRelayerFails: each submission goes to the relayer twice, behind the product's back. The venue charges both, the
// book of the day's units knows of one, and the judge says so. Nothing is executed twice all the same: the Safe's nonce forbids it.
func TestDemoWithABrokenRelayerFails(t *testing.T) {
	t.Parallel()
	var out, errs tape
	a := &app{ctx: t.Context(), out: &out, err: &errs, getenv: func(string) string { return "" }, cli: &cli{Output: "json", Env: "sandbox"}, config: &file{}}
	c := &demoCmd{For: time.Second, Seed: 1, settle: time.Second, limitFlags: limitFlags{Profile: "polymarket", Factor: "0.8", Ceiling: "1"}, carries: twice("/relayer/submit")}
	err := c.Run(a)
	if code, is := err.(exitCode); !is || code != 1 {
		t.Fatalf("ended with %v\n%s%s", err, out.String(), errs.String())
	}
	_, dir, _ := strings.Cut(errs.String(), "what happened is in ")
	dir, _, _ = strings.Cut(dir, ": ")
	t.Cleanup(func() { os.RemoveAll(dir) })
	says(t, "the end of a demonstration with a broken relayer", errs.String(), "on-chain work: not content", "3  units_forgotten", "0  executed_twice")
}

// twice sends each post to a path, or to any, a second time.
func twice(path string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPost || r.GetBody == nil || path != "" && r.URL.Path != path {
				return next.RoundTrip(r)
			}
			again := r.Clone(context.WithoutCancel(r.Context()))
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body, again.Body = io.NopCloser(strings.NewReader(string(body))), io.NopCloser(strings.NewReader(string(body)))
			a, err := next.RoundTrip(r)
			if b, err := next.RoundTrip(again); err == nil {
				b.Body.Close()
			}
			return a, err
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDemoRefusesWhatItCannotDo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, call(t, "demo", "--live"), "play money", "--live")
	refused(t, call(t, "demo", "--for", "10ms"), "1s to 1h")
	refused(t, call(t, "demo", "--data", dir), dir, "another folder")
}
