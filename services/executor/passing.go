package executor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/pkg/actor"
)

// Points of a request that places orders, in order, told to Config.Passing beside those of the actor.
const (
	BeforeConnection = "before-connection" // a request is signed and has no connection
	AfterConnection  = "after-connection"  // it has one
	BeforeWrite      = "before-write"      // its body has passed the last check of the time to send; none of it is written, at most the headers are
	AfterWrite       = "after-write"       // all of it is with the operating system
	BeforeAnswer     = "before-answer"     // the first byte of the answer is here
	AfterAnswer      = "after-answer"      // all of the answer is read, and nobody has looked at it
)

// Points lists every point that Config.Passing is told of, those of the actor first.
func Points() []string {
	return append(actor.Points(), BeforeConnection, AfterConnection, BeforeWrite, AfterWrite, BeforeAnswer, AfterAnswer)
}

// watched is a client whose requests that place orders tell of their points; of AfterWrite only where they go over plain
// HTTP and a transport of the standard library.
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

// watchedConns makes a transport's connections tell when they have written.
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
	p := &passage{passing: w.passing, length: r.ContentLength}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: p.connected, GotFirstResponseByte: func() { w.passing(BeforeAnswer) },
	}))
	r.Body = &leaving{ReadCloser: r.Body, p: p}
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			return &leaving{ReadCloser: b, p: p}, err
		}
	}
	a, err := w.through.RoundTrip(r)
	if err == nil {
		a.Body = &arriving{a.Body, sync.OnceFunc(func() { w.passing(AfterAnswer) })}
	}
	return a, err
}

// passage is one request on its way.
type passage struct {
	passing func(string)
	length  int64                       // of its body
	conn    atomic.Pointer[watchedConn] // nil when somebody has wrapped it
}

func (p *passage) connected(i httptrace.GotConnInfo) {
	c, _ := i.Conn.(*watchedConn)
	p.conn.Store(c)
	p.passing(AfterConnection)
}

// leaving is the body of a request, on its way into the transport's buffer.
type leaving struct {
	io.ReadCloser
	p    *passage
	read int64
}

func (b *leaving) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if n > 0 && b.read == 0 {
		b.p.passing(BeforeWrite)
	}
	b.read += int64(n)
	if c := b.p.conn.Load(); c != nil && n > 0 && b.read == b.p.length {
		c.last = true
	}
	return n, err
}

// watchedConn tells when the last bytes of a request are written: with the write that follows the last read of its body,
// because the transport writes all that it has read before it reads on.
type watchedConn struct {
	net.Conn
	passing func(string)
	last    bool // the next write ends a request; belongs to the goroutine that writes
}

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.last && err == nil {
		c.last = false
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
