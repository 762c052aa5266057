package flow

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sluice/pkg/sandbox"
)

const (
	resting = 40  // orders in the book when panic comes
	waiting = 500 // submits in the queue

	// What the venue allows a signer: so many cancels at once, and so many more each second.
	cancelBurst = 120
	cancelRate  = 80

	// slack is what a cancel of everything may take beyond what the allowance needs: reading the queue to its end, and
	// asking about orders that were on their way.
	slack = time.Second
)

// allowance is how long the venue's cancel allowance makes n cancels take, from a full bucket.
func allowance(n int) time.Duration {
	return time.Duration(max(0, n-cancelBurst)) * time.Second / cancelRate
}

// crowd rests orders and fills the queue. Few of the waiting ones leave: the burst of the order allowance is used up.
func (p *plant) crowd() {
	p.t.Helper()
	for i := range resting {
		p.submit(fmt.Sprintf("rest-%d", i), "BUY", "GTC", "0.10", "10")
	}
	p.until("all rest", func() bool { return len(p.ofType("main", "order.accepted")) == resting })
	for i := range waiting {
		p.submit(fmt.Sprintf("wait-%d", i), "BUY", "GTC", "0.11", "10", ",'valid_until_ms':0")
	}
}

// swept checks what a panic must have brought: the end within a time, nothing sent after it was heard, nothing open.
func (p *plant) swept(asked time.Time, most time.Duration) {
	p.t.Helper()
	p.until("cancel_all_done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) > 0 })
	done := p.ofType("main", "order.cancel_all_done")[0]
	if took := done.Stored.Sub(asked); took > most {
		p.t.Errorf("it took %s, and the allowance with slack is %s", took, most)
	}
	if n := done.Cancelled + done.Killed; n != resting+waiting || len(done.StillOpen) > 0 {
		p.t.Errorf("%d cancelled and %d killed, want %d together; %d still open, want none", done.Cancelled, done.Killed, resting+waiting, len(done.StillOpen))
	}
	p.pass(20 * time.Second)
	p.nothingAfterBarrier()
	if open := p.open("main"); len(open) != 0 {
		p.t.Errorf("%d orders are open at the venue", len(open))
	}
	over := 0
	for i := range waiting {
		if p.last("main", fmt.Sprintf("wait-%d", i)).Final {
			over++
		}
	}
	if over != waiting {
		p.t.Errorf("%d of the waiting submits are over, want %d", over, waiting)
	}
}

// nothingAfterBarrier checks that no order arrived at a later instant than that at which the barrier was written.
func (p *plant) nothingAfterBarrier() {
	p.t.Helper()
	var at int64
	for _, e := range p.ofType("main", "order.cancelling") {
		if e.Barrier != nil {
			at = e.Stored.UnixMicro()
		}
	}
	if at == 0 {
		p.t.Error("no barrier is on the log")
	}
	for _, l := range p.posts() {
		if l.AtUS > at {
			p.t.Errorf("request %d with %d orders arrived %s after the barrier", l.ID, l.orders(), time.Duration(l.AtUS-at)*time.Microsecond)
		}
	}
}

// TestPanicWithAFullQueue: 40 orders rest and 500 submits wait, then cancel_all.
func TestPanicWithAFullQueue(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.crowd()
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'panic'}")
		p.swept(asked, slack)
	})
}

// TestPanicByHaltWithAFullQueue: the same by a halt with cancel, after which nothing is taken either.
func TestPanicByHaltWithAFullQueue(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.crowd()
		asked := time.Now()
		p.send("halt", "{'request_id':'panic','reason':'drawdown','cancel':true}")
		p.swept(asked, slack)
		p.submit("after", "BUY", "GTC", "0.10", "10")
		p.final("after")
		p.tells("after", "rejected:halted.")
	})
}

// TestPanicByFilterWithAFullQueue: the same by a filter that all of them match, and one order that it does not stays.
func TestPanicByFilterWithAFullQueue(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.sendTo("main", "submit", submitOf("sandbox-dime", "other", "BUY", "GTC", "0.1", "10"))
		p.is("other", "open")
		p.pass(2 * time.Second)
		for i := range resting {
			p.submit(fmt.Sprintf("rest-%d", i), "BUY", "GTC", "0.10", "10")
		}
		p.until("all rest", func() bool { return len(p.ofType("main", "order.accepted")) == resting+1 })
		for i := range waiting {
			p.submit(fmt.Sprintf("wait-%d", i), "BUY", "GTC", "0.11", "10", ",'valid_until_ms':0")
		}
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'panic','market':'%s','side':'BUY'}", coin)
		p.until("cancel_all_done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) > 0 })
		done := p.ofType("main", "order.cancel_all_done")[0]
		if took := done.Stored.Sub(asked); took > slack {
			t.Errorf("it took %s", took)
		}
		if n := done.Cancelled + done.Killed; n != resting+waiting || len(done.StillOpen) > 0 {
			t.Errorf("%d cancelled and %d killed, want %d together; %d still open", done.Cancelled, done.Killed, resting+waiting, len(done.StillOpen))
		}
		p.pass(20 * time.Second)
		p.nothingAfterBarrier()
		if open := p.open("main"); len(open) != 1 {
			t.Errorf("%d orders are open at the venue, want the other one", len(open))
		}
		if e := p.last("main", "other"); e.State != "open" {
			t.Errorf("the order that the filter does not mean is %s", e.State)
		}
	})
}

// TestPanicWithMoreOrdersThanTheBurst rests twice as many orders as may be cancelled at once; the sweep takes what
// the allowance needs, by cancel_all and by a filter, and never more than the venue allows.
func TestPanicWithMoreOrdersThanTheBurst(t *testing.T) {
	const many = 2 * cancelBurst
	for name, filter := range map[string]string{"everything": "", "by prefix": ",'prefix':'m-'"} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{sandbox: sandbox.Config{Enforce: true}}, func(p *plant) {
				for i := range many {
					p.submit(fmt.Sprintf("m-%d", i), "BUY", "GTC", "0.10", "5", ",'valid_until_ms':0")
				}
				p.until("all rest", func() bool { return len(p.ofType("main", "order.accepted")) == many })
				asked := time.Now()
				p.send("cancel_all", "{'request_id':'panic'%s}", filter)
				p.until("cancel_all_done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) > 0 })
				done := p.ofType("main", "order.cancel_all_done")[0]
				if took, most := done.Stored.Sub(asked), allowance(1+many)+slack; took > most || done.Cancelled != many {
					t.Errorf("%d cancelled in %s, want %d within %s", done.Cancelled, took, many, most)
				}
				if open := p.open("main"); len(open) != 0 {
					t.Errorf("%d orders are open at the venue", len(open))
				}
			})
		})
	}
}

// TestPanicWhileTheEngineRestarts: the venue answers 425 to everything for five seconds. The sweep is done one Retry-After
// later, and nothing stored before leaves in between.
func TestPanicWhileTheEngineRestarts(t *testing.T) {
	const down = 5 * time.Second
	inPlant(t, setup{}, func(p *plant) {
		p.crowd()
		p.venue.Restart(down, 0)
		p.pass(500 * time.Millisecond)
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'panic'}")
		p.swept(asked, down+2*time.Second+slack)
	})
}

// TestPanicWhileThrottled: the venue has just answered an order with 429 and half a minute. The sweep does not wait for it.
func TestPanicWhileThrottled(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		for i := range resting {
			p.submit(fmt.Sprintf("rest-%d", i), "BUY", "GTC", "0.10", "10")
		}
		p.until("all rest", func() bool { return len(p.ofType("main", "order.accepted")) == resting })
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.posts() {
				return answer(r, http.StatusTooManyRequests, "application/json", `{"error":"Too Many Requests"}`, "Retry-After", "30"), nil
			}
			return send()
		})
		for i := range waiting {
			p.submit(fmt.Sprintf("wait-%d", i), "BUY", "GTC", "0.11", "10", ",'valid_until_ms':0")
		}
		p.pass(time.Second)
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'panic'}")
		p.swept(asked, slack)
	})
}

// TestPanicWhenTheCancelIsThrottled: the venue answers the first cancel with 429 and two seconds; the sweep comes then.
func TestPanicWhenTheCancelIsThrottled(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.crowd()
		first := true
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.cancels() && first {
				first = false
				return answer(r, http.StatusTooManyRequests, "application/json", `{"error":"Too Many Requests"}`, "Retry-After", "2"), nil
			}
			return send()
		})
		asked := time.Now()
		p.send("cancel_all", "{'request_id':'panic'}")
		p.swept(asked, 2*time.Second+slack)
	})
}
