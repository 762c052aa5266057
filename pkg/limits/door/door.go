package door

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
	"sluice/pkg/traced"
)

// door lets requests of one account out.
type door struct {
	next    http.RoundTripper
	limits  *limits.Limiter
	account string
	log     *slog.Logger
}

// urgentWaits is how long what goes before everything else waits for a permit: less than half of the time of its call.
const urgentWaits = 2 * time.Second

// Bounds of what is looked at of an answer before its reader sees it.
const (
	readOfRefusal   = 4 << 10 // what is said about limits stands in short answers
	readOfCancelled = 8 << 20 // the most that the client reads of any answer
)

// Client is a client whose requests leave through a door: those of one account, or of none where it is empty. The limiter's waits end with
// the request's context and with the client's own time-out.
func Client(c *http.Client, l *limits.Limiter, account string, log *slog.Logger) *http.Client {
	out := *c
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = &door{next: out.Transport, limits: l, account: account, log: log}
	return &out
}

// fare is the permit that a call brings along, and what its repeats cost.
type fare struct {
	q      limits.Request
	permit limits.Permit
	held   *Held // not nil: the permit comes later
	spent  atomic.Bool
}

type fareKey struct{}

// Carry gives the calls under a context a permit; what they need beyond it they take themselves. done gives the permit back
// when no call has used it.
func Carry(ctx context.Context, q limits.Request, p limits.Permit) (with context.Context, done func()) {
	f := &fare{q: q, permit: p}
	return context.WithValue(ctx, fareKey{}, f), func() {
		if f.spent.CompareAndSwap(false, true) {
			p.NeverLeft()
		}
	}
}

type urgentKey struct{}

// Urgently lets the calls under a context go before everything else, as what a cancel needs, and without a permit when nobody gives one
// for a while.
func Urgently(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// RoundTrip waits for a permit unless the request's context brings one, sends, and closes the permit by what became of it.
// A request that gets no permit fails before its first byte. One that is held waits at its connection, and before it is
// handed on where nobody would tell of a connection.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	e := endpointOf(r)
	permit, held, err := d.permit(r.Context(), e)
	told := traced.By(d.next)
	if err == nil && held != nil && !told && !held.await(r.Context(), httptrace.GotConnInfo{}) {
		err = errUnpaid
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read of it
		}
		return nil, err
	}
	var left atomic.Bool
	left.Store(!told) // for all that is known
	trace := &httptrace.ClientTrace{GotConn: func(at httptrace.GotConnInfo) {
		if held == nil || held.await(r.Context(), at) {
			left.Store(true)
		}
	}}
	res, err := d.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if held != nil {
		var paid bool
		if permit, paid = held.settle(); !paid {
			return res, err
		}
	}
	switch {
	case err == nil:
		a := answered(e, res)
		permit.Done(a)
		d.tell(e, res.StatusCode, a.Signal)
	case left.Load():
		permit.Lost()
	default:
		permit.NeverLeft()
	}
	return res, err
}

// Unwrap names the transport that sends: it tells when it has written the headers.
func (d *door) Unwrap() http.RoundTripper { return d.next }

// tell says when the venue has asked for less, and what became of the request: it is not sent again in here.
func (d *door) tell(e limits.Endpoint, status int, s signal.Signal) {
	switch s.Kind {
	case signal.Throttled, signal.QuotaGone, signal.Blocked:
		d.log.Warn("limited by the venue", "endpoint", string(e), "status", status, "cause", s.Cause, "wait_ms", s.Wait.Milliseconds(), "named", s.Named)
	}
	if s.Warning {
		d.log.Warn("the venue would have refused this for its rate", "endpoint", string(e), "tier", s.Tier)
	}
}

// permit gives the permit of a call, or the hold that will be given it.
func (d *door) permit(ctx context.Context, e limits.Endpoint) (p limits.Permit, h *Held, err error) {
	q := limits.Request{Endpoint: string(e), Account: d.account}
	if urgent, _ := ctx.Value(urgentKey{}).(bool); urgent {
		p, err = d.urgent(ctx, q)
		return p, nil, err
	}
	if f, ok := ctx.Value(fareKey{}).(*fare); ok && f.q.Endpoint == q.Endpoint {
		if f.spent.CompareAndSwap(false, true) {
			return f.permit, f.held, nil
		}
		if f.held != nil && !f.held.isPaid() {
			return p, nil, errUnpaid
		}
		q = f.q
	}
	p, err = d.limits.Acquire(ctx, q)
	return p, nil, err
}

// urgent waits for a permit only for a while: without the bus, which is when everything must be cancelled, nobody may be there to
// lend one, and a request too many does less harm than orders that rest.
func (d *door) urgent(ctx context.Context, q limits.Request) (limits.Permit, error) {
	q.Class = budget.As(gate.Cancel)
	try, stop := context.WithTimeout(ctx, urgentWaits)
	defer stop()
	permit, err := d.limits.Acquire(try, q)
	if err == nil || ctx.Err() != nil {
		return permit, err
	}
	d.log.Warn("no permit for what cannot wait; it leaves without", "endpoint", q.Endpoint, "waited_ms", urgentWaits.Milliseconds(), "error", err)
	return limits.Permit{}, nil
}

// endpointOf is what a request asks for, as the limits name it: one name for all that differ in an id only.
func endpointOf(r *http.Request) limits.Endpoint {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/auth/"):
		return limits.Keys
	case strings.HasPrefix(path, "/data/order/"):
		return limits.GetOrder
	case strings.HasPrefix(path, "/markets/"):
		return limits.GetMarket
	default:
		return limits.Endpoint(r.Method + " " + path)
	}
}

// answered tells the limits of an answer. What it reads of the body is put back.
func answered(e limits.Endpoint, res *http.Response) limits.Answer {
	a := limits.Answer{Outcome: gate.Answered, Items: -1}
	var body []byte
	switch {
	case res.StatusCode >= http.StatusBadRequest:
		body = peek(res, readOfRefusal)
	case e == limits.CancelAll || e == limits.CancelMarket:
		var ended struct {
			Cancelled []json.RawMessage `json:"canceled"`
		}
		if json.Unmarshal(peek(res, readOfCancelled), &ended) == nil {
			a.Items = len(ended.Cancelled)
		}
	}
	a.Signal = signal.Read(signal.Answer{Status: res.StatusCode, Header: res.Header, Body: body}, time.Now())
	return a
}

// peek reads the beginning of a body and puts it back. An error is left for who reads the body.
func peek(res *http.Response, most int64) []byte {
	b, err := io.ReadAll(io.LimitReader(res.Body, most))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = broken{err}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(b), rest), res.Body}
	return b
}

// broken is what is left of a body that could not be read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
