package executor

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// counter is a fake venue: it answers as a test says and remembers what it was asked.
type counter struct {
	mu     sync.Mutex
	calls  []string // method, path, number of orders or ids
	bodies []string
	heads  int // requests whose heads came
	answer func(method, path, body string) (status int, header http.Header, text string)
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.heads++
	c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its head came, which carries out nothing: the body was held back
	}
	c.mu.Lock()
	c.calls = append(c.calls, r.Method+" "+r.URL.Path)
	c.bodies = append(c.bodies, string(body))
	answer := c.answer
	c.mu.Unlock()
	status, header, text := answer(r.Method, r.URL.Path, string(body))
	for k, v := range header {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (c *counter) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// stage is a performer before a fake venue, and what it delivered.
type stage struct {
	t    *testing.T
	p    *performer
	v    *counter
	mu   sync.Mutex
	got  []any
	core *bench

	api  polymarket.CLOB
	next func(*http.Request) (*http.Response, error) // behind the meter
	last *http.Transport                             // whose way that is
}

// RoundTrip is the way behind the meter.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) { return s.next(r) }

// Unwrap names the transport that sends.
func (s *stage) Unwrap() http.RoundTripper { return s.last }

// meterWith puts other limits before the fake venue.
func (s *stage) meterWith(l *limits.Limiter) {
	api := s.api
	api.HTTP = door.Client(&http.Client{Transport: s}, l, "main", s.p.log)
	s.p.limits, s.p.venue = l, newCLOB(api, "main", polymarket.Credentials{Key: "old", Secret: "c2VjcmV0", Passphrase: "p"})
}

// onStage runs a test in a bubble. answer is what the venue says; requests for keys are answered by themselves.
func onStage(t *testing.T, answer func(method, path, body string) (int, http.Header, string), test func(s *stage)) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		v := &counter{answer: func(method, path, body string) (int, http.Header, string) {
			if strings.HasPrefix(path, "/auth/") {
				return 200, nil, `{"apiKey":"fresh","secret":"c2VjcmV0","passphrase":"p"}`
			}
			return answer(method, path, body)
		}}
		pipe := b.Pipe()
		pipe.Serve(v)
		key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
		if err != nil {
			t.Fatal(err)
		}
		api := polymarket.CLOB{BaseURL: "http://venue", ChainID: polymarket.Polygon, Key: key}
		log := slog.New(slog.DiscardHandler)
		if testing.Verbose() {
			log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		s := &stage{t: t, v: v, core: newBench(t, Rules{}), api: api, last: pipe.Transport()}
		s.next = s.last.RoundTrip
		s.core.now = time.Now()
		s.p = &performer{account: "main", signer: signer{key, polymarket.Polygon}, log: log, count: newCounters(), revoked: &revoked{}, seen: &venueState{}, holds: true}
		s.meterWith(limits.New(limits.Standard()))
		test(s)
	})
}

// intents are decided by a real core, so that they can be signed.
func (s *stage) intents(n int) (posts []actor.Deed, ids []msgs.OrderID) {
	s.t.Helper()
	for i := range n {
		id := "a" + string(rune('a'+i))
		d := s.core.tell(s.core.message([]string{"submit", id, "BUY", "GTC", "0.52", "10"}))
		if len(d.Deeds) != 1 {
			s.t.Fatalf("submit: %+v", d.Events)
		}
		posts, ids = append(posts, d.Deeds[0]), append(ids, s.core.id(id))
	}
	return posts, ids
}

// do performs deeds as a job that was appended just now, and returns what was delivered. As in life they are prepared first.
func (s *stage) do(deeds ...actor.Deed) []any {
	job := actor.Job{Deeds: deeds, Sent: time.Now()}
	defer s.prepare(job)()
	return s.perform(job)
}

// prepare returns when everything of a job is ready that can be; done ends it.
func (s *stage) prepare(job actor.Job) (done func()) {
	ctx, end := context.WithCancel(s.t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { s.p.Prepare(ctx, job) })
	synctest.Wait()
	return func() { end(); ended.Wait() }
}

func (s *stage) perform(job actor.Job) []any {
	s.got = nil
	job.Deliver = func(m any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, m)
	}
	s.p.Perform(s.t.Context(), job)
	return s.got
}

// TestBatchAnswersAreLaidToTheirOrders posts three orders at once: the venue takes the first, refuses the second, and
// hides a refusal of the third behind success.
func TestBatchAnswersAreLaidToTheirOrders(t *testing.T) {
	var ids []msgs.OrderID
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 200, nil, `[{"success":true,"errorMsg":"","orderID":"` + string(ids[0]) + `","status":"live"},
			{"success":false,"errorMsg":"not enough balance / allowance"},
			{"success":true,"orderID":"","status":"","errorMsg":"post-only mode: only post-only orders and cancels are allowed"}]`
	}, func(s *stage) {
		var posts []actor.Deed
		posts, ids = s.intents(3)
		got := map[msgs.OrderID]string{}
		for _, m := range s.do(posts...) {
			p := m.(Posted)
			got[p.OrderID] = p.Outcome.Code()
		}
		if got[ids[0]] != "accepted" || got[ids[1]] != "not_enough_balance" || got[ids[2]] != "post_only" {
			t.Errorf("outcomes %v", got)
		}
		if calls := s.v.seen(); !slices.Equal(calls, []string{"POST /orders"}) {
			t.Errorf("calls %v", calls)
		}
	})
}

// TestOneJobIsPostedFifteenAtATime posts 16 orders: a batch of 15, which is the venue's most, and one alone.
func TestOneJobIsPostedFifteenAtATime(t *testing.T) {
	onStage(t, func(_, path, _ string) (int, http.Header, string) {
		return 400, nil, `{"error":"Invalid order payload"}`
	}, func(s *stage) {
		posts, _ := s.intents(16)
		if got := s.do(posts...); len(got) != 16 {
			t.Errorf("%d outcomes", len(got))
		}
		if calls := s.v.seen(); !slices.Equal(calls, []string{"POST /orders", "POST /order"}) {
			t.Errorf("calls %v", calls)
		}
		var batch []json.RawMessage
		if err := json.Unmarshal([]byte(s.v.bodies[0]), &batch); err != nil || len(batch) != 15 {
			t.Errorf("first batch of %d, %v", len(batch), err)
		}
	})
}

// TestRefusedCredentialsAreDerivedOnce answers 401 to the old key: the new one is derived and the order goes again, once.
func TestRefusedCredentialsAreDerivedOnce(t *testing.T) {
	var ids []msgs.OrderID
	tries := 0
	onStage(t, func(_, path, body string) (int, http.Header, string) {
		if tries++; strings.Contains(body, `"owner":"old"`) {
			return 401, nil, `{"error":"Unauthorized/Invalid api key"}`
		}
		return 200, nil, `{"success":true,"errorMsg":"","orderID":"` + string(ids[0]) + `","status":"live"}`
	}, func(s *stage) {
		var posts []actor.Deed
		posts, ids = s.intents(1)
		got := s.do(posts...)
		if _, ok := got[0].(Posted).Outcome.(polymarket.Accepted); !ok || tries != 2 {
			t.Errorf("%v after %d tries", got[0], tries)
		}
	})
}

// TestCredentialsRefusedTwiceEndTheOrder answers 401 to every key.
func TestCredentialsRefusedTwiceEndTheOrder(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 401, nil, `{"error":"Unauthorized/Invalid api key"}`
	}, func(s *stage) {
		posts, _ := s.intents(1)
		got := s.do(posts...)
		if _, ok := got[0].(Posted).Outcome.(polymarket.Unauthorised); !ok {
			t.Errorf("outcome %v", got[0])
		}
		if posted := len(s.v.seen()); posted > 4 {
			t.Errorf("%d calls", posted)
		}
	})
}

// TestRevokedOrderNeverLeaves cancels an order whose intent is just being written: its post ends as never left.
func TestRevokedOrderNeverLeaves(t *testing.T) {
	onStage(t, func(method, _, body string) (int, http.Header, string) {
		return 200, nil, `{"canceled":[],"not_canceled":{}}`
	}, func(s *stage) {
		posts, ids := s.intents(1)
		s.do(CancelOrders{ids})
		got := s.do(posts...)
		if o, ok := got[0].(Posted).Outcome.(polymarket.NeverLeft); !ok || o.Cause != errRevoked {
			t.Errorf("outcome %v", got[0])
		}
		if slices.Contains(s.v.seen(), "POST /order") {
			t.Error("the order left")
		}
	})
}

// TestNothingLeavesAfterSendBy performs a job whose append was sent too long ago.
func TestNothingLeavesAfterSendBy(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 500, nil, "" }, func(s *stage) {
		posts, _ := s.intents(1)
		var got []any
		s.p.Perform(s.t.Context(), actor.Job{Deeds: posts, Sent: time.Now().Add(-sendBy - time.Millisecond), Deliver: func(m any) { got = append(got, m) }})
		if _, ok := got[0].(Posted).Outcome.(polymarket.NeverLeft); !ok || len(s.v.seen()) > 0 {
			t.Errorf("outcome %v, calls %v", got[0], s.v.seen())
		}
	})
}

// TestNothingLeavesAfterItsCommandIsTooOld performs three orders of which the command of the second was valid until a moment ago: it does
// not leave, and the others do.
func TestNothingLeavesAfterItsCommandIsTooOld(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		return 400, nil, `{"error":"not enough balance / allowance"}`
	}, func(s *stage) {
		posts, ids := s.intents(3)
		for i, valid := range []time.Duration{0, -time.Millisecond, time.Minute} {
			p := posts[i].(Post)
			if valid != 0 {
				p.Intent.ValidUntilMS = time.Now().Add(valid).UnixMilli()
			}
			posts[i] = p
		}
		for _, m := range s.do(posts...) {
			_, kept := m.(Posted).Outcome.(polymarket.NeverLeft)
			if tooOld := m.(Posted).OrderID == ids[1]; kept != tooOld {
				t.Errorf("order %s: %+v", m.(Posted).OrderID, m)
			}
		}
		for _, body := range s.v.bodies {
			if strings.Contains(body, strconv.FormatUint(posts[1].(Post).Intent.Salt, 10)) {
				t.Errorf("the order whose command is too old has left: %s", body)
			}
		}
	})
}

// TestCancelIsAskedUntilAnswered lets the venue fail, throttle and answer: one answer is delivered, and ids that it leaves
// out are named in it.
func TestCancelIsAskedUntilAnswered(t *testing.T) {
	tries := 0
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		switch tries++; tries {
		case 1:
			return 502, nil, "<html>bad gateway</html>"
		case 2:
			return 429, http.Header{"Retry-After": {"3"}}, `{"error":"Too Many Requests"}`
		}
		return 200, nil, `{"canceled":["` + named("a") + `"],"not_canceled":{"` + named("b") + `":"Order is delayed and cannot be canceled yet"}}`
	}, func(s *stage) {
		began := time.Now()
		got := s.do(CancelOrders{[]msgs.OrderID{msgs.OrderID(named("a")), msgs.OrderID(named("b")), msgs.OrderID(named("c"))}})
		if len(got) != 1 {
			t.Fatalf("delivered %v", got)
		}
		a := got[0].(CancelAnswer)
		if len(a.Cancelled) != 1 || len(a.Refused) != 2 || a.Refused[0].Code != msgs.HeldByDelay || a.Refused[1].Code != msgs.NotFound {
			t.Errorf("answer %+v", a)
		}
		if d := time.Since(began); d < 3*time.Second {
			t.Errorf("asked again after %s, the venue said 3s", d)
		}
	})
}

// TestDenialCountsFromItsMoment looks up an order that the venue denies: nothing is delivered before the denial counts.
func TestDenialCountsFromItsMoment(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 404, nil, `{"error":"order not found"}` }, func(s *stage) {
		began := time.Now()
		got := s.do(Lookup{OrderID: msgs.OrderID(named("a")), DeniedMS: began.UnixMilli() + restMS, Try: 3, Alone: true})
		if len(got) != 1 || got[0] != (Denied{msgs.OrderID(named("a")), 3, true}) {
			t.Errorf("delivered %v", got)
		}
		if d := time.Since(began).Milliseconds(); d < restMS || d > restMS+1000 {
			t.Errorf("denied after %d ms", d)
		}
		if n := len(s.v.seen()); n > 12 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestSilenceIsNoDenial lets the venue fail for a minute and then show the order.
func TestSilenceIsNoDenial(t *testing.T) {
	began := time.Time{}
	onStage(t, func(_, _, _ string) (int, http.Header, string) {
		if time.Since(began) < time.Minute {
			return 404, nil, "<html>not found</html>"
		}
		return 200, nil, `{"id":"` + named("a") + `","status":"LIVE","original_size":"10","size_matched":"4","side":"BUY","price":"0.5"}`
	}, func(s *stage) {
		began = time.Now()
		got := s.do(Lookup{OrderID: msgs.OrderID(named("a"))})
		if f, ok := got[0].(Found); len(got) != 1 || !ok || f.Order.Matched != 4_000_000 {
			t.Errorf("delivered %v", got)
		}
	})
}

// TestStoppedPerformDeliversNothing ends the context while the venue does not answer: the deed stays open.
func TestStoppedPerformDeliversNothing(t *testing.T) {
	release := make(chan struct{})
	onStage(t, func(_, _, _ string) (int, http.Header, string) { <-release; return 500, nil, "" }, func(s *stage) {
		release = make(chan struct{})
		defer close(release)
		posts, _ := s.intents(1)
		ctx, cancel := context.WithCancel(s.t.Context())
		var got []any
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.p.Perform(ctx, actor.Job{Deeds: append(posts, Lookup{OrderID: "0x"}, CancelOrders{[]msgs.OrderID{"0x"}}), Sent: time.Now(), Deliver: func(m any) { got = append(got, m) }})
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		<-done
		if len(got) > 0 {
			t.Errorf("delivered %v", got)
		}
	})
}

// TestCancelWakesWhatWaitsForAnotherTry lets an order wait for half a minute and cancels it: the wait ends at once. One
// that begins after the cancel does not wait at all, and the wait for another cancel is not cut short.
func TestCancelWakesWhatWaitsForAnotherTry(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 200, nil, `{"canceled":[],"not_canceled":{}}` }, func(s *stage) {
		began, id := time.Now(), msgs.OrderID(named("a"))
		time.AfterFunc(time.Second, func() { s.p.revoked.add([]msgs.OrderID{id}, forEver) })
		for i, w := range []Wait{{UntilMS: began.UnixMilli() + 30_000, Then: Again{id, 1}}, {UntilMS: began.UnixMilli() + 30_000, Then: Again{id, 2}}, {UntilMS: began.UnixMilli() + 30_000, Then: Again{id, 0}}} {
			if got := s.do(w); len(got) != 1 || got[0] != w.Then {
				t.Errorf("delivered %v", got)
			}
			if d, want := time.Since(began), []time.Duration{time.Second, time.Second, 30 * time.Second}[i]; d != want {
				t.Errorf("wait %d ended after %s, want %s", i, d, want)
			}
		}
	})
}

// TestTurnPassesOnBehindALostAnswer lets two orders wait for another try and posts a third: the older of them is woken when the venue has
// taken or refused it, and when nobody knows what became of it, because whoever follows must not wait for the end of its own time;
// not when the venue takes nothing.
func TestTurnPassesOnBehindALostAnswer(t *testing.T) {
	const waits = 30 * time.Second
	for _, c := range []struct {
		name   string
		status int
		answer string
		woken  bool
	}{
		{"taken", 200, `{"success":true,"orderID":"0x1","status":"live"}`, true},
		{"nobody knows", 500, `{"error":"could not run the execution"}`, true},
		{"the venue takes nothing", 425, `{"error":"the matching engine is restarting"}`, false},
		{"refused for good, by a venue that judges orders", 400, `{"error":"not enough balance / allowance"}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(_, _, _ string) (int, http.Header, string) { return c.status, nil, c.answer }, func(s *stage) {
				posts, ids := s.intents(3)
				began := time.Now()
				var mu sync.Mutex
				after := map[msgs.OrderID]time.Duration{}
				until := began.Add(waits).UnixMilli()
				s.p.Perform(s.t.Context(), actor.Job{Sent: began, Deeds: []actor.Deed{Wait{UntilMS: until, Then: Again{ids[0], 1}, Turn: 7}, Wait{UntilMS: until, Then: Again{ids[1], 1}, Turn: 5}, posts[2]},
					Deliver: func(m any) {
						if a, ok := m.(Again); ok {
							mu.Lock()
							after[a.OrderID] = time.Since(began)
							mu.Unlock()
						}
					}})
				if younger, older := after[ids[0]], after[ids[1]]; len(after) != 2 || younger < waits-time.Second || (older < time.Second) != c.woken {
					t.Errorf("the younger is tried again after %s, the older after %s; want the older at once: %v", younger, older, c.woken)
				}
			})
		})
	}
}

// TestSameIntentSameBytes signs one intent twice and wants the same request.
func TestSameIntentSameBytes(t *testing.T) {
	onStage(t, func(_, _, _ string) (int, http.Header, string) { return 500, nil, "" }, func(s *stage) {
		posts, _ := s.intents(1)
		s.do(posts...)
		s.do(posts...)
		if s.v.bodies[0] != s.v.bodies[1] || s.v.bodies[0] == "" {
			t.Errorf("bodies differ:\n%s\n%s", s.v.bodies[0], s.v.bodies[1])
		}
	})
}
