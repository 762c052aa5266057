package relayer

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

func (b *trial) count(kind msgs.Type) (n int) {
	for _, e := range b.log {
		if e.Kind() == kind {
			n++
		}
	}
	return n
}

// A unit that waits says why once, however often its carrier is asked, and again when something about it changes; a restart adds
// nothing. What differs only in figures, as the port of a connection, is no change. It is asked for again all the while.
func TestUnitThatWaitsSaysSoOncePerChange(t *testing.T) {
	down := func(cause string) Submitted {
		return Submitted{Left: true, Err: unseen(cause)}
	}
	for name, c := range map[string]struct {
		kind          polymarket.WalletKind
		first, second func(unit string, i int) any
	}{
		"by the relayer": {polymarket.Proxy,
			func(u string, i int) any {
				m := down([]string{"read 10.0.0.1:3901: reset", "read 10.0.0.1:4017: reset"}[i%2])
				m.Unit = u
				return m
			},
			func(u string, _ int) any { m := down("no route"); m.Unit = u; return m }},
		"by own gas": {polymarket.EOA,
			func(u string, i int) any { return Brought{Unit: u, Part: true, Err: noGas} },
			func(u string, _ int) any {
				return Brought{Unit: u, Part: true, Unknown: true, Err: failure(msgs.VenueDown, "the sender is silent", "look at it")}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			b, d := wrapping(t, c.kind, nil)
			unit, asked := "", 0
			ask := func(d actor.Decision, say func(string, int) any) {
				t.Helper()
				for _, x := range leaving(d.Deeds) {
					asked++
					unit = nameOf(x)
					b.tell(say(unit, asked))
				}
			}
			ask(d, c.first)
			for range 8 {
				b.wait(time.Minute)
				ask(b.tell(actor.Tick{}), c.first)
			}
			if n := b.count(msgs.KindTxWaiting); n != 1 || asked != 9 {
				t.Fatalf("said %d times that it waits, asked for %d times, want 1 and 9: %s", n, asked, b.kinds())
			}
			b.wait(time.Minute)
			ask(b.tell(actor.Tick{}), c.second)
			if n := b.count(msgs.KindTxWaiting); n != 2 {
				t.Errorf("another cause, and it is said %d times in all", n)
			}
			b.consistent()
			b.restarted()
			for range 3 {
				b.wait(time.Minute)
				ask(b.tell(actor.Tick{}), c.second)
			}
			if n := b.count(msgs.KindTxWaiting); n != 2 || asked != 13 {
				t.Errorf("after a restart it is said %d times in all, and asked for %d times", n, asked)
			}
			b.consistent()
		})
	}
}

func nameOf(d actor.Deed) string {
	switch d := d.(type) {
	case Submit:
		return d.Unit.Unit
	case Bring:
		return d.Unit.Unit
	}
	return ""
}

// A carrier that is asked is not asked again beside that, nor at once after its answer, when the ticks of a unit that waits say so: soon at
// first, as a moment's trouble is over soon, and then at the interval.
func TestCarrierIsAskedAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := performer{asked: newAskings(), sent: newLetters(), pass: func(string) {}}
		var asked []int
		began := time.Now()
		tick := func() {
			d := Submit{Unit: msgs.TxPayload{Unit: "u1"}, Every: time.Minute}
			p.Perform(context.Background(), actor.Job{Deeds: []actor.Deed{d}, Deliver: func(any) { asked = append(asked, int(time.Since(began).Seconds())) }})
		}
		p.asked.begin("u1", 0)
		for range 90 {
			tick()
			time.Sleep(time.Second)
		}
		if len(asked) != 0 {
			t.Fatalf("asked for after %v s, while the carrier is asked", asked)
		}
		p.asked.end("u1")
		began = time.Now()
		for range 200 {
			time.Sleep(time.Second)
			tick()
		}
		if want := []int{5, 15, 35, 75, 135, 195}; !slices.Equal(asked, want) {
			t.Errorf("asked for after %v s, want %v", asked, want)
		}
	})
}
