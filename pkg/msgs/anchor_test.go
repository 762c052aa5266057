package msgs_test

import (
	"testing"

	"sluice/pkg/msgs"
)

// Every event of the ledger's family bears the anchor that it was stamped with, through encoding and decoding; events of other
// families bear none.
func TestEveryLedgerEventBearsItsAnchor(t *testing.T) {
	want := msgs.Anchor{Book: "b", Entry: 7, Hash: "h"}
	for _, kind := range msgs.LedgerKinds() {
		e := msgs.New(kind)
		*msgs.AnchorOf(e) = want
		if got := *msgs.AnchorOf(e); got != want {
			t.Errorf("%s was stamped with %+v and has %+v", kind, want, got)
		}
	}
	other := msgs.New(msgs.KindAccepted)
	*msgs.AnchorOf(other) = want
	if got := *msgs.AnchorOf(other); got != (msgs.Anchor{}) {
		t.Errorf("an order's event has the anchor %+v", got)
	}
}
