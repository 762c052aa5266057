package crash

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// full reports whether the figures of the docs are wanted: longer pauses, more runs.
func full() bool { return os.Getenv("SLUICE_CRASH_FULL") != "" }

// pauseFor is how long an owner stands still: beyond lease, send-by and visibility, or the minute of the docs.
func pauseFor() time.Duration {
	if full() {
		return time.Minute
	}
	return 15 * time.Second
}

// pass lets time go by.
func pass(d time.Duration) { <-time.After(d) }

// An owner that stands still for a while is replaced, and when it goes on it sends nothing: what it has in hand is refused by
// the fence or too late.
func TestOwnerThatStoodStillSendsNothing(t *testing.T) {
	t.Parallel()
	s := newRivals(t)
	s.owner.send(t, syscall.SIGSTOP)
	s.takenOver()
	pass(pauseFor())
	s.owner.send(t, syscall.SIGCONT)
	s.judge()
}

// An owner that no longer reaches the broker, which nobody tells it, is replaced; what it has sent meanwhile arrives when the
// network is back, and is refused.
func TestOwnerCutOffFromTheBrokerSendsNothing(t *testing.T) {
	t.Parallel()
	s := newRivals(t)
	s.network.cut()
	s.takenOver()
	pass(pauseFor() / 3)
	s.network.heal()
	s.judge()
}

// A second executor that was started by mistake, under the same name even, waits; and when the lease is taken away from the
// first again and again, they take turns.
func TestSecondExecutorByMistakeSendsNothingTwice(t *testing.T) {
	t.Parallel()
	s := newRivals(t, "--owner", "twin")
	for range 4 {
		pass(time.Second)
		s.p.freeLease()
	}
	if s.owner.ended() || s.spare.ended() {
		t.Errorf("an executor has ended:\n%s\n%s", s.owner.said(), s.spare.said())
	}
	s.judge()
}

// rivals are two executors of one account, in the middle of commands.
type rivals struct {
	p            *plant
	owner, spare *process
	network      *proxy // between the owner and the broker
	storm        *storm
	book         *logbook
}

func newRivals(t *testing.T, args ...string) *rivals {
	t.Helper()
	s := &rivals{p: newPlant(t)}
	s.network = newProxy(t, func() string { return s.p.port })
	s.owner = s.p.executorAt(s.network.addr, "", args...)
	if len(args) == 0 {
		s.p.owned(s.owner)
	} else {
		s.p.until("somebody owns the account", func() bool { return s.p.owner() != "" }, s.owner)
	}
	s.spare = s.p.executor("", args...)
	s.p.until("the second one waits", func() bool { return s.spare.waits() > 0 }, s.spare)
	s.storm, s.book = newStorm(s.p, uint64(time.Now().UnixNano())), s.p.logbook()
	s.storm.left.Store(1 << 30) // no calm
	s.storm.run()
	pass(time.Second)
	return s
}

// takenOver waits until the spare owns the account.
func (s *rivals) takenOver() {
	s.p.t.Helper()
	s.p.owned(s.spare)
}

// judge lets the plant come to rest, and wants nothing wrong.
func (s *rivals) judge() {
	s.p.t.Helper()
	pass(time.Second)
	s.storm.end()
	s.book.rest(s.storm)
	s.p.content()
	s.book.read()
	s.storm.count(s.p.t, s.book.state, s.p.seen()).none(s.p.t)
}
