package crash

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestFailover measures how long nobody decides when an owner falls and a spare waits: from the signal, or the cut, to the
// first command that the spare has decided, by the time stamps of the log. It demands that the spare takes over; the figures
// are for docs/benchmarks.md.
func TestFailover(t *testing.T) {
	t.Parallel()
	runs := 1
	if full() {
		runs = 20
	}
	f := newFailover(t)
	for _, k := range []struct {
		name string
		fall func(r *replica)
		back func(r *replica) *replica
	}{
		{"SIGKILL", func(r *replica) { r.send(t, syscall.SIGKILL) }, func(*replica) *replica { return f.replica() }},
		{"SIGSTOP", func(r *replica) { r.send(t, syscall.SIGSTOP) }, func(r *replica) *replica { r.send(t, syscall.SIGCONT); return r }},
		{"network cut", func(r *replica) { r.network.cut() }, func(r *replica) *replica { r.network.heal(); return r }},
	} {
		var took []time.Duration
		for range runs {
			waits := f.owner.waits()
			began := time.Now()
			k.fall(f.owner)
			took = append(took, f.decidedBy(f.spare).Sub(began))
			back := k.back(f.owner)
			if back != f.owner {
				waits = 0
			}
			f.owner, f.spare = f.spare, back
			f.until(back.name+" waits as a spare", func() bool { return back.waits() > waits }, back.process)
			pass(time.Duration(len(took)) * 137 * time.Millisecond % time.Second) // another place in the life of the lease
		}
		slices.Sort(took)
		t.Logf("| %s | %d | %.2f s | %.2f s |", k.name, runs, took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	f.storm.end()
	f.book.rest(f.storm)
	f.content()
}

// failover is an owner, a spare, and commands all the while.
type failover struct {
	*plant
	owner, spare *replica
	storm        *storm
	book         *logbook
}

// replica is an executor with a network of its own.
type replica struct {
	*process
	network *proxy
}

func newFailover(t *testing.T) *failover {
	t.Helper()
	f := &failover{plant: newPlant(t)}
	f.owner = f.replica()
	f.owned(f.owner.process)
	f.spare = f.replica()
	f.until("the spare waits", func() bool { return f.spare.waits() > 0 }, f.spare.process)
	f.book, f.storm = f.logbook(), newStorm(f.plant, uint64(time.Now().UnixNano()))
	f.storm.left.Store(1 << 30) // no calm
	f.storm.run()
	pass(time.Second)
	return f
}

func (f *failover) replica() *replica {
	n := newProxy(f.t, func() string { return f.port })
	return &replica{f.executorAt(n.addr, ""), n}
}

// decidedBy waits for the first command that an owner decides from now on, and says when it was on the log.
func (f *failover) decidedBy(r *replica) (at time.Time) {
	f.t.Helper()
	f.book.read()
	from := len(f.book.event)
	f.until(fmt.Sprintf("%s decides a command", r.name), func() bool {
		f.book.read()
		for _, e := range f.book.event[from:] {
			if e.Owner == r.name && e.CmdSeq > 0 {
				at = e.Stored
				return true
			}
		}
		return false
	}, r.process)
	return at
}
