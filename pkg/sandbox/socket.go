package sandbox

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// socketQueue is how many frames a socket may be behind before it is dropped: seconds of a busy market.
	socketQueue = 4096
	// socketWrite bounds one write to a socket that does not read.
	socketWrite = 5 * time.Second
	// maxSubscribe bounds a client's frame: five hundred token ids with room.
	maxSubscribe = 1 << 18
	socketBuffer = 4096
)

// socket is one client of a channel. What it is subscribed to is guarded by the sandbox's lock; only its own goroutine
// writes to the connection.
type socket struct {
	conn *websocket.Conn
	out  chan []byte
	gone chan struct{}
	once sync.Once

	tokens map[string]bool // market channel
	custom bool
	key    *apiKey         // user channel, once authenticated
	conds  map[string]bool // user channel; empty means all
}

// drop ends the socket soon. It does not block.
func (c *socket) drop() { c.once.Do(func() { close(c.gone) }) }

// push queues one frame; a socket that is too far behind is dropped.
func (c *socket) push(frame []byte) {
	select {
	case c.out <- frame:
	default:
		c.drop()
	}
}

// write sends what is queued until the socket is dropped.
func (c *socket) write() {
	defer c.conn.Close()
	for {
		select {
		case <-c.gone:
			return
		case frame := <-c.out:
			if c.conn.SetWriteDeadline(time.Now().Add(socketWrite)) != nil || c.conn.WriteMessage(websocket.TextMessage, frame) != nil {
				c.drop()
				return
			}
		}
	}
}

// serveSocket upgrades a request and feeds each frame that is not PING to hear, under the lock, until either side ends.
func (s *Sandbox) serveSocket(w http.ResponseWriter, r *http.Request, hear func(*socket, []byte)) {
	up := websocket.Upgrader{ReadBufferSize: socketBuffer, WriteBufferSize: socketBuffer, CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	conn.SetReadLimit(maxSubscribe)
	c := &socket{conn: conn, out: make(chan []byte, socketQueue), gone: make(chan struct{}), tokens: map[string]bool{}, conds: map[string]bool{}}
	if !s.join(c) {
		conn.Close()
		return
	}
	defer s.running.Done()
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			break
		}
		if string(frame) == "PING" {
			c.push([]byte("PONG"))
			continue
		}
		s.mu.Lock()
		hear(c, frame)
		s.mu.Unlock()
	}
	s.mu.Lock()
	delete(s.sockets, c)
	s.mu.Unlock()
	c.drop()
}

// join starts a socket's writer and counts its reader; false when the sandbox is closed.
func (s *Sandbox) join(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sockets[c] = struct{}{}
	s.running.Go(c.write)
	s.running.Add(1)
	return true
}

// cast sends a frame to the sockets that want it. The frame is only built when there is one.
func (s *Sandbox) cast(wants func(*socket) bool, build func() any) {
	if s.faults.FreezeFeed {
		return
	}
	var frame []byte
	for c := range s.sockets {
		if !wants(c) {
			continue
		}
		if frame == nil {
			frame = mustJSON(build())
		}
		c.push(frame)
	}
}
