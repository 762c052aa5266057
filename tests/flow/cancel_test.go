package flow

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/pkg/sandbox"
)

// never checks that an order has not been sent at all.
func (p *plant) never(id string) {
	p.t.Helper()
	if n := len(p.sent(id)); n != 0 {
		p.t.Errorf("%s was sent %d times", id, n)
	}
}

// once checks that an order has been sent exactly once.
func (p *plant) once(id string) {
	p.t.Helper()
	if n := len(p.sent(id)); n != 1 {
		p.t.Errorf("%s was sent %d times, want once; story: %s", id, n, p.story("main", id))
	}
}

// TestCancelBeforeItsSubmit stores a cancel before its submit: read one by one, both waiting, and in the other order with
// the executor away. The submit is never sent, not after a restart either.
func TestCancelBeforeItsSubmit(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.send("cancel", "{'client_order_id':'early'}")
		p.pass(time.Second)
		p.tells("early", "cancel_rejected:not_found.")
		p.submit("early", "BUY", "GTC", "0.10", "10")
		p.executor().Stop()
		p.send("cancel", "{'client_order_id':'both'}")
		p.submit("both", "BUY", "GTC", "0.10", "10")
		p.submit("turned", "BUY", "GTC", "0.10", "10")
		p.send("cancel", "{'client_order_ids':['turned','both']}")
		p.start(p.successor())
		p.final("early", "both", "turned")
		p.restart()
		p.submit("early", "BUY", "GTC", "0.10", "10")
		p.pass(20 * time.Second)
		for _, id := range []string{"early", "both", "turned"} {
			if s := p.story("main", id); !strings.HasSuffix(s, "cancelled:killed_in_queue.") {
				t.Errorf("%s: %s", id, s)
			}
			p.never(id)
		}
	})
}

// TestCancelAtTheEndOfALongQueue: behind a submit a thousand other cancels are stored, and then its own. Who starts has
// the submit in hand long before that cancel, and must still read it first; also when a cancel_all stands there.
func TestCancelAtTheEndOfALongQueue(t *testing.T) {
	const others = 1000
	for name, last := range map[string][2]string{"cancel": {"cancel", "{'client_order_id':'x'}"}, "cancel_all": {"cancel_all", "{'request_id':'panic'}"}} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.executor().Stop()
				p.submit("x", "BUY", "GTC", "0.10", "10", always)
				for i := range others {
					p.send("cancel", "{'client_order_id':'other-%d'}", i)
				}
				p.sendTo("main", last[0], quoted("%s", last[1]))
				p.start(p.successor())
				p.final("x")
				if s := p.story("main", "x"); !strings.HasSuffix(s, "cancelled:killed_in_queue.") {
					t.Errorf("x: %s", s)
				}
				p.never("x")
			})
		})
	}
}

// TestCancelWhileUnknown cancels an order whose answer was lost, once with the order at the venue and once without, while
// the venue does not answer look-ups. The cancel leaves at once; the order is not sent again, also when it is denied.
func TestCancelWhileUnknown(t *testing.T) {
	for name, fault := range map[string]func(*sandbox.Faults){
		"taken": func(f *sandbox.Faults) { f.DropAnswer = sandbox.Fault{Next: 1, On: "POST /order"} },
		"lost":  func(f *sandbox.Faults) { f.LoseRequest = sandbox.Fault{Next: 1, On: "POST /order"} },
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
					if r.Method == "GET" && strings.Contains(r.URL.Path, "/order") {
						return answer(r, 500, "application/json", `{"error":"no"}`), nil
					}
					return send()
				})
				p.venue.SetFaults(fault)
				p.submit("u", "BUY", "GTC", "0.10", "10", ",'valid_until_ms':0")
				if name == "lost" {
					p.is("u", "unknown")
				}
				p.has("u", "submitting")
				asked := time.Now()
				p.send("cancel", "{'client_order_id':'u'}")
				p.within(time.Second, "the cancel is sent", func() bool { return len(p.requests("main", "DELETE /order")) > 0 })
				p.pass(20 * time.Second)
				p.gate.set(nil)
				p.final("u")
				p.pass(20 * time.Second)
				if l := p.requests("main", "DELETE /order")[0]; time.UnixMicro(l.AtUS).Sub(asked) > step {
					t.Errorf("the cancel left %s after it was stored", time.UnixMicro(l.AtUS).Sub(asked))
				}
				if s := p.story("main", "u"); !strings.HasSuffix(s, "cancelled:requested.") {
					t.Errorf("story: %s", s)
				}
				p.once("u")
			})
		})
	}
}

// TestCancelOfABatchMember cancels one of a batch whose answer is on its way: the cancel does not wait for it, the others
// are not touched.
func TestCancelOfABatchMember(t *testing.T) {
	const many = 15
	inPlant(t, setup{}, func(p *plant) {
		p.executor().Stop()
		for i := range many {
			p.submit(fmt.Sprintf("b-%d", i), "BUY", "GTC", "0.10", "10")
		}
		bodies := make(chan string, many)
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.is("POST", "/orders") {
				bodies <- r.body
			}
			return send()
		})
		p.venue.SetFaults(func(f *sandbox.Faults) { f.LateAnswer = sandbox.Fault{Next: many, On: "POST /orders"}; f.LateMS = 3000 })
		p.start(p.successor())
		p.within(15*time.Second, "all are at the venue", func() bool { return len(p.open("main")) == many })
		body, member := <-bodies, ""
		for i := range many {
			if id := fmt.Sprintf("b-%d", i); strings.Contains(body, p.salt(id)) {
				member = id
			}
		}
		if n := len(p.requests("main", "POST /orders")); n != 0 { // the journal has a request when it is answered
			t.Fatalf("%d batches are answered already", n)
		}
		p.send("cancel", "{'client_order_id':'%s'}", member)
		p.within(time.Second, "the member is gone at the venue", func() bool { return len(p.open("main")) == many-1 })
		p.pass(5 * time.Second)
		for i := range many {
			id, want := fmt.Sprintf("b-%d", i), "open"
			if id == member {
				want = "cancelled"
			}
			if e := p.last("main", id); e.State != want {
				t.Errorf("%s is %s, want %s: %s", id, e.State, want, p.story("main", id))
			}
			p.once(id)
		}
	})
}

// TestCancelOfADelayedOrder cancels an order that the venue holds back, twice: one that would rest and one that would
// trade. The cancel is repeated until the venue lets go, and the end is what the venue made of it.
func TestCancelOfADelayedOrder(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.DelayOrder.Next, f.DelayMS = 2, 3000 })
		p.submit("rests", "BUY", "GTC", "0.10", "10")
		p.submit("trades", "BUY", "GTC", "0.52", "10")
		p.is("rests", "delayed")
		p.is("trades", "delayed")
		p.send("cancel", "{'client_order_ids':['rests','trades']}")
		p.has("rests", "cancel_pending:held_by_delay")
		p.final("rests", "trades")
		p.pass(10 * time.Second)
		if s := p.story("main", "rests"); !strings.HasSuffix(s, "cancelled:requested.") {
			t.Errorf("rests: %s", s)
		}
		if s := p.story("main", "trades"); !strings.Contains(s, "filled:10.") || !strings.Contains(s, "cancel_rejected:already_filled") {
			t.Errorf("trades: %s", s)
		}
		p.once("rests")
		p.once("trades")
	})
}

// TestCancelsByEveryName cancels by either id, singly and as lists, and gets the answers for orders that are over or were
// never there.
func TestCancelsByEveryName(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		for i := range 6 {
			p.submit(fmt.Sprintf("c-%d", i), "BUY", "GTC", "0.10", "10")
		}
		p.submit("filled", "BUY", "GTC", "0.52", "10")
		for i := range 6 {
			p.is(fmt.Sprintf("c-%d", i), "open")
		}
		p.final("filled")
		hash := func(id string) string { return p.last("main", id).OrderID }
		p.send("cancel", "{'client_order_id':'c-0'}")
		p.send("cancel", "{'order_id':'%s'}", hash("c-1"))
		p.send("cancel", "{'client_order_ids':['c-2','c-3']}")
		p.send("cancel", "{'order_ids':['%s','%s'],'request_id':'list'}", hash("c-4"), hash("c-5"))
		p.pass(time.Second)
		for i := range 6 {
			p.tells(fmt.Sprintf("c-%d", i), "submitting accepted cancelled:requested.")
		}
		p.send("cancel", "{'client_order_id':'filled'}")
		p.send("cancel", "{'client_order_id':'c-0'}")
		strange := p.send("cancel", "{'order_id':'0x%064d'}", 7)
		p.pass(3 * time.Second)
		if s := p.story("main", "filled"); !strings.HasSuffix(s, "cancel_rejected:already_filled.") {
			t.Errorf("filled: %s", s)
		}
		if s := p.story("main", "c-0"); !strings.HasSuffix(s, "cancel_rejected:already_final.") {
			t.Errorf("c-0: %s", s)
		}
		if e := p.of("main", strange); len(e) == 0 || e[len(e)-1].word() != "cancel_rejected:not_found" {
			t.Errorf("the cancel of a strange id: %v", e)
		}
	})
}
