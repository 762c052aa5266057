package judge

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Whatever the lines say, the judge comes to a verdict: it never panics, counts each line that is no JSON object as
// unreadable, shows no more findings than allowed, and can say it all as JSON.
func FuzzJudge(f *testing.F) {
	s := honest().run()
	for i, line := range s.record {
		f.Add([]byte(s.journal[i%len(s.journal)]), []byte(line))
	}
	f.Add([]byte(strings.Join(s.journal, "\n")), []byte(strings.Join(s.record, "\n")))
	c := newWorkCase()
	f.Add([]byte(lines(c.journal)+lines(c.transfers)), []byte(asJSON(fields{"stream": "LOG_main", "subject": "evt.tx.main", "seq": 1, "stored_us": 1, "data": asJSON(fields{"events": c.told})})))
	for _, n := range []string{"-9223372036854775808", "9223372036854775807"} {
		f.Add([]byte(lines(c.journal)), []byte(asJSON(fields{"stream": "QUOTA", "subject": "quota.a", "seq": 1, "stored_us": 1, "data": `{"kind":"foreign","n":` + n + `}`})))
		f.Add([]byte(lines(c.journal)), []byte(asJSON(fields{"stream": "ASK_main", "subject": "cmd.tx.main.split", "seq": 1, "stored_us": 1, "data": `{"request_id":"s","deadline_ms":` + n + `}`})+"\n"+
			asJSON(fields{"stream": "LOG_main", "subject": "evt.tx.main", "seq": 1, "stored_us": 1, "data": asJSON(fields{"events": c.told})})))
	}
	f.Add([]byte("{\n[]\nnull"), []byte("\n\n{}"))
	f.Add([]byte(`{"kind":"trade","trade_id":"t","legs":[{"order_id":"0x1","size":"1e999999999"}]}`), []byte(`{"stream":1}`))
	f.Add([]byte(`{"kind":"order","order_id":"0X1","at_us":-9223372036854775808,"status":"live","price":"-.","size":"--1"}`),
		[]byte(`{"stream":"ASK_main","subject":"cmd.order.main.submit","seq":9223372036854775807,"stored_us":9223372036854775807,"data":"{\"client_order_id\":\"x\",\"sent_ms\":9223372036854775807}"}`))
	f.Fuzz(func(t *testing.T, journal, commands []byte) {
		v, err := Judge(bytes.NewReader(journal), bytes.NewReader(commands), Options{MaxFindings: 3})
		if err != nil {
			t.Fatal(err)
		}
		if bad := strange(journal) + strange(commands); v.Unreadable < bad {
			t.Errorf("%d unreadable, but %d lines are no JSON objects", v.Unreadable, bad)
		}
		for _, c := range v.Wrong.charges() {
			if n := len(v.Of(c.kind)); n != min(*c.count, 3) {
				t.Errorf("%s: %d counted, %d shown", c.kind, *c.count, n)
			}
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
		_ = v.String()
		w, err := JudgeWork(bytes.NewReader(journal), bytes.NewReader(journal), bytes.NewReader(commands), Options{MaxFindings: 3})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(w); err != nil {
			t.Error(err)
		}
		_ = w.String()
	})
}

// One odd message among honest ones neither stops the judge nor hides them.
func FuzzJudgeWithOneOddMessage(f *testing.F) {
	s := honest().run()
	f.Add("cmd.order.main.submit", `{"client_order_id":"last","price":1}`)
	f.Add("cmd.order.main.replace", `{"client_order_id":"a","replaces":"a"}`)
	f.Add("cmd.order.main.cancel", `{"client_order_ids":["last",7,null],"order_id":{}}`)
	f.Add("cmd.control.all.halt", `{"request_id":""}`)
	f.Add("evt.order.main", `{"epoch":"x","cursors":[],"events":{}}`)
	f.Add("evt.order.main", `{"events":[{"type":"order.submitting","orders":[{"client_order_id":"last","order_id":"0X1"}]}]}`)
	f.Add("evt.tx.main", `{"events":[{"type":"tx.queued","n":1}]}`)
	f.Add("dead.executor.poison", `{"seq":"1"}`)
	f.Fuzz(func(t *testing.T, subject, data string) {
		stream := "ASK_main"
		switch {
		case strings.HasPrefix(subject, "evt."):
			stream = "LOG_main"
		case strings.HasPrefix(subject, "dead."):
			stream = "DEAD"
		}
		odd := asJSON(fields{"stream": stream, "subject": subject, "seq": 1_000_000, "stored_us": s.now, "data": data})
		record := strings.Join(s.record, "\n") + "\n" + odd
		v, err := Judge(strings.NewReader(strings.Join(s.journal, "\n")), strings.NewReader(record), Options{Accounts: []string{"main"}})
		if err != nil {
			t.Fatal(err)
		}
		if v.OrdersSubmitted < 18 {
			t.Errorf("%d orders submitted, want at least the 18 honest ones", v.OrdersSubmitted)
		}
	})
}

// strange counts the lines that are no JSON objects at all.
func strange(b []byte) int {
	n := 0
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && (line[0] != '{' || !json.Valid(line)) {
			n++
		}
	}
	return n
}
