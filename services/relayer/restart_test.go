package relayer

import (
	"slices"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// restarted is a start of another process over the same log: what is open, the claim, what the start found, the end of the lane.
func (b *trial) restarted(losses ...msgs.Loss) (deeds []actor.Deed) {
	rules := b.core.rules
	b.core = b.replayed()
	b.core.rules = rules
	deeds = slices.Collect(b.core.Open())
	b.claimed()
	for _, m := range []any{actor.Started{Losses: losses}, actor.LaneEnd{}} {
		d := b.tell(m)
		deeds = slices.Concat(deeds, d.Early, d.Deeds)
	}
	return deeds
}

// leaving lists the deeds that let something leave.
func leaving(ds []actor.Deed) (out []actor.Deed) {
	for _, d := range ds {
		switch d.(type) {
		case Submit, Bring:
			out = append(out, d)
		}
	}
	return out
}

// wrapping is a trial with a sealed unit that wraps, and the deeds of its sealing.
func wrapping(t testing.TB, kind polymarket.WalletKind, change func(*Looked)) (*trial, actor.Decision) {
	b := begun(t, kind)
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	l := b.looks(7)
	if change != nil {
		change(&l)
	}
	return b, b.sealed(l)
}

// A unit that its carrier was being asked for when the process ended is carried on with the same bytes, by whichever carrier, once it is
// known that the log is whole. When it is in doubt nothing leaves, whatever becomes known of the unit, until an operator accepts it.
func TestOpenUnitIsCarriedOnOnlyOverAWholeLog(t *testing.T) {
	loss := msgs.Loss{Code: msgs.LogRolledBack, Stream: "LOG_main", Cause: "the log ends before what its snapshot knows"}
	byOwnGas := func(l *Looked) { l.Relayer = Door{Code: msgs.VenueDown, Cause: "down", Fix: "wait"} }
	for name, change := range map[string]func(*Looked){"by the relayer": nil, "by own gas": byOwnGas} {
		t.Run(name, func(t *testing.T) {
			b, d := wrapping(t, polymarket.Safe, change)
			sealed := leaving(d.Deeds)
			if got := leaving(b.restarted()); len(sealed) != 1 || len(got) != 1 || unitOf(got[0]) != unitOf(sealed[0]) {
				t.Fatalf("sealed %s, after a restart %s", text(sealed), text(got))
			}
			if got := leaving(b.restarted(loss)); len(got) != 0 {
				t.Fatalf("the log is in doubt, and yet: %s", text(got))
			}
			b.wait(time.Hour)
			if got := leaving(b.tell(actor.Tick{}).Deeds); len(got) != 0 {
				t.Fatalf("the log is in doubt, and yet: %s", text(got))
			}
			b.core.rules.AcceptLog = true
			if got := leaving(b.restarted(loss)); len(got) != 1 || unitOf(got[0]) != unitOf(sealed[0]) {
				t.Fatalf("accepted, and yet: %s", text(got))
			}
			b.consistent()
		})
	}
}

func unitOf(d actor.Deed) string {
	switch d := d.(type) {
	case Submit:
		return text(d.Unit)
	case Bring:
		return text(d.Unit)
	}
	return ""
}

// While the log is in doubt, what the relayer says of a unit makes nothing leave by own gas.
func TestUnitOfALogInDoubtIsNotRerouted(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	b.tell(Submitted{Unit: u, ID: "id-1"})
	open := b.restarted(msgs.Loss{Code: msgs.LogRolledBack, Stream: "LOG_main", Cause: "the log ends before what its snapshot knows"})
	deedOf[Follow](t, open)
	if d := b.tell(Seen{Unit: u, State: polymarket.TxFailed}); len(leaving(d.Deeds)) != 0 {
		t.Errorf("the log is in doubt, and yet: %s", text(d.Deeds))
	}
	b.core.rules.AcceptLog = true
	b.restarted()
	b.wait(time.Minute)
	deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	if b.tell(Submitted{Unit: u, ID: "id-1"}); b.core.unit.Phase != following {
		t.Errorf("the relayer has it still, and it is %s", b.core.unit.Phase)
	}
	deedOf[Bring](t, b.tell(Seen{Unit: u, State: polymarket.TxFailed}).Deeds)
	b.consistent()
}
