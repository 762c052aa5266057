package relayer

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

var noGas = failure(msgs.NoGas, "no POL", "send some")

// What may have left when our own book of units is empty goes to the owner, who has no POL. When the book is full again the relayer is
// asked again, with the same bytes.
func TestUnitGoesBackWhenTheQuotaIsBack(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	first := deedOf[Submit](t, d.Deeds).Unit
	b.tell(Submitted{Unit: first.Unit, Left: true, Exhausted: &quota.Exhausted{Until: b.now.Add(18 * time.Hour), Used: 100, Limit: 100}})
	b.tell(Brought{Unit: first.Unit, Err: noGas})
	b.wait(time.Hour)
	deedOf[Bring](t, b.tell(actor.Tick{}).Deeds)
	b.tell(Brought{Unit: first.Unit, Err: noGas})
	b.wait(18 * time.Hour)
	if again := deedOf[Submit](t, b.tell(actor.Tick{}).Deeds); text(again.Unit) != text(first) || !again.Left {
		t.Errorf("asked again with %s", text(again))
	}
	b.consistent()
}

// The relayer calls a Safe's unit failed and the owner has no POL: its requests get another unit at the same nonce, so that one of the
// two has effect, and end after as many as a request may be in.
func TestFailedUnitWithoutGasIsSealedAnew(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	for i := range maxSeals {
		u := deedOf[Submit](t, d.Deeds).Unit
		if u.Nonce != 7 || b.core.requests["w1"].Seals != i+1 {
			t.Fatalf("unit %d is %s", i, text(u))
		}
		b.tell(Submitted{Unit: u.Unit, ID: "id-" + u.Unit})
		deedOf[Bring](t, b.tell(Seen{Unit: u.Unit, State: polymarket.TxFailed}).Deeds)
		b.tell(Brought{Unit: u.Unit, Err: noGas})
		if b.core.unit != nil || len(b.core.ghosts) != i+1 {
			t.Fatalf("the open unit is %s, given up are %d", text(b.core.unit), len(b.core.ghosts))
		}
		if b.wait(2 * time.Second); i+1 < maxSeals {
			d = b.sealed(b.looks(7))
		}
	}
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxFailed || a.Error.Code != msgs.RelayerFailed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

// A block that is undone makes a unit one that its carrier has not brought: it is not left to a relayer that forgets it.
func TestUndoneBlockLetsTheUnitGoOn(t *testing.T) {
	b, d := wrapping(t, polymarket.Safe, nil)
	u := deedOf[Submit](t, d.Deeds).Unit.Unit
	b.tell(Submitted{Unit: u, ID: "id-1"})
	b.tell(Seen{Unit: u, TxHash: "0x01", Block: 107, Executed: true})
	b.tell(Seen{Unit: u})
	b.consistent()
	b.wait(idle + time.Minute)
	deedOf[Bring](t, b.tell(actor.Tick{}).Deeds)
	b.tell(Brought{Unit: u, Err: noGas})
	b.wait(2 * outageLasts)
	deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	b.consistent()
}

// The relayer refuses a proxy wallet's unit for a time, and the owner has no POL. When that time is over it is asked again, but only once
// the sender has said that it has not taken the unit on: no nonce guards what the owner brings.
func TestProxysUnitGoesBackOnlyWhenOwnGasHasNotTakenIt(t *testing.T) {
	b, d := wrapping(t, polymarket.Proxy, nil)
	u := deedOf[Submit](t, d.Deeds).Unit
	no := refused(polymarket.RelayerQuota)
	no.Status, no.After, no.Named = 429, time.Hour, true
	deedOf[Bring](t, b.tell(Submitted{Unit: u.Unit, Err: no}).Deeds)
	b.tell(Brought{Unit: u.Unit, Err: noGas, Unknown: true})
	b.wait(2 * time.Hour)
	deedOf[Bring](t, b.tell(actor.Tick{}).Deeds)
	b.tell(Brought{Unit: u.Unit, Err: noGas})
	b.wait(time.Minute)
	again := deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	if text(again.Unit) != text(u) || !again.Left {
		t.Errorf("asked again with %s", text(again))
	}
	if d := b.tell(Submitted{Unit: u.Unit, Left: true, Err: no}); len(leaving(d.Deeds)) != 0 {
		t.Errorf("the relayer may have a copy, and yet: %s", text(d.Deeds))
	}
	b.consistent()
}
