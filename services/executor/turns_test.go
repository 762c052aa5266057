package executor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// While the venue takes post-only orders alone, one of the orders that wait asks for all, so often in the time that the venue names,
// however many wait. When it is let in all the others follow at once. One that is too old by then is told so in time.
func TestOneOrderAsksForAllWhilePostOnly(t *testing.T) {
	const orders, named, lasts = 40, 30, 100 * time.Second
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.PostOnlyMode, f.RetryAfterS = true, named })
		for i := range orders {
			p.submit(fmt.Sprint("o", i), msgs.Buy, msgs.GTC, "0.10", "5", ",'valid_until_ms':0")
		}
		valid := time.Now().Add(50 * time.Second)
		p.submit("short", msgs.Buy, msgs.GTC, "0.10", "5", fmt.Sprintf(",'valid_until_ms':%d", valid.UnixMilli()))
		pass := func(d time.Duration) { // nothing trades
			time.Sleep(d)
			p.b.Wait()
		}
		pass(time.Until(valid) + 2*time.Second)
		if s := p.story("short"); !strings.HasSuffix(s, "rejected:expired_in_queue.") && !strings.HasSuffix(s, "rejected:venue_down.") {
			t.Errorf("an order that is valid for 50 s: %s", s)
		}
		pass(lasts - 52*time.Second)
		asked := 0
		for _, n := range p.posts() {
			asked += n
		}
		if most := orders + 1 + int(lasts/time.Second)*asksForAll/named; asked > most {
			t.Errorf("%d orders were sent %d times in %s, want at most %d", orders+1, asked, lasts, most)
		}
		p.venue.SetFaults(func(f *sandbox.Faults) { f.PostOnlyMode = false })
		pass(5 * time.Second)
		for i := range orders {
			if s := p.story(fmt.Sprint("o", i)); !strings.HasSuffix(s, "accepted") {
				t.Errorf("o%d, when the venue takes all again: %s", i, s)
			}
		}
	})
}

// An order that the venue refuses for itself alone does not keep those behind it waiting: it passes its turn on, and stands behind them the
// next time. When the venue takes nothing, two of those that wait find that out, and no more.
func TestTurnIsNotKeptByAnOrderThatIsRefused(t *testing.T) {
	const waits = 30 * time.Second
	for _, c := range []struct {
		name    string
		refused int // of the four that wait, the oldest first
		tried   []int
	}{
		{"one", 1, []int{0, 1, 2, 3, 0, 5, 0}}, // it comes behind the others, and again when nobody else waits
		{"none", 0, []int{0, 1, 2, 3, 5}},
		{"all", 4, []int{0, 1, 2, 3}}, // two for each that the venue took beside them
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &race{}
			onStage(t, func(_, _, body string) (int, http.Header, string) { return r.answer(body) }, func(s *stage) {
				r.posts, r.ids = s.intents(7)
				for i := range r.posts {
					p := r.posts[i].(Post)
					p.Intent.ValidUntilMS = 0 // they wait for longer than commands are valid by themselves
					r.posts[i] = p
				}
				for i := range c.refused {
					r.refuse(i)
				}
				ctx, stop := context.WithTimeout(s.t.Context(), waits/2)
				defer stop()
				until := time.Now().Add(waits).UnixMilli()
				var running sync.WaitGroup
				for i := range 4 {
					r.wait(ctx, s, &running, i, until)
				}
				time.Sleep(time.Second)
				r.post(ctx, s, &running, 4) // a fresh one, that the venue takes
				time.Sleep(3 * time.Second)
				r.wait(ctx, s, &running, 5, until) // the youngest
				time.Sleep(time.Second)
				r.post(ctx, s, &running, 6)
				running.Wait()
				if !slices.Equal(r.tried, c.tried) {
					t.Errorf("tried %v, want %v", r.tried, c.tried)
				}
			})
		})
	}
}

// race is orders that wait for another try of theirs, and a venue that refuses some.
type race struct {
	mu      sync.Mutex
	posts   []actor.Deed
	ids     []msgs.OrderID
	refused map[string]bool // salts
	tried   []int           // again, in order
}

func (r *race) refuse(i int) {
	if r.refused == nil {
		r.refused = map[string]bool{}
	}
	r.refused[fmt.Sprintf(`"salt":%d,`, r.posts[i].(Post).Intent.Salt)] = true
}

func (r *race) answer(body string) (int, http.Header, string) {
	time.Sleep(10 * time.Millisecond) // as a venue does: who was refused waits again before the next is judged
	for salt := range maps.Keys(r.refused) {
		if strings.Contains(body, salt) {
			return 503, nil, `{"error":"post-only mode: only post-only orders and cancels are allowed","code":"post_only_mode","retry_after_seconds":30}`
		}
	}
	return 200, nil, `{"success":true,"orderID":"0x1","status":"live"}`
}

// wait lets an order wait, and tries it when the wait ends before the race does.
func (r *race) wait(ctx context.Context, s *stage, running *sync.WaitGroup, i int, until int64) {
	running.Go(func() {
		w := Wait{UntilMS: until, Then: Again{r.ids[i], 1}, Turn: uint64(i + 1)}
		s.p.Perform(ctx, actor.Job{Sent: time.Now(), Deeds: []actor.Deed{w}, Deliver: func(any) {
			r.mu.Lock()
			r.tried = append(r.tried, i)
			r.mu.Unlock()
			r.post(ctx, s, running, i)
		}})
	})
}

// post sends an order, which waits again when it is refused.
func (r *race) post(ctx context.Context, s *stage, running *sync.WaitGroup, i int) {
	running.Go(func() {
		d := r.posts[i].(Post)
		d.Again = true
		s.p.Perform(ctx, actor.Job{Sent: time.Now(), Deeds: []actor.Deed{d}, Deliver: func(m any) {
			if _, later := m.(Posted).Outcome.(polymarket.RetryAfter); later {
				r.wait(ctx, s, running, i, time.Now().Add(time.Hour).UnixMilli())
			}
		}})
	})
}
