package polymarket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// venue is a server on an in-memory listener, inside the bubble of the test.
type venue struct {
	conns   chan net.Conn
	closed  chan struct{}
	server  *http.Server
	client  *http.Transport
	orders  atomic.Int32
	dial    func(ctx context.Context) error // called before a connection is made
	handler http.HandlerFunc
}

func (v *venue) Accept() (net.Conn, error) {
	select {
	case c := <-v.conns:
		return c, nil
	case <-v.closed:
		return nil, net.ErrClosed
	}
}

func (v *venue) Close() error   { close(v.closed); return nil } // the server closes once
func (v *venue) Addr() net.Addr { return &net.TCPAddr{} }

// startVenue counts the orders whose body arrived whole, then lets handler answer.
func startVenue(t *testing.T, handler http.HandlerFunc) *venue {
	v := &venue{conns: make(chan net.Conn), closed: make(chan struct{}), handler: handler}
	v.client = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if v.dial != nil {
			if err := v.dial(ctx); err != nil {
				return nil, err
			}
		}
		ours, theirs := net.Pipe()
		select {
		case v.conns <- theirs:
			return ours, nil
		case <-v.closed:
			return nil, net.ErrClosed
		}
	}}
	v.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil && strings.Contains(string(b), `"salt"`) {
			v.orders.Add(1)
		}
		v.handler(w, r)
	})}
	go func() { _ = v.server.Serve(v) }()
	t.Cleanup(func() {
		v.client.CloseIdleConnections()
		_ = v.server.Close()
	})
	return v
}

func (v *venue) clob(t *testing.T) *CLOB {
	c := clobOn(t, nil)
	c.HTTP = &http.Client{Transport: v.client}
	return c
}

func accept(w http.ResponseWriter, id Hash) {
	_, _ = io.WriteString(w, `{"success":true,"errorMsg":"","orderID":"`+id.Hex()+`","status":"live"}`)
}

func TestOrderIsAcceptedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := batchOfVectors(t)[0]
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) { accept(w, r.Order.ID) })
		r.SendBy = time.Now().Add(time.Second)
		o, reply := v.clob(t).PostOrder(t.Context(), r)
		if a, ok := o.(Accepted); !ok || a.ID != r.Order.ID.Hex() || reply.Status != 200 || v.orders.Load() != 1 {
			t.Errorf("%s, %+v, %d orders", o, reply, v.orders.Load())
		}
		// The client lives on past SendBy without harm to the next order on the same connection.
		time.Sleep(2 * time.Second)
		r.SendBy = time.Now().Add(time.Second)
		if o, _ := v.clob(t).PostOrder(t.Context(), r); o.Code() != "accepted" || v.orders.Load() != 2 {
			t.Errorf("second: %s, %d orders", o, v.orders.Load())
		}
	})
}

// While no connection is had, nothing has left: whether the dial fails, hangs past SendBy, or is given up.
func TestOrderThatFoundNoConnectionNeverLeft(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		dial  func(context.Context) error
		cause error
	}{
		"refused":        {func(context.Context) error { return io.ErrClosedPipe }, io.ErrClosedPipe},
		"hangs":          {hang, ErrTooLate},
		"ready too late": {func(context.Context) error { time.Sleep(3 * time.Second); return nil }, ErrTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := startVenue(t, func(http.ResponseWriter, *http.Request) {})
				v.dial = c.dial
				r := batchOfVectors(t)[0]
				start := time.Now()
				r.SendBy = start.Add(2 * time.Second)
				o, _ := v.clob(t).PostOrder(t.Context(), r)
				if never, ok := o.(NeverLeft); !ok || !errors.Is(never.Cause, c.cause) {
					t.Errorf("%s, want never left for %v", o, c.cause)
				}
				if errors.Is(c.cause, ErrTooLate) && time.Since(start) != 2*time.Second {
					t.Errorf("told after %s", time.Since(start))
				}
				time.Sleep(time.Minute)
				if n := v.orders.Load(); n != 0 {
					t.Errorf("%d orders arrived all the same", n)
				}
			})
		})
	}
}

// A process that slept between having the connection and writing does not send what is too late: the clock jumps while the
// connection is handed over, so that no timer helps.
func TestOrderIsHeldBackAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := batchOfVectors(t)[0]
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) { accept(w, r.Order.ID) })
		c := v.clob(t)
		var late atomic.Bool
		c.Now = func() time.Time {
			if late.Load() {
				return time.Now().Add(time.Hour)
			}
			return time.Now()
		}
		v.dial = func(context.Context) error { late.Store(true); return nil }
		r.SendBy = time.Now().Add(time.Second)
		o, _ := c.PostOrder(t.Context(), r)
		if never, ok := o.(NeverLeft); !ok || !errors.Is(never.Cause, ErrTooLate) || v.orders.Load() != 0 {
			t.Errorf("%s, %d orders", o, v.orders.Load())
		}
	})
}

// Once the body may be on its way, nothing but the answer tells: each way of losing it is Unknown.
func TestLostAnswerIsUnknown(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, handler := range map[string]http.HandlerFunc{
		"connection dies": abort,
		"silence":         func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"cut short": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"success":true`)
			abort(w, r)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			accept(w, batchOfVectors(t)[0].Order.ID) // what could be believed, if it ended there
			for range maxAnswer/1024 + 2 {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1024)); err != nil {
					return
				}
			}
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := startVenue(t, handler)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				r := batchOfVectors(t)[0]
				r.SendBy = time.Now().Add(2 * time.Second)
				o, _ := v.clob(t).PostOrder(ctx, r)
				if _, ok := o.(Unknown); !ok || v.orders.Load() != 1 {
					t.Errorf("%s, %d orders arrived", o, v.orders.Load())
				}
			})
		})
	}
}

func TestRefusalByStatusStandsWithoutItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Retry-After", "4")
			w.WriteHeader(http.StatusTooManyRequests)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		o, reply := v.clob(t).PostOrder(t.Context(), batchOfVectors(t)[0])
		if retry, ok := o.(RetryAfter); !ok || retry.Duration != 4*time.Second || reply.Rate.Retry != 4*time.Second {
			t.Errorf("%s, %+v", o, reply)
		}
	})
}

// Whoever wins the race, the two sides agree: either the body passes and shut says so, or it is shut and never passes.
func TestGateIsEitherShutOrPassed(t *testing.T) {
	for range 2000 {
		g := &gate{now: time.Now, alive: func() error { return nil }}
		var wg sync.WaitGroup
		var passed, shut bool
		wg.Go(func() { passed = g.pass() == nil })
		wg.Go(func() { shut = g.shut() })
		wg.Wait()
		if passed == shut {
			t.Fatalf("passed %t and shut %t", passed, shut)
		}
		if again := g.pass() == nil; again != passed {
			t.Fatalf("passed %t, then %t", passed, again)
		}
	}
}
