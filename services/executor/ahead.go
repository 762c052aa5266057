package executor

import (
	"context"
	"slices"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds of what is made ready ahead of its time.
const (
	maxAhead = 4                      // requests at a time: each holds a connection, and one append is in flight
	aheadFor = 500 * time.Millisecond // that a request waits at its connection: an append takes a millisecond, and a disk that hangs has time
)

// ahead keeps requests that are prepared while the intents of their orders are being written. An append may be quicker than what is
// prepared beside it: what has left by then is not prepared any more, else its request would wait for nobody.
type ahead struct {
	mu     sync.Mutex
	of     map[msgs.OrderID]*waiting  // by each of its orders
	places int                        // taken by those that wait
	left   map[msgs.OrderID]time.Time // when orders left of which nothing was prepared yet
}

// waiting is a request that is being written, or waits at its connection.
type waiting struct {
	ids      []msgs.OrderID
	held     *door.Held           // nil while it is being written
	placed   bool                 // it has one of the places
	outcomes []polymarket.Outcome // once done is closed
	done     chan struct{}
}

// begin notes that a request is being prepared. It reports false when one of its orders has left already.
func (a *ahead) begin(w *waiting) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := false
	for _, id := range w.ids {
		_, left := a.left[id]
		gone = gone || left
		delete(a.left, id)
	}
	if gone {
		return false
	}
	if a.of == nil {
		a.of = map[msgs.OrderID]*waiting{}
	}
	for _, id := range w.ids {
		a.of[id] = w
	}
	return true
}

// hold gives a request a place to wait in, unless its orders have left meanwhile or too many wait.
func (a *ahead) hold(w *waiting, h *door.Held) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[w.ids[0]] != w || a.places >= maxAhead {
		return false
	}
	w.held, w.placed = h, true
	a.places++
	return true
}

// take gives the request of exactly these orders that waits, or nil. Then they leave otherwise, and whatever is prepared for one of them
// ends.
func (a *ahead) take(ids []msgs.OrderID) *waiting {
	a.mu.Lock()
	w := a.of[ids[0]]
	if w != nil && w.placed && slices.Equal(w.ids, ids) {
		a.forget(w)
		a.mu.Unlock()
		return w
	}
	unwanted := a.leave(ids)
	a.mu.Unlock()
	for _, h := range unwanted {
		h.Drop()
	}
	return nil
}

// leave notes that orders leave without a request that was prepared, and gives what waits for one of them. The lock is held.
func (a *ahead) leave(ids []msgs.OrderID) (unwanted []*door.Held) {
	now := time.Now()
	for id, at := range a.left {
		if now.Sub(at) > sendBy {
			delete(a.left, id) // whoever prepares it later finds the time to send over
		}
	}
	if a.left == nil {
		a.left = map[msgs.OrderID]time.Time{}
	}
	for _, id := range ids {
		w := a.of[id]
		if w == nil {
			a.left[id] = now
			continue
		}
		if w.placed {
			unwanted = append(unwanted, w.held)
		}
		a.forget(w)
	}
	return unwanted
}

// end lets go of a request that has ended.
func (a *ahead) end(w *waiting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(w)
}

// forget lets go of a request and of its place. The lock is held.
func (a *ahead) forget(w *waiting) {
	for _, id := range w.ids {
		if a.of[id] == w {
			delete(a.of, id)
		}
	}
	if w.placed {
		w.placed = false
		a.places--
	}
}

// Prepare signs and writes orders whose intents are being written, and brings their requests as far as a connection. A signature is
// the same whenever it is made, and nothing of a request leaves before post, to which the intents are on disk, has paid for it.
func (p *performer) Prepare(ctx context.Context, job actor.Job) {
	var running sync.WaitGroup
	defer running.Wait()
	posts := make([]Post, 0, len(job.Deeds))
	for _, d := range job.Deeds {
		if post, ok := d.(Post); ok {
			posts = append(posts, post)
		}
	}
	for chunk := range slices.Chunk(posts, msgs.MaxPostOrders) {
		w, by := &waiting{done: make(chan struct{})}, job.Sent.Add(sendBy)
		for i := range chunk {
			w.ids, by = append(w.ids, chunk[i].Intent.OrderID), within(by, &chunk[i].Intent)
		}
		if !p.ahead.begin(w) {
			continue
		}
		out := p.write(chunk)
		switch {
		case len(out) < len(chunk) || !p.holds || p.dry:
			p.ahead.end(w)
		case len(chunk) == len(posts):
			p.bring(ctx, w, out, by)
		default:
			running.Go(func() { p.bring(ctx, w, out, by) })
		}
	}
}

// write signs and writes orders for post, and gives those that could be.
func (p *performer) write(posts []Post) (out []polymarket.Envelope) {
	for i := range posts {
		e, err := p.signer.envelope(&posts[i])
		if err != nil {
			continue // post says so
		}
		giveWay()
		e = e.Written()
		p.ready.put(posts[i].Intent.OrderID, e)
		out = append(out, e)
	}
	giveWay()
	return out
}

// bring brings a request to a connection, and lets it leave when it is paid for.
func (p *performer) bring(ctx context.Context, w *waiting, out []polymarket.Envelope, by time.Time) {
	defer p.ahead.end(w)
	with, held := door.Hold(ctx, limits.Posting(p.account, len(out)))
	defer held.End()
	if !p.ahead.hold(w, held) {
		return
	}
	defer time.AfterFunc(aheadFor, held.Drop).Stop()
	w.outcomes = p.venue.Post(with, out, by)
	close(w.done)
}

// leave posts orders with a permit: by the request that waits for them, or by a new one.
func (p *performer) leave(ctx context.Context, permit limits.Permit, ids []msgs.OrderID, out []polymarket.Envelope, by time.Time) []polymarket.Outcome {
	if p.holds {
		if w := p.ahead.take(ids); w != nil && w.held.Pay(permit) {
			<-w.done
			return w.outcomes
		}
	}
	with, done := door.Carry(ctx, limits.Posting(p.account, len(out)), permit)
	defer done()
	return p.venue.Post(with, out, by)
}
