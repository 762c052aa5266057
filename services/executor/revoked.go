package executor

import (
	"container/heap"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// revoked remembers orders that must not leave any more, so that one whose intent is just being written stays, and wakes
// those that wait for another try.
type revoked struct {
	mu      sync.Mutex
	ids     map[msgs.OrderID]revocation
	waiting map[msgs.OrderID]chan struct{} // closed to wake
	turns   turns                          // some may be awake
	given   map[msgs.OrderID]given         // turns that were given and have not come to anything yet
	behind  map[msgs.OrderID]bool          // refused in its turn: others come first the next time
	askedMS int64                          // when one that waited has asked for all
}

// given is a turn that was given to an order.
type given struct {
	at     time.Time
	passed bool // on, by one that was refused in its turn
}

// turns are those that wait for another try, as a heap: the oldest first.
type turns []place

type place struct {
	turn uint64
	id   msgs.OrderID
	wake chan struct{} // of the wait that it was taken for
}

func (t turns) Len() int           { return len(t) }
func (t turns) Less(i, j int) bool { return t[i].turn < t[j].turn }
func (t turns) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(p any)        { *t = append(*t, p.(place)) }
func (t *turns) Pop() any {
	last := len(*t) - 1
	p := (*t)[last]
	*t = (*t)[:last]
	return p
}

// revocation is until when an order's posts must not leave: those decided at an event up to a number.
type revocation struct {
	at   time.Time
	upto uint64
}

// forEver is the number of a revocation that nothing follows: the order shall end.
const forEver = math.MaxUint64

// revokedFor is how long that matters: an order leaves within the send-by time of its intent, or its core is asked again.
const revokedFor = time.Minute

// spareTurns is how many turns of orders that are awake are kept beyond those of as many that wait, before they are cleared away.
const spareTurns = 100

// lastTurn is behind all serials.
const lastTurn = 1 << 63

// add revokes posts of orders, those that are decided up to an event.
func (r *revoked) add(ids []msgs.OrderID, upto uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.ids == nil {
		r.ids = map[msgs.OrderID]revocation{}
	}
	for id, v := range r.ids {
		if now.Sub(v.at) > revokedFor {
			delete(r.ids, id)
		}
	}
	for _, id := range ids {
		r.ids[id] = revocation{now, max(upto, r.ids[id].upto)}
		if wake := r.waiting[id]; wake != nil {
			close(wake)
			delete(r.waiting, id)
		}
	}
}

// stops reports whether a post that was decided after an event must not leave. One that may was decided by a core that knew of the
// revocation, which has no effect any more then.
func (r *revoked) stops(id msgs.OrderID, after uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.ids[id]
	if ok && after > v.upto {
		delete(r.ids, id)
		return false
	}
	return ok
}

// judged takes what the venue has answered about an order; plain is one that it takes only when it takes any. When it has judged the
// order the oldest that waits is woken. So those that it had refused for now follow each other in their order and as fast as it takes
// them, and not as their waits end. One that is refused once more in its turn lets others come first the next time and passes the turn on,
// but not if it was passed on to it: what the venue refuses for itself alone does not keep the rest waiting, and when it takes nothing two
// find that out.
func (r *revoked) judged(id msgs.OrderID, o polymarket.Outcome, plain bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	turn, mine := r.given[id]
	delete(r.given, id)
	_, refused := o.(polymarket.RetryAfter)
	switch {
	case (plain || mine) && opens(o):
		r.next(false)
	case mine && refused:
		if r.behind == nil || len(r.behind) > spareTurns+len(r.waiting) { // those that never wait again are forgotten with all
			r.behind = map[msgs.OrderID]bool{}
		}
		r.behind[id] = true
		if !turn.passed {
			r.next(true)
		}
	}
}

// next wakes the oldest that waits. The lock is held.
func (r *revoked) next(passed bool) {
	for len(r.turns) > 0 {
		p := heap.Pop(&r.turns).(place)
		if r.waiting[p.id] == p.wake {
			close(p.wake)
			delete(r.waiting, p.id)
			r.give(p.id, passed)
			return
		}
	}
}

// give notes a turn. One that comes to nothing, as its order does not leave any more, is forgotten. The lock is held.
func (r *revoked) give(id msgs.OrderID, passed bool) {
	now := time.Now()
	if r.given == nil {
		r.given = map[msgs.OrderID]given{}
	}
	if len(r.given) >= spareTurns {
		for old, g := range r.given {
			if now.Sub(g.at) > revokedFor {
				delete(r.given, old)
			}
		}
	}
	r.given[id] = given{now, passed}
}

// asks says whether a wait whose time has come ends: 0, or when its time comes again, as another has just asked for all.
func (r *revoked) asks(w Wait) (untilMS int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixMilli()
	switch again := r.askedMS + w.EachMS; {
	case w.EachMS == 0, w.LastMS != 0 && now > w.LastMS:
		return 0
	case again <= now:
		r.askedMS = now
		return 0
	case w.LastMS != 0:
		return min(again, w.LastMS+1)
	default:
		return again
	}
}

// wait lets the time of a Wait pass. One for another try of an order ends early when it is its turn, or when the order is revoked: its
// core then ends it. The error is the context's.
func (r *revoked) wait(ctx context.Context, w Wait) error {
	if w.Then.Try == 0 {
		return pauseUntil(ctx, w.UntilMS)
	}
	wake, ok := r.sleeper(w.Then.OrderID, w.Turn)
	if !ok {
		return ctx.Err()
	}
	defer r.awake(w.Then.OrderID, wake)
	for until := w.UntilMS; until != 0; until = r.asks(w) {
		t := time.NewTimer(time.Until(time.UnixMilli(until)))
		select {
		case <-t.C:
		case <-wake:
			t.Stop()
			return nil
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// sleeper registers who waits; ok is false when the order is revoked already.
func (r *revoked) sleeper(id msgs.OrderID, turn uint64) (wake chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.ids[id]; there {
		return nil, false
	}
	if r.waiting == nil {
		r.waiting = map[msgs.OrderID]chan struct{}{}
	}
	wake = make(chan struct{})
	r.waiting[id] = wake
	if len(r.turns) > spareTurns+2*len(r.waiting) {
		r.turns = slices.DeleteFunc(r.turns, func(p place) bool { return r.waiting[p.id] != p.wake })
		heap.Init(&r.turns)
	}
	if r.behind[id] {
		delete(r.behind, id)
		turn |= lastTurn
	}
	heap.Push(&r.turns, place{turn, id, wake})
	return wake, true
}

func (r *revoked) awake(id msgs.OrderID, wake chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting[id] == wake {
		delete(r.waiting, id)
	}
}
