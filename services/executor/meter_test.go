package executor

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
)

// used is how many units of a rule are not free on a stage.
func (s *stage) used(rule string) (n int) {
	for _, l := range s.p.limits.Status() {
		if l.Rule == rule {
			n = max(n, l.Used)
		}
	}
	return n
}

// TestEveryCallOfARepeatIsCharged lets the venue refuse the credentials of one order: the order, the key and the order
// again are three requests, and all three are counted.
func TestEveryCallOfARepeatIsCharged(t *testing.T) {
	t.Run("S0-25 every call passes the limiter", func(t *testing.T) {
		posts := 0
		onStage(t, func(_, _, body string) (int, http.Header, string) {
			if posts++; posts == 1 {
				return 401, nil, `{"error":"Unauthorized/Invalid api key"}`
			}
			return 400, nil, `{"error":"not enough balance / allowance"}`
		}, func(s *stage) {
			deeds, _ := s.intents(1)
			s.do(deeds...)
			if calls := s.v.seen(); len(calls) != 3 {
				t.Fatalf("calls %v, want order, key, order", calls)
			}
			if o, k := s.used("orders"), s.used(string(limits.Keys)); o != 2 || k != 1 {
				t.Errorf("%d orders and %d keys counted, want 2 and 1", o, k)
			}
		})
	})
}

// TestRateHeadersReachTheLimits answers an order with the venue's own count: the tier is learned, and what others spent of
// the signer's allowance is not spent again.
func TestRateHeadersReachTheLimits(t *testing.T) {
	h := http.Header{"Poly-RateLimit-Tier": {"Silver"}, "poly-ratelimit-remaining": {"10"}}
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 400, h, `{"error":"not enough balance / allowance"}`
	}, func(s *stage) {
		l, err := Limits{}.limiter()
		if err != nil {
			t.Fatal(err)
		}
		s.meterWith(l)
		deeds, _ := s.intents(1)
		s.do(deeds...)
		for _, c := range l.Status() {
			if c.Rule == "signer orders" && (c.Tier != "Silver" || c.Limit-c.Used != 10) {
				t.Errorf("tier %s with %d of %d used, want Silver and 10 left", c.Tier, c.Used, c.Limit)
			}
		}
	})
}

// TestRefusalStopsWhatItIsAbout answers an order with 429 and a wait of 7 s: the next one can leave then and not before.
func TestRefusalStopsWhatItIsAbout(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 429, http.Header{"Retry-After": {"7"}}, `{"error":"Too Many Requests"}`
	}, func(s *stage) {
		began := time.Now()
		deeds, _ := s.intents(1)
		s.do(deeds...)
		at, err := s.p.limits.Probe(limits.Posting("main", 1))
		if err != nil || at.Sub(began) < 7*time.Second {
			t.Errorf("the next may leave after %v, %v; want 7 s", at.Sub(began), err)
		}
	})
}

// TestCancelOfAllIsChargedByItsAnswer ends five orders of which nobody here knew: one is charged for the request and one for
// each of them.
func TestCancelOfAllIsChargedByItsAnswer(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 200, nil, `{"canceled":["0x1","0x2","0x3","0x4","0x5"],"not_canceled":{}}`
	}, func(s *stage) {
		got := s.do(CancelEverything{})
		if a, ok := got[0].(CancelAnswer); !ok || len(a.Cancelled) != 5 {
			t.Fatalf("delivered %+v", got)
		}
		if n := s.used("cancels"); n != 6 {
			t.Errorf("%d cancels counted, want 6", n)
		}
	})
}

// TestPermitEndsAsItsRequestDid breaks requests before and after they had a connection: one that never left gives its place
// back at once, one that may have left keeps it.
func TestPermitEndsAsItsRequestDid(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 200, nil, `{}` }, func(s *stage) {
		deeds, _ := s.intents(2)
		next := s.next
		s.next = func(r *http.Request) (*http.Response, error) { return nil, errors.New("no route") }
		s.do(deeds[0])
		if n := s.used("orders"); n != 0 {
			t.Errorf("%d counted of a request that never left", n)
		}
		s.next = func(r *http.Request) (*http.Response, error) {
			if res, err := next(r); err == nil {
				res.Body.Close()
			}
			return nil, errors.New("connection reset")
		}
		s.do(deeds[1])
		if n := s.used("orders"); n != 1 {
			t.Errorf("%d counted of a request whose answer is lost, want 1", n)
		}
	})
}

// TestRestOfABatchIsChargedAsWhatItIs has two orders decided together and one of them cancelled before it left: what leaves
// is a single order, counted as one.
func TestRestOfABatchIsChargedAsWhatItIs(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 400, nil, `{"error":"not enough balance / allowance"}`
	}, func(s *stage) {
		deeds, ids := s.intents(2)
		s.do(HoldBack{ids[:1], forEver})
		s.do(deeds...)
		if single, batch := s.used(string(limits.PostOrder)), s.used(string(limits.PostOrders)); single != 1 || batch != 0 {
			t.Errorf("%d singles and %d batches counted, want 1 and 0", single, batch)
		}
	})
}

// TestCancelsComeInChunksThatCanLeave cancels 200 orders under the default figures: no request is dearer than half of what
// the signer's allowance ever holds, and every id is asked for once.
func TestCancelsComeInChunksThatCanLeave(t *testing.T) {
	var most, sum int
	onStage(t, func(_, _, body string) (int, http.Header, string) {
		n := strings.Count(body, "0x")
		most, sum = max(most, n), sum+n
		return 200, nil, `{"canceled":[],"not_canceled":{}}`
	}, func(s *stage) {
		l, err := Limits{}.limiter()
		if err != nil {
			t.Fatal(err)
		}
		s.meterWith(l)
		_, ids := s.intents(1)
		for len(ids) < 200 {
			ids = append(ids, ids[0])
		}
		s.do(CancelOrders{OrderIDs: ids})
		if most != 48 || sum != 200 {
			t.Errorf("%d ids in all and %d in one request, want 200 and 48", sum, most)
		}
	})
}

// TestCancelOfMoreThanTheBalanceHoldsStillLeaves cancels everything on a tier whose balance may not go below zero, with more orders
// than the bucket ever holds: they are ended by ids, and what else rests by a cancel of all behind them.
func TestCancelOfMoreThanTheBalanceHoldsStillLeaves(t *testing.T) {
	var named int
	onStage(t, func(_, _, body string) (int, http.Header, string) {
		named += strings.Count(body, "0x")
		return 200, nil, `{"canceled":[],"not_canceled":{}}`
	}, func(s *stage) {
		c, err := catalogue.Load()
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Profile("polymarket-2026-11")
		if err != nil {
			t.Fatal(err)
		}
		l, err := limits.Open(p, budget.Options{Tier: "Platinum"})
		if err != nil {
			t.Fatal(err)
		}
		s.meterWith(l)
		_, ids := s.intents(1)
		ids = slices.Repeat(ids, 1200)
		got := s.do(CancelEverything{Own: ids})
		calls := s.v.seen()
		if named != len(ids) || len(calls) < 2 || calls[len(calls)-1] != "DELETE /cancel-all" {
			t.Errorf("%d ids named in %d requests, the last %v", named, len(calls), calls[len(calls)-1:])
		}
		if a, ok := got[len(got)-1].(CancelAnswer); !ok || !a.Everything {
			t.Errorf("the last answer is %+v", got[len(got)-1])
		}
	})
}

// TestRepeatThatGetsNoPermitGivesBackWhatWasHeld decides two new orders, whose permits are held, beside two repeats, while
// nothing may leave for longer than anybody waits: no permit stays behind that nobody would ever spend.
func TestRepeatThatGetsNoPermitGivesBackWhatWasHeld(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 200, nil, `{}` }, func(s *stage) {
		deeds, _ := s.intents(4)
		for i := 2; i < 4; i++ {
			p := deeds[i].(Post)
			p.Again = true
			deeds[i] = p
		}
		if n := s.p.limits.Orders("main").Try(2); n != 2 {
			t.Fatalf("%d permits, want 2", n)
		}
		s.p.limits.Stop(time.Now().Add(10*time.Second), limits.Order, "main")
		s.do(deeds...)
		if calls := s.v.seen(); len(calls) != 0 {
			t.Errorf("left: %v", calls)
		}
		if n := s.used("orders"); n != 0 {
			t.Errorf("%d permits stay behind", n)
		}
	})
}

// TestRefusalsForRateAreLogged: each 429 is in the log with its endpoint and the wait that it names, a page of the edge with its
// cause, and an answer that only warns too; other refusals are none of it.
func TestRefusalsForRateAreLogged(t *testing.T) {
	answers := []struct {
		status int
		header http.Header
		body   string
	}{
		{429, http.Header{"Retry-After": {"3"}}, `{"error":"Too Many Requests"}`},
		{429, http.Header{"Content-Type": {"text/html"}}, `<html>error 1015</html>`},
		{400, http.Header{"Poly-RateLimit-Warning": {"true"}, "Poly-RateLimit-Tier": {"Standard"}}, `{"error":"not enough balance / allowance"}`},
		{400, nil, `{"error":"not enough balance / allowance"}`},
	}
	for i, want := range []string{`msg="limited by the venue" endpoint="POST /order" status=429 cause="Too Many Requests" wait_ms=3000 named=true`, "error 1015", "tier=Standard", ""} {
		t.Run(fmt.Sprintf("S0-56 S2-66 %d", i), func(t *testing.T) {
			onStage(t, func(_, _, _ string) (int, http.Header, string) {
				return answers[i].status, answers[i].header, answers[i].body
			}, func(s *stage) {
				var out bytes.Buffer
				s.p.log = slog.New(slog.NewTextHandler(&out, nil))
				s.meterWith(limits.New(limits.Standard()))
				deeds, _ := s.intents(1)
				s.do(deeds...)
				if said := out.String(); want == "" && strings.Contains(said, "venue") || !strings.Contains(said, want) {
					t.Errorf("the log says %s, want %q", said, want)
				}
			})
		})
	}
}

// TestOrdersGoSinglyWhenBatchesHaveNoRoom spends the limit of batches, and decides three orders: they leave at once, one by one,
// in their order.
func TestOrdersGoSinglyWhenBatchesHaveNoRoom(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 400, nil, `{"error":"not enough balance / allowance"}`
	}, func(s *stage) {
		p := limits.Standard()
		p.PerIP[limits.PostOrders] = []limits.Window{{Calls: 1, Per: time.Minute}}
		s.meterWith(limits.New(p))
		spent, ok := s.p.limits.Try(limits.Posting("main", 2))
		if !ok {
			t.Fatal("not even one batch")
		}
		spent.Answered()
		deeds, ids := s.intents(3)
		if n := s.p.limits.Orders("main").Try(3); n != 3 {
			t.Fatalf("%d permits, want 3", n)
		}
		got := s.do(deeds...)
		if calls := s.v.seen(); len(calls) != 3 || strings.Join(calls, ", ") != "POST /order, POST /order, POST /order" {
			t.Errorf("left: %v", calls)
		}
		for i, m := range got {
			if m.(Posted).OrderID != ids[i] {
				t.Errorf("answer %d is of another order", i)
			}
		}
		if n := s.used("orders"); n != 5 {
			t.Errorf("%d tokens are used, want those of the batch and three", n)
		}
	})
}
