package sandbox

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkPostOrder is one order from its bytes to its answer, signing by the client and checking included,
// without a network.
func BenchmarkPostOrder(b *testing.B) {
	s, base := venue(b, Config{})
	tr := newTrader(b, base, s.plainClient(), "main")
	for b.Loop() {
		body := tr.limit("sandbox-coin", 0, "SELL", "0.99", "5").json()
		req := httptest.NewRequest("POST", "/order", strings.NewReader(body))
		for k, v := range tr.headers("POST", "/order", body) {
			req.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, req)
		if !strings.Contains(rec.Body.String(), `"live"`) {
			b.Fatal(rec.Body)
		}
	}
}
