package judge

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// A kind of line, event or subject that the judge does not know is shown, and neither accuses nor acquits.
func TestUnfamiliarThingsAreShownByName(t *testing.T) {
	s := honest().then("last", func(s *story) {
		s.line(fields{"kind": "unit", "at_us": s.now})
		s.tell(fields{"type": "order.blessed"})
		s.store("ASK_main", "cmd.tx.main.split", "{}")
	}).run()
	v := s.judge(t)
	if !v.Content() {
		t.Errorf("not content:\n%s", v.String())
	}
	for _, name := range []string{"journal unit", "event order.blessed", "command cmd.tx"} {
		if v.Unfamiliar[name] != 1 {
			t.Errorf("%q counted %d times, want 1 (%v)", name, v.Unfamiliar[name], v.Unfamiliar)
		}
	}
}

// An empty record is no clean run.
func TestMissingRecordIsNotAcquitted(t *testing.T) {
	s := honest().run()
	journal, record := strings.Join(s.journal, "\n"), strings.Join(s.record, "\n")
	for name, c := range map[string]struct {
		journal, record string
		accounts        []string
	}{
		"no journal":        {"", record, nil},
		"no commands":       {journal, "", nil},
		"no such account":   {journal, record, []string{"main", "nobody"}},
		"only another hand": {journal, record, []string{"nobody"}},
	} {
		v, err := Judge(strings.NewReader(c.journal), strings.NewReader(c.record), Options{Accounts: c.accounts})
		if err != nil {
			t.Fatal(err)
		}
		if v.Unreadable == 0 || v.Content() {
			t.Errorf("%s: content\n%s", name, v)
		}
	}
}

// A reader that fails is an error, not a verdict.
func TestReadersErrorIsReturned(t *testing.T) {
	broken := iotest.ErrReader(errors.New("disk gone"))
	for _, in := range [][2]io.Reader{{broken, strings.NewReader("")}, {strings.NewReader(""), broken}} {
		if _, err := Judge(in[0], in[1], Options{}); err == nil || !strings.Contains(err.Error(), "disk gone") {
			t.Errorf("error %v, want the reader's", err)
		}
	}
}

// A line longer than any record is refused by number, and the next one is read.
func TestOverlongLineIsSkipped(t *testing.T) {
	var lines, refused []int
	long := strings.Repeat("x", maxLine+1)
	err := eachLine(strings.NewReader("a\n"+long+"\nb\n\nc"), func(n int, _ []byte) { lines = append(lines, n) },
		func(n int) { refused = append(refused, n) })
	if err != nil || !slices.Equal(lines, []int{1, 3, 5}) || !slices.Equal(refused, []int{2}) {
		t.Errorf("lines %v, refused %v, error %v", lines, refused, err)
	}
}

// The excess over a limit is the largest one, with how often it was passed.
func TestWorstExcessIsReported(t *testing.T) {
	s := newStory()
	for _, over := range []string{"1", "3.5", "0"} {
		s.line(fields{"kind": "limit", "at_us": s.now, "scope": "ip", "endpoint": "POST /order", "excess": over})
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
		"an owner says with its last word what it crashed with": h.then("last", func(s *story) {
			s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch, "in_hand": fields{"lane": "submit", "seq": 7, "crashes": 1}})
		}),
		"a request is cut off in the middle and the same bytes go again": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o)
			s.intend(o)
			s.request("POST", "/order", asJSON(o.body())[:40], 0, "", "lost")
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}),
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
		"an id is recovered from what is no JSON": h.then("last", func(s *story) {
			seq := s.store("ASK_main", "cmd.order.main.submit", `{"client_order_id":"cut-1","side`)
			s.tell(fields{"type": "order.rejected", "cmd_seq": seq, "client_order_id": "cut-1", "state": "rejected", "error": fields{"code": "bad_json"}})
		}),
		"a name stands twice, and whoever refuses it names the first": h.then("last", func(s *story) {
			for _, body := range []string{`{"client_order_id":"first","client_order_id":"second"}`, `{"client_order_id":"first-2","CLIENT_ORDER_ID":"second-2"}`} {
				seq := s.store("ASK_main", "cmd.order.main.submit", body)
				s.tell(fields{"type": "order.rejected", "cmd_seq": seq, "client_order_id": strings.Split(body, `"`)[3], "state": "rejected", "error": fields{"code": "bad_json"}})
			}
		}),
		"an order waits for ever because it was asked to": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTC", "0.39", "28")
			s.submit(o, fields{"valid_until_ms": 0})
			s.wait(3_600_000)
			s.intend(o)
			s.post(o, "live", "answered")
			s.tell(s.event("order.accepted", "open", o))
		}),
		"a taker is signed for less than a cent less than asked": h.instead("last", taken(fields{"size": "28.02"})),
		"a GTD order rests for as long as asked, and the venue's minute": h.instead("last", func(s *story) {
			o := s.spec("last", "BUY", "GTD", "0.39", "28")
			o.expiration = fmt.Sprint(start/1_000_000 + 600 + 60)
			s.place(o, fields{"expires_ms": start/1000 + 599_001})
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
		"the wallet's owner takes over": h.then("rest", func(s *story) {
			for epoch := range 2 {
				s.store("LOG_main", "evt.tx.main", asJSON(fields{"env": "sandbox", "epoch": epoch + 1, "owner": "relayer", "events": []fields{
					{"v": 1, "type": "tx.owner", "account": "main", "n": epoch + 1, "at_ms": s.now / 1000, "owner": "relayer", "epoch": epoch + 1}}}))
			}
		}),
		"an owner takes over": h.then("rest", func(s *story) {
			s.epoch, s.owner = 5, "executor-2"
			s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if v := run.run().judge(t); !v.Content() {
				t.Errorf("not content:\n%s", v.String())
			}
		})
	}
}

// A run of many orders, with cancel_alls that concern none of them, is judged as a small one is.
func TestManyOrdersAreJudged(t *testing.T) {
	const orders = 3_000
	if v := many(orders).judge(t); !v.Content() || v.OrdersOpen != orders {
		t.Errorf("%d open of %d\n%s", v.OrdersOpen, orders, v.String())
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, orders := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(orders), func(b *testing.B) {
			s := many(orders)
			b.ReportAllocs()
			for b.Loop() {
				if v := s.judge(b); !v.Content() {
					b.Fatal(v.String())
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
