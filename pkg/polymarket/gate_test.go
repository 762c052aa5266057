package polymarket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
		b, err := io.ReadAll(r.Body)
		if err == nil && strings.Contains(string(b), `"salt"`) {
			v.orders.Add(1)
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
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

// writes counts what is written to a connection.
type writes struct {
	net.Conn
	calls, bytes *atomic.Int32
}

func (w writes) Write(b []byte) (int, error) {
	w.calls.Add(1)
	w.bytes.Add(int32(len(b)))
	return w.Conn.Write(b)
}

// counting wraps the venue's connections.
func (v *venue) counting() (calls, bytes *atomic.Int32) {
	calls, bytes = new(atomic.Int32), new(atomic.Int32)
	dial := v.client.DialContext
	v.client.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return writes{c, calls, bytes}, err
	}
	return calls, bytes
}

// lateAt is a clock that jumps an hour ahead at its nth reading.
func lateAt(n int32) func() time.Time {
	var readings atomic.Int32
	return func() time.Time {
		if readings.Add(1) >= n {
			return time.Now().Add(time.Hour)
		}
		return time.Now()
	}
}

func TestOrderLeavesInOnePacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := batchOfVectors(t)[0]
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) { accept(w, r.Order.ID) })
		calls, _ := v.counting()
		r.SendBy = time.Now().Add(time.Second)
		o, _ := v.clob(t).PostOrder(t.Context(), r)
		if o.Code() != "accepted" || v.orders.Load() != 1 || calls.Load() != 1 {
			t.Errorf("%s, %d orders, %d writes", o, v.orders.Load(), calls.Load())
		}
	})
}

// readings of the clock by send: at its start, with the connection in hand, with the headers ready.
const atHeaders = 3

// A process that slept with the headers ready sends nothing at all, and the connection's next order arrives.
func TestOrderThatIsLateWithItsHeadersReadyNeverLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := batchOfVectors(t)[0]
		v := startVenue(t, func(w http.ResponseWriter, _ *http.Request) { accept(w, r.Order.ID) })
		_, bytes := v.counting()
		c := v.clob(t)
		c.Now = lateAt(atHeaders)
		r.SendBy = time.Now().Add(time.Second)
		o, _ := c.PostOrder(t.Context(), r)
		if never, ok := o.(NeverLeft); !ok || !errors.Is(never.Cause, ErrTooLate) || bytes.Load() != 0 {
			t.Errorf("%s, %d bytes written", o, bytes.Load())
		}
		c.Now = time.Now
		if o, _ := c.PostOrder(t.Context(), r); o.Code() != "accepted" || v.orders.Load() != 1 {
			t.Errorf("after it: %s, %d orders", o, v.orders.Load())
		}
	})
}

func TestOrderThatIsLateNeverLeavesOverHTTP2(t *testing.T) {
	r := batchOfVectors(t)[0]
	var orders, protocol atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		protocol.Store(int32(q.ProtoMajor))
		if b, err := io.ReadAll(q.Body); err == nil && len(b) > 0 {
			orders.Add(1)
		}
		accept(w, r.Order.ID)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := clobOn(t, nil)
	c.BaseURL, c.HTTP = s.URL, s.Client()
	r.SendBy = time.Now().Add(time.Minute)
	if o, _ := c.PostOrder(t.Context(), r); o.Code() != "accepted" || orders.Load() != 1 || protocol.Load() != 2 {
		t.Fatalf("in time: %s, %d orders over HTTP/%d", o, orders.Load(), protocol.Load())
	}
	c.Now = lateAt(atHeaders)
	if o, _ := c.PostOrder(t.Context(), r); o.Code() != (NeverLeft{}).Code() || orders.Load() != 1 {
		t.Errorf("late: %s, %d orders", o, orders.Load())
	}
}

// opaque is a transport that tells nobody its steps.
type opaque func(*http.Request) (*http.Response, error)

func (o opaque) RoundTrip(r *http.Request) (*http.Response, error) { return o(r) }

// An unknown transport cannot read the body of an order that is late, and once it has read it the order may have left.
func TestUnknownTransportReadsThroughTheGate(t *testing.T) {
	r := batchOfVectors(t)[0]
	for _, late := range []bool{false, true} {
		c := clobOn(t, nil)
		var got []byte
		c.HTTP = &http.Client{Transport: opaque(func(q *http.Request) (*http.Response, error) {
			if late {
				c.Now = lateAt(1)
			}
			var err error
			got, err = io.ReadAll(q.Body)
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		})}
		c.Now = func() time.Time { return time.Now() }
		r.SendBy = time.Now().Add(time.Minute)
		o, _ := c.PostOrder(t.Context(), r)
		if _, unknown := o.(Unknown); unknown == late || (len(got) > 0) == late {
			t.Errorf("late %t: %s, %d bytes read", late, o, len(got))
		}
	}
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
