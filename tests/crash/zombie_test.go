//go:build linux

package crash

import (
	"fmt"
	"testing"

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
	z := newZombie(t, "SELL", "FAK", "0.40")
	z.until("the successor gives the order up", func() bool { z.book.read(); return z.book.state["z"] == string(msgs.Rejected) }, z.next)
	z.wake()
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
	z := newZombie(t, "BUY", "GTC", "0.60")
	z.until("the successor has sent the order", func() bool { z.book.read(); return z.book.state["z"] == string(msgs.Filled) }, z.next)
	z.wake()
	z.refused()
	z.executed(1)
	z.charged(map[judge.Kind]int{judge.UnsafeResends: 1})
}

// The assumption, broken: a venue that forgets the hash of an order that is over executes it again. The judge sees it.
func TestVenueThatForgetsTheHashExecutesTwice(t *testing.T) {
	t.Parallel()
	z := newZombie(t, "BUY", "GTC", "0.60")
	z.until("the successor has sent the order", func() bool { z.book.read(); return z.book.state["z"] == string(msgs.Filled) }, z.next)
	z.faults("{'forget_hash':true}")
	z.wake()
	z.executed(2)
	z.charged(map[judge.Kind]int{judge.UnsafeResends: 1, judge.DuplicatesAtVenue: 1})
}

const zombieSize = "5"

// newZombie lets an executor stop before it writes an order, and another take over.
func newZombie(t *testing.T, side, kind, price string) *zombie {
	t.Helper()
	z := &zombie{plant: newPlant(t)}
	z.old = z.executor(executor.BeforeWrite + ":1:STOP")
	z.owned(z.old)
	z.book = z.logbook()
	z.command("submit", "{'client_order_id':'z','market':'sandbox-coin','outcome':'Yes','side':'%s','type':'%s','price':'%s','size':'%s','valid_until_ms':0}", side, kind, price, zombieSize)
	z.until("the first executor stands still", z.old.stopped, z.old)
	z.freeLease() // or the next one would wait for the end of it
	z.next = z.executor("")
	z.owned(z.next)
	return z
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

// wake lets the zombie go on, and waits for its bytes.
func (z *zombie) wake() {
	z.t.Helper()
	before := len(z.posts())
	wakeFirst(z.t, z.old.cmd.Process.Pid)
	z.until("the zombie's request arrives", func() bool { return len(z.posts()) > before }, z.old)
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
