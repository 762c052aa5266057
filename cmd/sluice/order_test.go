package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// buy fills one order and returns its id.
func buy(t *testing.T, r *running) string {
	t.Helper()
	var e event
	one(t, ok(t, r.tool("order", "submit", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.52", "--size", "10", "--wait", "-o", "json")...), &e)
	if e.State != msgs.Filled || !e.Final {
		t.Fatalf("not filled: %+v", e)
	}
	return string(e.ClientOrderID)
}

// rest places an order that stays.
func rest(t *testing.T, r *running, id string) {
	t.Helper()
	ok(t, r.tool("order", "submit", "--id", id, "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.10", "--size", "10", "--post-only")...)
}

// one decodes an output that must be a single JSON object.
func one(t *testing.T, out string, into any) {
	t.Helper()
	if n := strings.Count(out, "\n"); n != 1 {
		t.Fatalf("%d lines, want one object:\n%s", n, out)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

func says(t *testing.T, what, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, out)
		}
	}
}

// Every tool of the README's life of an order, in both forms, against one plant.
func TestToolsAgainstARunningPlant(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	t.Run("submit", func(t *testing.T) { submits(t, r) })
	t.Run("submit that cannot be", func(t *testing.T) { refusedSubmits(t, r) })
	t.Run("cancel", func(t *testing.T) { cancels(t, r) })
	t.Run("cancel-all", func(t *testing.T) { cancelsAll(t, r) })
	t.Run("get and list", func(t *testing.T) { looks(t, r) })
	t.Run("watch", func(t *testing.T) { watches(t, r) })
	t.Run("halt and resume", func(t *testing.T) { halts(t, r) })
	t.Run("markets", func(t *testing.T) { markets(t, r) })
	t.Run("dead list", func(t *testing.T) { deadLetters(t, r) })
	t.Run("doctor", func(t *testing.T) { doctors(t, r) })
	t.Run("tx", func(t *testing.T) { works(t, r) })
	t.Run("judge", func(t *testing.T) { judges(t, r) })
	t.Run("limits status", func(t *testing.T) { limitStatus(t, r) })
	t.Run("quota", func(t *testing.T) {
		says(t, "quota", ok(t, r.tool("quota")...), "main", "second", "unverified", "/100", "/20")
	})
}

func submits(t *testing.T, r *running) {
	out := ok(t, r.tool("order", "submit", "--market", "sandbox-coin", "--outcome", "yes", "--side", "Buy", "--price", "0.52", "--size", "10", "--wait")...)
	says(t, "table", out, "order.submitting", "order.accepted", "order.filled", "BUY 10 @ 0.52")
	buy(t, r)
	out = ok(t, r.tool("order", "submit", "--market", "sandbox-coin", "--outcome", "No", "--side", "buy", "--type", "fok", "--price", "0.60", "--amount", "6", "--wait")...)
	says(t, "market order", out, "order.filled")

	var stored struct {
		ID     string `json:"client_order_id"`
		Stored uint64 `json:"stored"`
	}
	one(t, ok(t, r.tool("order", "submit", "--no-wait", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.10", "--size", "10", "-o", "json")...), &stored)
	if stored.ID == "" || stored.Stored == 0 {
		t.Errorf("without waiting: %+v; the id is needed to find the order again", stored)
	}
	rest(t, r, "once")
	rest(t, r, "once") // the same once more does nothing
	f := call(t, r.tool("order", "submit", "--id", "once", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.11", "--size", "10", "-o", "json")...).failure(t)
	if f.Error.Code != "duplicate_id" {
		t.Errorf("another order of the same id: %+v", f)
	}
	f = call(t, r.tool("order", "submit", "--id", "stays", "--wait", "--timeout", "200ms", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.10", "--size", "10", "-o", "json")...).failure(t)
	if f.Error.Code != "no_event" || !strings.Contains(f.Error.Cause, "open") || !strings.Contains(f.Error.Fix, "sluice order cancel stays") {
		t.Errorf("waiting for the end of an order that rests: %+v", f)
	}
}

func refusedSubmits(t *testing.T, r *running) {
	for _, c := range []struct {
		name, code string
		cause, fix string
		args       []string
	}{
		{"unknown market", "unknown_token", `"sandbox-cion"`, "did you mean sandbox-coin", []string{"--market", "sandbox-cion", "--outcome", "Yes"}},
		{"unknown outcome", "unknown_token", `"Maybe"`, "Yes and No", []string{"--market", "sandbox-coin", "--outcome", "Maybe"}},
		{"no outcome", "missing_field", "outcome", "", []string{"--market", "sandbox-coin"}},
		{"neither market nor token", "missing_field", "", "", nil},
		{"unknown token", "unknown_token", "", "sluice markets", []string{"--token", "12345"}},
		{"unknown account", "unknown_account", "cmd.order.mian.submit", "did you mean main", []string{"--market", "sandbox-coin", "--outcome", "Yes", "--account", "mian"}},
		{"impossible account", "bad_value", `"Main!"`, "a-z", []string{"--market", "sandbox-coin", "--outcome", "Yes", "--account", "Main!"}},
		{"off the tick", "price_off_tick", "", "", []string{"--market", "sandbox-coin", "--outcome", "Yes", "--price", "0.525"}},
		{"not a number", "bad_value", "--size", "decimal", []string{"--market", "sandbox-coin", "--outcome", "Yes", "--size", "ten"}},
		{"unknown side", "bad_value", "side", "", []string{"--market", "sandbox-coin", "--outcome", "Yes", "--side", "hold"}},
	} {
		args := append([]string{"order", "submit", "--side", "buy", "--price", "0.52", "--size", "10", "-o", "json"}, c.args...)
		f := call(t, r.tool(args...)...).failure(t)
		if f.Error.Code != c.code || !strings.Contains(f.Error.Cause, c.cause) || !strings.Contains(f.Error.Fix, c.fix) {
			t.Errorf("%s: %+v", c.name, f)
		}
		refused(t, call(t, r.tool(args[:len(args)-len(c.args)-2]...)...), "sluice: ", "→ ")
	}
}

func cancels(t *testing.T, r *running) {
	rest(t, r, "c1")
	says(t, "table", ok(t, r.tool("order", "cancel", "c1")...), "order.cancelled", "c1")
	rest(t, r, "c2")
	rest(t, r, "c3")
	out := ok(t, r.tool("order", "cancel", "c2", "c3", "c2", "-o", "json")...)
	if n := strings.Count(out, `"type":"order.cancelled"`); n != 2 || strings.Count(out, "\n") != 2 {
		t.Errorf("two orders cancelled, one of them named twice:\n%s", out)
	}
	// One that was never there is an error, whatever becomes of the others.
	rest(t, r, "c4")
	res := call(t, r.tool("order", "cancel", "never-there", "c4", "-o", "json")...)
	if f := res.failure(t); f.Error.Code != "not_found" || !strings.Contains(res.out, `"client_order_id":"c4"`) {
		t.Errorf("cancel of one that is there and one that is not: %+v\n%s", f, res.out)
	}
}

func cancelsAll(t *testing.T, r *running) {
	rest(t, r, "a1")
	rest(t, r, "b1")
	var done event
	one(t, ok(t, r.tool("order", "cancel-all", "--prefix", "a", "-o", "json")...), &done)
	if done.Type != msgs.KindCancelAllDone {
		t.Errorf("narrowed: %+v", done)
	}
	says(t, "b1 after another's cancel", ok(t, r.tool("order", "get", "b1")...), "open")
	says(t, "table", ok(t, r.tool("order", "cancel-all")...), "order.cancel_all_done", "at the venue")
	f := call(t, r.tool("order", "cancel-all", "--market", "sandbox-cion", "-o", "json")...).failure(t)
	if f.Error.Code != "unknown_token" || !strings.Contains(f.Error.Fix, "sluice markets") {
		t.Errorf("cancel-all of an unknown market: %+v", f)
	}
	if out := ok(t, r.tool("order", "list", "--open")...); strings.Count(out, "\n") != 1 {
		t.Errorf("still open:\n%s", out)
	}
}

func looks(t *testing.T, r *running) {
	rest(t, r, "look")
	says(t, "table", ok(t, r.tool("order", "get", "look")...), "CLIENT ID", "look", "open")
	var got msgs.OrderAnswer
	one(t, ok(t, r.tool("order", "get", "look", "-o", "json")...), &got)
	if got.Order.ClientOrderID != "look" || got.N == 0 {
		t.Errorf("get: %+v", got)
	}
	says(t, "by order id", ok(t, r.tool("order", "get", string(got.Order.OrderID))...), "look")
	var list msgs.OrdersAnswer
	one(t, ok(t, r.tool("order", "list", "--prefix", "look", "--open", "-o", "json")...), &list)
	if len(list.Orders) != 1 || list.Orders[0].ClientOrderID != "look" {
		t.Errorf("list: %+v", list)
	}
	says(t, "list", ok(t, r.tool("order", "list", "--open")...), "look")
	if f := call(t, r.tool("order", "get", "unheard-of", "-o", "json")...).failure(t); f.Error.Code != "not_found" {
		t.Errorf("get of no order: %+v", f)
	}
	if f := call(t, r.tool("order", "list", "--account", "mian", "-o", "json")...).failure(t); f.Error.Code != "no_answer" || !strings.Contains(f.Error.Fix, "did you mean main") {
		t.Errorf("list of no account: %+v", f)
	}
	ok(t, r.tool("order", "cancel", "look")...)
}

// Each watcher hears what its filter lets through and nothing else; --for ends them.
func watches(t *testing.T, r *running) {
	type watcher struct {
		*process
		want []string
	}
	var all []watcher
	for _, w := range []struct{ args, want []string }{
		{[]string{"--type", "accepted", "--type", "cancelled"}, []string{"order.accepted w1", "order.cancelled w1", "order.accepted v1", "order.cancelled v1"}},
		{[]string{"w1"}, []string{"order.submitting w1", "order.accepted w1", "order.cancelling w1", "order.cancelled w1"}},
		{[]string{"--prefix", "v"}, []string{"order.submitting v1", "order.accepted v1", "order.cancelling v1", "order.cancelled v1"}},
		{[]string{"--type", "cancelled,order.accepted", "w1"}, []string{"order.accepted w1", "order.cancelled w1"}},
		{[]string{"--final"}, []string{"order.cancelled w1", "order.cancelled v1"}},
	} {
		p := spawn(t, nil, r.tool(append([]string{"order", "watch", "-o", "json"}, w.args...)...)...)
		eventually(t, "the watcher listens", func() bool { return strings.Contains(p.errs.String(), "listening to evt.order.main") })
		all = append(all, watcher{p, w.want})
	}
	rest(t, r, "w1")
	ok(t, r.tool("order", "cancel", "w1")...)
	rest(t, r, "v1")
	ok(t, r.tool("order", "cancel", "v1")...)
	for _, w := range all {
		heard := map[string]bool{}
		for last := w.want[len(w.want)-1]; !heard[last]; {
			line, err := w.out.ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			id := string(e.ClientOrderID)
			if len(e.Orders) > 0 {
				id = string(e.Orders[0].ClientOrderID)
			}
			heard[string(e.Type)+" "+id] = true
		}
		for _, want := range w.want {
			if !heard[want] {
				t.Errorf("%v has not heard %q", w.cmd.Args[1:], want)
			}
			delete(heard, want)
		}
		if len(heard) > 0 {
			t.Errorf("%v has also heard %v", w.cmd.Args[1:], heard)
		}
	}
	says(t, "--for", call(t, r.tool("order", "watch", "--for", "1ms")...).err, "listening")
	says(t, "an account that nobody runs", call(t, r.tool("order", "watch", "--for", "1ms", "--account", "mian")...).err, "nobody runs account mian", "did you mean main")
	if f := call(t, r.tool("order", "watch", "--type", "filed", "-o", "json")...).failure(t); !strings.Contains(f.Error.Fix, "did you mean order.filled") {
		t.Errorf("watch for no type: %+v", f)
	}
}

func markets(t *testing.T, r *running) {
	says(t, "table", ok(t, r.tool("markets")...), "MARKET", "sandbox-coin", "sandbox-election", "Yes, No", "0.0025")
	var all msgs.MarketsAnswer
	one(t, ok(t, r.tool("markets", "-o", "json")...), &all)
	if len(all.Markets) != 7 {
		t.Errorf("%d markets, want the sandbox's 7", len(all.Markets))
	}
}

func halts(t *testing.T, r *running) {
	says(t, "halt", ok(t, r.tool("halt", "--reason", "drawdown")...), "order.halted", "drawdown")
	f := call(t, r.tool("order", "submit", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.52", "--size", "10", "-o", "json")...).failure(t)
	if f.Error.Code != "halted" || !strings.Contains(f.Error.Fix, "resume") {
		t.Errorf("submit while halted: %+v", f)
	}
	out := ok(t, r.tool("resume")...)
	says(t, "resume", out, "order.resumed")
	if strings.Contains(out, "order.halted") {
		t.Errorf("resume speaks of a halt:\n%s", out)
	}
	rest(t, r, "h1")
	out = ok(t, r.tool("halt", "--cancel")...)
	says(t, "halt with cancel", out, "order.halted", "order.cancel_all_done")
	says(t, "what rested", ok(t, r.tool("order", "get", "h1")...), "cancelled")
	var e event
	one(t, ok(t, r.tool("halt", "-o", "json")...), &e)
	if e.Type != msgs.KindHalted {
		t.Errorf("halt: %+v", e)
	}
	one(t, ok(t, r.tool("resume", "-o", "json")...), &e)
	if e.Type != msgs.KindResumed {
		t.Errorf("resume: %+v", e)
	}
	buy(t, r)
}

// Nobody may believe that everything is halted when it is not: the command waits for the word of each account.
func TestHaltAllReachesEveryAccount(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	for _, verb := range []string{"halt", "resume"} {
		out := ok(t, r.tool(verb, "--all")...)
		says(t, verb, out, "main", "eoa", "proxy", "deposit", "second")
		if strings.Contains(out, "NO ANSWER") {
			t.Errorf("%s --all:\n%s", verb, out)
		}
	}
	var all struct {
		Stored  uint64
		Answers []event
		Silent  []string
	}
	one(t, ok(t, r.tool("halt", "--all", "--cancel", "-o", "json")...), &all)
	if len(all.Answers) != 5 || len(all.Silent) != 0 || all.Stored == 0 {
		t.Errorf("%+v", all)
	}
	says(t, "verdict", ok(t, r.tool("judge", "--journal", r.CLOB+"/_sandbox/journal")...), "content")
}

// A command for an account that has streams but no executor is stored; whoever sent it learns that nobody decides.
func TestCommandThatNobodyRunsIsExplained(t *testing.T) {
	bus := startBus(t, "sandbox", "main")
	began := time.Now()
	f := call(t, "halt", "-o", "json", "--timeout", "50ms", "--nats", bus.ClientURL()).failure(t)
	if f.Error.Code != "nobody_runs" || !strings.Contains(f.Error.Cause, "stored") || !strings.Contains(f.Error.Fix, "executor") {
		t.Errorf("after %s: %+v", time.Since(began), f)
	}
	f = call(t, "halt", "--all", "-o", "json", "--timeout", "50ms", "--nats", bus.ClientURL(), "--data", bus.dir).failure(t)
	if f.Error.Code != "no_event" || !strings.Contains(f.Error.Cause, "main") {
		t.Errorf("halt --all: %+v", f)
	}
}

func TestNoBusIsExplained(t *testing.T) {
	for _, args := range [][]string{{"order", "list"}, {"markets"}, {"halt"}, {"order", "submit", "--token", "1", "--side", "buy", "--price", "0.5", "--size", "10"}} {
		f := call(t, append(args, "--nats", "nats://somebody:hunter2@127.0.0.1:1", "-o", "json")...).failure(t)
		if f.Error.Code != "no_bus" || !strings.Contains(f.Error.Fix, "sluice up") || strings.Contains(f.Error.Cause, "hunter2") {
			t.Errorf("%v: %+v", args, f)
		}
	}
	f := call(t, "dead", "list", "--nats", "nats://127.0.0.1:1", "--data", t.TempDir(), "-o", "json").failure(t)
	if f.Error.Code != "forbidden" || !strings.Contains(f.Error.Fix, "--data") {
		t.Errorf("dead list without the service password: %+v", f)
	}
	f = call(t, "dead", "list", "--nats", "nats://service:hun%ter2@127.0.0.1:1", "-o", "json").failure(t)
	if strings.Contains(f.Error.Cause+f.Error.Fix, "ter2") {
		t.Errorf("a password of a mistyped URL is printed: %+v", f)
	}
}
