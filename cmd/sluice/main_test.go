package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asSluice makes the test binary behave as sluice, so that real processes need no second build and run under the race
// detector when the tests do.
const asSluice = "SLUICE_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asSluice) != "" {
		main()
		return
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "POLYMARKET_") || strings.HasPrefix(name, "SLUICE_") && name != "SLUICE_REQUIRE_ALL" || name == "NATS_URL" {
			os.Unsetenv(name) // what the machine's owner has set is not part of any claim here
		}
	}
	os.Exit(m.Run())
}

// patience is how long anything may take before a test gives up; nothing is shown by being quick.
const patience = 30 * time.Second

// told is how a command ended and what it said.
type told struct {
	code     int
	out, err string
}

// failure is the error object that -o json ends with.
type failure struct {
	Error struct{ Code, Cause, Fix string }
}

func (r told) failure(t *testing.T) failure {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(r.err), &f); err != nil || f.Error.Code == "" || f.Error.Cause == "" || f.Error.Fix == "" {
		t.Fatalf("not an error object with code, cause and fix (%v):\n%s", err, r.err)
	}
	return f
}

// call runs a command in this process.
func call(t *testing.T, args ...string) told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs tape
	code := run(ctx, args, &out, &errs, os.Getenv)
	return told{code, out.String(), errs.String()}
}

// ok is call for a command that must succeed.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	r := call(t, args...)
	if r.code != 0 {
		t.Fatalf("sluice %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// refused shows that a command failed and that the error says every word.
func refused(t *testing.T, r told, words ...string) {
	t.Helper()
	if r.code == 0 {
		t.Errorf("exit code 0, want a refusal\n%s%s", r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("the error does not say %q:\n%s", w, r.err)
		}
	}
}

// tape is a buffer that several goroutines may write to.
type tape struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// process is a sluice of its own.
type process struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	rest tape // stdout after what was read from out
	errs tape
	done chan struct{}
}

// spawn starts sluice in a process of its own with nothing of our environment but what is given.
func spawn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self, args...), done: make(chan struct{})}
	p.cmd.Env = append([]string{asSluice + "=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stderr = &p.errs
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.cmd.Stdout = bufio.NewReader(out), in
	err = p.cmd.Start()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is what counts
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // no harm when it has ended
		p.wait()
		out.Close()
	})
	return p
}

// wait reads what is left of the output, waits for the end, and returns the exit code; -1 after a signal.
func (p *process) wait() int {
	<-p.done
	_, _ = io.Copy(&p.rest, p.out) // to its end, or again nothing
	return p.cmd.ProcessState.ExitCode()
}

// end sends a signal and returns how it ended.
func (p *process) end(t *testing.T, s syscall.Signal) told {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	code := p.wait()
	return told{code, p.rest.String(), p.errs.String()}
}

// running is a sluice up that is ready.
type running struct {
	*process
	addresses
}

// anywhere are the flags that make up take free ports.
func anywhere() []string {
	return []string{"--nats-listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}
}

// up starts sluice up on a data directory and waits until it is ready.
func up(t *testing.T, dir string, env []string, args ...string) *running {
	t.Helper()
	r := &running{process: spawn(t, env, append(append([]string{"up", "-o", "json", "--data", dir}, anywhere()...), args...)...)}
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("up did not become ready: exit code %d\n%s%s", r.wait(), line, r.errs.String())
	}
	if err := json.Unmarshal(line, &r.addresses); err != nil {
		t.Fatalf("greeting %q: %v", line, err)
	}
	return r
}

// tool gives the arguments of a tool that talks to this plant.
func (r *running) tool(args ...string) []string {
	return append(args, "--nats", r.NATS, "--data", r.Data)
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
