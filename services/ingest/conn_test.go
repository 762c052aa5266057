package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// quiet is a session that wants nothing and remembers what it got.
type quiet struct {
	frames []string
	lostBy []error
}

func (q *quiet) hello(id string) []byte { return []byte(`{"type":"test","id":"` + id + `"}`) }
func (q *quiet) frame(_ context.Context, _ time.Time, data []byte) error {
	q.frames = append(q.frames, string(data))
	return nil
}
func (q *quiet) look(time.Time) ([][]byte, error) { return nil, nil }
func (q *quiet) state() (string, string)          { return stateUp, "" }
func (q *quiet) lost(cause error)                 { q.lostBy = append(q.lostBy, cause) }
func (q *quiet) tokens() int                      { return 0 }

// line is a connection under test with what it said of itself.
type line struct {
	conn   *conn
	to     *quiet
	states []msgs.FeedStatus
	dials  []time.Time // since the start
}

func newLine(t *testing.T, b *actortest.Bubble, profile string) (*line, *actortest.Pipe) {
	t.Helper()
	p, err := ProfileNamed(profile)
	if err != nil {
		t.Fatal(err)
	}
	pipe := b.Pipe()
	l := &line{to: &quiet{}}
	d := pipe.Dialer()
	dial := d.NetDialContext
	d.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.dials = append(l.dials, time.Now())
		return dial(ctx, network, addr)
	}
	l.conn = &conn{name: "t1", tag: "x", channel: channelMarket, url: "ws://venue/ws", dialer: d, profile: p,
		delay: newPauses(p.BaseDelay, rand.New(rand.NewPCG(1, 1))), session: l.to, poke: make(chan struct{}, 1),
		status: func(_ string, s msgs.FeedStatus) { l.states = append(l.states, s) }, count: &newCounters().conn}
	return l, pipe
}

// run runs the connection for d and returns when it has ended.
func (l *line) run(t *testing.T, b *actortest.Bubble, d time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.conn.run(ctx) })
	time.Sleep(d)
	b.Wait()
	cancel()
	running.Wait()
}

// serve upgrades every request and hands the socket to each, which owns it until it returns.
func serve(pipe *actortest.Pipe, each func(ws *websocket.Conn)) {
	up := websocket.Upgrader{}
	pipe.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered
		}
		defer ws.Close()
		each(ws)
	}))
}

// answering reads until the socket ends, answers PING, and hands every other message to hear.
func answering(ws *websocket.Conn, hear func(string)) error {
	for {
		_, m, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		if string(m) != "PING" {
			hear(string(m))
		} else if ws.WriteMessage(websocket.TextMessage, []byte("PONG")) != nil {
			return errors.New("write failed")
		}
	}
}

// Dials to a venue that is away: the pauses double from 1 s to 60 s, each with less than a second on top.
func TestPausesDoubleFromOneSecondToSixty(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileDashboard)
		pipe.Close()
		l.run(t, b, 10*time.Minute)
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
		if len(l.dials) < len(want)+1 {
			t.Fatalf("only %d dials", len(l.dials))
		}
		jitter := map[time.Duration]bool{}
		for i, w := range want {
			pause := l.dials[i+1].Sub(l.dials[i])
			if extra := pause - w*time.Second; extra < 0 || extra >= time.Second {
				t.Errorf("pause %d is %s, want %ds and less than a second", i, pause, w)
			} else {
				jitter[extra] = true
			}
		}
		if len(jitter) < len(want)-1 {
			t.Errorf("the jitter takes only %d values", len(jitter))
		}
	})
}

// Whatever the number of failures before, after a connection that answered the next pause is the first again, both after a
// normal close and after a cut.
func TestPauseStartsAgainAfterSuccess(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileDashboard)
		n := 0
		pipe.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; n <= 4 {
				http.Error(w, "not now", http.StatusServiceUnavailable)
				return
			}
			up := websocket.Upgrader{}
			ws, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer ws.Close()
			end := time.Now().Add(3 * time.Second)
			if ws.SetReadDeadline(end) != nil {
				return
			}
			_ = answering(ws, func(string) {})
			if n%2 == 0 {
				_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), end.Add(time.Second))
			}
		}))
		l.run(t, b, time.Minute)
		if len(l.dials) < 8 {
			t.Fatalf("only %d dials", len(l.dials))
		}
		for i := 5; i < len(l.dials); i++ {
			if pause := l.dials[i].Sub(l.dials[i-1]) - 3*time.Second; pause < time.Second || pause >= 2*time.Second {
				t.Errorf("pause after success %d is %s", i, pause)
			}
		}
	})
}

// PING leaves every 5 s, as text.
func TestHeartbeatEveryFiveSeconds(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileHFT)
		var at []time.Time
		serve(pipe, func(ws *websocket.Conn) {
			for {
				kind, m, err := ws.ReadMessage()
				if err != nil {
					return
				}
				if kind == websocket.TextMessage && string(m) == "PING" {
					at = append(at, time.Now())
					_ = ws.WriteMessage(websocket.TextMessage, []byte("PONG"))
				}
			}
		})
		l.run(t, b, 31*time.Second)
		if len(at) != 7 {
			t.Fatalf("%d PINGs in 31 s", len(at))
		}
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]); d != 5*time.Second {
				t.Errorf("PING %d came after %s", i, d)
			}
		}
	})
}

// A socket over which nothing comes back, not even PONG, is given up after half a minute and dialled again.
func TestHalfOpenSocketIsGivenUp(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileLow)
		serve(pipe, func(ws *websocket.Conn) {
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		})
		l.run(t, b, 50*time.Second)
		if len(l.dials) != 2 || len(l.to.lostBy) != 2 || !errors.Is(l.to.lostBy[0], errSilence) {
			t.Fatalf("%d dials, lost by %v", len(l.dials), l.to.lostBy)
		}
		if d := l.dials[1].Sub(l.dials[0]); d < silence+5*time.Second || d > silence+6*time.Second { // low waits 5 s
			t.Errorf("dialled again after %s", d)
		}
	})
}

// PONGs go on but data ends: the connection is renewed when the data is a minute old, not before.
func TestPongIsNoData(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileHFT)
		serve(pipe, func(ws *websocket.Conn) {
			_ = answering(ws, func(string) { _ = ws.WriteMessage(websocket.TextMessage, []byte(`[{"event_type":"x"}]`)) })
		})
		l.run(t, b, 70*time.Second)
		if len(l.dials) != 2 || !errors.Is(l.to.lostBy[0], errData) {
			t.Fatalf("%d dials, lost by %v", len(l.dials), l.to.lostBy)
		}
		if d := l.dials[1].Sub(l.dials[0]); d < 60*time.Second || d > 65*time.Second {
			t.Errorf("renewed after %s", d)
		}
	})
}

// The end is announced: the venue sees a close frame with code 1000, and every state is said once.
func TestShutdownSendsACloseFrame(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileDashboard)
		ended := make(chan error, 1)
		serve(pipe, func(ws *websocket.Conn) { ended <- answering(ws, func(string) {}) })
		l.run(t, b, 8*time.Second)
		if err := <-ended; !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("the venue saw %v", err)
		}
		if n := len(l.states); n != 2 || l.states[0].State != stateUp || l.states[1].State != stateDown || l.states[1].Cause != "shutdown" {
			t.Errorf("states: %+v", l.states)
		}
	})
}

// A venue that neither answers the close frame nor stops talking does not hold the end back.
func TestShutdownDoesNotWaitForARudeVenue(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileDashboard)
		serve(pipe, func(ws *websocket.Conn) {
			for ws.WriteMessage(websocket.TextMessage, []byte(`{"event_type":"x"}`)) == nil {
				time.Sleep(100 * time.Millisecond)
			}
		})
		began := time.Now()
		l.run(t, b, 5*time.Second)
		if d := time.Since(began) - 5*time.Second; d > 2*closeTimeout {
			t.Errorf("the end took %s", d)
		}
	})
}

// Fragments, and messages larger than the buffers, arrive whole.
func TestLargeMessageArrivesWhole(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		l, pipe := newLine(t, b, ProfileDashboard)
		big := make([]byte, 3<<20)
		for i := range big {
			big[i] = "0123456789"[i%10]
		}
		copy(big, `{"`)
		serve(pipe, func(ws *websocket.Conn) {
			_ = answering(ws, func(string) {
				_ = ws.WriteMessage(websocket.TextMessage, big)
				_ = ws.WriteMessage(websocket.TextMessage, []byte(`{}`))
			})
		})
		l.run(t, b, time.Second)
		if len(l.to.frames) != 2 || l.to.frames[0] != string(big) || l.to.frames[1] != "{}" {
			t.Errorf("%d frames", len(l.to.frames))
		}
	})
}
