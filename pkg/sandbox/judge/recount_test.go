package judge

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// allows writes what the made-up venue allows: 3 orders' requests and 5 of anything in a second, 2 in ten of one API's; two
// tiers; 4 units a day.
func (s *story) allows() {
	tokens := func(rate, burst int) fields { return fields{"rate": rate, "burst": burst} }
	s.line(fields{"kind": "limits", "at_us": s.now, "edition": "test", "enforce": false, "edge": "",
		"windows": []fields{
			{"name": "all", "on": []string{"*"}, "n": 5, "per_ms": 1000},
			{"name": "place", "on": []string{"POST /order", "POST /orders"}, "n": 3, "per_ms": 1000},
			{"name": "look", "on": []string{"GET /data/order/{id}"}, "n": 2, "per_ms": 1000},
			{"name": "catalogue", "on": []string{"gamma *"}, "n": 2, "per_ms": 10_000},
			{"name": "second edition", "on": []string{"data GET /v2/*"}, "n": 1, "per_ms": 10_000},
		},
		"tiers": []fields{
			{"name": "Low", "orders": tokens(2, 4), "cancels": tokens(2, 4), "overdraw": true},
			{"name": "High", "orders": tokens(10, 20), "cancels": tokens(10, 20), "overdraw": false},
		},
		"builders": []fields{{"name": "Few", "units": 4}, {"name": "Many", "units": 0}},
	})
}

// arrives writes a request of main, ms after the one before.
func (s *story) arrives(ms int64, method, path, body, answer string) {
	s.wait(ms)
	s.requests++
	account := "main"
	if strings.HasPrefix(path, "/relayer/") {
		account = "builder-1"
	}
	s.line(fields{"kind": "request", "at_us": s.now, "id": s.requests, "address": "pipe", "method": method, "path": path, "query": "", "account": account, "body": body, "status": 200, "answer": answer, "fate": "answered", "done_us": s.now})
}

func excessOf(v Verdict, limit string) int64 {
	for _, u := range v.Limits {
		if u.Limit == limit {
			return u.Excess
		}
	}
	return -1
}

// TestEachLimitIsCountedAgain lets a made-up sender pass one limit after the other by a known number, and wants just that
// number for just that limit; and keeps within each by a hair, and wants nothing.
func TestEachLimitIsCountedAgain(t *testing.T) {
	ids := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"0x1",`, n), ",") + "]" }
	ended := func(n int) string { return fmt.Sprintf(`{"canceled":%s,"not_canceled":{}}`, ids(n)) }
	batch := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`{},`, n), ",") + "]" }
	for _, c := range []struct {
		name string
		run  func(s *story)
		want map[string]int64
	}{
		{"within all windows", func(s *story) {
			for range 12 {
				s.arrives(334, "GET", "/data/orders", "", "")
				s.arrives(0, "GET", "/data/orders", "", "")
				s.wait(667)
			}
		}, nil},
		{"six of anything at once", func(s *story) {
			for range 6 {
				s.arrives(0, "GET", "/ok", "", "")
			}
		}, map[string]int64{"ip all": 1}},
		{"the span holds both its ends", func(s *story) {
			for range 5 {
				s.arrives(0, "GET", "/ok", "", "")
			}
			s.arrives(1000, "GET", "/ok", "", "")
		}, map[string]int64{"ip all": 1}},
		{"what is over is counted once", func(s *story) {
			for range 9 {
				s.arrives(0, "GET", "/ok", "", "")
			}
			s.wait(1)
			for range 5 {
				s.arrives(200, "GET", "/ok", "", "")
			}
		}, map[string]int64{"ip all": 4 + 4}},
		{"an id in the path", func(s *story) {
			for i := range 4 {
				s.arrives(0, "GET", fmt.Sprintf("/data/order/0x%064d", i), "", "")
			}
		}, map[string]int64{"ip look": 2}},
		{"another API", func(s *story) {
			for range 4 {
				s.arrives(1000, "GET", "/gamma/markets", "", "[]")
				s.arrives(0, "GET", "/data-api/v2/trades", "", "[]")
			}
		}, map[string]int64{"ip catalogue": 2, "ip second edition": 3}},
		{"a batch of five from a bucket of four", func(s *story) { s.arrives(0, "POST", "/orders", batch(5), "[]") },
			map[string]int64{"signer main orders": 5}},
		{"a bucket refills", func(s *story) {
			s.arrives(0, "POST", "/orders", batch(4), "[]")
			s.arrives(1000, "POST", "/orders", batch(2), "[]")
			s.arrives(999, "POST", "/orders", batch(2), "[]")
			s.arrives(1001, "POST", "/orders", batch(2), "[]")
		}, map[string]int64{"signer main orders": 2}},
		{"a sweep is paid back before the next", func(s *story) {
			s.arrives(0, "DELETE", "/cancel-all", "", ended(9))
			s.arrives(3400, "DELETE", "/order", `{"orderID":"0x1"}`, ended(1))
			s.arrives(101, "DELETE", "/order", `{"orderID":"0x1"}`, ended(1))
		}, map[string]int64{"signer main cancels": 1}},
		{"ids cost one each", func(s *story) {
			s.arrives(0, "DELETE", "/orders", ids(3), ended(3))
			s.arrives(0, "DELETE", "/orders", ids(3), ended(3))
		}, map[string]int64{"signer main cancels": 3}},
		{"a higher tier", func(s *story) {
			s.arrives(0, "POST", "/orders", batch(4), "[]")
			s.line(fields{"kind": "tier", "at_us": s.now + 1, "account": "main", "tier": "High"})
			s.arrives(1000, "POST", "/orders", batch(10), "[]") // a hair too early: the first µs was at the old rate
			s.arrives(1, "POST", "/orders", batch(10), "[]")
			s.arrives(0, "DELETE", "/cancel-all", "", ended(30)) // a high tier may not overdraw
		}, map[string]int64{"signer main orders": 10, "signer main cancels": 31}},
		{"units of a day that rolls", func(s *story) {
			for range 6 {
				s.arrives(1000, "POST", "/relayer/submit", "{}", "{}")
			}
			s.arrives(24*3600_000-5000+1, "POST", "/relayer/submit", "{}", "{}")
		}, map[string]int64{"relayer builder-1 units": 2}},
		{"units without end", func(s *story) {
			s.line(fields{"kind": "tier", "at_us": s.now, "account": "builder-1", "tier": "Many"})
			for range 60 {
				s.arrives(1000, "POST", "/relayer/submit", "{}", "{}")
			}
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory()
			s.allows()
			s.tell(fields{"type": "order.owner", "owner": s.owner, "epoch": s.epoch})
			c.run(s)
			v := s.judge(t)
			total := map[string]int64{}
			for _, u := range v.Limits {
				if u.Excess != 0 {
					total[u.Limit] = u.Excess
				}
			}
			if fmt.Sprint(total) != fmt.Sprint(c.want) && len(total)+len(c.want) > 0 {
				t.Errorf("counted again: %v, want %v", total, c.want)
			}
			if v.LimitsExceeded != len(c.want) || len(v.Excesses) != len(c.want) {
				t.Errorf("%d limits exceeded, %v; want %d", v.LimitsExceeded, v.Excesses, len(c.want))
			}
		})
	}
}

// TestRecountAgreesWithBruteForce counts random arrivals a second time, by looking at all pairs.
func TestRecountAgreesWithBruteForce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		s := newStory()
		s.allows()
		var taken []int64
		want := int64(0)
		for range 60 {
			s.arrives(random.Int64N(400), "GET", "/ok", "", "")
			n := 0
			for _, at := range taken {
				if at >= s.now-1_000_000 {
					n++
				}
			}
			if n >= 5 {
				want++
				continue
			}
			taken = append(taken, s.now)
		}
		if got := excessOf(s.judge(t), "ip all"); got != want {
			t.Fatalf("counted %d over, by brute force %d", got, want)
		}
	}
}

// TestNothingIsSaidAboutUnknownLimits: a journal that does not say what was allowed is not counted again.
func TestNothingIsSaidAboutUnknownLimits(t *testing.T) {
	s := newStory()
	for range 100 {
		s.arrives(0, "POST", "/orders", "[{},{},{}]", "[]")
	}
	if v := s.judge(t); len(v.Limits) != 0 || v.LimitsExceeded != 0 {
		t.Errorf("%+v", v.Limits)
	}
}

// TestFiguresThatMakeNoSenseAreUnreadable: who does not know what was allowed cannot acquit.
func TestFiguresThatMakeNoSenseAreUnreadable(t *testing.T) {
	for _, bad := range []fields{
		{"windows": []fields{{"name": "x", "on": []string{"*"}, "n": 0, "per_ms": 1000}}},
		{"windows": []fields{{"name": "x", "on": []string{"*"}, "n": 1, "per_ms": 1 << 60}}},
		{"tiers": []fields{{"name": "x", "orders": fields{"rate": -1, "burst": 1}}}},
		{"builders": []fields{{"name": "x", "units": -1}}},
	} {
		s := newStory()
		bad["kind"], bad["at_us"] = "limits", s.now
		s.line(bad)
		if v := s.judge(t); v.Unreadable == 0 {
			t.Errorf("%v was read", bad)
		}
	}
}
