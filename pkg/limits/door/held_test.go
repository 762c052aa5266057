package door

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits"
)

// wire counts what a client writes on its connections.
type wire struct {
	net.Conn
	wrote *atomic.Int64
}

func (w wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.wrote.Add(int64(n))
	return n, err
}

// held is a client behind a door that allows a number of calls, and a server that counts what comes.
type held struct {
	client *http.Client
	limits *limits.Limiter
	url    string
	came   atomic.Int64 // calls
	wrote  atomic.Int64 // bytes
	dialed atomic.Int64
}

func newHeld(t *testing.T, calls int) *held {
	h := &held{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.came.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(srv.Close)
	wide := limits.Bucket{PerSecond: 1e6, Burst: 1e6}
	h.limits, h.url = limits.New(limits.Profile{Name: "held", Orders: wide, Cancels: wide, AllIP: limits.Window{Calls: calls, Per: time.Hour}}), srv.URL
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		h.dialed.Add(1)
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return wire{c, &h.wrote}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	h.client = Client(&http.Client{Transport: transport}, h.limits, "main", slog.New(slog.DiscardHandler))
	return h
}

// call makes the call that is held, and gives what came of it.
func (h *held) call(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/order", strings.NewReader("body"))
	if err != nil {
		return err
	}
	res, err := h.client.Do(r)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		err = res.Body.Close()
	}
	return err
}

// free is how many calls are still allowed.
func (h *held) free(t *testing.T) (n int) {
	for n < 1000 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := h.limits.Acquire(ctx, posting)
		cancel()
		if err != nil {
			break
		}
		n++
	}
	return n
}

var posting = limits.Posting("main", 1)

// connected waits until the call has its connection.
func (h *held) connected(t *testing.T) {
	for end := time.Now().Add(20 * time.Second); h.dialed.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no connection is made")
		}
	}
}

// A held call has its connection and leaves when it is paid for: with that permit, and with no other.
func TestHeldCallLeavesWhenItIsPaidFor(t *testing.T) {
	h := newHeld(t, 3)
	permit, err := h.limits.Acquire(t.Context(), posting)
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := Hold(t.Context(), posting)
	var call sync.WaitGroup
	call.Go(func() {
		if err := h.call(ctx); err != nil {
			t.Error(err)
		}
		if err := h.call(ctx); err != nil { // a repeat pays for itself
			t.Error(err)
		}
	})
	h.connected(t)
	if h.wrote.Load() != 0 {
		t.Error("it has left already")
	}
	if !held.Pay(permit) {
		t.Error("it cannot be paid for")
	}
	if held.Pay(permit) {
		t.Error("it was paid for twice")
	}
	call.Wait()
	held.End()
	if h.came.Load() != 2 || h.dialed.Load() != 1 {
		t.Errorf("%d calls came by %d connections", h.came.Load(), h.dialed.Load())
	}
	if n := h.free(t); n != 1 {
		t.Errorf("%d calls are left of three after two", n)
	}
}

// A held call that is dropped, or whose context ends, writes not a byte; a permit that comes too late stays with who has it.
func TestHeldCallThatIsNotWantedWritesNothing(t *testing.T) {
	for name, end := range map[string]func(h *Held, cancel func()){
		"dropped":               func(h *Held, _ func()) { h.Drop() },
		"its context ends":      func(_ *Held, cancel func()) { cancel() },
		"dropped and ended":     func(h *Held, cancel func()) { h.Drop(); cancel() },
		"ended before its call": func(h *Held, _ func()) { h.End() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeld(t, 1)
			parent, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx, held := Hold(parent, posting)
			permit, err := h.limits.Acquire(t.Context(), posting)
			if err != nil {
				t.Fatal(err)
			}
			var call sync.WaitGroup
			call.Go(func() {
				if h.call(ctx) == nil {
					t.Error("the call was answered")
				}
			})
			h.connected(t)
			end(held, cancel)
			call.Wait()
			held.End()
			if held.Pay(permit) {
				t.Error("it was paid for after its end")
			}
			permit.NeverLeft()
			if h.wrote.Load() != 0 || h.came.Load() != 0 {
				t.Errorf("%d bytes were written, %d calls came", h.wrote.Load(), h.came.Load())
			}
			if n := h.free(t); n != 1 {
				t.Errorf("%d calls are left of one", n)
			}
		})
	}
}

// A held call that has ended before it was paid for, because nobody can be reached, leaves the permit to its owner; one that was paid
// for and never made gives it back.
func TestPermitOfACallThatCannotBeMadeIsNotLost(t *testing.T) {
	h := newHeld(t, 1)
	refuses := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }}
	broken := Client(&http.Client{Transport: refuses}, h.limits, "main", slog.New(slog.DiscardHandler))
	permit, err := h.limits.Acquire(t.Context(), posting)
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := Hold(t.Context(), posting)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://venue/order", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Do(r); err == nil || held.Pay(permit) {
		t.Errorf("a call that failed with %v was paid for", err)
	}
	held.End()
	_, unmade := Hold(t.Context(), posting)
	if !unmade.Pay(permit) {
		t.Error("it cannot be paid for")
	}
	unmade.End()
	if n := h.free(t); n != 1 {
		t.Errorf("%d calls are left of one", n)
	}
}

// A transport that does not tell when it has a connection is not handed a call before it is paid for, and never one that is not.
func TestHeldCallWaitsOutsideATransportThatDoesNotTell(t *testing.T) {
	for _, paid := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			wide := limits.Bucket{PerSecond: 1e6, Burst: 1e6}
			l := limits.New(limits.Profile{Name: "held", Orders: wide, Cancels: wide, AllIP: limits.Window{Calls: 1, Per: time.Hour}})
			v := &venue{answer: says(200, nil, "{}")}
			h := &held{limits: l, url: "http://venue", client: Client(&http.Client{Transport: v}, l, "main", slog.New(slog.DiscardHandler))}
			permit, err := l.Acquire(t.Context(), posting)
			if err != nil {
				t.Fatal(err)
			}
			ctx, held := Hold(t.Context(), posting)
			var call sync.WaitGroup
			call.Go(func() {
				if err := h.call(ctx); (err == nil) != paid {
					t.Errorf("paid for: %t; the call ended with %v", paid, err)
				}
			})
			synctest.Wait()
			if v.seen != 0 {
				t.Error("it has left already")
			}
			free := 1
			if paid {
				free = 0
				held.Pay(permit)
			} else {
				held.Drop()
				permit.NeverLeft()
			}
			call.Wait()
			held.End()
			if v.seen != 1-free {
				t.Errorf("paid for: %t; %d calls left", paid, v.seen)
			}
			if n := h.free(t); n != free {
				t.Errorf("%d calls are left of one", n)
			}
		})
	}
}

// What follows a call that was never paid for, as a repeat does, does not leave with a permit of its own.
func TestRepeatOfACallThatWasNeverPaidForDoesNotLeave(t *testing.T) {
	h := newHeld(t, 2)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if h.dialed.Add(1) == 1 {
			return nil, errors.New("refused")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	h.client = Client(&http.Client{Transport: transport}, h.limits, "main", slog.New(slog.DiscardHandler))
	ctx, held := Hold(t.Context(), posting)
	defer held.End()
	for range 3 {
		if h.call(ctx) == nil {
			t.Error("the call was answered")
		}
	}
	if h.came.Load() != 0 {
		t.Errorf("%d calls came", h.came.Load())
	}
	if n := h.free(t); n != 2 {
		t.Errorf("%d calls are left of two", n)
	}
}

// Payment and end race: the call leaves with the permit or the permit stays where it was, never both and never neither.
func TestHeldCallIsPaidForOrEnded(t *testing.T) {
	const rounds, calls = 200, 500
	h, all := newHeld(t, calls), newHeld(t, calls).free(t)
	var left int64
	for range rounds {
		permit, err := h.limits.Acquire(t.Context(), posting)
		if err != nil {
			t.Fatal(err)
		}
		ctx, held := Hold(t.Context(), posting)
		var both sync.WaitGroup
		both.Go(func() { _ = h.call(ctx) })
		both.Go(held.Drop)
		both.Go(func() {
			if held.Pay(permit) {
				atomic.AddInt64(&left, 1)
			} else {
				permit.NeverLeft()
			}
		})
		both.Wait()
		held.End()
	}
	if came := h.came.Load(); came != left {
		t.Errorf("%d calls came and %d were paid for", came, left)
	}
	if n := h.free(t); int64(n) != int64(all)-left {
		t.Errorf("%d calls are left of %d after %d", n, all, left)
	}
}
