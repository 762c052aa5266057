package executor

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/pkg/limits"
	"sluice/pkg/limits/door"
	"sluice/pkg/polymarket"
)

// A request that places orders passes every point once and in order, whether it is short or longer than the transport's
// buffer; others pass none.
func TestRequestPassesItsPointsInOrder(t *testing.T) {
	written := make(chan struct{}, 1)
	venue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(r.URL.Path, "/order") && r.Method == http.MethodPost {
			<-written // or the answer could be there before the writer is told that it has written
		}
		_, _ = w.Write(b) // the client looks at what comes
	}))
	defer venue.Close()
	var mu sync.Mutex
	var passed []string
	c := watched(&http.Client{}, func(point string) {
		mu.Lock()
		defer mu.Unlock()
		passed = append(passed, point)
		if point == AfterWrite {
			written <- struct{}{}
		}
	})
	defer c.CloseIdleConnections()
	want := []string{BeforeConnection, AfterConnection, BeforeWrite, AfterWrite, BeforeAnswer, AfterAnswer}
	for _, k := range []struct {
		method, path, body string
		want               []string
	}{
		{"POST", "/order", "short", want},
		{"POST", "/orders", strings.Repeat("long ", 10_000), want},
		{"DELETE", "/order", "id", nil},
		{"GET", "/order", "", nil},
		{"POST", "/auth", "x", nil},
	} {
		passed = nil
		r, err := http.NewRequest(k.method, venue.URL+k.path, strings.NewReader(k.body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(a.Body); err != nil || string(b) != k.body {
			t.Errorf("%s %s: %d bytes came back of %d, %v", k.method, k.path, len(b), len(k.body), err)
		}
		a.Body.Close()
		mu.Lock()
		if !slices.Equal(passed, k.want) {
			t.Errorf("%s %s of %d bytes passes %v, want %v", k.method, k.path, len(k.body), passed, k.want)
		}
		mu.Unlock()
	}
}

// wire counts the writes to a connection.
type wire struct {
	net.Conn
	writes *atomic.Int32
}

func (w wire) Write(b []byte) (int, error) {
	w.writes.Add(1)
	return w.Conn.Write(b)
}

// Every wrapper of the transport has to say what sends (Unwrap): behind one that does not, headers and body are two packets.
func TestOrderLeavesInOnePacketThroughEveryWrapper(t *testing.T) {
	venue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{}`)
	}))
	defer venue.Close()
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	o := polymarket.Order{Salt: 1, Maker: key.Address(), Signer: key.Address(), MakerAmount: 5_000_000, TakerAmount: 10_000_000, Side: polymarket.Buy, TimestampMS: 1}
	signed, err := polymarket.Sign(key, o, polymarket.Domain{ChainID: polymarket.Polygon, Version: "2"})
	if err != nil {
		t.Fatal(err)
	}
	var writes atomic.Int32
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return wire{c, &writes}, err
	}}
	plain := &http.Client{Transport: transport}
	for name, c := range map[string]*http.Client{"door": plain, "door and points": watched(plain, func(string) {})} {
		writes.Store(0)
		api := polymarket.CLOB{BaseURL: venue.URL, HTTP: door.Client(c, limits.New(limits.Standard()), "main", slog.New(slog.DiscardHandler)), ChainID: polymarket.Polygon, Key: key,
			Creds: polymarket.Credentials{Key: "k", Secret: "AAAA", Passphrase: "p"}}
		out, reply := api.PostOrder(t.Context(), polymarket.PostRequest{Envelope: polymarket.Envelope{Order: signed, Type: polymarket.GTC}})
		if reply.Status != http.StatusOK || writes.Load() != 1 {
			t.Errorf("%s: %s, %d writes, want one", name, out, writes.Load())
		}
		api.HTTP.CloseIdleConnections()
	}
}
