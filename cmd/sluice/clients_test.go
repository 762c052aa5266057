package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// need skips without an external program, or fails where everything must run.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, "%s is not installed", p)
		}
	}
}

func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLUICE_REQUIRE_ALL") == "1" {
		t.Fatalf(format+", and SLUICE_REQUIRE_ALL=1", args...)
	}
	t.Skipf(format, args...)
}

// program runs an external program, which must succeed, and returns its output.
func program(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A user's first program, in each language, is what these clients are: they run unchanged but for the address.
func TestClientsTradeAgainstUp(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	t.Run("python", func(t *testing.T) {
		need(t, "python3")
		traded(t, program(t, ".", "python3", "../../clients/python/sluice.py", r.NATS))
	})
	t.Run("go", func(t *testing.T) {
		need(t, "go")
		bin := filepath.Join(t.TempDir(), "client")
		program(t, "../../clients/go", "go", "build", "-o", bin, ".")
		traded(t, program(t, ".", bin, r.NATS))
	})
	t.Run("typescript", func(t *testing.T) {
		need(t, "node", "npm")
		dir := typescript(t)
		program(t, dir, "node", "node_modules/typescript/bin/tsc")
		traded(t, program(t, dir, "node", "dist/order.js", r.NATS))
	})
	t.Run("readme", func(t *testing.T) { readme(t, r) })
	says(t, "verdict", ok(t, r.tool("judge", "--journal", r.CLOB+"/_sandbox/journal")...), "content")
}

func traded(t *testing.T, out string) {
	t.Helper()
	says(t, "the client", out, "order.filled", "order.accepted", "order.cancelled")
}

// typescript copies the client to a folder of its own, so that the checkout stays clean, and installs what its lock file
// pins, or uses what is installed beside it from the same file. Without the registry the test is skipped.
func typescript(t *testing.T) string {
	t.Helper()
	const from = "../../clients/typescript"
	dir := t.TempDir()
	for _, f := range []string{"order.ts", "package.json", "package-lock.json", "tsconfig.json"} {
		b, err := os.ReadFile(filepath.Join(from, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(from + "/node_modules/typescript"); err == nil {
		installed, err := filepath.Abs(from + "/node_modules")
		if err == nil {
			err = os.Symlink(installed, dir+"/node_modules")
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, "npm ci: %v\n%s", err, out)
	}
	return dir
}

// order is the command that a text in Python puts together, field by field.
func pythonOrder(t *testing.T, text string) map[string]string {
	t.Helper()
	literal := regexp.MustCompile(`(?s)order = \{(.*?)\}`).FindStringSubmatch(text)
	if literal == nil {
		t.Fatal("no order is put together")
	}
	fields := map[string]string{}
	for _, f := range regexp.MustCompile(`"(\w+)": "([^"]*)"`).FindAllStringSubmatch(literal[1], -1) {
		fields[f[1]] = f[2]
	}
	return fields
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The README's snippet needs nats-py. It says the same words as the client that runs above: the same order to the same
// subject with the same header.
func TestReadmeSaysWhatThePythonClientSays(t *testing.T) {
	snippet, client := block(t, textOf(t, "../../README.md"), "python"), textOf(t, "../../clients/python/sluice.py")
	theirs, ours := pythonOrder(t, snippet), pythonOrder(t, client)
	delete(theirs, "client_order_id") // the client's is made up anew for each run
	if !maps.Equal(theirs, ours) {
		t.Errorf("the README sends %v, the client %v", theirs, ours)
	}
	subject := regexp.MustCompile(`"cmd\.[a-z_.]+"`)
	for _, s := range subject.FindAllString(snippet, -1) {
		if !slices.Contains(subject.FindAllString(client, -1), s) {
			t.Errorf("the README sends to %s, the client does not", s)
		}
	}
	for _, word := range []string{`"Reply-To"`, `e.get("final")`, `e["type"]`} {
		if !strings.Contains(snippet, word) || !strings.Contains(client, word) {
			t.Errorf("%s is not in both", word)
		}
	}
}

// block is the first fenced block of a language in a text of Markdown.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n```"+language+"\n")
	code, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatalf("no block of %q", language)
	}
	return code
}

// readme runs the lines of the README: its order by the snippet's own words, then the lines for the nats program as that
// program would send them, then the line of the first screen.
func readme(t *testing.T, r *running) {
	text := textOf(t, "../../README.md")
	nc, err := nats.Connect(r.NATS)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	lines := regexp.MustCompile(`(?m)^nats (sub|req) (\S+)(?: '(.*?)')?`).FindAllStringSubmatch(text, -1)
	if len(lines) < 3 {
		t.Fatalf("only %d lines for the nats program", len(lines))
	}
	var events *nats.Subscription
	answers := map[string]json.RawMessage{}
	for _, l := range lines {
		if l[1] == "sub" {
			if events, err = nc.SubscribeSync(l[2]); err != nil {
				t.Fatal(err)
			}
			order, err := json.Marshal(pythonOrder(t, block(t, text, "python")))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nc.Request("cmd.order.main.submit", order, patience); err != nil {
				t.Fatal(err)
			}
			hear(t, events, msgs.KindFilled)
			continue
		}
		m, err := nc.Request(l[2], []byte(l[3]), patience)
		if err != nil {
			t.Fatalf("%s: %v", l[0], err)
		}
		answers[l[2]] = m.Data
	}
	var ack struct{ Seq uint64 }
	if err := json.Unmarshal(answers["cmd.order.main.cancel"], &ack); err != nil || ack.Seq == 0 {
		t.Errorf("cancel is answered %s", answers["cmd.order.main.cancel"])
	}
	if e := hear(t, events, msgs.KindCancelRejected); e.Error == nil || e.Error.Code != msgs.AlreadyFilled {
		t.Errorf("cancel of what is filled: %s", e.raw)
	}
	var orders msgs.OrdersAnswer
	if err := json.Unmarshal(answers["svc.executor.main.orders"], &orders); err != nil || orders.N == 0 {
		t.Errorf("orders are answered %s", answers["svc.executor.main.orders"])
	}

	first := regexp.MustCompile(`(?m)^go run \./cmd/sluice (order submit .*)$`).FindStringSubmatch(text)
	if first == nil {
		t.Fatal("no line that places an order")
	}
	says(t, "the README's order", ok(t, r.tool(strings.Fields(first[1])...)...), "order.accepted", "order.filled", "filled 10")
}

// hear waits for an event of a type.
func hear(t *testing.T, events *nats.Subscription, kind msgs.Type) event {
	t.Helper()
	for {
		m, err := events.NextMsg(patience)
		if err != nil {
			t.Fatalf("no %s: %v", kind, err)
		}
		var env struct{ Events []json.RawMessage }
		if err := json.Unmarshal(m.Data, &env); err != nil {
			t.Fatal(err)
		}
		for _, raw := range env.Events {
			e, err := readEvent(raw)
			if err != nil {
				t.Fatal(err)
			}
			if e.Type == kind {
				return e
			}
		}
	}
}
