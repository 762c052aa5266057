//go:build linux

package crash

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox/judge"
	"sluice/services/executor"
)

// A zombie has passed every check and stands still at the line before the write. Its successor settles what it left behind,
// and then it goes on: no fence reaches a connection to the venue, so its bytes do.
type zombie struct {
	*plant
	old, next *process
	book      *logbook
}

// A FAK that may have left is never sent by anyone else, so that what the zombie sends is the first: it is executed once,
// although its owner has been told that it was not placed, and he is told of the late fill.
func TestZombieSendsAFAKOnce(t *testing.T) {
	t.Parallel()
	z := newZombie(t, "SELL FAK 0.40", msgs.Rejected, nil)
	z.until("the late fill is told", func() bool { z.book.read(); return len(z.book.events(string(msgs.KindFilled), "z")) > 0 }, z.next)
	if len(z.book.events(string(msgs.KindAnomaly), "z")) == 0 && !z.book.events(string(msgs.KindFilled), "z")[0].Late {
		t.Errorf("nobody was warned of the late fill: %+v", z.book.events(string(msgs.KindFilled), "z"))
	}
	z.executed(1)
	z.charged(nil)
}

// An order that rests goes again, and then the zombie's bytes are the same bytes: a venue that knows their hash refuses them.
func TestVenueThatKnowsTheHashRefusesTheZombie(t *testing.T) {
	t.Parallel()
	z := newZombie(t, "BUY GTC 0.60", msgs.Filled, nil)
	z.refused()
	z.executed(1)
	z.charged(map[judge.Kind]int{judge.UnsafeResends: 1})
}

// The assumption, broken: a venue that forgets the hash of an order that is over executes it again. The judge sees it.
func TestVenueThatForgetsTheHashExecutesTwice(t *testing.T) {
	t.Parallel()
	z := newZombie(t, "BUY GTC 0.60", msgs.Filled, func(z *zombie) { z.faults("{'forget_hash':true}") })
	z.executed(2)
	z.charged(map[judge.Kind]int{judge.UnsafeResends: 1, judge.DuplicatesAtVenue: 1})
}

const (
	zombieSize = "5"
	// tries is how many zombies may notice how late it is before one sends: each has other threads that want to run.
	tries = 3
)

// newZombie lets an executor stop before it writes an order (side, type and price), another take over and settle it, and the
// first one go on, which then sends what it was about to.
func newZombie(t *testing.T, order string, settled msgs.State, before func(*zombie)) *zombie {
	t.Helper()
	for range tries {
		z := &zombie{plant: newPlant(t)}
		z.fall(order)
		z.until("the successor has settled the order", func() bool { z.book.read(); return z.book.state["z"] == string(settled) }, z.next)
		if before != nil {
			before(z)
		}
		if z.wake() {
			return z
		}
		t.Logf("the process noticed its lost lease and sent nothing; another one\n%s", z.old.said())
		z.charged(nil)
	}
	t.Fatalf("none of %d zombies sent anything", tries)
	return nil
}

// fall lets the first executor stop and the second take over.
func (z *zombie) fall(order string) {
	z.t.Helper()
	z.old = z.executor(executor.BeforeWrite + ":1:STOP")
	z.owned(z.old)
	z.book = z.logbook()
	o := strings.Fields(order)
	z.command("submit", "{'client_order_id':'z','market':'sandbox-coin','outcome':'Yes','side':'%s','type':'%s','price':'%s','size':'%s','valid_until_ms':0}",
		o[0], o[1], o[2], zombieSize)
	z.until("the first executor stands still", z.old.stopped, z.old)
	z.freeLease() // or the next one would wait for the end of it
	z.next = z.executor("")
	z.owned(z.next)
}

// posts is how many requests for orders of the account have reached the venue.
func (p *plant) posts() (lines []journalLine) {
	for _, l := range p.journal() {
		if l.Kind == "request" && l.Method == "POST" && l.Account == account && (l.Path == "/order" || l.Path == "/orders") {
			lines = append(lines, l)
		}
	}
	return lines
}

// wake lets the zombie go on, and reports whether its bytes have arrived when it has found out that it was replaced.
func (z *zombie) wake() bool {
	z.t.Helper()
	before, waits := len(z.posts()), z.old.waits()
	wakeFirst(z.t, z.old.cmd.Process.Pid)
	z.until("the zombie knows that it was replaced", func() bool { return z.old.waits() > waits }, z.old)
	pass(time.Second)
	return len(z.posts()) > before
}

// refused shows that the venue did not take the last request.
func (z *zombie) refused() {
	z.t.Helper()
	all := z.posts()
	if last := all[len(all)-1]; last.Word == "200" {
		z.t.Errorf("the venue took the same bytes again: %s", last.Answer)
	}
}

// executed shows how often the order was executed.
func (z *zombie) executed(times int) {
	z.t.Helper()
	traded := func() (n int) {
		for _, v := range z.seen() {
			n += int(v.traded / size(z.t, zombieSize))
		}
		return n
	}
	z.until(fmt.Sprintf("the order is executed %d times", times), func() bool { return traded() >= times }, z.next)
	if n := traded(); n != times {
		z.t.Errorf("executed %d times, want %d", n, times)
	}
}
