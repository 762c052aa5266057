package natsd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// holdEnv makes the test binary a server on the directory it names, until its standard input ends or it is killed.
const holdEnv = "NATSD_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

// hold runs a server, says where, stores nothing, and waits.
func hold(dir string) {
	s, err := Start(context.Background(), Config{Dir: dir, Listen: "127.0.0.1:-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.ClientURL())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// child is another process that holds a directory.
type child struct {
	cmd *exec.Cmd
	url string
}

// holdInChild starts a process that runs a server on dir and waits until it says so.
func holdInChild(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	c.cmd.Stderr = os.Stderr
	if _, err := c.cmd.StdinPipe(); err != nil { // stays open as long as we live
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("child said nothing: %v", err)
	}
	if c.url = strings.TrimSpace(line); !strings.HasPrefix(c.url, "nats://") {
		t.Fatalf("child does not run: %s", c.url)
	}
	return c
}

// kill ends the child without giving it a chance to clean up.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// TestSecondProcessIsToldWhoHoldsTheDirectory starts a server on a directory that another process serves, then
// kills that process: the error names it, and the kill frees the directory.
func TestSecondProcessIsToldWhoHoldsTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nats")
	c := holdInChild(t, dir)

	_, err := Start(t.Context(), Config{Dir: dir})
	held, ok := errors.AsType[*HeldError](err)
	if !ok {
		t.Fatalf("second start: %v, want a HeldError", err)
	}
	if held.Holder.PID != c.cmd.Process.Pid || "nats://"+held.Holder.Listen != c.url || held.Holder.Env != "sandbox" {
		t.Errorf("holder %+v, want process %d at %s", held.Holder, c.cmd.Process.Pid, c.url)
	}
	for _, want := range []string{fmt.Sprint(c.cmd.Process.Pid), held.Holder.Listen, "since 2", dir, "both win every write", "another data directory"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q: %v", want, err)
		}
	}

	c.kill()
	start(t, Config{Dir: dir})
}

// TestOneProcessCannotHoldTwice starts two servers in one process: file locks of the older kind would allow it.
func TestOneProcessCannotHoldTwice(t *testing.T) {
	dir := t.TempDir()
	start(t, Config{Dir: dir})
	_, err := Start(t.Context(), Config{Dir: dir})
	if e, ok := errors.AsType[*HeldError](err); !ok || !strings.Contains(e.Cause(), "this very process") {
		t.Errorf("second start: %v, want a HeldError about this very process", err)
	}
}

// TestDirectoryIsFreeAfterShutdown starts, stops and starts again, and finds the lock kept over a restart.
func TestDirectoryIsFreeAfterShutdown(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil {
		t.Error("a second server started after the first was restarted")
	}
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(); err == nil {
		t.Error("a stopped server calls itself healthy")
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a server restarted after it gave its directory free")
	}
	start(t, Config{Dir: dir})
}

// TestHolderIsReadWhileItChanges reads lock files as a second starter may find them.
func TestHolderIsReadWhileItChanges(t *testing.T) {
	for text, pid := range map[string]int{
		"":                                   0,
		"{\"pid\":12":                        0,
		"{\"pid\":12}\n":                     12,
		"{\"pid\":12}\n,\"listen\":\"old\"}": 12, // overwritten, not yet cut
	} {
		if h := readHolder(strings.NewReader(text)); h.PID != pid {
			t.Errorf("%q read as process %d, want %d", text, h.PID, pid)
		}
	}
	if s := (&HeldError{Dir: "d"}).Error(); !strings.Contains(s, "not yet written its name") {
		t.Errorf("unnamed holder: %s", s)
	}
}
