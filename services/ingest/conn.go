package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sluice/pkg/limits/retry"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

const (
	// dialTimeout bounds a handshake: a venue that needs longer is better tried again.
	dialTimeout = 10 * time.Second
	// silence is how long nothing at all may arrive, PONGs included: with a PING every few seconds, half a minute
	// without an answer is a dead link whatever the kernel says.
	silence = 30 * time.Second
	// writeTimeout bounds one write; our messages are small, so a slow write is a dead link.
	writeTimeout = 10 * time.Second
	// closeTimeout is how long the venue may take to answer our close frame.
	closeTimeout = time.Second
	// maxFrame bounds one message: a snapshot of 200 full books at 0.001 ticks is below 20 MB.
	maxFrame = 32 << 20
	// outbox is how many messages may wait to be written; each is a subscription of many tokens.
	outbox = 16
)

const (
	readBuffer  = 128 << 10 // performance.md: 64–256 KiB with NextReader is five times ReadMessage
	writeBuffer = 64 << 10  // the websocket library fragments what is larger, and a subscription of 500 tokens has 40 KB
)

// States of a connection, as md.<venue>.status says them.
const (
	stateUp    = "up"    // everything it carries is fresh
	stateStale = "stale" // connected, and something is doubted or still being read
	stateDown  = "down"  // not connected
)

// session is what a connection is for. Its methods are called by the connection's own goroutine.
type session interface {
	// hello is the message that subscribes, sent after each connect. id is new for each.
	hello(id string) []byte
	// frame takes one message of data, which is valid only during the call. An error renews the connection.
	frame(ctx context.Context, at time.Time, data []byte) error
	// look is called whenever something arrived, at least once per heartbeat. It returns messages to send; an
	// error renews the connection. state and cause are what the status shall say.
	look(now time.Time) (send [][]byte, err error)
	// state is what the status says while connected, with the cause when it is not stateUp.
	state() (state, cause string)
	// lost is called when the connection is gone, before the next attempt.
	lost(cause error)
	// tokens is how many tokens it carries.
	tokens() int
}

// conn is one connection to a channel of the venue: dial, subscribe, read, watch, and dial again, for ever.
type conn struct {
	name    string // stable: m1, m2, … or u1, u2, …
	tag     string // of its life, which no other process and no other Run has
	channel string // market or user
	account msgs.Account
	url     string
	dialer  *websocket.Dialer
	profile Profile
	delay   *retry.Pauses
	session session
	status  func(name string, f msgs.FeedStatus)
	count   *connCounters

	poke chan struct{} // asks for a PING now: its PONG makes the connection look at its session again

	connects uint64    // so far
	id       string    // of the present connection: <name>.<tag>.<connects>
	lastData time.Time // when data last arrived on it, or when it was opened
	said     msgs.FeedStatus
	buf      []byte // one frame, reused
}

// errData is the cause of a renewal for want of data, errSilence for want of anything.
var (
	errData    = errors.New("no data")
	errSilence = errors.New("nothing received")
)

// run keeps the connection until ctx ends. It cannot fail: being cut off is a state.
func (c *conn) run(ctx context.Context) {
	for ctx.Err() == nil {
		cause := c.once(ctx)
		c.session.lost(cause)
		if ctx.Err() != nil {
			c.report(time.Now(), stateDown, "shutdown")
			return
		}
		c.report(time.Now(), stateDown, cause.Error())
		c.count.reconnects.WithLabelValues(c.channel, causeLabel(cause)).Inc()
		if !errors.Is(cause, errData) { // a frozen feed is no sign of a venue in trouble: dial at once
			wait(ctx, c.delay.Next())
		}
	}
}

// once is the life of one connection. It returns why it ended.
func (c *conn) once(ctx context.Context) error {
	ws, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.connects++
	c.id = c.named()
	c.lastData = time.Now()
	c.count.up.WithLabelValues(c.channel).Inc()
	defer func(opened time.Time) {
		c.count.up.WithLabelValues(c.channel).Dec()
		c.count.uptime.WithLabelValues(c.channel).Add(time.Since(opened).Seconds())
	}(time.Now())

	out := make(chan []byte, outbox)
	out <- c.session.hello(c.id)
	out <- []byte(polymarket.Ping) // its PONG shows that the subscription was read
	life, end := context.WithCancel(ctx)
	var writer sync.WaitGroup
	writer.Go(func() { c.write(life, ws, out) })
	cause := c.read(ctx, ws, out)
	end()
	writer.Wait()
	_ = ws.Close() // it is of no more use, and its error says nothing that cause does not
	return cause
}

// named is what the connection after so many connects is called; before the first it is <name>.<tag>.0.
func (c *conn) named() string {
	return c.name + "." + c.tag + "." + strconv.FormatUint(c.connects, 10)
}

func (c *conn) dial(ctx context.Context) (*websocket.Conn, error) {
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := *c.dialer
	d.ReadBufferSize, d.WriteBufferSize = readBuffer, writeBuffer
	ws, resp, err := d.DialContext(dctx, c.url, nil)
	switch {
	case err != nil && resp != nil:
		return nil, fmt.Errorf("dial %s channel: %w: http %d", c.channel, err, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("dial %s channel: %w", c.channel, err)
	}
	ws.SetReadLimit(maxFrame)
	ping := ws.PingHandler()
	ws.SetPingHandler(func(data string) error { // a protocol ping is a sign of life too
		if err := ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		return ping(data)
	})
	return ws, nil
}

// read takes frames until the connection ends or is given up. What it returns says why.
func (c *conn) read(ctx context.Context, ws *websocket.Conn, out chan<- []byte) error {
	for {
		if err := ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return fmt.Errorf("read %s channel: %w", c.channel, err)
		}
		if ctx.Err() != nil { // asked after the deadline was set: farewell's shorter one must win
			drain(ws)
			return ctx.Err()
		}
		frame, err := c.next(ws)
		if err != nil {
			return readError(c.channel, err)
		}
		c.delay.Reset() // it has answered: connecting works
		now := time.Now()
		if isData(frame) {
			c.lastData = now
			if err := c.session.frame(ctx, now, frame); err != nil {
				return err
			}
		} else {
			c.count.frames.WithLabelValues(c.channel, "control").Inc()
		}
		if age := now.Sub(c.lastData); age >= c.profile.DataTimeout {
			return fmt.Errorf("%w for %s", errData, age.Round(time.Second))
		}
		if err := c.look(ctx, now, out); err != nil {
			return err
		}
	}
}

// look lets the session see to itself, and says what has changed.
func (c *conn) look(ctx context.Context, now time.Time, out chan<- []byte) error {
	send, err := c.session.look(now)
	if err != nil {
		return err
	}
	for _, m := range send {
		select {
		case out <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	state, cause := c.session.state()
	c.report(now, state, cause)
	return nil
}

// next reads one message into the reused buffer.
func (c *conn) next(ws *websocket.Conn) ([]byte, error) {
	_, r, err := ws.NextReader()
	if err != nil {
		return nil, err
	}
	c.buf = c.buf[:0]
	for {
		if len(c.buf) == cap(c.buf) {
			c.buf = append(c.buf, 0)[:len(c.buf)] // grows, at most to maxFrame
		}
		n, err := r.Read(c.buf[len(c.buf):cap(c.buf)])
		c.buf = c.buf[:len(c.buf)+n]
		switch {
		case err == io.EOF:
			return c.buf, nil
		case err != nil:
			return nil, err
		}
	}
}

// write is the only writer of messages: what the session wants to send, and PING at each heartbeat. When life ends it
// says goodbye, and the reader finds the venue's answer or the deadline.
func (c *conn) write(life context.Context, ws *websocket.Conn, out <-chan []byte) {
	beat := time.NewTicker(c.profile.Heartbeat)
	defer beat.Stop()
	for {
		m := []byte(polymarket.Ping)
		select {
		case <-life.Done():
			c.farewell(ws)
			return
		case m = <-out:
		case <-beat.C:
		case <-c.poke:
		}
		if !c.send(ws, m) {
			_ = ws.Close() // wakes the reader, which reports
			<-life.Done()
			return
		}
	}
}

func (c *conn) send(ws *websocket.Conn, m []byte) bool {
	return ws.SetWriteDeadline(time.Now().Add(writeTimeout)) == nil && ws.WriteMessage(websocket.TextMessage, m) == nil
}

// farewell sends a close frame and gives the venue a moment to answer it.
func (c *conn) farewell(ws *websocket.Conn) {
	end := time.Now().Add(closeTimeout)
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if ws.WriteControl(websocket.CloseMessage, bye, end) != nil || ws.SetReadDeadline(end) != nil {
		_ = ws.Close()
	}
}

// wake makes the connection look at its session soon. It may be called from any goroutine and does not block.
func (c *conn) wake() {
	select {
	case c.poke <- struct{}{}:
	default: // one PING is due already
	}
}

// drain reads on until the venue has answered our close frame, or for closeTimeout: closing with unread data would cut the
// close frame off.
func drain(ws *websocket.Conn) {
	if ws.SetReadDeadline(time.Now().Add(closeTimeout)) != nil {
		return
	}
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}

// report publishes the status when it changed, and now and then when it did not, so that a listener who came late hears it.
func (c *conn) report(now time.Time, state, cause string) {
	s := msgs.FeedStatus{V: 1, Venue: venue, Conn: c.id, Channel: c.channel, Account: c.account, State: state,
		Tokens: c.session.tokens(), AgeMS: now.Sub(c.lastData).Milliseconds(), Cause: cause, AtMS: now.UnixMilli()}
	if c.lastData.IsZero() {
		s.Conn, s.AgeMS = c.named(), 0 // it never was connected
	}
	same := s.Conn == c.said.Conn && s.State == c.said.State && s.Cause == c.said.Cause && s.Tokens == c.said.Tokens
	if same && s.AtMS-c.said.AtMS < statusEvery.Milliseconds() {
		return
	}
	c.said = s
	c.status(c.name, s)
}

// statusEvery is how often an unchanged status is repeated.
const statusEvery = 10 * time.Second

// isData tells the venue's JSON from its words (PONG, NO NEW ASSETS, …).
func isData(frame []byte) bool { return len(frame) > 0 && (frame[0] == '{' || frame[0] == '[') }

func readError(channel string, err error) error {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return fmt.Errorf("%w for %s", errSilence, silence)
	}
	return fmt.Errorf("read %s channel: %w", channel, err)
}

// wait sleeps, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
