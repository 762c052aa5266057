package judge

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
		{"a settlement is not told, but known to a later event", h.instead("taker failed", func(s *story) {
			o := s.orders["taker"]
			s.trade("t2", "CONFIRMED", o, "20")
			s.tell(s.event("order.cancel_rejected", "filled", o, fields{"unsettled": "0", "error": fields{"code": "already_filled"}}))
		}), wrongs{WrongState: 1}},
		{"a settlement is told that failed, with the figures of a good one", h.instead("taker failed", func(s *story) {
			o := s.orders["taker"]
			s.trade("t2", "CONFIRMED", o, "20")
			s.tell(s.event("order.settlement_failed", "filled", o, fillOf("t2", "20", o), fields{"unsettled": "0"}))
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
		{"a taker signed at a worse price than asked", h.instead("last", taken(fields{"price": "0.38"})), wrongs{WrongState: 1}},
		{"a taker signed for more than asked", h.instead("last", taken(fields{"size": "27"})), wrongs{WrongState: 1}},
		{"a taker signed for another amount than asked", h.instead("last", taken(fields{"size": nil, "amount": "10"})), wrongs{WrongState: 1}},
		{"post_only lost on the way", h.instead("last", placed(fields{"post_only": true})), wrongs{WrongState: 1}},
		{"defer_exec lost on the way", h.instead("last", placed(fields{"defer_exec": true})), wrongs{WrongState: 1}},
		{"a GTD order that rests for another time than asked", h.instead("last", placed(fields{"type": "GTD", "expires_ms": start/1000 + 600_000})), wrongs{WrongState: 1}},
	}
}

// placed is the life of an order whose command says something else than what was posted.
func placed(asked fields) func(*story) {
	return func(s *story) {
		kind := "GTC"
		if asked["type"] != nil {
			kind = "GTD"
		}
		s.place(s.spec("last", "BUY", kind, "0.39", "28"), asked)
	}
}

// taken is the life of a taker that found nobody, whose command says something else than what was signed.
func taken(asked fields) func(*story) {
	return func(s *story) {
		o := s.spec("last", "BUY", "FAK", "0.39", "28")
		s.submit(o, asked)
		s.intend(o)
		s.refuse(o, "killed", "no orders found to match")
		s.reject(o, "fak_no_match")
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
		{"somebody else speaks the owner's last word", h.then("last", func(s *story) {
			s.tell(fields{"type": "order.owner", "owner": "executor-2", "epoch": s.epoch, "in_hand": fields{"lane": "submit", "seq": 7, "crashes": 1}})
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
			for _, over := range []int{1, 3, 0} {
				s.line(fields{"kind": "limit", "at_us": s.now, "scope": "signer", "account": "main", "endpoint": "orders", "excess": over})
			}
			s.line(fields{"kind": "limit", "at_us": s.now, "scope": "ip", "account": "", "endpoint": "POST /order", "excess": 2})
			s.line(fields{"kind": "limit", "at_us": s.now, "scope": "signer", "account": "other", "endpoint": "orders", "excess": 9})
		}), wrongs{LimitsExceeded: 2}},
		{"what cannot be read", h.then("last", func(s *story) {
			s.journal = append(s.journal, "{", "[]", `{"kind":"order"}`, `{"kind":"request","id":1,"at_us":1,"method":"POST","path":"/order","body":"x"}`)
			s.record = append(s.record, "null", `{"stream":"S"}`)
			s.store("LOG_main", "evt.order.main", "no envelope")
			s.store("LOG_main", "evt.order.main", `{"events":[7]}`)
		}), wrongs{Unreadable: 8}},
	}
}
