package actortest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing/synctest"

	"github.com/gorilla/websocket"
)

const (
	// backlog is how many connections may wait to be accepted before a dial waits too, as in a kernel.
	backlog = 128

	// firstPort is the port of the first client, so that clients can be told apart in a server's RemoteAddr.
	firstPort = 40000
)

// Pipe is an in-memory network with one listener: whatever address is dialled, its Accept answers. Connections
// have buffers like a socket, so both sides may write at once. It is a net.Listener for fake venues that bring
// their own http.Server; Serve is for those that bring only a handler.
type Pipe struct {
	t        cleaner
	arrivals chan net.Conn
	down     chan struct{} // closed by Close: the whole network is gone
	once     sync.Once
	ports    atomic.Int64
}

// cleaner is what a Pipe needs of the test.
type cleaner interface{ Cleanup(func()) }

// Pipe makes a network inside the bubble. It is taken down at the end, its connections with it.
func (b *Bubble) Pipe() *Pipe {
	p := &Pipe{t: b.T, arrivals: make(chan net.Conn, backlog), down: make(chan struct{})}
	b.T.Cleanup(func() { p.Close() })
	return p
}

// Accept waits for the next dial.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.arrivals:
		return c, nil
	case <-p.down:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: p.Addr(), Err: net.ErrClosed}
	}
}

// Close takes the network down: dials are refused, and every connection is closed. It returns nil.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.down) })
	return nil
}

// Addr is a loopback address with which nobody can connect from outside.
func (p *Pipe) Addr() net.Addr { return loopback(443) }

// DialContext connects to the listener; network and address are ignored.
func (p *Pipe) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := p.link()
	select {
	case <-p.down:
		return nil, p.dialError(syscall.ECONNREFUSED)
	default:
	}
	select {
	case p.arrivals <- server:
		return client, nil
	case <-p.down:
		return nil, p.dialError(syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, p.dialError(ctx.Err())
	}
}

// link makes the two ends of a connection.
func (p *Pipe) link() (client, server *conn) {
	from := loopback(firstPort + int(p.ports.Add(1)))
	client, server = newConn(from, p.Addr(), p.down), newConn(p.Addr(), from, p.down)
	client.peer, server.peer = server, client
	return client, server
}

func (p *Pipe) dialError(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: p.Addr(), Err: err}
}

// Transport is an HTTP transport over this network. https addresses work too and are spoken without TLS.
func (p *Pipe) Transport() *http.Transport {
	t := &http.Transport{DialContext: p.DialContext, DialTLSContext: p.DialContext}
	p.t.Cleanup(t.CloseIdleConnections)
	return t
}

// Client is an HTTP client over this network.
func (p *Pipe) Client() *http.Client { return &http.Client{Transport: p.Transport()} }

// Dialer is a WebSocket dialer over this network. wss addresses work too and are spoken without TLS.
func (p *Pipe) Dialer() *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: p.DialContext, NetDialTLSContext: p.DialContext}
}

// Serve answers HTTP with h until the end of the bubble. The end closes the connections, which ends the contexts of
// the requests, and waits for every handler, WebSocket handlers included: virtual time goes on for those that sleep.
func (p *Pipe) Serve(h http.Handler) {
	var loop, work sync.WaitGroup
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		work.Add(1)
		defer work.Done()
		h.ServeHTTP(w, r)
	})}
	loop.Go(func() { _ = srv.Serve(p) }) // always the error of a closed server
	p.t.Cleanup(func() {
		_ = srv.Close() // closes p, which cannot fail
		loop.Wait()
		synctest.Wait() // whoever had a request has called the handler by now, and nobody will any more
		work.Wait()
	})
}

func loopback(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }
