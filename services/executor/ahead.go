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

// ahead keeps requests that wait at their connections while the intents of their orders are being written.
type ahead struct {
	mu    sync.Mutex
	first map[msgs.OrderID]*waiting // by the first order
}

// waiting is one such request.
type waiting struct {
	ids      []msgs.OrderID
	held     *door.Held
	outcomes []polymarket.Outcome // once done is closed
	done     chan struct{}
}

// add keeps a request, unless there are too many.
func (a *ahead) add(w *waiting) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.first) >= maxAhead {
		return false
	}
	if a.first == nil {
		a.first = map[msgs.OrderID]*waiting{}
	}
	a.first[w.ids[0]] = w
	return true
}

// take gives the request of exactly these orders, or nil. One of other orders that begins with the same ends unsent.
func (a *ahead) take(ids []msgs.OrderID) *waiting {
	a.mu.Lock()
	w := a.first[ids[0]]
	delete(a.first, ids[0])
	a.mu.Unlock()
	if w != nil && !slices.Equal(w.ids, ids) {
		w.held.Drop()
		return nil
	}
	return w
}

func (a *ahead) remove(w *waiting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.first[w.ids[0]] == w {
		delete(a.first, w.ids[0])
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
		w := &waiting{done: make(chan struct{})}
		var out []polymarket.Envelope
		for i := range chunk {
			e, err := p.signer.envelope(&chunk[i])
			if err != nil {
				continue // post says so
			}
			giveWay()
			e = e.Written()
			p.ready.put(chunk[i].Intent.OrderID, e)
			w.ids, out = append(w.ids, chunk[i].Intent.OrderID), append(out, e)
		}
		if len(out) < len(chunk) || !p.holds || p.dry {
			continue
		}
		giveWay()
		if len(chunk) == len(posts) {
			p.bring(ctx, w, out, job.Sent)
			return
		}
		running.Go(func() { p.bring(ctx, w, out, job.Sent) })
	}
}

// bring brings a request to a connection, and lets it leave when it is paid for.
func (p *performer) bring(ctx context.Context, w *waiting, out []polymarket.Envelope, sent time.Time) {
	with, held := door.Hold(ctx, limits.Posting(p.account, len(out)))
	w.held = held
	defer held.End()
	if !p.ahead.add(w) {
		return
	}
	defer p.ahead.remove(w)
	defer time.AfterFunc(aheadFor, held.Drop).Stop()
	w.outcomes = p.venue.Post(with, out, sent.Add(sendBy))
	close(w.done)
}

// leave posts orders with a permit: by the request that waits for them, or by a new one.
func (p *performer) leave(ctx context.Context, permit limits.Permit, ids []msgs.OrderID, out []polymarket.Envelope, by time.Time) []polymarket.Outcome {
	if w := p.ahead.take(ids); w != nil && w.held.Pay(permit) {
		<-w.done
		return w.outcomes
	}
	with, done := door.Carry(ctx, limits.Posting(p.account, len(out)), permit)
	defer done()
	return p.venue.Post(with, out, by)
}
