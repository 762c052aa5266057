package relayer

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// creating is a trial whose wallet is not on chain, and the creation that the relayer is asked for.
func creating(t testing.TB, kind polymarket.WalletKind) (b *trial, unit string) {
	b = begun(t, kind)
	b.ask("deploy", `{"request_id":"d1","urgency":"high"}`)
	b.wait(2 * time.Second)
	l := b.looks(0)
	l.Deployed = false
	unit = deedOf[Submit](t, b.sealed(l).Deeds).Unit.Unit
	return b, unit
}

// A creation uses no nonce of the wallet that it makes: when one that was given up comes true, the wallet's unit at nonce 0 goes on.
func TestLateCreationLeavesTheFirstUnitAlone(t *testing.T) {
	b, create := creating(t, polymarket.Safe)
	b.tell(Submitted{Unit: create, Err: refused(polymarket.RelayerRejected)})
	b.tell(Brought{Unit: create, Err: failure(msgs.WouldRevert, "it reverts", "look")})
	if len(b.core.ghosts) != 1 {
		t.Fatalf("the creation is not given up: %s", text(b.core.unit))
	}
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(2 * time.Second)
	u := deedOf[Submit](t, b.sealed(b.looks(0)).Deeds).Unit
	if u.Create || u.Nonce != 0 {
		t.Fatalf("sealed %s", text(u))
	}
	b.tell(Seen{Unit: create, TxHash: "0x01", Block: 101, Executed: true, Final: true})
	if b.core.unit == nil || b.core.unit.name() != u.Unit || len(b.core.queue()) != 0 {
		t.Fatalf("the creation came true, and the wallet's unit is %s", text(b.core.unit))
	}
	b.tell(Seen{Unit: u.Unit, TxHash: "0x02", Block: 102, Executed: true, Final: true})
	if a, _ := b.core.Answer("w1"); a.Last != msgs.KindTxConfirmed || a.TxHash != "0x02" {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

// A creation was given up while it could still have effect, and its request is sealed once more. When the first comes true the second is
// over too, and what waits goes on: a wallet is made once.
func TestSecondCreationEndsWithTheFirst(t *testing.T) {
	b, first := creating(t, polymarket.Safe)
	b.tell(Submitted{Unit: first, ID: "id-1"})
	b.tell(Seen{Unit: first, State: polymarket.TxFailed})
	b.tell(Brought{Unit: first, Err: noGas})
	if len(b.core.ghosts) != 1 || len(b.core.queue()) != 1 {
		t.Fatalf("not given up: %s", text(b.core.unit))
	}
	b.ask("wrap", `{"request_id":"w1","amount":"5","urgency":"high"}`)
	b.wait(time.Minute)
	l := b.looks(0)
	l.Deployed = false
	second := deedOf[Submit](t, b.sealed(l).Deeds).Unit
	if !second.Create || second.Unit == first {
		t.Fatalf("sealed %s", text(second))
	}
	b.tell(Submitted{Unit: second.Unit, ID: "id-2"})
	b.tell(Seen{Unit: first, TxHash: "0x01", Block: 101, Executed: true, Final: true})
	b.tell(Seen{Unit: second.Unit, TxHash: "0x01", Block: 101, Executed: true, Final: true})
	if a, _ := b.core.Answer("d1"); a.Last != msgs.KindTxConfirmed || b.core.unit != nil {
		t.Fatalf("the wallet is made, its creation is %s, and the open unit %s", text(a), text(b.core.unit))
	}
	b.wait(time.Minute)
	if u := deedOf[Submit](t, b.sealed(b.looks(0)).Deeds).Unit; u.Create {
		t.Errorf("sealed %s", text(u))
	}
	b.consistent()
}

// A creation that the relayer calls failed is not taken for the next one; a wallet's work that failed is still what was sent.
func TestFailedCreationIsNotTheNext(t *testing.T) {
	owner := identity(t, polymarket.Deposit).Owner
	for _, c := range []struct {
		kind  polymarket.RelayerType
		state polymarket.TxState
		want  bool
	}{
		{polymarket.RelayWalletCreate, polymarket.TxNew, true},
		{polymarket.RelayWalletCreate, polymarket.TxFailed, false},
		{polymarket.RelayWalletCreate, polymarket.TxInvalid, false},
		{polymarket.RelaySafeCreate, polymarket.TxNew, true},
		{polymarket.RelaySafeCreate, polymarket.TxFailed, false},
		{polymarket.RelaySafe, polymarket.TxFailed, true},
	} {
		r := polymarket.RelayerRequest{Type: c.kind, From: owner, Signature: []byte{1}}
		has := polymarket.RelayerTransaction{Type: c.kind, From: addressText(owner), Signature: []byte{1}}
		has.State = c.state
		if c.kind == polymarket.RelayWalletCreate {
			r.Signature, has.Signature = nil, nil
		}
		if got := isCopy(has, r); got != c.want {
			t.Errorf("%s that is %s: %v", c.kind, c.state, got)
		}
	}
}

// The relayer takes the creation of a deposit wallet and sits on it. That is said, and it is asked for again.
func TestCreationThatIsNotBroughtIsAskedForAgain(t *testing.T) {
	b, unit := creating(t, polymarket.Deposit)
	b.tell(Submitted{Unit: unit, ID: "id-1"})
	b.wait(idle + time.Minute)
	if d := b.tell(actor.Tick{}); len(d.Events) != 1 || d.Events[0].Kind() != msgs.KindTxWaiting {
		t.Fatalf("the relayer does nothing for %s: %s", idle+time.Minute, text(d))
	}
	b.wait(retryFirst)
	deedOf[Submit](t, b.tell(actor.Tick{}).Deeds)
	b.tell(Submitted{Unit: unit, ID: "id-2"})
	b.tell(Seen{Unit: unit, TxHash: "0x01", Block: 107, Executed: true, Final: true})
	if a, _ := b.core.Answer("d1"); a.Last != msgs.KindTxConfirmed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}
