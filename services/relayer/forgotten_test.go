package relayer

import (
	"fmt"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// An open unit never asks the sender for an intent that it has forgotten, as it forgets only what ended ten thousand others ago: while a
// unit is open no other is sealed, so that nothing else of this key ends, and the largest unit has far fewer intents. Here is the largest:
// all verbs, as many as fit, of an account whose every call is an intent.
func TestOpenUnitHasFarFewerIntentsThanTheSenderRemembers(t *testing.T) {
	remembered := sender.Remembers
	b := begun(t, polymarket.EOA)
	for i := range 3 * maxUnitRequests {
		verb, body := "wrap", `"amount":"1"`
		switch i % 3 {
		case 1:
			verb, body = "transfer", `"asset":"pUSD","amount":"1","to":"`+listed+`"`
		case 2:
			verb, body = "unwrap", `"amount":"1"`
		}
		b.ask(verb, fmt.Sprintf(`{"request_id":"r%d","urgency":"high",%s}`, i, body))
	}
	b.wait(2 * time.Second)
	l := b.looks(0)
	l.Missing = b.id.Contracts.Approvals()
	d := b.sealed(l)
	first := deedOf[Bring](t, d.Deeds).Unit
	if n := len(first.Calls); n < maxUnitRequests/4 || 10*n > remembered {
		t.Fatalf("the largest unit has %d intents, the sender remembers %d", n, remembered)
	}
	b.tell(Brought{Unit: first.Unit, Part: true, Err: noGas})
	for range 50 {
		b.wait(time.Minute)
		for _, d := range [][]actor.Deed{b.tell(actor.Tick{}).Deeds, b.tell(b.looks(0)).Early, b.tell(Rehearsed{Failed: -1}).Deeds, b.restarted()} {
			for _, x := range d {
				if name := nameOf(x); name != "" && name != first.Unit {
					t.Fatalf("beside the open unit goes %s", text(x))
				}
				if _, is := x.(Rehearse); is {
					t.Fatalf("beside the open unit is packed %s", text(x))
				}
			}
		}
		b.tell(Brought{Unit: first.Unit, Part: true, Err: noGas})
	}
	if n := b.count(msgs.KindTxSealed); n != 1 {
		t.Errorf("%d units are sealed", n)
	}
}
