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
	BeforeWrite      = "before-write"      // its body has passed the last check of the time to send; nothing is written
	AfterWrite       = "after-write"       // all of it is with the operating system
	BeforeAnswer     = "before-answer"     // the first byte of the answer is here
	AfterAnswer      = "after-answer"      // all of the answer is read, and nobody has looked at it
)

// Points lists every point that Config.Passing is told of, those of the actor first.
func Points() []string {
	return append(actor.Points(), BeforeConnection, AfterConnection, BeforeWrite, AfterWrite, BeforeAnswer, AfterAnswer)
}

// watched is a client whose requests that place orders tell of their points. AfterWrite is told of over plain HTTP only.
func watched(c *http.Client, passing func(string)) *http.Client {
	t, ok := c.Transport.(*http.Transport)
	if !ok {
		t = http.DefaultTransport.(*http.Transport)
	}
	t = t.Clone()
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
	w := *c
	w.Transport = &watch{t, passing}
	return &w
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
	r = r.WithContext(w.trace(r.Context()))
	r.Body = &watchedBody{ReadCloser: r.Body, first: func() { w.passing(BeforeWrite) }}
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			return &watchedBody{ReadCloser: b, first: func() { w.passing(BeforeWrite) }}, err
		}
	}
	a, err := w.through.RoundTrip(r)
	if err == nil {
		a.Body = &watchedBody{ReadCloser: a.Body, last: sync.OnceFunc(func() { w.passing(AfterAnswer) })}
	}
	return a, err
}

func (w *watch) trace(ctx context.Context) context.Context {
	var conn *watchedConn
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			conn, _ = i.Conn.(*watchedConn)
			w.passing(AfterConnection)
		},
		// It comes before the last bytes are flushed, from the goroutine that flushes them.
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if conn != nil && i.Err == nil {
				conn.last = true
			}
		},
		GotFirstResponseByte: func() { w.passing(BeforeAnswer) },
	})
}

// watchedConn tells when the last bytes of a request are written.
type watchedConn struct {
	net.Conn
	passing func(string)
	last    bool // the next write ends a request; only the goroutine that writes touches it
}

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.last && err == nil {
		c.last = false
		c.passing(AfterWrite)
	}
	return n, err
}

// watchedBody tells of the first bytes that were read and of the end.
type watchedBody struct {
	io.ReadCloser
	first, last func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && b.first != nil {
		b.first()
		b.first = nil
	}
	if err == io.EOF && b.last != nil {
		b.last()
	}
	return n, err
}
