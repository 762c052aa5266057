package relayer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/polymarket"
)

// inOutage is a trial whose wallet has lost so many submits in a row, and waits for its pause.
func inOutage(t *testing.T, reason polymarket.RelayerReason, submits int) (*trial, string) {
	t.Helper()
	b, d := wrapping(t, polymarket.Proxy, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	for range submits - 1 {
		b.tell(Submitted{Unit: u, Err: refused(reason)})
		b.wait(time.Hour + time.Second)
		deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	}
	b.tell(Submitted{Unit: u, Err: refused(reason)})
	return b, u
}

// A wallet that would wait for an hour submits as soon as the relayer is known to answer again, says so once, and after a restart too.
func TestPauseEndsWhenTheRelayerAnswersAgain(t *testing.T) {
	b, u := inOutage(t, polymarket.RelayerLost, 10)
	b.wait(2 * time.Minute)
	if got := leaving(b.tell(actor.Tick{}).Deeds); len(got) != 0 {
		t.Fatalf("submitted in the pause: %s", text(got))
	}
	if d := b.tell(Answering{}); len(d.Events) != 1 {
		t.Fatalf("told that the relayer answers: %s", text(d))
	}
	b.restarted()
	if got := deedOf[Submit](t, b.tell(actor.Tick{}).Deeds); got.Unit.Unit != u || !got.Left {
		t.Errorf("submitted %+v", got)
	}
	if d := b.tell(Answering{}); len(d.Events) != 0 {
		t.Errorf("told twice: %s", text(d))
	}
	b.consistent()
}

// What waits in the queue, as its unit went by other ways, is woken too.
func TestQueueIsWokenWhenTheRelayerAnswersAgain(t *testing.T) {
	b, d := wrapping(t, polymarket.Deposit, nil)
	b.submits(d, polymarket.RelayerDown, 3*time.Hour)
	for u := b.core.unit; u != nil; u = b.core.unit { // its batch expires, and nothing new is sealed in the pause
		b.wait(11 * time.Minute)
		b.tell(Seen{Unit: u.name(), Expired: true, Final: true})
	}
	if b.core.toll.AgainMS <= b.now.UnixMilli() {
		t.Fatalf("it waits for nothing: %+v", b.core.toll)
	}
	b.tell(b.looks(7)) // tells that it waits
	b.tell(Answering{})
	b.wait(time.Second)
	early := b.tell(actor.Tick{}).Early
	if !slices.ContainsFunc(early, func(d actor.Deed) bool { _, ok := d.(Look); return ok }) {
		t.Fatalf("the world is not looked at: %s", text(early))
	}
	deedOf[Submit](t, b.sealed(b.looks(7)).Deeds)
	b.consistent()
}

// A relayer that comes and goes wakes a wallet so many times and no more, and never one that was refused for another reason, or has
// just submitted in vain.
func TestWakesAreBounded(t *testing.T) {
	b, u := inOutage(t, polymarket.RelayerLost, 10)
	woken := 0
	for range 5 * tollWakes {
		b.tell(Answering{}) // at once: the submit that has just failed says more
		if got := leaving(b.tell(actor.Tick{}).Deeds); len(got) != 0 {
			t.Fatalf("submitted at once: %s", text(got))
		}
		b.wait(tollFirst)
		b.tell(Answering{})
		for range leaving(b.tell(actor.Tick{}).Deeds) {
			woken++
			b.tell(Submitted{Unit: u, Err: refused(polymarket.RelayerLost)})
		}
	}
	if woken != tollWakes {
		t.Errorf("woken %d times, want %d", woken, tollWakes)
	}
	b.consistent()
	busy, _ := inOutage(t, polymarket.RelayerWalletBusy, 10)
	busy.wait(2 * time.Minute)
	if d := busy.tell(Answering{}); len(d.Events) != 0 {
		t.Errorf("a wallet that is busy is woken: %s", text(d))
	}
}

// While work waits in an outage, and only then, the relayer is asked something free twice a minute.
func TestRelayerIsProbedWhileWorkWaits(t *testing.T) {
	probes := func(b *trial) (n int) {
		for range 10 * 60 {
			b.wait(time.Second)
			for _, d := range b.tell(actor.Tick{}).Early {
				if _, ok := d.(Probe); ok {
					n++
				}
			}
		}
		return n
	}
	b, _ := inOutage(t, polymarket.RelayerLost, 10)
	if n := probes(b); n != 20 {
		t.Errorf("%d probes in ten minutes of an outage, want 20", n)
	}
	if n := probes(begun(t, polymarket.Proxy)); n != 0 {
		t.Errorf("%d probes without work", n)
	}
}

// Wallets are told when the relayer answers after it did not, and when it takes a submit; not at every answer.
func TestPulseTellsOfTheEndOfAnOutage(t *testing.T) {
	p := newPulse()
	heard, end := p.listen()
	told := func() bool {
		select {
		case <-heard:
			return true
		default:
			return false
		}
	}
	ctx := t.Context()
	stopped, stop := context.WithCancel(ctx)
	stop()
	down := &polymarket.RelayerError{Method: "GET", Reason: polymarket.RelayerDown, Status: 502}
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"an answer like all others", func() { p.read(ctx, nil) }, false},
		{"no answer", func() { p.read(ctx, down) }, false},
		{"an answer again", func() { p.read(ctx, nil) }, true},
		{"another", func() { p.read(ctx, nil) }, false},
		{"a read that we have cut short", func() { p.read(stopped, errors.New("cut")); p.read(ctx, nil) }, false},
		{"a refusal is an answer", func() {
			p.read(ctx, down)
			p.read(ctx, &polymarket.RelayerError{Method: "GET", Reason: polymarket.RelayerUnauthorised, Status: 401})
		}, true},
		{"a submit that is taken", p.taken, true},
	} {
		if c.do(); told() != c.want {
			t.Errorf("%s: told is not %t", c.name, c.want)
		}
	}
	end()
	if p.taken(); told() {
		t.Error("told after the end")
	}
}
