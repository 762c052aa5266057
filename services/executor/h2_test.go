package executor

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/polymarket"
)

// oneLine is the venue over HTTP/2, where all calls share a connection.
type oneLine struct {
	clob   *clob
	limits *limits.Limiter
	dialed atomic.Int64
	orders atomic.Int64 // requests that came with their orders
}

func newOneLine(t *testing.T) *oneLine {
	v := &oneLine{limits: limits.New(limits.Standard())}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s came by %s", r.URL.Path, r.Proto)
		}
		if body, err := io.ReadAll(r.Body); err == nil && strings.Contains(string(body), `"salt"`) {
			v.orders.Add(1)
		}
		_, _ = io.WriteString(w, `{"success":true,"errorMsg":"","orderID":"0x1","status":"live"}`)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	transport := srv.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		v.dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, NextProtos: []string{"h2"}}
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	api := polymarket.CLOB{BaseURL: srv.URL, HTTP: door.Client(&http.Client{Transport: transport}, v.limits, "main", slog.New(slog.DiscardHandler)), ChainID: polymarket.Polygon, Key: key}
	v.clob = newCLOB(api, "main", polymarket.Credentials{Key: "k", Secret: "c2VjcmV0", Passphrase: "p"})
	return v
}

// post posts an order and reports whether the venue took it.
func (v *oneLine) post(ctx context.Context) bool {
	order := polymarket.Envelope{Type: polymarket.GTC}.Written()
	_, taken := v.clob.Post(ctx, []polymarket.Envelope{order}, time.Now().Add(time.Minute))[0].(polymarket.Accepted)
	return taken
}

// Where calls share a connection, one that is held keeps no other back, one that is dropped leaves the connection to the others and brings
// no order, and one that is paid for comes once.
func TestHeldOrdersOnASharedConnection(t *testing.T) {
	v := newOneLine(t)
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
	if v.dialed.Load() != 1 {
		t.Errorf("%d connections were made", v.dialed.Load())
	}
}
