package crash

import (
	"bufio"
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

// start starts a program with nothing of our environment but what is given. With says the first line of its output is
// waited for.
func start(t testing.TB, name string, env []string, line bool, args ...string) *process {
	t.Helper()
	return launch(t, name, env, line, false, args...)
}

// launch is start, perhaps for a process and its children as a group.
func launch(t testing.TB, name string, env []string, line, group bool, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	f, err := os.CreateTemp(logs(t), name+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p.log = f.Name()
	p.cmd.Env = append([]string{"HOME=" + built.dir, "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir, p.cmd.Stderr, p.cmd.Stdout = built.dir, f, f
	var out *os.File
	if line {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		out, p.cmd.Stdout = r, w
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: group}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	t.Cleanup(p.kill)
	if line {
		p.cmd.Stdout.(*os.File).Close()
		first := make(chan string, 1)
		go func() {
			defer out.Close()
			r := bufio.NewReader(out)
			s, _ := r.ReadString('\n') // an end without a line is seen as an empty one
			first <- strings.TrimSpace(s)
			_, _ = r.WriteTo(f)
		}()
		select {
		case p.line = <-first:
		case <-time.After(patience):
		}
		if p.line == "" {
			t.Fatalf("%s said nothing:\n%s", name, p.said())
		}
	}
	return p
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
