package sandbox

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// memory is a listener without a network: each dial is one end of a net.Pipe.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error { m.once.Do(func() { close(m.done) }); return nil }

func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// world is a sandbox inside a bubble of virtual time.
type world struct {
	t      *testing.T
	s      *Sandbox
	mem    *memory
	client *http.Client
}

// inBubble runs f with a served sandbox in virtual time. All that it started must have ended when f returns, else
// the bubble fails: that is the claim that nothing outlives the sandbox.
func inBubble(t *testing.T, cfg Config, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, s: s, mem: newMemory()}
		tr := &http.Transport{DialContext: w.mem.dial}
		w.client = &http.Client{Transport: tr}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, w.mem, "") }()
		f(w)
		tr.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		w.mem.Close()
	})
}

// resting lists what rests, beside whatever the venue does.
func (w *world) resting(which func(*order) bool) []*order {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.resting(which)
}

func (w *world) trader(name string) *trader {
	w.t.Helper()
	return newTrader(w.t, "http://sandbox", w.client, name)
}

// listener is one end of a socket whose frames are collected.
type listener struct {
	t    testing.TB
	conn *websocket.Conn

	mu     sync.Mutex
	frames []map[string]any
	texts  []string // not JSON
	ended  bool
}

func (w *world) listen(path string, first any) *listener {
	w.t.Helper()
	d := websocket.Dialer{NetDialContext: w.mem.dial}
	conn, _, err := d.Dial("ws://sandbox"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	l := &listener{t: w.t, conn: conn}
	go l.read()
	if first != nil {
		l.say(first)
	}
	synctest.Wait()
	return l
}

func (l *listener) say(v any) {
	l.t.Helper()
	text, isText := v.(string)
	if !isText {
		text = string(mustJSON(v))
	}
	if err := l.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listener) read() {
	defer l.conn.Close()
	for {
		_, text, err := l.conn.ReadMessage()
		l.mu.Lock()
		if err != nil {
			l.ended = true
			l.mu.Unlock()
			return
		}
		var many []map[string]any
		var one map[string]any
		switch {
		case json.Unmarshal(text, &many) == nil:
			l.frames = append(l.frames, many...)
		case json.Unmarshal(text, &one) == nil:
			l.frames = append(l.frames, one)
		default:
			l.texts = append(l.texts, string(text))
		}
		l.mu.Unlock()
	}
}

// take returns the frames of a type since the last take of anything, once the bubble is at rest.
func (l *listener) take(event string) (out []map[string]any) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.frames {
		if f["event_type"] == event {
			out = append(out, f)
		}
	}
	return out
}

func (l *listener) forget() {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames, l.texts = nil, nil
}

// heard returns the frames that are not JSON, and whether the socket has ended.
func (l *listener) heard() ([]string, bool) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.texts...), l.ended
}

func auth(tr *trader, conditions ...string) map[string]any {
	return map[string]any{"type": "user", "markets": conditions,
		"auth": map[string]string{"apiKey": tr.creds.APIKey, "secret": tr.creds.Secret, "passphrase": tr.creds.Passphrase}}
}

// A whole day with an order, a fill and its settlement passes in virtual time, and everything ends with the sandbox.
func TestSandboxLivesInVirtualTime(t *testing.T) {
	inBubble(t, Config{Walk: time.Hour}, func(w *world) {
		tr := w.trader("main")
		user := w.listen("/ws/user", auth(tr))
		p := tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		time.Sleep(24 * time.Hour)
		var page struct{ Data []wireTrade }
		tr.get("/data/trades?id="+p.TradeIDs[0], &page)
		if len(page.Data) != 1 || page.Data[0].Status != "TRADE_STATUS_CONFIRMED" || page.Data[0].TransactionHash == "" {
			t.Errorf("trade after a day: %+v", page.Data)
		}
		var got []any
		for _, f := range user.take("trade") {
			got = append(got, f["status"])
		}
		if len(got) != 3 || got[0] != "MATCHED" || got[1] != "MINED" || got[2] != "CONFIRMED" {
			t.Errorf("trade frames %v", got)
		}
	})
}
