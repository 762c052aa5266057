package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// takesAll is a venue that takes every order.
func takesAll(_, path, body string) (int, http.Header, string) {
	one := `{"success":true,"errorMsg":"","orderID":"0x1","status":"live"}`
	if n := strings.Count(body, `"salt"`); path == "/orders" {
		return 200, nil, "[" + strings.Join(slices.Repeat([]string{one}, n), ",") + "]"
	}
	return 200, nil, one
}

// An order's request is at its connection while its intent is being written, and not a byte of it leaves before that is done,
// however long it takes; then it leaves as it is, once.
func TestRequestWaitsAtItsConnectionForItsIntent(t *testing.T) {
	for _, n := range []int{1, 3, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			onStage(t, takesAll, func(s *stage) {
				posts, _ := s.intents(n)
				job := actor.Job{Deeds: posts, Sent: time.Now()}
				defer s.prepare(job)()
				if ready := s.ready(); ready != (n+14)/15 {
					t.Fatalf("%d requests wait", ready)
				}
				time.Sleep(aheadFor / 2)
				synctest.Wait()
				if calls := s.v.seen(); len(calls) > 0 || s.heads() > 0 {
					t.Fatalf("%v left before the intent was written", calls)
				}
				if got := s.perform(job); len(got) != n {
					t.Errorf("delivered %v", got)
				}
				if calls := s.v.seen(); len(calls) != (n+14)/15 || s.ready() != 0 {
					t.Errorf("calls %v, %d wait", calls, s.ready())
				}
			})
		})
	}
}

// ready is how many requests wait at their connections.
func (s *stage) ready() int {
	s.p.ahead.mu.Lock()
	defer s.p.ahead.mu.Unlock()
	return s.p.ahead.places
}

// heads is how many requests have come to the venue, whole or not.
func (s *stage) heads() int {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	return s.v.heads
}

// What was prepared and is never performed ends by itself, and nothing of it leaves: its intent was refused by the fence, or the order
// was cancelled before it could leave, or the process stops.
func TestPreparedRequestThatIsNotWantedNeverLeaves(t *testing.T) {
	for name, end := range map[string]func(s *stage, stop func()){
		"its time is over": func(*stage, func()) { time.Sleep(aheadFor) },
		"we stop":          func(_ *stage, stop func()) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, takesAll, func(s *stage) {
				posts, _ := s.intents(2)
				ctx, stop := context.WithCancel(s.t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); s.p.Prepare(ctx, actor.Job{Deeds: posts, Sent: time.Now()}) }()
				synctest.Wait()
				if s.ready() != 1 {
					t.Fatalf("%d requests wait", s.ready())
				}
				end(s, stop)
				<-ended
				stop()
				synctest.Wait()
				if s.ready() != 0 || s.heads() != 0 {
					t.Errorf("%d still wait, %d have left", s.ready(), s.heads())
				}
			})
		})
	}
}

// An order that was cancelled while its batch was made ready does not leave with it: the others leave by another request.
func TestPreparedBatchLeavesWithoutTheOrderThatWasCancelled(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, ids := s.intents(3)
		job := actor.Job{Deeds: posts, Sent: time.Now()}
		defer s.prepare(job)()
		s.p.revoked.add(ids[1:2], forEver)
		got := map[msgs.OrderID]string{}
		for _, m := range s.perform(job) {
			got[m.(Posted).OrderID] = m.(Posted).Outcome.Code()
		}
		if want := (polymarket.NeverLeft{}).Code(); got[ids[1]] != want || got[ids[0]] == want || got[ids[2]] == want {
			t.Errorf("outcomes %v", got)
		}
		synctest.Wait()
		if calls := s.v.seen(); !slices.Equal(calls, []string{"POST /orders"}) || s.heads() != 1 || strings.Count(s.v.bodies[0], `"salt"`) != 2 {
			t.Errorf("calls %v, %d heads", calls, s.heads())
		}
	})
}

// What is prepared more slowly than its intent is written leaves in the ordinary way, and nothing waits for it then: neither when its
// preparation begins behind that, nor when it was signing meanwhile.
func TestRequestThatComesTooLateTakesNoPlace(t *testing.T) {
	for _, n := range []int{1, 3, 16} {
		for name, late := range map[string]func(s *stage, job actor.Job, leave func()) (end func()){
			"begun behind": func(s *stage, job actor.Job, leave func()) func() { leave(); return s.prepare(job) },
			"still signing": func(s *stage, job actor.Job, leave func()) func() {
				w := &waiting{ids: s.idsOf(job), done: make(chan struct{})}
				if !s.p.ahead.begin(w) {
					s.t.Fatal("what has not left is not prepared")
				}
				leave()
				ctx, end := context.WithCancel(s.t.Context())
				go s.p.bring(ctx, w, make([]polymarket.Envelope, len(w.ids)), job.Sent)
				return end
			},
		} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				onStage(t, takesAll, func(s *stage) {
					posts, _ := s.intents(n)
					job := actor.Job{Deeds: posts, Sent: time.Now()}
					end := late(s, job, func() {
						if got := s.perform(job); len(got) != n {
							t.Errorf("delivered %v", got)
						}
					})
					synctest.Wait()
					if s.ready() != 0 || len(s.p.ahead.of) != 0 {
						t.Errorf("%d requests wait for orders that have left, %d are kept", s.ready(), len(s.p.ahead.of))
					}
					end()
					time.Sleep(time.Second)
					if calls := s.v.seen(); len(calls) != (n+14)/15 || s.heads() != len(calls) {
						t.Errorf("calls %v, %d heads", calls, s.heads())
					}
				})
			})
		}
	}
}

// idsOf are the orders of a job's first request.
func (s *stage) idsOf(job actor.Job) (ids []msgs.OrderID) {
	for _, d := range job.Deeds[:min(len(job.Deeds), msgs.MaxPostOrders)] {
		ids = append(ids, d.(Post).Intent.OrderID)
	}
	return ids
}

// A request that has ended unsent and still has its place, because whoever made it has not come back yet, is made anew.
func TestRequestThatHasEndedIsMadeAnew(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, _ := s.intents(1)
		job := actor.Job{Deeds: posts, Sent: time.Now()}
		w := &waiting{ids: s.idsOf(job), done: make(chan struct{})}
		_, held := door.Hold(s.t.Context(), limits.Posting("main", 1))
		if !s.p.ahead.begin(w) || !s.p.ahead.hold(w, held) {
			t.Fatal("it gets no place")
		}
		held.End()
		close(w.done)
		if got := s.perform(job); len(got) != 1 || len(s.v.seen()) != 1 {
			t.Errorf("delivered %v after %v", got, s.v.seen())
		}
	})
}

// Whatever comes first, preparing or performing, of all or of a part, with cancels in between: each order that nobody has cancelled
// leaves once and no other does, each request has one permit, and in the end nothing waits and no permit is lost.
func TestPreparedAndPerformedInWhateverOrder(t *testing.T) {
	const rounds, calls = 150, 400
	onStage(t, takesAll, func(s *stage) {
		wide := limits.Bucket{PerSecond: 1e6, Burst: 1e6}
		fresh := func() *limits.Limiter {
			return limits.New(limits.Profile{Name: "any", Orders: wide, Cancels: wide, AllIP: limits.Window{Calls: calls, Per: 24 * time.Hour}})
		}
		free := func(l *limits.Limiter) (n int) {
			for ; n < calls; n++ {
				if _, ok := l.Try(limits.Posting("main", 1)); !ok {
					break
				}
			}
			return n
		}
		l := fresh()
		s.meterWith(l)
		rng := rand.New(rand.NewPCG(3, 5))
		within := func(most time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(most))) }
		sent := map[uint64]int{} // wanted at the venue, by salt
		var ended sync.WaitGroup
		for round := range rounds {
			var deeds []actor.Deed
			for i := range 1 + rng.IntN(18) {
				id := fmt.Sprintf("r%d.%d", round, i)
				deeds = append(deeds, s.core.tell(s.core.message([]string{"submit", id, "BUY", "GTC", "0.52", "10"})).Deeds[0])
			}
			job := actor.Job{Deeds: deeds, Sent: time.Now(), Deliver: func(any) {}}
			prepared, performed := within(time.Millisecond), within(time.Millisecond)
			if rng.IntN(4) == 0 {
				performed += within(2 * aheadFor) // a disk that hangs
			}
			ended.Go(func() { time.Sleep(prepared); s.p.Prepare(s.t.Context(), job) })
			if rng.IntN(10) == 0 {
				continue // all were recalled
			}
			part := job
			part.Deeds = deeds[rng.IntN(2)*(len(deeds)-1)/2:] // the others were
			for _, d := range part.Deeds {
				post := d.(Post)
				if sent[post.Intent.Salt] = 1; rng.IntN(8) == 0 {
					sent[post.Intent.Salt] = 0
					s.p.revoked.add([]msgs.OrderID{post.Intent.OrderID}, forEver)
				}
			}
			ended.Go(func() { time.Sleep(performed); s.p.Perform(s.t.Context(), part) })
			time.Sleep(within(time.Millisecond))
		}
		ended.Wait()
		synctest.Wait()
		if s.ready() != 0 || len(s.p.ahead.of) != 0 {
			t.Errorf("%d requests wait, %d are kept", s.ready(), len(s.p.ahead.of))
		}
		came := map[uint64]int{}
		for _, body := range s.v.bodies {
			for _, m := range regexp.MustCompile(`"salt":(\d+)`).FindAllStringSubmatch(body, -1) {
				salt, err := strconv.ParseUint(m[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				came[salt]++
			}
		}
		for salt, n := range sent {
			if came[salt] != n {
				t.Errorf("an order came %d times, want %d", came[salt], n)
			}
			delete(came, salt)
		}
		if len(came) > 0 {
			t.Errorf("%d orders came that were never performed", len(came))
		}
		if left, all := free(l), free(fresh()); left != all-s.heads() || s.heads() < rounds/2 {
			t.Errorf("%d calls are left of %d after %d", left, all, s.heads())
		}
	})
}

// What is remembered of orders that left unprepared is forgotten with their time to send.
func TestOrdersThatLeftUnpreparedAreForgotten(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, _ := s.intents(10)
		for _, p := range posts {
			s.perform(actor.Job{Deeds: []actor.Deed{p}, Sent: time.Now()})
			time.Sleep(sendBy)
		}
		if n := len(s.p.ahead.left); n > 2 {
			t.Errorf("%d orders are remembered", n)
		}
	})
}

// A deed that was recalled leaves a part of what was prepared, which leaves by another request.
func TestPartOfWhatWasPreparedLeavesAlone(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, ids := s.intents(3)
		job := actor.Job{Deeds: posts, Sent: time.Now()}
		defer s.prepare(job)()
		job.Deeds = posts[:2]
		if got := s.perform(job); len(got) != 2 || got[0].(Posted).OrderID != ids[0] {
			t.Errorf("delivered %v", got)
		}
		if calls := s.v.seen(); !slices.Equal(calls, []string{"POST /orders"}) || strings.Count(s.v.bodies[0], `"salt"`) != 2 {
			t.Errorf("calls %v", calls)
		}
		time.Sleep(aheadFor)
		if s.heads() != 1 {
			t.Errorf("%d requests came", s.heads())
		}
	})
}

// Requests wait at so many connections only: what is prepared beyond that is signed, and leaves in the ordinary way.
func TestFewRequestsWait(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, _ := s.intents(maxAhead + 2)
		for _, p := range posts {
			defer s.prepare(actor.Job{Deeds: []actor.Deed{p}, Sent: time.Now()})()
		}
		if s.ready() != maxAhead {
			t.Fatalf("%d requests wait", s.ready())
		}
		for _, p := range posts {
			if got := s.perform(actor.Job{Deeds: []actor.Deed{p}, Sent: time.Now()}); len(got) != 1 || got[0].(Posted).Outcome.Code() == (polymarket.NeverLeft{}).Code() {
				t.Errorf("delivered %v", got)
			}
		}
		if n := len(s.v.seen()); n != len(posts) {
			t.Errorf("%d calls", n)
		}
	})
}

// A request that could not get a connection while it was prepared is made again when its intent is written.
func TestConnectionRefusedAheadIsTriedAgain(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		posts, _ := s.intents(1)
		job := actor.Job{Deeds: posts, Sent: time.Now()}
		next := s.next
		s.next = func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("dial: connection refused") }
		defer s.prepare(job)()
		s.next = next
		if got := s.perform(job); len(got) != 1 || got[0].(Posted).Outcome.Code() == (polymarket.NeverLeft{}).Code() {
			t.Errorf("delivered %v", got)
		}
		if calls := s.v.seen(); !slices.Equal(calls, []string{"POST /order"}) {
			t.Errorf("calls %v", calls)
		}
	})
}

// What waits takes no permit, and what leaves takes one: with room for two orders in a minute, of three that were prepared the third
// does not leave in time.
func TestPreparedRequestLeavesWithAPermit(t *testing.T) {
	onStage(t, takesAll, func(s *stage) {
		p := limits.Standard()
		p.PerIP, p.AllIP = nil, limits.Window{Calls: 2, Per: time.Minute}
		s.meterWith(limits.New(p))
		posts, _ := s.intents(3)
		var left int
		for _, d := range posts {
			post := d.(Post)
			post.Again = true // its permit is still to be taken
			job := actor.Job{Deeds: []actor.Deed{post}, Sent: time.Now()}
			done := s.prepare(job)
			if got := s.perform(job); got[0].(Posted).Outcome.Code() != (polymarket.NeverLeft{}).Code() {
				left++
			}
			done()
		}
		if left != 2 || len(s.v.seen()) != 2 {
			t.Errorf("%d of three left: %v", left, s.v.seen())
		}
	})
}
