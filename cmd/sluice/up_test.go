package main

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestUpGreetsInWords(t *testing.T) {
	p := spawn(t, nil, append([]string{"up", "--data", t.TempDir()}, anywhere()...)...)
	var greeting strings.Builder
	for !strings.Contains(greeting.String(), "stop with Ctrl-C") {
		line, err := p.out.ReadString('\n')
		if err != nil {
			t.Fatalf("no greeting: %s%s", greeting.String(), p.errs.String())
		}
		greeting.WriteString(line)
	}
	for _, w := range []string{"ready after", "no real money", "nats://127.0.0.1:", "http://127.0.0.1:", "sluice.log", "sluice order submit --nats nats://127.0.0.1:"} {
		if !strings.Contains(greeting.String(), w) {
			t.Errorf("the greeting does not say %q:\n%s", w, greeting.String())
		}
	}
	r := p.end(t, syscall.SIGINT)
	if r.code != 0 || !strings.Contains(r.out, "stopping") || !strings.HasSuffix(r.out, "stopped\n") || r.err != "" {
		t.Errorf("after Ctrl-C: code %d\n%s%s", r.code, r.out, r.err)
	}
}

// Whoever has started it with go run has no sluice to call: the line of the greeting must work where it is read.
func TestGreetingCallsSluiceAsItCanBeCalled(t *testing.T) {
	here := func(string) (string, error) { return "/usr/local/bin/sluice", nil }
	nowhere := func(string) (string, error) { return "", exec.ErrNotFound }
	for _, c := range []struct {
		installed func(string) (string, error)
		dir, want string
	}{{nowhere, "../..", "go run ./cmd/sluice"}, {here, "../..", "sluice"}, {nowhere, t.TempDir(), "sluice"}} {
		if got := calledAs(c.installed, c.dir); got != c.want {
			t.Errorf("in %s it is called %q, want %q", c.dir, got, c.want)
		}
	}
}

// What a plant has done can be read by Prometheus, without an order's id among the labels.
func TestMetricsAreServed(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	id := buy(t, r)
	var text string
	eventually(t, "the order is counted", func() bool {
		var err error
		if text, err = read(r.HTTP + "/metrics"); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(text, "sluice_executor_venue_call_seconds_count")
	})
	says(t, "/metrics", text, "sluice_ingest_", "sluice_executor_", "go_goroutines")
	if strings.Contains(text, id) {
		t.Error("an order's id is a label")
	}
	if text, err := read(r.HTTP + "/healthz"); err != nil || text != "ok\n" {
		t.Errorf("/healthz says %q, %v", text, err)
	}
}

// The addresses of the greeting are the real ones although port 0 was asked for, and nothing else is on stdout.
func TestUpGreetsInOneObject(t *testing.T) {
	dir := t.TempDir()
	r := up(t, dir, nil)
	for name, address := range map[string]string{"nats": r.NATS, "clob": r.CLOB, "http": r.HTTP} {
		host := address[strings.Index(address, "//")+2:]
		if strings.HasSuffix(host, ":0") {
			t.Errorf("%s is %s", name, address)
		}
		conn, err := net.DialTimeout("tcp", host, patience)
		if err != nil {
			t.Errorf("nobody answers at %s: %v", name, err)
			continue
		}
		conn.Close()
	}
	ok(t, "healthcheck", "--url", r.HTTP+"/readyz")
	if r.Data != dir || r.Log != filepath.Join(dir, "sluice.log") {
		t.Errorf("data %s, log %s, want them in %s", r.Data, r.Log, dir)
	}
	if e := r.end(t, syscall.SIGTERM); e.code != 0 || e.out != "" || e.err != "" {
		t.Errorf("after SIGTERM: code %d, more on stdout: %q, on stderr: %q", e.code, e.out, e.err)
	}
}

func TestSecondUpOnADirectorySaysWhoHoldsIt(t *testing.T) {
	dir := t.TempDir()
	first := up(t, dir, nil)
	second := spawn(t, nil, append([]string{"up", "-o", "json", "--data", dir}, anywhere()...)...)
	code := second.wait()
	f := told{code, second.rest.String(), second.errs.String()}.failure(t)
	if code == 0 || f.Error.Code != "data_held" {
		t.Errorf("code %d, %+v", code, f)
	}
	nats := strings.TrimPrefix(first.NATS, "nats://")
	for _, w := range []string{"process " + strconv.Itoa(first.cmd.Process.Pid), "since 20", nats, dir} {
		if !strings.Contains(f.Error.Cause, w) {
			t.Errorf("the cause does not name %q: %s", w, f.Error.Cause)
		}
	}
	for _, w := range []string{first.NATS, "stop it", "another data directory"} {
		if !strings.Contains(f.Error.Fix, w) {
			t.Errorf("the fix does not name %q: %s", w, f.Error.Fix)
		}
	}
	buy(t, first) // undisturbed
}

// An executor that shall be alone ends when somebody else owns its accounts, and says who.
func TestExclusiveExecutorEndsWhereAnotherOneOwns(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	second := call(t, r.tool("executor", "-o", "json", "--exclusive", "--unsafe-no-sync", "--clob", r.CLOB, "--http", "127.0.0.1:0")...)
	lines := strings.Split(strings.TrimSpace(second.err), "\n")
	second.err = lines[len(lines)-1] // behind its log
	f := second.failure(t)
	if second.code == 0 || f.Error.Code != "owned" || !strings.Contains(f.Error.Cause, "-"+strconv.Itoa(r.cmd.Process.Pid)) || !strings.Contains(f.Error.Fix, "--exclusive") {
		t.Errorf("code %d, %+v", second.code, f)
	}
	if strings.Contains(strings.Join(lines, ""), "starting it again") {
		t.Errorf("it was tried again:\n%s", strings.Join(lines, "\n"))
	}
	buy(t, r)
}

// An executor of other money does not wait behind the one that owns the accounts: it is told at its first look at the log.
func TestExecutorOfAnotherEnvEndsAtItsFirstLook(t *testing.T) {
	r := up(t, t.TempDir(), nil)
	venue := httptest.NewServer(http.NotFoundHandler())
	defer venue.Close()
	drawn := make([]byte, 32)
	_, _ = rand.Read(drawn) // never fails, see crypto/rand
	t.Setenv("POLYMARKET_PRIVATE_KEY", hex.EncodeToString(drawn))
	second := call(t, r.tool("executor", "-o", "json", "--env", "paper", "--unsafe-no-sync", "--clob", venue.URL, "--http", "127.0.0.1:0")...)
	lines := strings.Split(strings.TrimSpace(second.err), "\n")
	second.err = lines[len(lines)-1] // behind its log
	f := second.failure(t)
	if second.code == 0 || f.Error.Code != "wrong_env" || !strings.Contains(f.Error.Cause, "LOG_main") {
		t.Errorf("code %d, %+v", second.code, f)
	}
}

func TestUpNamesTheFlagOfATakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--nats-listen", "--sandbox-listen", "--http"} {
		args := append([]string{"up", "-o", "json", "--data", t.TempDir()}, anywhere()...)
		for i, a := range args {
			if a == flag {
				args[i+1] = taken.Addr().String()
			}
		}
		f := call(t, args...).failure(t)
		if f.Error.Code != "address_taken" || !strings.Contains(f.Error.Cause, taken.Addr().String()) || !strings.Contains(f.Error.Fix, flag) {
			t.Errorf("%s taken: %+v", flag, f)
		}
	}
}

// A process that is killed leaves everything on disk: the next one starts on it, a halted account stays halted, and the
// orders are there. That the venue is new, as the sandbox forgets everything, must not be in the way.
func TestUpGoesOnAfterAKill(t *testing.T) {
	dir := t.TempDir()
	first := up(t, dir, nil)
	id := buy(t, first)
	ok(t, first.tool("halt", "--account", "eoa", "--reason", "lunch")...)
	if first.end(t, syscall.SIGKILL).code == 0 {
		t.Fatal("killed, and yet ended well")
	}
	second := up(t, dir, nil)
	if out := ok(t, second.tool("order", "get", id)...); !strings.Contains(out, "filled") {
		t.Errorf("the order of before:\n%s", out)
	}
	r := call(t, second.tool("order", "submit", "--account", "eoa", "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.52", "--size", "10", "-o", "json")...)
	if f := r.failure(t); f.Error.Code != "halted" {
		t.Errorf("an order for the halted account: %+v", f)
	}
	buy(t, second)
}

func TestUpRunsAgainstTheSandboxOnly(t *testing.T) {
	for _, flag := range []string{"--live", "--env=live", "--env=paper"} {
		f := call(t, "up", flag, "-o", "json", "--data", t.TempDir()).failure(t)
		if f.Error.Code != "wrong_env" || !strings.Contains(f.Error.Fix, "sluice executor --live") {
			t.Errorf("up %s: %+v", flag, f)
		}
	}
}

func TestDataDirectoryOfAnotherEnvIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, envFile), []byte("live\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := call(t, append([]string{"up", "-o", "json", "--data", dir}, anywhere()...)...).failure(t)
	if f.Error.Code != "wrong_env" || !strings.Contains(f.Error.Cause, `belongs to env "live"`) || !strings.Contains(f.Error.Fix, "another data directory") {
		t.Errorf("up on a live directory: %+v", f)
	}
	f = doctorOf(t, call(t, "doctor", "-o", "json", "--data", dir, "--nats", "nats://127.0.0.1:1")).finding(t, "data")
	if !strings.Contains(f.Error.Cause, "of env live") || !strings.Contains(f.Error.Fix, "--data") {
		t.Errorf("doctor about a live directory: %+v", f)
	}
}
