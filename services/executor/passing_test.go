package executor

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
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
