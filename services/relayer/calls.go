package relayer

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
	"sluice/pkg/traced"
)

// Client is a client for the relayer: its submits leave with a place in the minute, and each call is logged with what remains of
// the day. Reads cost nothing and wait for nothing.
func (a *Allowance) Client(c *http.Client) *http.Client {
	out := *c
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = &calls{next: out.Transport, of: a}
	return &out
}

// calls is a transport that counts and logs.
type calls struct {
	next http.RoundTripper
	of   *Allowance
}

// Unwrap names the transport that sends: it tells when it has written the headers.
func (c *calls) Unwrap() http.RoundTripper { return c.next }

// RoundTrip sends a request. A submit that gets no place in the minute fails before its first byte.
func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/submit") { // the base URL may have a path of its own
		res, err := c.next.RoundTrip(r)
		c.tell(r, slog.LevelDebug, res, err, time.Since(began))
		return res, err
	}
	permit, err := c.of.place(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read of it
		}
		return nil, err
	}
	var left atomic.Bool
	left.Store(!traced.By(c.next)) // for all that is known
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { left.Store(true) }}
	began = time.Now()
	res, err := c.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	switch {
	case err == nil:
		permit.Done(heard(res, time.Now()))
	case left.Load():
		permit.Lost()
	default:
		permit.NeverLeft()
	}
	c.tell(r, slog.LevelInfo, res, err, time.Since(began))
	return res, err
}

// readOfRefusal is as much as is looked at of a refusal before its reader sees it: refusals are short.
const readOfRefusal = 4 << 10

// heard is what an answer says about the minute. That the day's units are gone is the book's affair: it obeys within bounds, and
// for all who share it.
func heard(res *http.Response, now time.Time) limits.Answer {
	out := limits.Answer{Outcome: gate.Answered, Items: -1}
	if res.StatusCode < http.StatusBadRequest {
		return out
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, readOfRefusal))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = broken{err}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rest), res.Body}
	if s := signal.Read(signal.Answer{Status: res.StatusCode, Header: res.Header, Body: text}, now); s.Kind != signal.QuotaGone {
		out.Signal = s
	}
	return out
}

// broken is what is left of a body that could not be read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func (c *calls) tell(r *http.Request, level slog.Level, res *http.Response, err error, took time.Duration) {
	c.of.mu.Lock()
	v := c.of.seen
	c.of.mu.Unlock()
	args := []any{"method", r.Method, "path", r.URL.Path, "took_ms", took.Milliseconds(), "used", v.Used, "remaining", v.Remaining, "limit", v.Limit}
	switch {
	case err != nil:
		args = append(args, "error", err)
	default:
		args = append(args, "status", res.StatusCode)
		if res.StatusCode == http.StatusTooManyRequests {
			level = slog.LevelWarn
		}
	}
	c.of.log.Log(context.WithoutCancel(r.Context()), level, "relayer called", args...)
}
