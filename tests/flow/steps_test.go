package flow

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// point is a step in the life of an order at which the executor falls, once.
type point struct {
	name  string
	event string                // falls when an event of this type has reached the disk
	leave func(r *request) bool // falls when such a request is about to leave
	back  func(r *request) bool // falls when the venue has answered such a request, before anyone reads it
}

// lookup reports whether a request asks about one order.
func (r *request) lookup() bool {
	return r.Method == "GET" && strings.Contains(r.URL.Path, "/data/order/")
}

func points() []point {
	return []point{
		{name: "the intent is on disk", event: "order.submitting"},
		{name: "the post is about to leave", leave: (*request).posts},
		{name: "the post is answered", back: (*request).posts},
		{name: "the acceptance is on disk", event: "order.accepted"},
		{name: "the fill is on disk", event: "order.filled"},
		{name: "the settlement is on disk", event: "order.settled"},
		{name: "the wish to cancel is on disk", event: "order.cancelling"},
		{name: "the cancel is about to leave", leave: (*request).cancels},
		{name: "the cancel is answered", back: (*request).cancels},
		{name: "the end is on disk", event: "order.cancelled"},
		{name: "the unknown is on disk", event: "order.unknown"},
		{name: "a look-up is about to leave", leave: (*request).lookup},
		{name: "a look-up is answered", back: (*request).lookup},
	}
}

// trap lets the running executor fall at a point, and counts how often it was reached.
func (p *plant) trap(at point) (fallen chan struct{}) {
	p.t.Helper()
	fallen = make(chan struct{})
	var once atomic.Bool
	victim := p.executor()
	spring := func() bool {
		if !once.CompareAndSwap(false, true) {
			return false
		}
		victim.Fall()
		close(fallen)
		return true
	}
	if at.event != "" {
		if _, err := p.b.NATS().Subscribe("stored.evt.order.main", func(m *nats.Msg) {
			if strings.Contains(string(m.Data), `"type":"`+at.event+`"`) {
				spring()
			}
		}); err != nil {
			p.t.Fatal(err)
		}
	}
	p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		if at.leave != nil && at.leave(r) && spring() {
			return nil, errReset
		}
		a, err := send()
		if at.back != nil && at.back(r) && err == nil && spring() {
			a.Body.Close()
			return nil, errReset
		}
		return a, err
	})
	return fallen
}

// TestExecutorFallsAtEachStep lets the executor fall at each step of the lives of three orders: one that rests and is
// cancelled, one that trades, one of which the request gets lost. The next one carries them to the same ends.
func TestExecutorFallsAtEachStep(t *testing.T) {
	for _, at := range points() {
		t.Run(at.name, func(t *testing.T) {
			inPlant(t, setup{}, func(p *plant) {
				fallen := p.trap(at)
				again := func() {
					select {
					case <-fallen:
						if len(p.executors) == 1 {
							p.executor().Kill()
							p.start(p.successor())
						}
					default:
					}
				}
				p.submit("rests", "BUY", "GTC", "0.10", "10", always)
				p.submit("takes", "BUY", "GTC", "0.52", "10", always)
				p.reach(again, func() bool {
					return p.last("main", "rests").State == "open" && p.last("main", "takes").State == "filled"
				})
				p.send("cancel", "{'client_order_id':'rests'}")
				p.reach(again, func() bool {
					return p.last("main", "rests").Final && strings.Contains(p.story("main", "takes"), "settled")
				})
				p.venue.SetFaults(loseOnePost)
				p.submit("lost", "BUY", "GTC", "0.11", "10", always)
				p.reach(again, func() bool { return p.last("main", "lost").State == "open" })
				select {
				case <-fallen:
				default:
					t.Fatal("the executor never came to this point")
				}
				p.pass(settling)
				if n := len(p.executors); n != 2 {
					t.Errorf("%d executors were started, want 2", n)
				}
				if open := p.open("main"); len(open) != 1 {
					t.Errorf("%d orders are open at the venue, want 1", len(open))
				}
				for id, state := range map[string]string{"rests": "cancelled", "takes": "filled", "lost": "open"} {
					if e := p.last("main", id); e.State != state {
						t.Errorf("%s is %s, want %s: %s", id, e.State, state, p.story("main", id))
					}
				}
				p.sameAfterRestart()
			})
		})
	}
}

// reach lets time pass until something is so, doing something at each step.
func (p *plant) reach(each func(), so func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !so(); p.pass(step) {
		each()
		if time.Now().After(end) {
			p.t.Fatalf("not reached: rests %s; takes %s; lost %s", p.story("main", "rests"), p.story("main", "takes"), p.story("main", "lost"))
		}
	}
}
