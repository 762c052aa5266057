package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// wire is the way from one ingest to the venue, on which things go wrong that neither side does.
type wire struct {
	dialer *websocket.Dialer // to the venue
	client *http.Client

	mu            sync.Mutex
	conns         []*wireConn
	down          bool // no request is answered, no dial succeeds
	fails, spoils bool
	hold          chan struct{} // closed when what is held goes on; nil: nothing is held
}

// wireConn is one socket. Half open, each side thinks that the other is silent.
type wireConn struct {
	net.Conn
	wire *wire
	half chan struct{} // closed when it is half open
	once sync.Once
	kept []byte // written while paused; under the wire's mutex
}

var errWire = errors.New("wire is down")

// put leads everything that a feed does over the wire.
func (l *wire) put(f *feed) {
	f.conn.dialer = &websocket.Dialer{NetDialContext: l.dial}
	f.clob.HTTP = &http.Client{Transport: l}
}

func (l *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if l.isDown() {
		return nil, errWire
	}
	c, err := l.dialer.NetDialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return l.take(c), nil
}

// take leads a connection over the wire.
func (l *wire) take(c net.Conn) net.Conn {
	wc := &wireConn{Conn: c, wire: l, half: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, wc)
	return wc
}

// cut closes every connection.
func (l *wire) cut() {
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// failReads lets every listing of trades fail, and spoilTrades lets each hold one more that cannot be read.
func (l *wire) failReads(on bool)   { l.mu.Lock(); l.fails = on; l.mu.Unlock() }
func (l *wire) spoilTrades(on bool) { l.mu.Lock(); l.spoils = on; l.mu.Unlock() }

// RoundTrip makes a wire a transport.
func (l *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	l.wait()
	l.mu.Lock()
	down, spoils := l.down || l.fails && r.URL.Path == "/data/trades", l.spoils && r.URL.Path == "/data/trades"
	l.mu.Unlock()
	if down {
		return nil, errWire
	}
	a, err := l.client.Transport.RoundTrip(r)
	if err != nil || !spoils {
		return a, err
	}
	body, err := io.ReadAll(a.Body)
	a.Body.Close()
	body = bytes.Replace(body, []byte(`"data":[`), []byte(`"data":[{"id":"odd","size":"much","status":"MATCHED"},`), 1)
	body = bytes.Replace(body, []byte(`},]`), []byte(`}]`), 1)
	a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return a, err
}

func (l *wire) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

func (l *wire) set(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// halve leaves every present socket half open.
func (l *wire) halve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.once.Do(func() { close(c.half) })
	}
}

// pause holds everything as a stopped process does: what arrives waits in the sockets. The function returned lets it go on.
func (l *wire) pause() (resume func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold := make(chan struct{})
	l.hold = hold
	return func() {
		l.mu.Lock()
		late := map[*wireConn][]byte{}
		for _, c := range l.conns {
			late[c], c.kept = c.kept, nil
		}
		l.hold = nil
		l.mu.Unlock()
		for c, kept := range late {
			_, _ = c.Conn.Write(kept) // to a connection that has been given up meanwhile
		}
		close(hold)
	}
}

func (l *wire) wait() {
	l.mu.Lock()
	hold := l.hold
	l.mu.Unlock()
	if hold != nil {
		<-hold
	}
}

// Read drops what comes once the socket is half open; deadlines go on.
func (c *wireConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		c.wire.wait()
		select {
		case <-c.half:
			if err != nil {
				return 0, err
			}
		default:
			return n, err
		}
	}
}

// Write keeps what is written while the wire is paused, as a socket's buffer does, and lets it out before anything else.
func (c *wireConn) Write(p []byte) (int, error) {
	select {
	case <-c.half:
		return len(p), nil
	default:
	}
	c.wire.mu.Lock()
	if c.wire.hold != nil {
		c.kept = append(c.kept, p...)
		c.wire.mu.Unlock()
		return len(p), nil
	}
	c.wire.mu.Unlock()
	return c.Conn.Write(p)
}
