package polymarket

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// gate stands between a request's body and the connection. It is shut, left open, or passed, and changes once, atomically:
// when shut reports true no byte of the body has been or ever will be handed over, whatever the transport still does. A
// request without its body cannot place an order, so that is what "never left" means. The headers may have left: the transport
// sends them ahead of a body that it cannot look into.
type gate struct {
	state  atomic.Uint32
	sendBy time.Time // zero: none
	now    func() time.Time
	alive  func() error // the context's error
}

const (
	gateOpen uint32 = iota
	gateShut
	gatePassed
)

// shut closes the gate for ever; false when something has passed or it was shut before.
func (g *gate) shut() bool { return g.state.CompareAndSwap(gateOpen, gateShut) }

func (g *gate) isShut() bool { return g.state.Load() == gateShut }

// pass is asked before every piece of the body.
func (g *gate) pass() error {
	if err := g.late(); err != nil {
		g.shut()
		return err
	}
	if !g.state.CompareAndSwap(gateOpen, gatePassed) && g.isShut() {
		return ErrTooLate
	}
	return nil
}

// late is the reason not to send now.
func (g *gate) late() error {
	if !g.sendBy.IsZero() && g.now().After(g.sendBy) {
		return ErrTooLate
	}
	return g.alive()
}

// connected is called when a connection is in hand. Without a body there is nothing to hold back later, so that counts as
// passed.
func (g *gate) connected(hasBody bool) error {
	if !hasBody {
		return g.pass()
	}
	return g.late()
}

// guard gives the request its body through the gate. GetBody lets the transport try another connection after one on which
// it wrote nothing.
func (g *gate) guard(req *http.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	req.Body = bodyReader(g, body)
	req.GetBody = func() (io.ReadCloser, error) { return bodyReader(g, body), nil }
	req.ContentLength = int64(len(body))
}

type gatedBody struct {
	g *gate
	r *bytes.Reader
}

func (b *gatedBody) Read(p []byte) (int, error) {
	if b.r.Len() > 0 {
		if err := b.g.pass(); err != nil {
			return 0, err
		}
	}
	return b.r.Read(p)
}

// bodyReader makes a fresh reader over the same bytes for each try of the transport.
func bodyReader(g *gate, body []byte) io.ReadCloser {
	return io.NopCloser(&gatedBody{g, bytes.NewReader(body)})
}
