package evm_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/evm"
	"sluice/pkg/sandbox/chain"
)

// world is a chain with endpoints, in virtual time, reached without a network.
type world struct {
	t     *testing.T
	c     *chain.Chain
	nodes []*chain.Endpoint

	mu     sync.Mutex
	asked  []string                            // host of every request, in order
	bodies []string                            // what was asked
	say    map[string]func(body string) string // instead of an answer, by host; empty: the answer
	slow   map[string]time.Duration
}

func newWorld(t *testing.T, nodes int) *world {
	t.Helper()
	c, err := chain.New(chain.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &world{t: t, c: c, say: map[string]func(string) string{}, slow: map[string]time.Duration{}}
	for range nodes {
		w.nodes = append(w.nodes, c.Endpoint())
	}
	w.blocks(10)
	return w
}

func (w *world) blocks(n int) {
	for range n {
		time.Sleep(2 * time.Second)
		w.c.Mine()
	}
}

// RoundTrip asks the endpoint that the host names: n0, n1, …
func (w *world) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.asked, w.bodies = append(w.asked, r.URL.Host), append(w.bodies, string(body))
	say, slow := w.say[r.URL.Host], w.slow[r.URL.Host]
	w.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() {
		if p := recover(); p != nil { // how an endpoint cuts the connection
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	rec := httptest.NewRecorder()
	if say != nil {
		if text := say(string(body)); text != "" {
			rec.WriteString(text)
			return rec.Result(), nil
		}
	}
	var i int
	if _, err := fmt.Sscanf(r.URL.Host, "n%d", &i); err != nil {
		return nil, err
	}
	w.nodes[i].ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))))
	return rec.Result(), nil
}

// answering says one JSON-RPC error to everything but the questions that every endpoint must answer.
func (w *world) answering(host string, code int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say[host] = func(body string) string {
		if strings.HasPrefix(body, "[") || strings.Contains(body, "eth_chainId") {
			return ""
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, idOf(body), code, text)
	}
}

func idOf(body string) string {
	_, rest, _ := strings.Cut(body, `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	return id
}

// count is how many requests an endpoint got that contain text, since the last call.
func (w *world) count(text string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := map[string]int{}
	for i, host := range w.asked {
		if strings.Contains(w.bodies[i], text) {
			n[host]++
		}
	}
	w.asked, w.bodies = nil, nil
	return n
}

func (w *world) pool(change func(*evm.PoolConfig)) *evm.Pool {
	w.t.Helper()
	cfg := evm.PoolConfig{HTTP: &http.Client{Transport: w}, Log: slog.New(slog.DiscardHandler)}
	for i := range w.nodes {
		cfg.Endpoints = append(cfg.Endpoints, evm.Endpoint{URL: evm.URL(fmt.Sprintf("http://n%d/v2/hush", i)), Priority: i})
	}
	if change != nil {
		change(&cfg)
	}
	p, err := evm.NewPool(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Close)
	return p
}

// head reads the block number, and says who answered.
func head(ctx context.Context, p *evm.Pool) (who string, n uint64, err error) {
	err = p.Read(ctx, func(ctx context.Context, at *evm.Node) error {
		who = at.Name
		n, err = at.Client.BlockNumber(ctx)
		return err
	})
	return who, n, err
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
