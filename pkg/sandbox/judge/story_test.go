package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// story writes both records of a made-up run by account main, step by step, with a clock of its own.
type story struct {
	now             int64 // µs
	journal, record []string
	seqs            map[string]int64
	n, requests     int64
	salt            int64
	epoch           int64
	owner           string
	cursor          int64
	orders          map[string]*spec
}

type fields map[string]any

// spec is one order as its strategy, its log and the venue see it.
type spec struct {
	id, side, kind, price, size string
	salt, hash                  string
	seq                         int64
	filled                      string
	expiration                  string // Unix seconds; empty for never
}

const (
	start   = int64(1_763_800_000_000_000)
	yes, no = "111", "222"
	market  = "0xc1"
)

func newStory() *story { return newStoryAt(start) }

func newStoryAt(us int64) *story {
	s := &story{now: us, seqs: map[string]int64{}, orders: map[string]*spec{}, epoch: 1, owner: "executor-1"}
	s.line(fields{
		"kind": "meta", "at_us": s.now, "env": "sandbox", "seed": 1, "accounts": []fields{{"name": "main", "address": "0xA1", "funder": "0xF1"}},
		"markets": []fields{{"slug": "sandbox-coin", "condition_id": market, "tokens": []string{yes, no}, "tick_size": "0.01"}},
	})
	return s
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (s *story) line(f fields) { s.journal = append(s.journal, asJSON(f)) }

func (s *story) wait(ms int64) { s.now += ms * 1000 }

// store puts a raw message on a stream.
func (s *story) store(stream, subject, data string) int64 {
	s.wait(1)
	s.seqs[stream]++
	s.record = append(s.record, asJSON(fields{
		"stream": stream, "subject": subject, "seq": s.seqs[stream], "stored_us": s.now, "headers": fields{}, "data": data,
	}))
	return s.seqs[stream]
}

func (s *story) ask(verb string, body fields) int64 {
	family := "order"
	if verb == "halt" || verb == "resume" {
		family = "control"
	}
	return s.store("ASK_main", "cmd."+family+".main."+verb, asJSON(body))
}

// tell writes one message with these events to the log.
func (s *story) tell(events ...fields) {
	for _, e := range events {
		s.n++
		e["v"], e["account"], e["env"], e["n"] = 1, "main", "sandbox", s.n
		if e["at_ms"] == nil {
			e["at_ms"] = s.now / 1000
		}
	}
	s.cursor = s.seqs["ASK_main"]
	s.store("LOG_main", "evt.order.main", asJSON(fields{
		"v": 1, "account": "main", "env": "sandbox", "owner": s.owner, "epoch": s.epoch,
		"cursors": fields{"submit": s.cursor, "express": s.cursor}, "events": events,
	}))
}

func (s *story) spec(id, side, kind, price, size string) *spec {
	s.salt++
	o := &spec{id: id, side: side, kind: kind, price: price, size: size, filled: "0"}
	o.salt, o.hash = fmt.Sprint(s.salt), fmt.Sprintf("0x%04x", s.salt)
	s.orders[id] = o
	return o
}

// resign is the same order with a new signature.
func (s *story) resign(o *spec) *spec {
	s.salt++
	c := *o
	c.salt, c.hash = fmt.Sprint(s.salt), fmt.Sprintf("0x%04x", s.salt)
	return &c
}

func (o *spec) amounts() (maker, taker string) {
	price, size := quantity(o.price), quantity(o.size)
	units := new(big.Rat).Mul(size, big.NewRat(baseUnits, 1))
	cash := new(big.Rat).Mul(units, price)
	if o.side == "BUY" {
		return cash.FloatString(0), units.FloatString(0)
	}
	return units.FloatString(0), cash.FloatString(0)
}

func (s *story) submitBody(o *spec) fields {
	return fields{
		"client_order_id": o.id, "market": "sandbox-coin", "outcome": "Yes", "side": o.side, "type": o.kind,
		"price": o.price, "size": o.size,
	}
}

func (s *story) submit(o *spec, extra ...fields) {
	body := s.submitBody(o)
	for _, e := range extra {
		for k, v := range e {
			body[k] = v
		}
	}
	o.seq = s.ask("submit", body)
}

func (s *story) intend(orders ...*spec) {
	var list []fields
	for _, o := range orders {
		maker, taker := o.amounts()
		list = append(list, fields{
			"client_order_id": o.id, "order_id": o.hash, "token_id": yes, "side": o.side, "order_type": o.kind,
			"price": o.price, "size": o.size, "salt": json.Number(o.salt), "timestamp_ms": 1000,
			"maker_amount": maker, "taker_amount": taker,
		})
	}
	e := fields{"type": "order.submitting", "orders": list}
	if len(orders) == 1 {
		e["cmd_seq"] = orders[0].seq
	}
	s.tell(e)
}

// body is what the venue is sent.
func (o *spec) body() fields {
	maker, taker := o.amounts()
	return fields{
		"owner": "key", "orderType": o.kind, "postOnly": false, "order": fields{
			"salt": json.Number(o.salt), "maker": "0xf1", "signer": "0xa1", "tokenId": yes, "makerAmount": maker,
			"takerAmount": taker, "side": o.side, "timestamp": "1000", "expiration": cmp.Or(o.expiration, "0"), "signatureType": 0,
		},
	}
}

func (s *story) request(method, path, body string, status int, answer, fate string) int64 {
	s.wait(1)
	s.requests++
	account := "main"
	if fate == "lost" {
		account = "" // nobody has read its login
	}
	s.line(fields{
		"kind": "request", "at_us": s.now, "id": s.requests, "method": method, "path": path, "query": "", "account": account,
		"body": body, "status": status, "answer": answer, "fate": fate, "done_us": s.now + 500,
	})
	return s.requests
}

// post sends one order; the venue takes it as status, unless fate says that it never processed it.
func (s *story) post(o *spec, status, fate string) {
	answer := asJSON(fields{"success": true, "errorMsg": "", "orderID": o.hash, "status": status})
	if fate == "lost" {
		s.request("POST", "/order", asJSON(o.body()), 0, "", fate)
		return
	}
	r := s.request("POST", "/order", asJSON(o.body()), 200, answer, fate)
	s.venue(o, r, status)
}

// refuse sends one order that the venue refuses.
func (s *story) refuse(o *spec, status, message string) {
	r := s.request("POST", "/order", asJSON(o.body()), 400, asJSON(fields{"error": message}), "answered")
	s.venue(o, r, status)
}

func (s *story) venue(o *spec, request int64, status string) {
	maker, taker := o.amounts()
	s.line(fields{
		"kind": "order", "at_us": s.now, "request": request, "order_id": o.hash, "account": "main", "token_id": yes,
		"condition_id": market, "side": o.side, "type": o.kind, "price": o.price, "size": o.size, "maker_amount": maker,
		"taker_amount": taker, "salt": o.salt, "timestamp_ms": 1000, "status": status, "filled": o.filled,
	})
}

func (s *story) trade(id, status string, o *spec, size string) {
	s.line(fields{
		"kind": "trade", "at_us": s.now, "trade_id": id, "status": status, "taker_order_id": "0xffff", "tx_hash": "",
		"legs": []fields{
			{"leg": 0, "role": "TAKER", "order_id": "0xffff", "account": "other", "token_id": no, "side": "BUY", "price": "0.48", "size": size},
			{"leg": 1, "role": "MAKER", "order_id": o.hash, "account": "main", "token_id": yes, "side": o.side, "price": o.price, "size": size, "fee": "0"},
		},
	})
}

// event is an order event with the whole state.
func (s *story) event(kind, state string, o *spec, extra ...fields) fields {
	rest := new(big.Rat).Sub(quantity(o.size), quantity(o.filled))
	e := fields{
		"type": kind, "cmd_seq": o.seq, "client_order_id": o.id, "order_id": o.hash, "token_id": yes, "condition_id": market,
		"side": o.side, "order_type": o.kind, "price": o.price, "size": o.size, "filled": o.filled, "remaining": show(rest),
		"state": state, "final": state == "filled" || state == "cancelled" || state == "rejected",
	}
	for _, x := range extra {
		for k, v := range x {
			e[k] = v
		}
	}
	return e
}

func fillOf(trade, size string, o *spec) fields {
	return fields{"unsettled": size, "fill": fields{"trade_id": trade, "leg": 1, "price": o.price, "size": size, "fee": "0", "role": "MAKER"}}
}

// place is the whole way of a resting order.
func (s *story) place(o *spec, extra ...fields) {
	s.submit(o, extra...)
	s.intend(o)
	s.post(o, "live", "answered")
	s.tell(s.event("order.accepted", "open", o, fields{"venue_status": "live"}))
}

// close is the venue's cancel of an order at rest, told on the log.
func (s *story) close(o *spec) {
	s.request("DELETE", "/order", asJSON(fields{"orderID": o.hash}), 200, asJSON(fields{"canceled": []string{o.hash}}), "answered")
	s.venue(o, s.requests, "cancelled")
	s.tell(s.event("order.cancelled", "cancelled", o, fields{"reason": "requested"}))
}

func (s *story) kill(o *spec) {
	s.tell(s.event("order.cancelled", "cancelled", o, fields{"reason": "killed_in_queue", "order_id": ""}))
}

func (s *story) reject(o *spec, code string) {
	s.tell(s.event("order.rejected", "rejected", o, fields{"by": "sluice", "error": fields{"code": code}, "order_id": ""}))
}

func (s *story) cancelling(e fields, orders ...*spec) {
	var list []fields
	for _, o := range orders {
		list = append(list, fields{"client_order_id": o.id, "order_id": o.hash})
	}
	e["type"], e["orders"] = "order.cancelling", list
	s.tell(e)
}

// judge gives the verdict on the story so far.
func (s *story) judge(t testing.TB) Verdict {
	t.Helper()
	v, err := Judge(strings.NewReader(strings.Join(s.journal, "\n")), strings.NewReader(strings.Join(s.record, "\n")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
