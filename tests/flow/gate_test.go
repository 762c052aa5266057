package flow

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// gate stands between the executors and the venue. What a test hangs into it sees each request before it leaves.
type gate struct {
	mu   sync.Mutex
	hook hook
}

// hook decides about one request: send lets it pass, and may be called never, later, or more than once.
type hook func(r *request, send func() (*http.Response, error)) (*http.Response, error)

// request is what is about to leave.
type request struct {
	*http.Request
	body string
}

// is reports method and path.
func (r *request) is(method, path string) bool { return r.Method == method && r.URL.Path == path }

// posts reports whether it carries orders.
func (r *request) posts() bool { return r.is("POST", "/order") || r.is("POST", "/orders") }

// cancels reports whether it cancels.
func (r *request) cancels() bool {
	return r.Method == "DELETE" && (strings.Contains(r.URL.Path, "order") || r.URL.Path == "/cancel-all")
}

// set hangs a hook into the gate, nil for none.
func (g *gate) set(h hook) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hook = h
}

// passage is the gate before one transport.
type passage struct {
	gate *gate
	next http.RoundTripper
}

// Unwrap names the transport that sends, while nothing stands before it.
func (p passage) Unwrap() http.RoundTripper {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	if p.gate.hook != nil {
		return nil
	}
	return p.next
}

// RoundTrip sends a request through the hook.
func (p passage) RoundTrip(r *http.Request) (*http.Response, error) {
	p.gate.mu.Lock()
	h := p.gate.hook
	p.gate.mu.Unlock()
	if h == nil {
		return p.next.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	send := func() (*http.Response, error) {
		again := r.Clone(r.Context())
		if r.Body != nil {
			again.Body = readCloser(string(body))
		}
		return p.next.RoundTrip(again)
	}
	return h(&request{r, string(body)}, send)
}

// answer is a response that the venue never gave.
func answer(r *request, status int, kind, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {kind}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: readCloser(body), ContentLength: int64(len(body)), Request: r.Request}
}

func readCloser(body string) io.ReadCloser { return io.NopCloser(strings.NewReader(body)) }
