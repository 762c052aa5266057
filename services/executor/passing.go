package executor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"

	"sluice/pkg/actor"
)

// Points of a request that places orders, in order, told to Config.Passing beside those of the actor.
const (
	BeforeConnection = "before-connection" // a request is signed and has no connection
	AfterConnection  = "after-connection"  // it has one
	BeforeWrite      = "before-write"      // it has passed the last check of the time to send, and none of it is written
	AfterWrite       = "after-write"       // all of it is with the operating system
	BeforeAnswer     = "before-answer"     // the first byte of the answer is here
	AfterAnswer      = "after-answer"      // all of the answer is read, and nobody has looked at it
)

// Points lists every point that Config.Passing is told of, those of the actor first.
func Points() []string {
	return append(actor.Points(), BeforeConnection, AfterConnection, BeforeWrite, AfterWrite, BeforeAnswer, AfterAnswer)
}

// watched is a client whose requests that place orders tell of their points; of BeforeWrite and AfterWrite only where they go
// over plain HTTP and a transport of the standard library.
func watched(c *http.Client, passing func(string)) *http.Client {
	w := *c
	if w.Transport == nil {
		w.Transport = http.DefaultTransport
	}
	if t, ok := w.Transport.(*http.Transport); ok {
		w.Transport = watchedConns(t.Clone(), passing)
	}
	w.Transport = &watch{w.Transport, passing}
	return &w
}

// wholeRequest is more than any request that places orders: it leaves with one write.
const wholeRequest = 256 << 10

// watchedConns makes a transport's connections tell when they write.
func watchedConns(t *http.Transport, passing func(string)) *http.Transport {
	dial := t.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{Conn: conn, passing: passing}, nil
	}
	t.WriteBufferSize = wholeRequest
	return t
}

type watch struct {
	through http.RoundTripper
	passing func(string)
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/order") || r.Body == nil {
		return w.through.RoundTrip(r)
	}
	w.passing(BeforeConnection)
	var conn *watchedConn // nil when somebody has wrapped it
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			conn, _ = i.Conn.(*watchedConn)
			w.passing(AfterConnection)
		},
		WroteHeaders: func() {
			if conn != nil {
				conn.order = true
			}
		},
		GotFirstResponseByte: func() { w.passing(BeforeAnswer) },
	}))
	a, err := w.through.RoundTrip(r)
	if err == nil {
		a.Body = &arriving{a.Body, sync.OnceFunc(func() { w.passing(AfterAnswer) })}
	}
	return a, err
}

// Unwrap names the transport that sends.
func (w *watch) Unwrap() http.RoundTripper { return w.through }

// watchedConn tells before and after the write of a request that places orders: headers and body are in the transport's
// buffer until then.
type watchedConn struct {
	net.Conn
	passing func(string)
	order   bool // the next write is such a request; belongs to the goroutine that writes
}

func (c *watchedConn) Write(b []byte) (int, error) {
	order := c.order
	if c.order = false; order {
		c.passing(BeforeWrite)
	}
	n, err := c.Conn.Write(b)
	if order && err == nil {
		c.passing(AfterWrite)
	}
	return n, err
}

// arriving is the body of an answer.
type arriving struct {
	io.ReadCloser
	end func()
}

func (b *arriving) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err == io.EOF {
		b.end()
	}
	return n, err
}
