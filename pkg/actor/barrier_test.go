package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// With two express lanes each has to be drained: what is stored earlier in the one wins although the other has nothing, whichever of them
// it is.
func TestBarrierIsMadeOfEveryLane(t *testing.T) {
	for _, place := range []int{0, 1} {
		t.Run(fmt.Sprintf("cancels in lane %d", place), func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				late := make(chan struct{})
				p := start(b, func(c *actor.Config) {
					quiet := actor.Lane{Name: "all", Stream: msgs.AskAllStream, Subjects: []string{"cmd.control.all.halt"}}
					c.Express = slices.Insert(c.Express, 1-place, quiet)
					c.JS = &leaky{c.JS, func(m jetstream.Msg) bool {
						if strings.HasSuffix(m.Subject(), "cancel") {
							<-late
						}
						return false
					}}
				})
				time.Sleep(time.Second)
				p.ask("submit", "before")
				time.Sleep(time.Second)
				p.ask("cancel", "one")
				p.ask("submit", "one")
				p.ask("submit", "two")
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := p.sent(); !slices.Equal(got, ids("before")) {
					t.Errorf("posted %v before the cancel was heard", got)
				}
				close(late)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := p.sent(); !slices.Equal(got, ids("before", "two")) {
					t.Errorf("posted %v, want what nobody had cancelled", got)
				}
			})
		})
	}
}

// What waits in the queue is taken fifteen at a time, as one post carries; several hands may be written as one.
func TestHandsAreFullWhileEnoughWaits(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		if err := actor.EnsureStreams(t.Context(), js, 1, "a"); err != nil {
			t.Fatal(err)
		}
		for i := range 10*msgs.MaxPostOrders + 1 {
			if _, err := js.Publish(t.Context(), msgs.CmdSubject("order", "a", "submit"), fmt.Append(nil, "id", i)); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		var jobs []int
		start(b, func(c *actor.Config) {
			c.Perform = func(_ context.Context, job actor.Job) {
				mu.Lock()
				jobs = append(jobs, len(job.Deeds))
				mu.Unlock()
				for _, d := range job.Deeds {
					job.Deliver(posted{d.(post).id})
				}
			}
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		sum, broken := 0, 0
		for _, n := range jobs {
			if sum += n; n%msgs.MaxPostOrders != 0 {
				broken++
			}
		}
		if sum != 10*msgs.MaxPostOrders+1 || broken != 1 {
			t.Errorf("performed %v at once, want whole posts but for the last order", jobs)
		}
	})
}

// sulky fails to wait a few times before it is itself.
type sulky struct {
	*counting
	mu    sync.Mutex
	fails int
}

func (l *sulky) Wait(ctx context.Context, want int) (int, error) {
	l.mu.Lock()
	l.fails--
	fails := l.fails
	l.mu.Unlock()
	if fails >= 0 {
		return 0, errors.New("no permit is given while the figures are changed")
	}
	return l.counting.Wait(ctx, want)
}

// A limiter that refuses to let anybody wait is asked again: submits leave when it gives permits.
func TestLimiterThatFailsIsAskedAgain(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l := &sulky{counting: &counting{}, fails: 3}
		p := start(b, func(c *actor.Config) { c.Limiter = l })
		p.ask("submit", "one")
		time.Sleep(time.Second)
		l.add(5)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.sent(); !slices.Equal(got, ids("one")) {
			t.Errorf("posted %v", got)
		}
		if l.out() != 1 {
			t.Errorf("%d permits are out after one post", l.out())
		}
	})
}
