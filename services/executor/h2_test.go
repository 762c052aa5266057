package executor

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/polymarket"
)

// line is the venue over one version of HTTP; over HTTP/2 all calls share a connection.
type line struct {
	clob   *clob
	limits *limits.Limiter
	dialed atomic.Int64
	heads  atomic.Int64 // requests that came
	orders atomic.Int64 // of them, those that came with their orders
}

func newLine(t *testing.T, version int, l *limits.Limiter) *line {
	v := &line{limits: l}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.heads.Add(1)
		if r.ProtoMajor != version {
			t.Errorf("%s came by %s", r.URL.Path, r.Proto)
		}
		if body, err := io.ReadAll(r.Body); err == nil && strings.Contains(string(body), `"salt"`) {
			v.orders.Add(1)
		}
		_, _ = io.WriteString(w, `{"success":true,"errorMsg":"","orderID":"0x1","status":"live"}`)
	}))
	protocols := map[int]string{1: "http/1.1", 2: "h2"}
	srv.EnableHTTP2 = version == 2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	transport := srv.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		v.dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, NextProtos: []string{protocols[version]}}
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	api := polymarket.CLOB{BaseURL: srv.URL, HTTP: door.Client(&http.Client{Transport: transport}, v.limits, "main", slog.New(slog.DiscardHandler)), ChainID: polymarket.Polygon, Key: key}
	v.clob = newCLOB(api, "main", polymarket.Credentials{Key: "k", Secret: "c2VjcmV0", Passphrase: "p"})
	return v
}

// post posts an order and reports whether the venue took it.
func (v *line) post(ctx context.Context) bool {
	order := polymarket.Envelope{Type: polymarket.GTC}.Written()
	_, taken := v.clob.Post(ctx, []polymarket.Envelope{order}, time.Now().Add(time.Minute))[0].(polymarket.Accepted)
	return taken
}

// Where calls share a connection, one that is held keeps no other back, one that is dropped leaves the connection to the others and brings
// no order, and one that is paid for comes once.
func TestHeldOrdersOnASharedConnection(t *testing.T) {
	v := newLine(t, 2, limits.New(limits.Standard()))
	paid := int64(0)
	if v.post(t.Context()); v.orders.Load() != 1 {
		t.Fatalf("%d orders came", v.orders.Load())
	}
	paid++
	const rounds = 20
	for i := range rounds {
		ctx, held := door.Hold(t.Context(), limits.Posting("main", 1))
		var call sync.WaitGroup
		call.Go(func() { v.post(ctx); held.End() })
		v.post(t.Context()) // while the other is held
		if paid++; v.orders.Load() != paid {
			t.Fatalf("round %d: %d orders came of %d", i, v.orders.Load(), paid)
		}
		if i%2 == 0 {
			held.Drop()
			held.Drop()
		} else {
			permit, err := v.limits.Acquire(t.Context(), limits.Posting("main", 1))
			if err != nil || !held.Pay(permit) {
				t.Fatalf("round %d: it cannot be paid for: %v", i, err)
			}
			paid++
		}
		call.Wait()
		if v.orders.Load() != paid {
			t.Fatalf("round %d: %d orders came of %d", i, v.orders.Load(), paid)
		}
	}
	if v.dialed.Load() != 1 || v.heads.Load() != paid {
		t.Errorf("%d connections were made, and %d requests came of which %d were paid for", v.dialed.Load(), v.heads.Load(), paid)
	}
}

// An order whose time passes once its request has a connection brings nobody anything. Over HTTP/1.1 nothing of the request leaves; over
// HTTP/2 its head does, which the venue's edge may count: our book counts it too.
func TestHeadWithoutItsOrderIsCounted(t *testing.T) {
	const calls = 5
	for version, heads := range map[int]int64{1: 0, 2: 1} {
		wide := limits.Bucket{PerSecond: 1e6, Burst: 1e6}
		v := newLine(t, version, limits.New(limits.Profile{Name: "line", Orders: wide, Cancels: wide, AllIP: limits.Window{Calls: calls, Per: time.Hour}}))
		if !v.post(t.Context()) {
			t.Fatal("the venue takes no orders")
		}
		var late atomic.Bool
		v.clob.base.Now = func() time.Time {
			if late.Load() {
				return time.Now().Add(time.Hour)
			}
			return time.Now()
		}
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { late.Store(true) }})
		out := v.clob.Post(ctx, []polymarket.Envelope{polymarket.Envelope{Type: polymarket.GTC}.Written()}, time.Now().Add(time.Minute))
		if _, never := out[0].(polymarket.NeverLeft); !never {
			t.Errorf("HTTP/%d: %s", version, out[0])
		}
		late.Store(false)
		if !v.post(t.Context()) || v.heads.Load() != 2+heads || v.orders.Load() != 2 {
			t.Errorf("HTTP/%d: %d requests came, %d with their orders", version, v.heads.Load(), v.orders.Load())
		}
		free := 0
		for ; free < calls; free++ {
			if _, ok := v.limits.Try(limits.Posting("main", 1)); !ok {
				break
			}
		}
		if free > calls-2-int(heads) {
			t.Errorf("HTTP/%d: %d calls are left of %d after %d", version, free, calls, 2+heads)
		}
	}
}
