package judge

import "testing"

// wrongs is what a broken run must be charged with, exactly; what is not named must be zero.
type wrongs map[Kind]int

// Each case is the honest run with one thing done wrong. The judge must say what and how often, and nothing else.
func TestBrokenRunIsChargedExactly(t *testing.T) {
	for _, c := range gather(brokenSends(), brokenLosses(), brokenBarriers(), brokenStates(), brokenLogs()) {
		t.Run(c.name, func(t *testing.T) {
			v := c.run.run().judge(t)
			for _, ch := range v.Wrong.charges() {
				if *ch.count != c.want[ch.kind] {
					t.Errorf("%s: %d, want %d", ch.kind, *ch.count, c.want[ch.kind])
				}
			}
			if lost := c.want[LostCommands] + c.want[Unresolved] + c.want[Denied] + c.want[Phantom]; v.Lost != lost {
				t.Errorf("lost: %d, want %d", v.Lost, lost)
			}
			if v.Content() {
				t.Error("content with a broken run")
			}
			if t.Failed() {
				t.Log(v.String())
			}
		})
	}
}

type broken struct {
	name string
	run  play
	want wrongs
}

func gather(parts ...[]broken) []broken {
	var out []broken
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// brokenSends: twice, unannounced, unasked, too late.
func brokenSends() []broken {
	h := honest()
	return []broken{
		{"a lost answer is sent again with a new salt and its own intent", h.then("unknown", func(s *story) {
			twin := s.resign(s.orders["unknown"])
			s.intend(twin)
			s.post(twin, "live", "answered")
			s.tell(s.event("order.accepted", "open", s.orders["unknown"]))
			s.venue(twin, s.requests, "cancelled")
		}), wrongs{DuplicatesAtVenue: 1}},
		{"an order is sent again with a new salt behind the log's back", h.then("batch", func(s *story) {
			twin := s.resign(s.orders["batch-1"])
			s.post(twin, "live", "answered")
			s.venue(twin, s.requests, "cancelled")
		}), wrongs{DuplicatesAtVenue: 1}},
		{"three venue orders for one command", h.then("rest", func(s *story) {
			for range 2 {
				twin := s.resign(s.orders["rest"])
				s.post(twin, "live", "answered")
				s.venue(twin, s.requests, "cancelled")
			}
		}), wrongs{DuplicatesAtVenue: 2}},
		{"a venue that forgot the hash takes the same bytes twice", h.then("taker", func(s *story) {
			s.post(s.orders["taker"], "matched", "answered")
		}), wrongs{DuplicatesAtVenue: 1, UnsafeResends: 1}},
		{"one order id trades for more than was signed", h.then("taker failed", func(s *story) {
			o := s.orders["taker"]
			for _, id := range []string{"t3", "t4"} {
				s.trade(id, "CONFIRMED", o, "20")
				s.tell(s.event("order.filled", "filled", o, fillOf(id, "20", o)),
					s.event("order.settled", "filled", o, fillOf(id, "20", o), fields{"unsettled": "0", "filled": "40"}))
			}
		}), wrongs{DuplicatesAtVenue: 1}},
		{"an order without an intent", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{Unlogged: 1}},
		{"an order without an intent is lost on the way", h.then("last", func(s *story) {
			o := s.spec("last-2", "BUY", "GTC", "0.40", "29")
			s.submit(o)
			s.post(o, "live", "lost")
			s.reject(o, "not_placed")
		}), wrongs{Unlogged: 1}},
		{"an order that nobody asked for and nobody told", h.then("last", func(s *story) {
			s.post(s.spec("", "BUY", "GTC", "0.12", "30"), "live", "answered")
		}), wrongs{Unlogged: 1}},
		{"the intent is stored after the request arrived", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.post(o, "live", "answered")
			s.intend(o)
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{Unlogged: 1}},
		{"an intent that no command asked for", h.then("last", func(s *story) {
			o := s.spec("invented", "BUY", "GTC", "0.40", "29")
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{Uncommanded: 1}},
		{"signed again while the first may have left", h.then("last", func(s *story) {
			o := s.spec("twice", "BUY", "GTC", "0.40", "29")
			s.submit(o)
			s.intend(o)
			s.post(o, "live", "lost")
			o = s.resign(o)
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{Resigned: 1}},
		{"sent again without a look-up", h.instead("relost again", func(s *story) {
			o := s.orders["relost"]
			s.wait(12_500)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{UnsafeResends: 1}},
		{"sent again before the venue can know", h.instead("relost again", func(s *story) {
			o := s.orders["relost"]
			s.wait(3_000)
			s.request("GET", "/data/order/"+o.hash, "", 404, "", "answered")
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{UnsafeResends: 1}},
		{"a FAK is sent again after a denial", h.then("last", func(s *story) {
			o := s.spec("fak", "SELL", "FAK", "0.66", "31")
			s.submit(o, fields{"valid_until_ms": 0})
			s.intend(o)
			s.post(o, "matched", "lost")
			s.wait(12_500)
			s.request("GET", "/data/order/"+o.hash, "", 404, "", "answered")
			s.refuse(o, "killed", "no orders found to match with FAK order.")
			s.reject(o, "fak_no_match")
		}), wrongs{UnsafeResends: 1}},
		{"decided after its valid_until", h.instead("stale rejected", func(s *story) {
			o := s.orders["stale"]
			s.wait(5_100)
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
			s.close(o)
		}), wrongs{LateSends: 1}},
		{"sent long after its valid_until", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o, fields{"valid_until_ms": s.now/1000 + 100})
			s.intend(o)
			s.wait(2_400)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{LateSends: 1}},
		{"sent past the send-by rule", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.wait(2_400)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{LateSends: 1}},
		{"a whole batch is late", h.instead("last", func(s *story) {
			a, b := s.spec("late-1", "BUY", "GTC", "0.39", "28"), s.spec("late-2", "BUY", "GTC", "0.39", "29")
			for _, o := range []*spec{a, b} {
				s.submit(o, fields{"sent_ms": s.now/1000 - 6_000})
			}
			s.intend(a, b)
			r := s.request("POST", "/orders", asJSON([]fields{a.body(), b.body()}), 0, "", "lost")
			_ = r
			s.reject(a, "not_placed")
			s.reject(b, "not_placed")
		}), wrongs{LateSends: 2}},
		{"a replacement leaves before the old order is closed", h.instead("replaced closed", func(s *story) {
			o := s.orders["heir"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
			s.close(s.orders["buyer"])
		}).instead("replaced", nil), wrongs{EarlyReplaces: 1}},
	}
}

// brokenLosses: commands without an answer, answers without an end, answers that are not so.
func brokenLosses() []broken {
	h := honest()
	return []broken{
		{"a submit is dropped", h.then("last", func(s *story) {
			s.submit(s.spec("dropped", "BUY", "GTC", "0.40", "29"))
		}), wrongs{LostCommands: 1}},
		{"a cancel is dropped and its order rests", h.then("last", func(s *story) {
			s.ask("cancel", fields{"client_order_id": "last"})
		}), wrongs{LostCommands: 1, AfterBarrier: 1}},
		{"a cancel of a closed order is dropped", h.then("last", func(s *story) {
			s.wait(1000)
			s.ask("cancel", fields{"client_order_ids": []string{"rest", "tomb"}})
		}), wrongs{LostCommands: 1}},
		{"a cancel_all is dropped", h.then("last", func(s *story) {
			s.ask("cancel_all", fields{"request_id": "panic-9", "prefix": "nobody"})
		}), wrongs{LostCommands: 1}},
		{"a halt of all is dropped", h.then("last", func(s *story) {
			s.store("ASK_all", "cmd.control.all.halt", `{"request_id":"a9"}`)
		}), wrongs{LostCommands: 1}},
		{"a submit is dropped whose cancel was answered", h.instead("kill tomb", nil), wrongs{LostCommands: 1}},
		{"a submit is dropped that has the sequence of a halt of all", h.then("resume all", func(s *story) {
			s.seqs["ASK_all"] = s.seqs["ASK_main"]
			s.submit(s.spec("dropped", "BUY", "GTC", "0.40", "29"))
			seq := s.store("ASK_all", "cmd.control.all.resume", `{"request_id":"a3"}`)
			s.tell(fields{"type": "order.halted", "cmd_seq": seq, "by": "sluice"},
				fields{"type": "order.resumed", "cmd_seq": seq, "request_id": "a3"})
		}).instead("last", func(s *story) {}), wrongs{LostCommands: 1}},
		{"a request_id comes back with other content and is dropped", h.then("last", func(s *story) {
			s.ask("cancel_all", fields{"request_id": "panic-1", "side": "SELL"})
		}), wrongs{LostCommands: 1}},
		{"a replace is dropped", h.then("last", func(s *story) {
			s.ask("replace", fields{"client_order_id": "next", "replaces": "last"})
		}), wrongs{LostCommands: 1}},
		{"bad input is dropped", h.instead("not JSON", func(s *story) {
			s.store("ASK_main", "cmd.order.main.submit", "hello")
		}), wrongs{LostCommands: 1}},
		{"a spent id with other content is dropped", h.instead("other content", func(s *story) {
			body := s.submitBody(s.orders["heir"])
			body["size"] = "99"
			s.ask("submit", body)
		}), wrongs{LostCommands: 1}},
		{"a halt is answered and not told", h.instead("halt", func(s *story) {
			seq := s.ask("halt", fields{"request_id": "h1", "cancel": true})
			s.cancelling(fields{"cmd_seq": seq, "request_id": "h1"})
		}), wrongs{Unresolved: 1}},
		{"a second cancel of one order is dropped", h.then("rest closed", func(s *story) {
			s.ask("cancel", fields{"client_order_id": "rest", "meta": fields{"again": true}})
		}), wrongs{LostCommands: 1}},
		{"a cancel_all never ends", h.instead("panic done", nil), wrongs{Unresolved: 1}},
		{"an intent never comes to an outcome", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
		}), wrongs{Unresolved: 1}},
		{"an order stays unknown", h.then("last", func(s *story) {
			s.tell(s.event("order.unknown", "unknown", s.orders["last"]))
		}), wrongs{Unresolved: 1}},
		{"told rejected, but live at the venue", h.then("last", func(s *story) {
			s.reject(s.orders["last"], "not_placed")
		}), wrongs{Denied: 1}},
		{"told accepted, but never sent", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{Phantom: 1}},
	}
}

// brokenBarriers: what was to be dead and lives.
func brokenBarriers() []broken {
	h := honest()
	return []broken{
		{"two queued submits are sent after cancel_all", h.instead("queue killed", func(s *story) {
			for _, id := range []string{"queue-1", "queue-2"} {
				o := s.orders[id]
				s.intend(o)
				s.post(o, "live", "answered")
				s.tell(s.event("order.accepted", "open", o))
				s.close(o)
			}
			s.kill(s.orders["queue-3"])
		}), wrongs{AfterBarrier: 2}},
		{"an order stored before cancel_all still rests", h.instead("panic closes", func(s *story) {
			for _, id := range []string{"unknown", "relost", "batch-1"} {
				s.close(s.orders[id])
			}
		}), wrongs{AfterBarrier: 1}}, // the halt with cancel leaves it as well, but it is one order
		{"a request in hand arrives long after cancel_all", h.instead("queue killed", func(s *story) {
			s.kill(s.orders["queue-1"])
			s.kill(s.orders["queue-2"])
			s.kill(s.orders["queue-3"])
		}).instead("relost again", func(s *story) { s.wait(1) }).instead("panic closes", func(s *story) {
			for _, id := range []string{"unknown", "batch-1", "batch-2"} {
				s.close(s.orders[id])
			}
			s.wait(13_000)
			o := s.orders["relost"]
			s.request("GET", "/data/order/"+o.hash, "", 404, "", "answered")
			s.post(o, "live", "answered")
			s.close(o)
		}), wrongs{AfterBarrier: 1}},
		{"a submit waiting at a halt is sent after it", h.instead("halted", func(s *story) {
			o := s.orders["halted"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
			s.close(o)
		}), wrongs{AfterBarrier: 1}},
		{"a submit waiting at a halt is kept for later", h.instead("halted", nil).then("resume", func(s *story) {
			o := s.orders["halted"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{AfterBarrier: 1}},
		{"a submit stored during a halt is sent", h.then("halted", func(s *story) {
			s.place(s.spec("during", "BUY", "GTC", "0.40", "29"))
			s.close(s.orders["during"])
		}), wrongs{AfterBarrier: 1}},
		{"a submit stored during a halt is kept for later", h.then("halted", func(s *story) {
			s.submit(s.spec("during", "BUY", "GTC", "0.40", "29"))
		}).then("resume", func(s *story) {
			o := s.orders["during"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{AfterBarrier: 1}},
		{"a submit waiting at a halt of all is kept for later", h.instead("halted by all", nil).then("resume all", func(s *story) {
			o := s.orders["halted-all"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{AfterBarrier: 1}},
		{"an order rests through a halt with cancel", h.instead("halt closes", nil), wrongs{AfterBarrier: 1}},
		{"a submit whose cancel was stored before it is sent", h.instead("kill tomb", func(s *story) {
			o := s.orders["tomb"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
			s.close(o)
		}), wrongs{AfterBarrier: 1}},
		{"a cancelled order still rests", h.then("last", func(s *story) {
			s.cancelling(fields{"cmd_seq": s.ask("cancel", fields{"order_id": s.orders["last"].hash})}, s.orders["last"])
		}), wrongs{AfterBarrier: 1}},
	}
}
