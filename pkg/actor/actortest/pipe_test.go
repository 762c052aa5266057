package actortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestHTTPOverPipe asks a venue that thinks for three virtual seconds: a patient client gets the answer after
// exactly that time, an impatient one a timeout after exactly its own.
func TestHTTPOverPipe(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		p := b.Pipe()
		p.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			fmt.Fprintf(w, "%s %s", r.Method, r.Host)
		}))
		began := time.Now()
		r, err := p.Client().Post("https://clob.test/order", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "POST clob.test" {
			t.Errorf("answer %q, %v", body, err)
		}
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("answer took %s, want 3s", d)
		}

		hasty := p.Client()
		hasty.Timeout = time.Second
		began = time.Now()
		if r, err := hasty.Get("http://clob.test/time"); err == nil {
			r.Body.Close()
			t.Error("a client with a timeout of 1s got an answer that takes 3s")
		} else if e := net.Error(nil); !errors.As(err, &e) || !e.Timeout() {
			t.Errorf("error %v, want a timeout", err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("timeout took %s, want 1s", d)
		}
	})
}

// TestWebSocketOverPipe lets both sides ping at the same instants for an hour, which a connection without buffers
// would not survive: each answers the other's ping from its own read loop.
func TestWebSocketOverPipe(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		p := b.Pipe()
		p.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			up := websocket.Upgrader{}
			ws, err := up.Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.Close()
			pinged(t, ws, func(kind int, msg []byte) error { return ws.WriteMessage(kind, msg) })
		}))
		ws, _, err := p.Dialer().DialContext(t.Context(), "wss://ws.test/market", nil)
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		done := make(chan int)
		go func() {
			done <- pinged(t, ws, func(_ int, msg []byte) error { heard <- string(msg); return nil })
		}()
		time.Sleep(time.Hour + time.Second)
		if err := ws.WriteMessage(websocket.TextMessage, []byte("still here")); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != "still here" {
			t.Errorf("echo %q", got)
		}
		ws.Close()
		if pongs := <-done; pongs != 360 {
			t.Errorf("%d pongs in an hour of pings every 10s, want 360", pongs)
		}
	})
}

// pinged reads ws with a ping every ten seconds until it closes, and counts the pongs.
func pinged(t *testing.T, ws *websocket.Conn, got func(kind int, msg []byte) error) (pongs int) {
	ws.SetPongHandler(func(string) error { pongs++; return nil })
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)); err != nil {
					t.Error(err)
					return
				}
			case <-stop:
				return
			}
		}
	}()
	for {
		kind, msg, err := ws.ReadMessage()
		if err != nil || got(kind, msg) != nil {
			break
		}
	}
	close(stop)
	<-stopped
	return pongs
}

// TestPipeBehavesLikeASocket takes the corners on which clients build their errors.
func TestPipeBehavesLikeASocket(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		p := b.Pipe()
		dial := func() (client, server net.Conn) {
			client, err := p.DialContext(t.Context(), "tcp", "venue.test:443")
			if err != nil {
				t.Fatal(err)
			}
			server, err = p.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return client, server
		}

		client, server := dial()
		if _, err := server.Write([]byte("last words")); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if got, err := io.ReadAll(client); string(got) != "last words" || err != nil {
			t.Errorf("after the peer closed read %q, %v, want what it wrote and the end", got, err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to a closed peer: %v, want EPIPE", err)
		}
		client.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of a closed connection: %v, want net.ErrClosed", err)
		}

		client, _ = dial()
		time.AfterFunc(time.Second, func() { client.SetReadDeadline(time.Now()) })
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read under way when its deadline is moved to now: %v, want a timeout", err)
		}
		client.SetReadDeadline(time.Time{})
		began := time.Now()
		client.SetWriteDeadline(began.Add(5 * time.Second))
		if _, err := client.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write of more than the window to a peer that does not read: %v, want a timeout", err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("write gave up after %s, want 5s", d)
		}

		p.Close()
		if _, err := p.DialContext(context.Background(), "tcp", "venue.test:443"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial of a network that is down: %v, want ECONNREFUSED", err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read when the network went down: %v, want ECONNRESET", err)
		}
	})
}
