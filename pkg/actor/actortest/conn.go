package actortest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// chunk is how many bytes of one write travel together.
	chunk = 16 << 10

	// window is how many chunks may be under way in one direction before a write waits for the reader: up to a
	// quarter of a megabyte, like a socket's buffers.
	window = 16
)

// conn is one end of an in-memory connection. Everything that can wait does so in a select, never on a mutex or a
// condition, because only the former lets the bubble's time go on.
type conn struct {
	local, remote net.Addr
	peer          *conn
	in            chan []byte   // what the peer wrote
	gone          chan struct{} // closed by Close
	down          <-chan struct{}
	once          sync.Once

	reading, writing chan struct{} // held by the one Read, the one Write under way
	rest             []byte        // of the last chunk; belongs to whoever holds reading

	readBy, writeBy deadline
}

func newConn(local, remote net.Addr, down <-chan struct{}) *conn {
	return &conn{
		local: local, remote: remote, down: down,
		in: make(chan []byte, window), gone: make(chan struct{}),
		reading: make(chan struct{}, 1), writing: make(chan struct{}, 1),
		readBy: deadline{over: make(chan struct{})}, writeBy: deadline{over: make(chan struct{})},
	}
}

// Read gives what has arrived. What the peer wrote before closing can still be read.
func (c *conn) Read(p []byte) (int, error) {
	c.reading <- struct{}{}
	defer func() { <-c.reading }()
	over := c.readBy.passed()
	if err := c.checkOpen(over); err != nil {
		return 0, c.fail("read", err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.rest) == 0 {
		b, err := c.receive(over)
		if err == io.EOF {
			return 0, err
		}
		if err != nil {
			return 0, c.fail("read", err)
		}
		c.rest = b
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// receive waits for the next chunk.
func (c *conn) receive(over <-chan struct{}) ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.peer.gone:
		select {
		case b := <-c.in:
			return b, nil
		default:
			return nil, io.EOF
		}
	case <-c.gone:
		return nil, net.ErrClosed
	case <-c.down:
		return nil, syscall.ECONNRESET
	case <-over:
		return nil, os.ErrDeadlineExceeded
	}
}

// Write sends p, waiting while the window is full. As with a socket, success does not mean that the peer has it.
func (c *conn) Write(p []byte) (n int, err error) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	over := c.writeBy.passed()
	if err := c.checkOpen(over); err != nil {
		return 0, c.fail("write", err)
	}
	for len(p) > 0 {
		b := append([]byte(nil), p[:min(chunk, len(p))]...)
		if err := c.send(b, over); err != nil {
			return n, c.fail("write", err)
		}
		n, p = n+len(b), p[len(b):]
	}
	return n, nil
}

// send puts one chunk on its way.
func (c *conn) send(b []byte, over <-chan struct{}) error {
	select {
	case <-c.peer.gone: // asked first: the window may have room that nobody will read
		return syscall.EPIPE
	default:
	}
	select {
	case c.peer.in <- b:
		return nil
	case <-c.peer.gone:
		return syscall.EPIPE
	case <-c.gone:
		return net.ErrClosed
	case <-c.down:
		return syscall.EPIPE
	case <-over:
		return os.ErrDeadlineExceeded
	}
}

// checkOpen reports why an operation cannot even begin.
func (c *conn) checkOpen(over <-chan struct{}) error {
	select {
	case <-c.gone:
		return net.ErrClosed
	default:
	}
	select {
	case <-over:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions. The peer reads what is under way, then io.EOF.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.gone) })
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

// SetReadDeadline ends a Read, also one that waits already, at t with os.ErrDeadlineExceeded.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

// SetWriteDeadline ends a Write, also one that waits already, at t with os.ErrDeadlineExceeded.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(t)
	return nil
}

// deadline closes over when its time has come. Setting another time keeps the channel unless it is closed already,
// so whoever waits on it follows the change.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	turn  int // counts the calls of set: a timer that fires late must not end a later deadline
	over  chan struct{}
}

// passed is the channel that is closed when the deadline has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// set makes t the deadline; the zero time means none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.turn++
	select {
	case <-d.over:
		d.over = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		close(d.over)
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(left, func() { d.fire(turn) })
}

// fire ends the deadline that the given call of set made, if it is still the one.
func (d *deadline) fire(turn int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.turn == turn {
		close(d.over)
	}
}
