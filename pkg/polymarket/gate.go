package polymarket

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// gate stands between a request's body and the connection. It is shut, left open, or passed, and changes once, atomically:
// when shut reports true no byte of the body has been or ever will be handed over, whatever the transport still does. A
// request without its body cannot place an order, so that is what "never left" means. The headers may have left: HTTP/2 sends
// them ahead.
//
// A transport that tells when it has written its headers is stopped there: the body is a plain reader, which such a
// transport sends in one packet with the headers, and which is emptied when it must not leave. Any other has to read through
// the gate, and sends two.
type gate struct {
	state  atomic.Uint32
	sendBy time.Time // zero: none
	now    func() time.Time
	alive  func() error                 // the context's error
	plain  atomic.Pointer[bytes.Reader] // the body of the present try; nil when it is read through the gate
}

const (
	gateOpen uint32 = iota
	gateShut
	gatePassed
)

// shut closes the gate for ever; false when something has passed or it was shut before.
func (g *gate) shut() bool { return g.state.CompareAndSwap(gateOpen, gateShut) }

func (g *gate) isShut() bool { return g.state.Load() == gateShut }

// pass is asked before a body, or a piece of it, is read.
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

// trace asks the gate when a connection is in hand, and before the body is read. Without a body there is nothing to hold back
// later, so that a connection counts as passed. A refusal ends the request by cancel.
func (g *gate) trace(hasBody bool, cancel func(error)) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			ask := g.pass
			if hasBody {
				ask = g.late
			}
			if err := ask(); err != nil {
				cancel(err)
			}
		},
		WroteHeaders: func() {
			r := g.plain.Load()
			if r == nil {
				return
			}
			if err := g.pass(); err != nil {
				_, _ = r.Seek(0, io.SeekEnd) // to seek to a reader's end does not fail
				cancel(err)
			}
		},
	}
}

// guard gives the request its body. GetBody lets the transport try another connection after one on which it wrote nothing;
// it has left the reader of an earlier try by then.
func (g *gate) guard(req *http.Request, body []byte, traced bool) {
	if len(body) == 0 {
		return
	}
	open := func() io.ReadCloser {
		r := bytes.NewReader(body)
		if !traced {
			return io.NopCloser(&gatedBody{g, r})
		}
		g.plain.Store(r)
		return io.NopCloser(r)
	}
	req.Body = open()
	req.GetBody = func() (io.ReadCloser, error) { return open(), nil }
	req.ContentLength = int64(len(body))
}

// gatedBody asks the gate before every piece of the body.
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
