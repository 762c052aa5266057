package crash

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The thread that goes on first has so long for itself once it runs, which on a busy machine takes at most so long.
const (
	headStart = 20 * time.Millisecond
	mostWait  = 3 * time.Second
)

// wakeFirst lets a process go on that has stopped itself, the thread that did so before all others: these would notice how
// late it is and close the connection that it is about to write to. They get one processor, which somebody else keeps busy,
// and that only when nobody else wants it.
func wakeFirst(t testing.TB, pid int) {
	t.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	shunned := lowest(&all)
	one.Set(shunned)
	if all.Count() > 1 {
		all.Clear(shunned)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		if inTgkill(t, pid, tid) {
			first = tid
			err = unix.SchedSetaffinity(tid, &all)
		} else {
			err = unix.SchedSetaffinity(tid, &one)
			if err == nil {
				err = unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if first == 0 {
		t.Fatal("no thread of the process was stopped by itself")
	}
	busy, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
		}
		close(busy)
		for end := time.Now().Add(mostWait); time.Now().Before(end) && inTgkill(t, pid, first); {
		}
		for end := time.Now().Add(headStart); time.Now().Before(end); {
		}
	}()
	<-busy
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Error(err)
	}
	<-over
}

func lowest(s *unix.CPUSet) int {
	for cpu := range len(s) * 64 {
		if s.IsSet(cpu) {
			return cpu
		}
	}
	return 0
}

// inTgkill reports whether a thread was stopped on its way out of tgkill.
func inTgkill(t testing.TB, pid, tid int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	if err != nil {
		t.Error(err)
	}
	number, _, _ := strings.Cut(string(b), " ")
	return number == strconv.Itoa(unix.SYS_TGKILL)
}
