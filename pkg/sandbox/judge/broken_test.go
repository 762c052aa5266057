package judge

import (
	"fmt"
	"testing"
)

// wrongs is what a broken run must be charged with, exactly; what is not named must be zero.
type wrongs map[Kind]int

// Each case is the honest run with one thing done wrong. The judge must say what and how often, and nothing else.
func TestBrokenRunIsChargedExactly(t *testing.T) {
	for _, c := range join2(brokenSends(), brokenLosses(), brokenBarriers(), brokenStates(), brokenLogs()) {
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
				t.Log(v.Text())
			}
		})
	}
}

type broken struct {
	name string
	run  play
	want wrongs
}

func join2(parts ...[]broken) []broken {
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

// brokenStates: what was told is not what the venue has.
func brokenStates() []broken {
	h := honest()
	return []broken{
		{"told cancelled, but live", h.then("last", func(s *story) {
			s.tell(s.event("order.cancelled", "cancelled", s.orders["last"], fields{"reason": "venue"}))
		}), wrongs{WrongState: 1}},
		{"told open, but cancelled", h.then("last", func(s *story) {
			s.venue(s.orders["last"], s.requests, "cancelled")
		}), wrongs{WrongState: 1}},
		{"a fill is never told", h.instead("rest filled", nil).instead("rest settled", func(s *story) {
			o := s.orders["rest"]
			s.trade("t1", "CONFIRMED", o, "4")
			o.filled = "0"
		}), wrongs{WrongState: 1, FillsMissing: 1}},
		{"a fill is told twice and counted twice", h.then("rest settled", func(s *story) {
			o := s.orders["rest"]
			o.filled = "8"
			s.tell(s.event("order.filled", "open", o, fillOf("t1", "4", o), fields{"unsettled": "0"}))
		}), wrongs{WrongState: 1, FillsRepeated: 1}},
		{"a fill is told twice and counted once", h.then("rest settled", func(s *story) {
			o := s.orders["rest"]
			s.tell(s.event("order.filled", "open", o, fillOf("t1", "4", o), fields{"unsettled": "0"}))
		}), wrongs{FillsRepeated: 1}},
		{"a fill is told that never was", h.then("last", func(s *story) {
			o := s.orders["last"]
			o.filled = "1"
			s.tell(s.event("order.filled", "open", o, fillOf("t9", "1", o), fields{"unsettled": "0"}))
		}), wrongs{WrongState: 1, FillsUnknown: 1}},
		{"a fill is told at another price", h.instead("rest filled", func(s *story) {
			o := s.orders["rest"]
			o.price = "0.51"
			e := s.event("order.filled", "open", o, fillOf("t1", "4", o))
			o.price = "0.52"
			s.tell(e)
		}), wrongs{FillsUnknown: 1}},
		{"a failed settlement is not told", h.instead("taker failed", func(s *story) {
			s.trade("t2", "FAILED", s.orders["taker"], "20")
		}), wrongs{WrongState: 1}},
		{"a settlement is not told", h.instead("taker failed", func(s *story) {
			s.trade("t2", "CONFIRMED", s.orders["taker"], "20")
		}), wrongs{WrongState: 1}},
		{"the remainder does not add up", h.then("last", func(s *story) {
			s.tell(s.event("order.accepted", "open", s.orders["last"], fields{"remaining": "27"}))
		}), wrongs{WrongState: 1}},
		{"placed at another price than asked", h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			o.price = "0.40"
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}), wrongs{WrongState: 1}},
	}
}

// brokenLogs: the log itself, the limits, and what cannot be read.
func brokenLogs() []broken {
	h := honest()
	return []broken{
		{"a number is skipped", h.then("rest", func(s *story) { s.n++ }), wrongs{NGaps: 1}},
		{"a number is used twice", h.then("rest", func(s *story) { s.n-- }), wrongs{NGaps: 1}},
		{"the old owner writes after a new claim", h.then("rest", func(s *story) {
			s.epoch, s.owner = 2, "executor-2"
			s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch})
			s.epoch, s.owner = 1, "executor-1"
			s.tell(s.event("order.accepted", "open", s.orders["rest"]))
			s.epoch, s.owner = 2, "executor-2"
		}), wrongs{FenceBreaks: 1}},
		{"two owners claim one epoch", h.then("rest", func(s *story) {
			s.tell(fields{"type": "order.owner", "owner": "executor-2", "epoch": 1})
		}), wrongs{FenceBreaks: 1}},
		{"a cursor goes back", h.then("last", func(s *story) {
			s.n++
			s.store("LOG_main", "evt.order.main", asJSON(fields{"env": "sandbox", "epoch": 1, "owner": s.owner,
				"cursors": fields{"submit": 1, "express": 99},
				"events":  []fields{s.event("order.accepted", "open", s.orders["last"], fields{"n": s.n})}}))
		}), wrongs{CursorRegressions: 1}},
		{"a log of another env", h.then("last", func(s *story) {
			s.store("LOG_main", "evt.order.main", asJSON(fields{"env": "live", "events": []fields{}}))
		}), wrongs{WrongEnv: 1}},
		{"a limit is passed", h.then("last", func(s *story) {
			for _, used := range []int{33, 35, 30} {
				s.line(fields{"kind": "limit", "at_us": s.now, "scope": "signer", "layer": "orders", "used": used, "limit": 32})
			}
			s.line(fields{"kind": "limit", "at_us": s.now, "scope": "ip", "layer": "post", "excess": "1.5"})
		}), wrongs{LimitsExceeded: 2}},
		{"what cannot be read", h.then("last", func(s *story) {
			s.journal = append(s.journal, "{", "[]", `{"kind":"order"}`, `{"kind":"request","id":1,"at_us":1,"method":"POST","path":"/order","body":"x"}`)
			s.record = append(s.record, "null", `{"stream":"S"}`)
			s.store("LOG_main", "evt.order.main", "no envelope")
			s.store("LOG_main", "evt.order.main", `{"events":[7]}`)
		}), wrongs{Unreadable: 8}},
	}
}

// A kind of line, event or subject that the judge does not know is shown, and neither accuses nor acquits.
func TestUnfamiliarThingsAreShownByName(t *testing.T) {
	s := honest().then("last", func(s *story) {
		s.line(fields{"kind": "unit", "at_us": s.now})
		s.tell(fields{"type": "order.blessed"})
		s.store("ASK_main", "cmd.tx.main.split", "{}")
	}).run()
	v := s.judge(t)
	if !v.Content() {
		t.Errorf("not content:\n%s", v.Text())
	}
	for _, name := range []string{"journal unit", "event order.blessed", "command cmd.tx"} {
		if v.Unfamiliar[name] != 1 {
			t.Errorf("%q counted %d times, want 1 (%v)", name, v.Unfamiliar[name], v.Unfamiliar)
		}
	}
}

// The excess over a limit is the largest one, with how often it was passed.
func TestWorstExcessIsReported(t *testing.T) {
	s := newStory()
	for _, used := range []string{"33", "35.5", "32"} {
		s.line(fields{"kind": "limit", "at_us": s.now, "scope": "signer", "layer": "orders", "used": used, "limit": "32"})
	}
	v := s.judge(t)
	if len(v.Excesses) != 1 || v.Excesses[0].Max != "3.5" || v.Excesses[0].Times != 2 {
		t.Errorf("excesses %v, want 3.5 in 2 times", v.Excesses)
	}
}

// What an honest sender may do is not held against him.
func TestLawfulOddityIsNotCharged(t *testing.T) {
	h := honest()
	for name, run := range map[string]play{
		"a 429 is followed by the same bytes": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.request("POST", "/order", asJSON(o.body()), 429, `{"error":"Too Many Requests"}`, "answered")
			s.wait(1_000)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}),
		"a refused order is signed again": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.refuse(o, "rejected", "order_version_mismatch")
			o = s.resign(o)
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}),
		"a cancel_all admits what it could not close": h.instead("panic closes", func(s *story) {
			for _, id := range []string{"unknown", "relost", "batch-1"} {
				s.close(s.orders[id])
			}
		}).instead("panic done", func(s *story) {
			s.tell(fields{"type": "order.cancel_all_done", "request_id": "panic-1", "still_open": []fields{{"client_order_id": "batch-2"}}})
		}).then("halt closes", func(s *story) { s.close(s.orders["batch-2"]) }),
		"a request in hand arrives within send-by of the barrier": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.cancelling(fields{"cmd_seq": s.ask("cancel", fields{"client_order_id": "last"})}, o)
			s.wait(1_500)
			s.post(o, "live", "answered")
			s.close(o)
		}),
		"an order waits for ever because it was asked to": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o, fields{"valid_until_ms": 0})
			s.wait(3_600_000)
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}),
		"the head of the streams was purged": h.then("last", func(s *story) {
			for name, n := range map[string]int{"ASK_main": 6, "LOG_main": 1} {
				kept := s.record[:0:0]
				for _, l := range s.record {
					var r recordLine
					if why := decode([]byte(l), &r); why != "" || string(r.Stream) != name || r.Seq.n > int64(n) {
						kept = append(kept, l)
					}
				}
				s.record = kept
			}
		}),
		"an owner takes over": h.then("rest", func(s *story) {
			s.epoch, s.owner = 5, "executor-2"
			s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if v := run.run().judge(t); !v.Content() {
				t.Errorf("not content:\n%s", v.Text())
			}
		})
	}
}

// A run of many orders, with cancel_alls that concern none of them, is judged as a small one is.
func TestManyOrdersAreJudged(t *testing.T) {
	const orders = 3_000
	if v := many(orders).judge(t); !v.Content() || v.OrdersOpen != orders {
		t.Errorf("%d open of %d\n%s", v.OrdersOpen, orders, v.Text())
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, orders := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(orders), func(b *testing.B) {
			s := many(orders)
			b.ReportAllocs()
			for b.Loop() {
				if v := s.judge(b); !v.Content() {
					b.Fatal(v.Text())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(orders), "µs/order")
		})
	}
}

func many(orders int) *story {
	s := newStory()
	for i := range orders {
		o := s.spec(fmt.Sprint("o-", i), "BUY", "GTC", "0.52", fmt.Sprint(10+i))
		s.place(o)
		if i%100 == 0 {
			id := fmt.Sprint("p-", i)
			s.cancelling(fields{"cmd_seq": s.ask("cancel_all", fields{"request_id": id, "side": "SELL"}), "request_id": id})
			s.tell(fields{"type": "order.cancel_all_done", "request_id": id})
		}
	}
	return s
}
