package executor

import (
	"testing"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// TestCancelOfEverythingEndsWithARecalledOrder has the last order that a cancel of everything waits for taken back before it left,
// when the end of the queue has been told already: the end is asked for once more, and it is done.
func TestCancelOfEverythingEndsWithARecalledOrder(t *testing.T) {
	b := newBench(t, Rules{})
	b.claim()
	b.tell(Comparison{})
	post := b.tell(b.command("submit", `{"client_order_id":"o","token_id":"111","side":"BUY","type":"GTC","price":"0.5","size":"10"}`)).Deeds[0]
	all := b.tell(b.command("cancel_all", `{"request_id":"all"}`)).Early[0].(CancelEverything)
	b.tell(CancelAnswer{Everything: true, For: all.For})
	if d := b.tell(actor.LaneEnd{Seq: b.seq}); len(d.Events) != 0 {
		t.Fatalf("%d events at the end of the queue while an order is not over", len(d.Events))
	}
	if b.core.Stands(post) {
		t.Fatal("the order still stands")
	}
	if d := b.tell(actor.Recalled{Deed: post}); !d.Drain {
		t.Fatal("nobody asks for the end of the queue any more")
	}
	d := b.tell(actor.LaneEnd{Seq: b.seq})
	if len(d.Events) != 1 || d.Events[0].Kind() != msgs.KindCancelAllDone {
		t.Errorf("%v at the end of the queue, want that it is done", d.Events)
	}
	b.consistent()
}

// TestRecalledOrderIsCountedOnce has an order that is taken back before it left end a cancel_all, with and without a filter: it was
// killed, and the venue has cancelled nothing.
func TestRecalledOrderIsCountedOnce(t *testing.T) {
	for _, body := range []string{`{"request_id":"all"}`, `{"request_id":"all","prefix":"o"}`} {
		b := newBench(t, Rules{})
		b.claim()
		b.tell(Comparison{})
		post := b.tell(b.command("submit", `{"client_order_id":"o","token_id":"111","side":"BUY","type":"GTC","price":"0.5","size":"10"}`)).Deeds[0]
		if all, everything := b.tell(b.command("cancel_all", body)).Early[0].(CancelEverything); everything {
			b.tell(CancelAnswer{Everything: true, For: all.For})
		}
		b.tell(actor.Recalled{Deed: post})
		d := b.tell(actor.LaneEnd{Seq: b.seq})
		if done, ok := d.Events[0].(*msgs.OrderCancelAllDone); !ok || done.Cancelled != 0 || done.KilledInQueue != 1 {
			t.Errorf("%s ends with %+v, want none cancelled and one killed", body, d.Events[0])
		}
		b.consistent()
	}
}

// TestOrderOfAfterTheResumeLeaves decides an order ahead of a halt and a resume that were stored before it: the halt holds back what
// was decided before it, and what is decided again after the resume leaves.
func TestOrderOfAfterTheResumeLeaves(t *testing.T) {
	b := newBench(t, Rules{})
	b.claim()
	b.tell(Comparison{})
	halt, resume := b.command("halt", `{"request_id":"stop"}`), b.command("resume", `{"request_id":"go"}`)
	first := b.tell(b.command("submit", `{"client_order_id":"o","token_id":"111","side":"BUY","type":"GTC","price":"0.5","size":"10"}`)).Deeds[0].(Post)
	hold := b.tell(halt).Early[0].(HoldBack)
	b.tell(resume)
	if !b.core.Stands(first) {
		t.Fatal("an order that was stored after the resume does not stand")
	}
	var r revoked
	r.add(hold.OrderIDs, hold.Upto)
	if !r.stops(first.Intent.OrderID, first.After) {
		t.Error("what was decided before the halt leaves")
	}
	d := b.tell(Posted{OrderID: first.Intent.OrderID, Outcome: polymarket.NeverLeft{Cause: errRevoked}})
	again := b.tell(d.Deeds[0].(Wait).Then).Deeds[0].(Post)
	if r.stops(again.Intent.OrderID, again.After) {
		t.Error("what was decided again after the resume stays")
	}
	b.consistent()
}
