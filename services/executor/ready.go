package executor

import (
	"sync"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// ready keeps orders that were signed and written while their intent was being written. Most are fetched within milliseconds; those
// that were taken back are forgotten when they could not leave any more.
type ready struct {
	mu     sync.Mutex
	signed map[msgs.OrderID]signedAt
}

type signedAt struct {
	polymarket.Envelope
	at time.Time
}

func (r *ready) put(id msgs.OrderID, e polymarket.Envelope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.signed == nil {
		r.signed = map[msgs.OrderID]signedAt{}
	}
	for id, e := range r.signed {
		if now.Sub(e.at) > sendBy {
			delete(r.signed, id)
		}
	}
	r.signed[id] = signedAt{e, now}
}

func (r *ready) take(id msgs.OrderID) (polymarket.Envelope, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.signed[id]
	delete(r.signed, id)
	return e.Envelope, ok
}

// envelope is an order as it is sent.
func (p *performer) envelope(post *Post) (polymarket.Envelope, error) {
	if e, ok := p.ready.take(post.Intent.OrderID); ok {
		return e, nil
	}
	return p.signer.envelope(post)
}
