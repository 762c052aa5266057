package flow

import (
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// onPost is a fault of the next single post.
func onPost() sandbox.Fault { return sandbox.Fault{Next: 1, On: "POST /order"} }

// ask is an order of main for Yes of the coin.
type ask struct{ id, side, kind, price, size, more string }

const (
	always = ",'valid_until_ms':0"
	maker  = ",'post_only':true"
)

// told is how the story of an order begins whose answer was lost: the private feed may tell of it before the loss is seen.
const told = "submitting (unknown )?"

// TestFaultsOfThePost lets one thing go wrong with one post, and tells the whole story of the order that was in it, and
// how often it was sent.
func TestFaultsOfThePost(t *testing.T) {
	rests := ask{"o", "BUY", "GTC", "0.10", "10", ""}
	patient := ask{"o", "BUY", "GTC", "0.10", "10", always}
	takes := ask{"o", "BUY", "FOK", "0.52", "10", ""}
	for _, c := range []struct {
		name  string
		fault func(*sandbox.Faults)
		order ask
		story string
		sent  int
		wait  time.Duration
	}{
		{"the answer to a GTC is dropped", func(f *sandbox.Faults) { f.DropAnswer = onPost() }, rests,
			told + "accepted", 1, 20 * time.Second},
		{"the answer to a FOK is dropped", func(f *sandbox.Faults) { f.DropAnswer = onPost() }, takes,
			told + "(accepted )?filled:10[.] settled[.]", 1, 40 * time.Second},
		{"the request of a GTC is lost and it is still wanted", func(f *sandbox.Faults) { f.LoseRequest = onPost() }, patient,
			"submitting unknown submitting accepted", 2, 20 * time.Second},
		{"the request of a GTC is lost and it has become old", func(f *sandbox.Faults) { f.LoseRequest = onPost() }, rests,
			"submitting unknown rejected:not_placed[.]", 1, 20 * time.Second},
		{"the request of a FOK is lost", func(f *sandbox.Faults) { f.LoseRequest = onPost() }, takes,
			"submitting unknown rejected:not_placed[.]", 1, 60 * time.Second},
		{"the request of a FOK is lost and it is still wanted", func(f *sandbox.Faults) { f.LoseRequest = onPost() },
			ask{"o", "BUY", "FOK", "0.52", "10", always}, "submitting unknown rejected:not_placed[.]", 1, 60 * time.Second},
		{"the answer is late", func(f *sandbox.Faults) { f.LateAnswer, f.LateMS = onPost(), 4000 }, rests,
			"submitting accepted", 1, 20 * time.Second},
		{"the answer is later than anyone waits", func(f *sandbox.Faults) { f.LateAnswer, f.LateMS = onPost(), 60_000 }, rests,
			"submitting accepted", 1, 90 * time.Second},
		{"an error 500 and nothing done", func(f *sandbox.Faults) { f.ServerError = onPost() }, patient,
			"submitting unknown submitting accepted", 2, 20 * time.Second},
		{"an error 500 and the order taken", func(f *sandbox.Faults) { f.ServerError, f.ServerProcesses = onPost(), true }, rests,
			told + "accepted", 1, 20 * time.Second},
		{"an error 503 with other words", func(f *sandbox.Faults) {
			f.ServerError, f.ServerStatus, f.ServerText = onPost(), 503, "upstream connect error"
		}, patient,
			"submitting unknown submitting accepted", 2, 20 * time.Second},
		{"a page of HTML", func(f *sandbox.Faults) { f.HTMLError = onPost() }, patient,
			"submitting unknown submitting accepted", 2, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.venue.SetFaults(c.fault)
				o := c.order
				p.submit(o.id, o.side, o.kind, o.price, o.size, o.more)
				p.pass(c.wait)
				if s := p.story("main", o.id); !regexp.MustCompile("^" + c.story + "$").MatchString(s) {
					t.Errorf("story:\n  %s\nwant\n  %s", s, c.story)
				}
				sent := p.sent(o.id)
				if len(sent) != c.sent {
					t.Errorf("sent %d times, want %d", len(sent), c.sent)
				}
				for _, l := range sent {
					if l.Body != sent[0].Body {
						t.Errorf("sent again with other bytes:\n%s\n%s", sent[0].Body, l.Body)
					}
				}
			})
		})
	}
}

// TestRestartOfTheEngine: 425 with Retry-After, then a window for post-only orders. What was refused leaves when it may,
// what may not wait so long is refused, and cancels get through afterwards.
func TestRestartOfTheEngine(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("before", "BUY", "GTC", "0.10", "10")
		p.is("before", "open")
		p.venue.SetFaults(func(f *sandbox.Faults) { f.RetryAfterS = 2 })
		p.venue.Restart(20*time.Second, 40*time.Second) // the window is longer than the longest back-off
		p.submit("patient", "BUY", "GTC", "0.10", "10", always)
		p.submit("maker", "BUY", "GTC", "0.10", "10", always, maker)
		p.submit("hasty", "BUY", "GTC", "0.10", "10")
		p.send("cancel", "{'client_order_id':'before'}")
		p.pass(15 * time.Second)
		if s := p.story("main", "hasty"); !strings.HasSuffix(s, "rejected:venue_down.") && !strings.HasSuffix(s, "rejected:expired_in_queue.") {
			t.Errorf("hasty: %s", s)
		}
		p.pass(80 * time.Second)
		for id, state := range map[string]string{"patient": "open", "maker": "open", "before": "cancelled"} {
			if e := p.last("main", id); e.State != state {
				t.Errorf("%s is %s, want %s: %s", id, e.State, state, p.story("main", id))
			}
		}
		if a, b := p.sent("maker"), p.sent("patient"); a[len(a)-1].AtUS >= b[len(b)-1].AtUS {
			t.Error("the post-only order did not use the window that is for such orders")
		}
	})
}

// TestCredentialsAreRefreshedOnce: the venue refuses the credentials of one post, of one cancel and of one read; each goes
// again with fresh ones, without the order being told anything.
func TestCredentialsAreRefreshedOnce(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		refuse := func(which func(*request) bool) *atomic.Int32 {
			var n atomic.Int32
			p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
				if which(r) && n.Add(1) == 1 {
					return answer(r, 401, "application/json", `{"error":"Unauthorized/Invalid api key"}`), nil
				}
				return send()
			})
			return &n
		}
		n := refuse((*request).posts)
		p.submit("o", "BUY", "GTC", "0.10", "10")
		p.is("o", "open")
		if n.Load() != 2 {
			t.Errorf("%d posts left, want 2", n.Load())
		}
		n = refuse((*request).cancels)
		p.send("cancel", "{'client_order_id':'o'}")
		p.final("o")
		if n.Load() != 2 {
			t.Errorf("%d cancels left, want 2", n.Load())
		}
		p.tells("o", "submitting accepted cancelled:requested.")
		if e := p.ofType("main", "order.halted"); len(e) > 0 {
			t.Error("one refusal halted the account")
		}
	})
}

// TestCredentialsRefusedForGoodHalt: the venue refuses every post. The order is refused, and the account halts.
func TestCredentialsRefusedForGoodHalt(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.posts() {
				return answer(r, 401, "application/json", `{"error":"Unauthorized/Invalid api key"}`), nil
			}
			return send()
		})
		p.submit("o", "BUY", "GTC", "0.10", "10")
		p.final("o")
		p.tells("o", "submitting rejected:unauthorised.")
		p.submit("next", "BUY", "GTC", "0.10", "10")
		p.final("next")
		p.tells("next", "rejected:halted.")
	})
}

// TestTradeBeforeTheAnswer: the feed tells a fill while the answer to the post is on its way.
func TestTradeBeforeTheAnswer(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.LateAnswer, f.LateMS = sandbox.Fault{Next: 2, On: "POST /order"}, 2500 })
		p.submit("gtc", "BUY", "GTC", "0.52", "10")
		p.pass(100 * time.Millisecond)
		p.submit("fok", "SELL", "FOK", "0.51", "10")
		p.pass(2 * time.Second)
		for _, id := range []string{"gtc", "fok"} {
			if e := p.last("main", id); e.Filled != "10" || e.State != "filled" {
				t.Errorf("before the answer %s is %s with %s filled: %s", id, e.State, e.Filled, p.story("main", id))
			}
		}
		p.pass(5 * time.Second)
		for _, id := range []string{"gtc", "fok"} {
			if s := p.story("main", id); strings.Count(s, "filled:10") != 1 || strings.Count(s, "settled") != 1 {
				t.Errorf("%s: %s", id, s)
			}
			p.once(id)
		}
	})
}

// TestFillAfterCancel: the venue says that it has cancelled an order, and then trades it. The fill is believed, as late.
func TestFillAfterCancel(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.cancelledInWordsOnly("o")
		p.tells("o", "submitting accepted cancelled:requested.")
		p.byHand("second", wide, polymarket.Sell, "0.39", "10")
		p.pass(3 * time.Second)
		p.tells("o", "submitting accepted cancelled:requested. filled:10. settled.")
		if e := p.last("main", "o"); !e.Late || e.State != "filled" || e.Filled != "10" {
			t.Errorf("late %v, %s with %s filled", e.Late, e.State, e.Filled)
		}
	})
}

// TestFailedSettlementTakesTheFillBack: of two fills one is reversed; filled goes down again.
func TestFailedSettlementTakesTheFillBack(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.sendTo("main", "submit", submitOf(wide, "o", "BUY", "GTC", "0.39", "20"))
		p.is("o", "open")
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FailSettlement.Next = 1 })
		p.byHand("second", wide, polymarket.Sell, "0.39", "5")
		p.pass(3 * time.Second)
		p.byHand("second", wide, polymarket.Sell, "0.39", "15")
		p.pass(3 * time.Second)
		p.tells("o", "submitting accepted filled:5 settlement_failed filled:15. settled.")
		if e := p.last("main", "o"); e.Filled != "15" {
			t.Errorf("filled is %s, want 15", e.Filled)
		}
	})
}

// TestFillArrivesWithoutAFeed: the sockets are frozen, or cut just before a trade. The fill comes by REST.
func TestFillArrivesWithoutAFeed(t *testing.T) {
	for name, fault := range map[string]func(p *plant){
		"frozen": func(p *plant) { p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true }) },
		"cut": func(p *plant) {
			p.venue.CutSockets()
		},
		"ingest dies": func(p *plant) {
			p.ingest.Kill()
			p.ingest = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				p.sendTo("main", "submit", submitOf(wide, "o", "BUY", "GTC", "0.39", "10"))
				p.is("o", "open")
				p.pass(time.Second)
				fault(p)
				p.byHand("second", wide, polymarket.Sell, "0.39", "6")
				p.submit("taker", "BUY", "FOK", "0.52", "10")
				if p.ingest == nil {
					p.pass(5 * time.Second)
					p.ingest = p.startIngest()
				}
				p.until("the fills are told", func() bool {
					return p.last("main", "o").Filled == "6" && p.last("main", "taker").Filled == "10"
				})
				p.until("the fills are settled", func() bool { return len(p.ofType("main", "order.settled")) >= 2 })
				p.once("taker")
			})
		})
	}
}

// TestForeignOrderIsSeenAndSwept: an order that was placed beside Sluice is an event, and a cancel_all takes it too.
func TestForeignOrderIsSeenAndSwept(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		id := p.byHand("main", coin, polymarket.Buy, "0.10", "10")
		p.until("the foreign order is told", func() bool { return len(p.ofType("main", "order.foreign")) > 0 })
		if e := p.ofType("main", "order.foreign")[0]; e.OrderID != id || e.ClientOrderID != "" {
			t.Errorf("foreign order %s named %q", e.OrderID, e.ClientOrderID)
		}
		p.send("cancel_all", "{'request_id':'sweep'}")
		p.until("cancel_all_done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) > 0 })
		if open := p.open("main"); len(open) != 0 {
			t.Errorf("%d orders are open", len(open))
		}
	})
}

// loseOnePost loses the next request that posts one order.
func loseOnePost(f *sandbox.Faults) { f.LoseRequest = onPost() }
