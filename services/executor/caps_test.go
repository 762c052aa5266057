package executor

import (
	"testing"

	"sluice/pkg/msgs"
)

// TestReplacedOrderDoesNotCountAgainstTheCaps rests an order that fills each cap to the brim: another one is refused by that
// cap, and one that takes its place is not, unless it is worth more.
func TestReplacedOrderDoesNotCountAgainstTheCaps(t *testing.T) {
	for _, c := range []struct {
		caps                     Caps
		another, dearer, cheaper msgs.Code
	}{
		{Caps{Market: cash("5.2")}, msgs.CapMarket, msgs.CapMarket, ""},
		{Caps{Day: cash("5.2")}, msgs.CapDay, msgs.CapDay, ""},
		{Caps{OpenOrders: 1}, msgs.CapOpenOrders, "", ""},
	} {
		judge := func(verb, text string, want msgs.Code) {
			b := newBench(t, Rules{Caps: c.caps})
			b.tell(b.message([]string{"submit", "a1", "BUY", "GTC", "0.52", "10"}))
			if got := refusal(b.tell(b.command(verb, text)).Events); got != want {
				t.Errorf("%+v: %s %s is refused with %q, want %q", c.caps, verb, text, got, want)
			}
			b.consistent()
		}
		judge("submit", `{"client_order_id":"a2","token_id":"111","side":"BUY","type":"GTC","price":"0.51","size":"10"}`, c.another)
		judge("replace", `{"client_order_id":"a2","replaces":"a1","price":"0.53"}`, c.dearer)
		judge("replace", `{"client_order_id":"a2","replaces":"a1","price":"0.51"}`, c.cheaper)
	}
}

// refusal is the code with which a command was refused, empty when it was not.
func refusal(events []msgs.Event) msgs.Code {
	for _, e := range events {
		if r, ok := e.(*msgs.OrderRejected); ok {
			return r.Error.Code
		}
	}
	return ""
}
