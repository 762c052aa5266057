package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a test gives up; nothing is shown by being quick.
const patience = 60 * time.Second

// process is a program that was started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // file of what it said
	line string // the first of its output
	done chan struct{}
}

// start starts a program with nothing of our environment but what is given. With line, the first line of its output is
// waited for.
func start(t testing.TB, name string, env []string, line bool, args ...string) *process {
	t.Helper()
	return launch(t, name, env, line, false, args...)
}

// launch is start, perhaps for a process and its children as a group.
func launch(t testing.TB, name string, env []string, line, group bool, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	said, told := output(t, name+"-*.log"), output(t, name+"-*.out")
	defer said.Close()
	defer told.Close()
	p.log = said.Name()
	p.cmd.Env = append([]string{"HOME=" + built.dir, "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir, p.cmd.Stderr, p.cmd.Stdout = built.dir, said, told
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: group}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter
		close(p.done)
	}()
	t.Cleanup(p.kill)
	if line {
		p.line = p.first(t, told.Name())
	}
	return p
}

func output(t testing.TB, pattern string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(logs(t), pattern)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// first waits for the first line of a file.
func (p *process) first(t testing.TB, file string) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end) && !p.ended(); pass(5 * time.Millisecond) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if line, _, whole := strings.Cut(string(b), "\n"); whole {
			return line
		}
	}
	t.Fatalf("%s did not say that it is ready:\n%s", p.name, p.said())
	return ""
}

// logs is the folder for what processes say; it is shown by a failing test through said.
func logs(t testing.TB) string {
	if dir := os.Getenv("SLUICE_CRASH_LOGS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// said is the end of what a process said.
func (p *process) said() string {
	const most = 4000
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return filepath.Base(p.log) + ": " + string(b[max(0, len(b)-most):])
}

// send sends a signal. A process that has ended takes none.
func (p *process) send(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// group sends a signal to all of a group.
func (p *process) group(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// kill ends a process as a power cut does, stopped or not, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // no harm when it has ended
	<-p.done
}

// waits is how often an executor has said that it waits for the account as a spare.
func (p *process) waits() (n int) {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, "waiting as a spare") && strings.Contains(line, "lease=order."+account+" ") {
			n++
		}
	}
	return n
}

// alarm is what an executor has said of a log that was lost or rolled back, "" for nothing.
func (p *process) alarm() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, "lost or rolled back") {
			return line
		}
	}
	return ""
}

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stopped reports whether the process stands still after SIGSTOP.
func (p *process) stopped() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "T")
}
