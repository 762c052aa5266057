package judge

// step is one named part of a run, so that a broken variant can say which part it replaces.
type step struct {
	name string
	do   func(s *story)
}

type play []step

// instead is the play with one step done differently; a nil replacement leaves it out.
func (p play) instead(name string, do func(s *story)) play {
	out := make(play, 0, len(p))
	found := false
	for _, x := range p {
		if x.name == name {
			found = true
			if do == nil {
				continue
			}
			x.do = do
		}
		out = append(out, x)
	}
	if !found {
		panic("no step " + name)
	}
	return out
}

// then is the play with something more after one step.
func (p play) then(name string, do func(s *story)) play {
	for _, x := range p {
		if x.name == name {
			return p.instead(name, func(s *story) { x.do(s); do(s) })
		}
	}
	panic("no step " + name)
}

func (p play) run() *story {
	s := newStory()
	for _, x := range p {
		x.do(s)
		s.wait(10)
	}
	return s
}

// honest is a run of account main in which every rule of the judge is touched and none is broken.
func honest() play {
	return join(honestLives(), honestCancels(), honestInput(), honestControl())
}

func join(parts ...play) play {
	var out play
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// honestLives: an order filled in part and settled, one that failed to settle, killed and refused ones, lost answers.
func honestLives() play {
	return play{
		{"claim", func(s *story) { s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch}) }},
		{"rest", func(s *story) { s.place(s.spec("rest", "BUY", "GTC", "0.52", "10"), fields{"sent_ms": s.now / 1000}) }},
		{"rest fill", func(s *story) {
			o := s.orders["rest"]
			o.filled = "4"
			s.trade("t1", "MATCHED", o, "4")
			s.venue(o, 1, "live")
		}},
		{"rest filled", func(s *story) {
			o := s.orders["rest"]
			s.tell(s.event("order.filled", "open", o, fillOf("t1", "4", o)))
		}},
		{"rest settled", func(s *story) {
			o := s.orders["rest"]
			s.trade("t1", "CONFIRMED", o, "4")
			s.tell(s.event("order.settled", "open", o, fillOf("t1", "4", o), fields{"unsettled": "0"}))
		}},
		{"taker", func(s *story) {
			o := s.spec("taker", "BUY", "FAK", "0.60", "20")
			s.submit(o)
			s.intend(o)
			o.filled = "20"
			s.post(o, "matched", "answered")
			s.trade("t2", "MATCHED", o, "20")
			s.tell(s.event("order.accepted", "filled", o, fields{"filled": "0"}),
				s.event("order.filled", "filled", o, fillOf("t2", "20", o)))
		}},
		{"taker failed", func(s *story) {
			o := s.orders["taker"]
			s.trade("t2", "FAILED", o, "20")
			s.tell(s.event("order.settlement_failed", "filled", o, fillOf("t2", "20", o), fields{"unsettled": "0", "filled": "0"}))
		}},
		{"killed", func(s *story) {
			o := s.spec("killed", "SELL", "FOK", "0.70", "15")
			s.submit(o)
			s.intend(o)
			s.refuse(o, "killed", "order couldn't be fully filled. FOK orders are fully filled or killed.")
			s.reject(o, "fok_not_filled")
		}},
		{"refused", func(s *story) {
			o := s.spec("refused", "BUY", "GTC", "0.59", "16")
			s.submit(o)
			s.intend(o)
			s.refuse(o, "rejected", "invalid post-only order: order crosses book")
			s.reject(o, "would_cross")
		}},
		{"unknown", func(s *story) {
			o := s.spec("unknown", "BUY", "GTC", "0.41", "17")
			s.submit(o)
			s.intend(o)
			s.post(o, "live", "dropped")
			s.tell(s.event("order.unknown", "unknown", o, fields{"since_ms": s.now / 1000}))
			s.request("GET", "/data/order/"+o.hash, "", 200, asJSON(fields{"id": o.hash, "status": "LIVE"}), "answered")
			s.tell(s.event("order.accepted", "open", o))
		}},
		{"relost", func(s *story) {
			o := s.spec("relost", "BUY", "GTC", "0.42", "18")
			s.submit(o, fields{"valid_until_ms": 0})
			s.intend(o)
			s.post(o, "live", "lost")
			s.tell(s.event("order.unknown", "unknown", o))
		}},
		{"relost again", func(s *story) {
			o := s.orders["relost"]
			s.wait(12_500)
			s.request("GET", "/data/order/"+o.hash, "", 404, asJSON(fields{"error": "not found"}), "answered")
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}},
	}
}

// honestCancels: by id, before the submit, of everything, and in favour of another order.
func honestCancels() play {
	return play{
		{"cancel rest", func(s *story) {
			s.cancelling(fields{"cmd_seq": s.ask("cancel", fields{"client_order_id": "rest"})}, s.orders["rest"])
		}},
		{"rest closed", func(s *story) { s.close(s.orders["rest"]) }},
		{"cancel tomb", func(s *story) {
			o := s.spec("tomb", "BUY", "GTC", "0.43", "19")
			seq := s.ask("cancel", fields{"client_order_id": "tomb"})
			s.tell(fields{"type": "order.cancel_rejected", "cmd_seq": seq, "client_order_id": o.id, "state": "cancelled", "final": true,
				"error": fields{"code": "not_found"}})
		}},
		{"submit tomb", func(s *story) { s.submit(s.orders["tomb"]) }},
		{"kill tomb", func(s *story) { s.kill(s.orders["tomb"]) }},
		{"batch", func(s *story) {
			a, b := s.spec("batch-1", "BUY", "GTC", "0.44", "20"), s.spec("batch-2", "SELL", "GTC", "0.75", "21")
			s.submit(a)
			s.submit(b)
			s.intend(a, b)
			answer := []fields{{"success": true, "errorMsg": "", "orderID": a.hash, "status": "live"}, {"success": true, "errorMsg": "", "orderID": b.hash, "status": "live"}}
			r := s.request("POST", "/orders", asJSON([]fields{a.body(), b.body()}), 200, asJSON(answer), "answered")
			s.venue(a, r, "live")
			s.venue(b, r, "live")
			s.tell(s.event("order.accepted", "open", a), s.event("order.accepted", "open", b))
		}},
		{"queue", func(s *story) {
			for i, id := range []string{"queue-1", "queue-2", "queue-3"} {
				s.submit(s.spec(id, "BUY", "GTC", []string{"0.31", "0.32", "0.33"}[i], "22"))
			}
		}},
		{"panic", func(s *story) {
			seq := s.ask("cancel_all", fields{"request_id": "panic-1"})
			s.cancelling(fields{"cmd_seq": seq, "request_id": "panic-1", "barrier": fields{"seq": seq}},
				s.orders["unknown"], s.orders["relost"], s.orders["batch-1"], s.orders["batch-2"])
		}},
		{"queue killed", func(s *story) {
			for _, id := range []string{"queue-1", "queue-2", "queue-3"} {
				s.kill(s.orders[id])
			}
		}},
		{"panic closes", func(s *story) {
			for _, id := range []string{"unknown", "relost", "batch-1", "batch-2"} {
				s.close(s.orders[id])
			}
		}},
		{"panic done", func(s *story) {
			s.tell(fields{"type": "order.cancel_all_done", "request_id": "panic-1", "cancelled": 4, "killed_in_queue": 3})
		}},
		{"side cancelled", func(s *story) {
			// A cancel_all of the other side leaves a queued BUY alone, whenever it is decided.
			o := s.spec("buyer", "BUY", "GTC", "0.34", "23")
			s.submit(o)
			seq := s.ask("cancel_all", fields{"request_id": "panic-2", "side": "SELL"})
			s.cancelling(fields{"cmd_seq": seq, "request_id": "panic-2"})
			s.tell(fields{"type": "order.cancel_all_done", "request_id": "panic-2"})
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}},
		{"replace", func(s *story) {
			o := s.spec("heir", "BUY", "GTC", "0.35", "23")
			o.seq = s.ask("replace", fields{"client_order_id": "heir", "replaces": "buyer", "price": "0.35"})
		}},
		{"replaced closed", func(s *story) { s.close(s.orders["buyer"]) }},
		{"replaced", func(s *story) {
			o := s.orders["heir"]
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}},
	}
}

// honestInput: what is too old, what is said twice, what makes no sense, what others did.
func honestInput() play {
	return play{
		{"stale", func(s *story) { s.submit(s.spec("stale", "BUY", "GTC", "0.36", "24")) }},
		{"stale rejected", func(s *story) { s.wait(5_100); s.reject(s.orders["stale"], "expired_in_queue") }},
		{"repeat", func(s *story) { s.submit(s.orders["stale"]) }},
		{"other content", func(s *story) {
			body := s.submitBody(s.orders["heir"])
			body["size"] = "99"
			again := *s.orders["heir"]
			again.seq = s.ask("submit", body)
			s.reject(&again, "duplicate_id")
		}},
		{"not JSON", func(s *story) {
			seq := s.store("ASK_main", "cmd.order.main.submit", "hello")
			s.tell(fields{"type": "order.rejected", "cmd_seq": seq, "state": "rejected", "error": fields{"code": "bad_json"}})
		}},
		{"dead", func(s *story) {
			seq := s.store("ASK_main", "cmd.order.main.cancel_all", `{"request_id":"?"}`)
			s.store("DEAD", "dead.executor.poison", asJSON(fields{"stream": "ASK_main", "seq": seq, "subject": "cmd.order.main.cancel_all"}))
		}},
		{"foreign", func(s *story) {
			o := s.spec("", "BUY", "GTC", "0.11", "25")
			s.post(o, "live", "answered")
			s.tell(fields{"type": "order.foreign", "order_id": o.hash, "state": "open"})
		}},
		{"others", func(s *story) {
			s.store("ASK_main", "feed.main.trade", `{}`)
			s.line(fields{"kind": "limit", "at_us": s.now, "scope": "signer", "account": "main", "endpoint": "orders", "count": 15, "window_ms": 1000, "excess": 0})
			s.line(fields{"kind": "order", "at_us": s.now, "request": 0, "order_id": "0xffff", "account": "other", "status": "live"})
		}},
	}
}

// honestControl: halts of the account and of all, each lifted.
func honestControl() play {
	return play{
		{"before halt", func(s *story) { s.submit(s.spec("halted", "BUY", "GTC", "0.37", "26")) }},
		{"halt", func(s *story) {
			seq := s.ask("halt", fields{"request_id": "h1", "reason": "drawdown", "cancel": true})
			s.tell(fields{"type": "order.halted", "cmd_seq": seq, "request_id": "h1", "cancel": true, "barrier": fields{"seq": seq}, "by": "command"})
		}},
		{"halted", func(s *story) { s.reject(s.orders["halted"], "halted") }},
		{"halt closes", func(s *story) { s.close(s.orders["heir"]) }},
		{"resume", func(s *story) {
			seq := s.ask("resume", fields{"request_id": "h2"})
			s.tell(fields{"type": "order.halted", "cmd_seq": seq, "by": "sluice"})
			s.tell(fields{"type": "order.resumed", "cmd_seq": seq, "request_id": "h2", "by": "command"})
		}},
		{"halt all", func(s *story) {
			s.submit(s.spec("halted-all", "BUY", "GTC", "0.38", "27"))
			seq := s.store("ASK_all", "cmd.control.all.halt", `{"request_id":"a1"}`)
			s.tell(fields{"type": "order.halted", "cmd_seq": seq, "request_id": "a1", "by": "command"})
		}},
		{"halted by all", func(s *story) { s.reject(s.orders["halted-all"], "halted") }},
		{"resume all", func(s *story) {
			seq := s.store("ASK_all", "cmd.control.all.resume", `{"request_id":"a2"}`)
			s.tell(fields{"type": "order.resumed", "cmd_seq": seq, "request_id": "a2", "by": "command"})
		}},
		{"last", func(s *story) { s.place(s.spec("last", "BUY", "GTC", "0.39", "28")) }},
	}
}
