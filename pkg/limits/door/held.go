package door

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"

	"sluice/pkg/limits"
)

// Held is a call that goes as far as a connection to the venue and waits there for its permit, so that nothing but its bytes
// has to be sent once it may leave.
type Held struct {
	cancel context.CancelFunc
	paid   chan struct{} // closed by Pay

	mu     sync.Mutex
	state  heldState
	permit limits.Permit
	taken  bool // the permit belongs to the call: it is closed by what becomes of it
}

type heldState uint8

const (
	heldWaiting heldState = iota
	heldPaid
	heldEnded // it has not left and never will
)

// errUnpaid is why a call that is held, or a repeat of it, did not leave.
var errUnpaid = errors.New("nothing was to leave: the call that was held was never paid for")

// Hold holds the first call under a context at its connection, until it is paid for, it is dropped, or the context ends. What follows
// it under the same context, such as a repeat, takes permits of its own as calls of q, and does not leave when the first was not paid
// for. End must be called when the call has returned.
func Hold(ctx context.Context, q limits.Request) (with context.Context, h *Held) {
	h = &Held{paid: make(chan struct{})}
	ctx, h.cancel = context.WithCancel(ctx)
	return context.WithValue(ctx, fareKey{}, &fare{q: q, held: h}), h
}

// Pay lets the call leave with a permit, which is closed by what becomes of it. It reports false when the call has ended
// without having left: then it never leaves, and the permit is still the caller's.
func (h *Held) Pay(p limits.Permit) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state != heldWaiting {
		return false
	}
	h.state, h.permit = heldPaid, p
	close(h.paid)
	return true
}

// Drop ends a call that waits: it never leaves. One that was paid for goes on.
func (h *Held) Drop() {
	if h.end() {
		h.cancel()
	}
}

// End is to be called when the call has returned. It gives back a permit that no call has used.
func (h *Held) End() {
	h.end()
	h.mu.Lock()
	unused := h.state == heldPaid && !h.taken
	h.taken = true
	h.mu.Unlock()
	if unused {
		h.permit.NeverLeft()
	}
	h.cancel()
}

// end reports whether the call waited: it does not any more.
func (h *Held) end() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	waited := h.state == heldWaiting
	if waited {
		h.state = heldEnded
	}
	return waited
}

// settle gives the permit to the call, whose end closes it; false when it was never paid for.
func (h *Held) settle() (limits.Permit, bool) {
	h.end()
	h.mu.Lock()
	defer h.mu.Unlock()
	paid := h.state == heldPaid && !h.taken
	h.taken = true
	return h.permit, paid
}

// await waits at a connection. It reports false when the call must not leave: then the connection is closed, unless others speak
// on it, whose call the client itself ends by its context.
func (h *Held) await(ctx context.Context, at httptrace.GotConnInfo) bool {
	select {
	case <-h.paid:
		return true
	case <-ctx.Done():
	}
	if !h.end() && h.isPaid() {
		return true
	}
	if at.Conn != nil && !shared(at.Conn) {
		_ = at.Conn.Close() // nothing was written on it
	}
	return false
}

func (h *Held) isPaid() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == heldPaid
}

// shared reports whether a connection carries several calls at once.
func shared(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}
