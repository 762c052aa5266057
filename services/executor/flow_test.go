package executor

import (
	"fmt"
	"testing"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// TestOrderGoesFromSubjectToFill publishes one order that crosses the book and reads its whole life from the log.
func TestOrderGoesFromSubjectToFill(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("a1", msgs.Buy, msgs.GTC, "0.99", "10")
		p.pass(3 * time.Second)
		p.want("a1", "submitting accepted filled:10. settled.")
		if n := len(p.posts()); n != 1 {
			t.Errorf("%d orders posted", n)
		}
	})
}

// TestRestingOrderIsCancelled rests an order and cancels it.
func TestRestingOrderIsCancelled(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.submit("a1", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.send("cancel", `{'client_order_id':'a1'}`)
		p.pass(time.Second)
		p.want("a1", "submitting accepted cancelled:requested.")
	})
}

// TestPanicWithAFullQueue lets 40 orders rest and 500 submits wait, then cancels everything: nothing that was stored before
// reaches the venue afterwards, and it ends within the time that the cancel allowance needs.
func TestPanicWithAFullQueue(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		for i := range 40 {
			p.submit(fmt.Sprintf("rest-%d", i), msgs.Buy, msgs.GTC, "0.01", "10")
		}
		p.pass(3 * time.Second)
		for i := range 500 {
			p.submit(fmt.Sprintf("wait-%d", i), msgs.Buy, msgs.GTC, "0.02", "10", `,'valid_until_ms':0`)
		}
		p.send("cancel_all", `{'request_id':'panic'}`)
		before := len(p.posts())
		p.pass(2 * time.Second)
		var done *msgs.OrderCancelAllDone
		for _, e := range p.events() {
			if d, ok := e.(*msgs.OrderCancelAllDone); ok {
				done = d
			}
		}
		if done == nil {
			t.Fatal("no cancel_all_done")
		}
		if done.Cancelled+done.KilledInQueue != 540 || len(done.StillOpen) > 0 {
			t.Errorf("%d cancelled, %d killed, %d still open; want all 540", done.Cancelled, done.KilledInQueue, len(done.StillOpen))
		}
		if after := len(p.posts()); after != before {
			t.Errorf("%d orders reached the venue after the cancel_all", after-before)
		}
		open, err := p.clob.OpenOrders(t.Context(), polymarket.OrderFilter{})
		if err != nil || len(open) != 0 {
			t.Errorf("%d orders open at the venue, error %v", len(open), err)
		}
	})
}

// TestLostAnswerIsLookedUpAndPostedOnce drops the answer to a post: the order is unknown, then found, and sent once.
func TestLostAnswerIsLookedUpAndPostedOnce(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer.Next = 1; f.DropAnswer.On = "POST /order" })
		p.submit("a1", msgs.Buy, msgs.GTC, "0.05", "10")
		p.pass(time.Second)
		p.want("a1", "submitting unknown accepted")
		for salt, n := range p.posts() {
			if n != 1 {
				t.Errorf("salt %s posted %d times", salt, n)
			}
		}
	})
}
