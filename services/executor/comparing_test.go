package executor

import (
	"testing"
	"time"

	"sluice/pkg/actor"
)

// An order whose intent a crash left open, and which the venue denies while the start still compares, is looked up again
// until the comparison is done: it is neither sent before nor forgotten.
func TestOrderDeniedWhileComparingIsNotForgotten(t *testing.T) {
	b := newBench(t, Rules{})
	b.claim()
	b.tell(Comparison{Started: actor.Started{Incarnation: b.core.incarnation, N: b.n}, Ledger: Booked{Said: ledgerAbsent}})
	b.tell(b.command("submit", `{"client_order_id":"a","token_id":"111","side":"BUY","type":"GTC","price":"0.5","size":"10","valid_until_ms":0}`))
	id := b.ids["a"]
	if id == "" {
		t.Fatal("the order has no intent")
	}
	b.claim() // of the next owner
	b.now = b.now.Add(time.Minute)
	for round := range 3 {
		d := b.tell(Denied{OrderID: id, Try: 1, Alone: true})
		l, ok := oneLookup(d.Deeds)
		if !ok || !l.Alone || len(d.Events) > 0 {
			t.Fatalf("denial %d while comparing leads to %+v", round, d)
		}
	}
	b.tell(Comparison{Started: actor.Started{Incarnation: b.core.incarnation, N: b.n}, Ledger: Booked{Said: ledgerAbsent}})
	d := b.tell(Denied{OrderID: id, Try: 1, Alone: true})
	if len(d.Deeds) != 1 {
		t.Fatalf("denied after the comparison: %+v", d)
	}
	if p, ok := d.Deeds[0].(Post); !ok || !p.Again {
		t.Errorf("denied after the comparison: %+v, want the same bytes again", d.Deeds)
	}
}

func oneLookup(deeds []actor.Deed) (l Lookup, ok bool) {
	for _, d := range deeds {
		if l, ok = d.(Lookup); ok {
			return l, true
		}
	}
	return l, false
}
