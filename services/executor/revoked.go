package executor

import (
	"container/heap"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"sluice/pkg/msgs"
)

// revoked remembers orders that must not leave any more, so that one whose intent is just being written stays, and wakes
// those that wait for another try.
type revoked struct {
	mu      sync.Mutex
	ids     map[msgs.OrderID]revocation
	waiting map[msgs.OrderID]chan struct{} // closed to wake
	turns   turns                          // some may be awake
}

// turns are those that wait for another try, as a heap: the oldest first.
type turns []place

type place struct {
	turn uint64
	id   msgs.OrderID
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

// next wakes the oldest that waits: the venue has just judged another order. So those that it had refused for now follow each other in
// their order and as fast as it takes them, and not as their waits end.
func (r *revoked) next() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.turns) > 0 {
		id := heap.Pop(&r.turns).(place).id
		if wake := r.waiting[id]; wake != nil {
			close(wake)
			delete(r.waiting, id)
			return
		}
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
	t := time.NewTimer(time.Until(time.UnixMilli(w.UntilMS)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
		r.turns = slices.DeleteFunc(r.turns, func(p place) bool { return r.waiting[p.id] == nil })
		heap.Init(&r.turns)
	}
	heap.Push(&r.turns, place{turn, id})
	return wake, true
}

func (r *revoked) awake(id msgs.OrderID, wake chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting[id] == wake {
		delete(r.waiting, id)
	}
}
