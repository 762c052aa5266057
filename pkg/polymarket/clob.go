package polymarket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"sluice/pkg/traced"
)

// CLOB speaks the venue's order book REST API. It holds no state: copy it to change a field, use it from any number of
// goroutines. Timeouts, connections and proxies are those of HTTP and of each call's context.
type CLOB struct {
	BaseURL string           // scheme and host, without a trailing slash
	HTTP    *http.Client     // required; redirects are never followed
	ChainID uint64           // for L1
	Key     *Key             // for L1; may be nil when Creds are given
	Address Address          // account of the key, for L2; zero takes Key's
	Creds   Credentials      // for L2
	Now     func() time.Time // nil is time.Now
}

const (
	// maxAnswer bounds the bytes read of any answer, after decompression. A full page of markets is about 2 MiB.
	maxAnswer = 8 << 20
	// maxPages bounds a walk over a paged list: 500 a page makes this more than any account can have.
	maxPages = 1000
)

// Reply is what is known about an answer besides its meaning.
type Reply struct {
	Status int           // 0 when there was none
	Rate   RateInfo      // from headers and body
	Took   time.Duration // from call to the last byte
}

// Error is a read that the venue answered with something else than what was asked for.
type Error struct {
	Method, Path string
	Status       int
	Message      string // the venue's words, or what could not be understood
	Rate         RateInfo
	Outcome      Outcome // the same classification as for orders: RetryAfter, Unauthorised, Blocked, Rejected, Unknown

	said bool // Message is the venue's own
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.Method, e.Path, e.Status, e.Message)
}

// ErrNotFound is what a read error is when the venue itself says that the thing does not exist.
var ErrNotFound = errors.New("not found")

// Is reports whether target is ErrNotFound and the venue said so in its own words; a 404 page of something in between is
// no evidence.
func (e *Error) Is(target error) bool {
	if target != ErrNotFound || !e.said || e.Status != http.StatusNotFound {
		return false
	}
	low := strings.ToLower(e.Message)
	return strings.Contains(low, "not found") || strings.Contains(low, "no orderbook exists")
}

// ErrTooLate is the cause of NeverLeft when the time to send had passed.
var ErrTooLate = errors.New("time to send has passed")

// auth is how a call proves who is asking.
type auth uint8

const (
	noAuth auth = iota
	l1
	l2
)

// call is one request.
type call struct {
	method, path string
	query        url.Values
	body         []byte
	auth         auth
	nonce        uint64    // of l1
	sendBy       time.Time // zero: none

	// headers authenticate a call in another way than auth names; nil: none.
	headers func(now time.Time) http.Header
}

// answer is the response, read to its end.
type answer struct {
	Reply
	header http.Header
	body   []byte
	v      value
	isJSON bool
}

// errNotSent wraps every failure in which no byte of the body was handed to a connection.
type errNotSent struct{ cause error }

func (e errNotSent) Error() string { return "never left: " + e.cause.Error() }
func (e errNotSent) Unwrap() error { return e.cause }

func (c *CLOB) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *CLOB) address() Address {
	if c.Address == (Address{}) && c.Key != nil {
		return c.Key.Address()
	}
	return c.Address
}

// send performs one call. The error is errNotSent when nothing can have reached the venue. An answer whose body could not
// be read to its end comes with both: status and headers still say something.
func (c *CLOB) send(ctx context.Context, k call) (answer, error) {
	start := c.now()
	req, err := c.request(k, start)
	if err != nil {
		return answer{}, errNotSent{err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g := &gate{sendBy: k.sendBy, now: c.now, alive: ctx.Err}
	if !k.sendBy.IsZero() {
		defer time.AfterFunc(k.sendBy.Sub(start), func() {
			if g.shut() {
				cancel(ErrTooLate)
			}
		}).Stop()
	}
	client := *c.HTTP
	g.guard(req, k.body, traced.By(client.Transport))
	ctx = httptrace.WithClientTrace(ctx, g.trace(len(k.body) > 0, cancel))
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, ErrTooLate) {
			err = cause
		}
		if g.shut() || g.isShut() {
			return answer{}, errNotSent{err}
		}
		return answer{}, fmt.Errorf("%s %s: %w", k.method, k.path, err)
	}
	defer res.Body.Close()
	return c.read(res, start)
}

// read takes the body, bounded.
func (c *CLOB) read(res *http.Response, start time.Time) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("%w: more than %d bytes", ErrNotUnderstood, maxAnswer)
	}
	if err != nil {
		body = nil
	}
	now := c.now()
	a := answer{Reply: Reply{Status: res.StatusCode, Rate: ParseRate(res.Header, body, now), Took: now.Sub(start)}, header: res.Header, body: body}
	a.v, a.isJSON = readJSON(body)
	if err != nil {
		return a, fmt.Errorf("read answer: %w", err)
	}
	return a, nil
}

// request builds the HTTP request; the body is added by the gate. The context comes later.
func (c *CLOB) request(k call, now time.Time) (*http.Request, error) {
	if c.HTTP == nil {
		return nil, errors.New("no HTTP client given")
	}
	u, err := c.url(k)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req := &http.Request{Method: k.method, URL: u, Host: u.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if k.headers != nil {
		req.Header = k.headers(now)
	}
	switch k.auth {
	case l1:
		if c.Key == nil {
			return nil, errors.New("no key given")
		}
		if req.Header, err = L1Headers(c.Key, c.ChainID, now.Unix(), k.nonce); err != nil {
			return nil, err
		}
	case l2:
		if c.Creds.Key == "" || c.address() == (Address{}) {
			return nil, errors.New("no credentials given")
		}
		req.Header = L2Headers(c.Creds, c.address(), now.Unix(), k.method, k.path, k.body)
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "sluice")
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// url is where a call goes. A base of scheme and host alone, as the venue's is, need not be parsed again for every call.
func (c *CLOB) url(k call) (*url.URL, error) {
	base := strings.TrimRight(c.BaseURL, "/")
	scheme, host, ok := strings.Cut(base, "://")
	name, port, _ := strings.Cut(host, ":")
	if ok && (scheme == "https" || scheme == "http") && name != "" && onlyOf(name, hostLetters) && onlyOf(port, "0123456789") && !strings.HasSuffix(host, ":") && onlyOf(k.path, hostLetters+"/_") {
		return &url.URL{Scheme: scheme, Host: host, Path: k.path, RawQuery: k.query.Encode()}, nil
	}
	text := base + k.path
	if len(k.query) > 0 {
		text += "?" + k.query.Encode()
	}
	return url.Parse(text)
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

// onlyOf reports whether s has no other characters.
func onlyOf(s, characters string) bool { return strings.Trim(s, characters) == "" }

// get performs a read and returns its JSON. Every other answer is an *Error.
func (c *CLOB) get(ctx context.Context, k call) (value, error) {
	a, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	if a.Status/100 == 2 && a.isJSON {
		return a.v, nil
	}
	return nil, c.failure(k, a)
}

func (c *CLOB) failure(k call, a answer) *Error {
	e := &Error{Method: k.method, Path: k.path, Status: a.Status, Rate: a.Rate, Message: errorText(a.v)}
	if e.said = e.Message != ""; !e.said {
		e.Message = "body " + quoteBody(a.body)
	}
	e.Outcome = ClassifyPost(a.Status, a.header, a.body, Hash{}, c.now())
	return e
}

// misread is the error for JSON of the wrong shape under 2xx.
func misread(k call, v value) error {
	return &Error{Method: k.method, Path: k.path, Status: http.StatusOK, Message: "body " + quoteBody(v), Outcome: Unknown{ErrNotUnderstood}}
}

// pages walks a paged list and hands every element to each.
func (c *CLOB) pages(ctx context.Context, k call, each func(value)) error {
	for cursor, n := "", 0; ; n++ {
		if n == maxPages {
			return fmt.Errorf("%s %s: more than %d pages", k.method, k.path, maxPages)
		}
		next, err := c.pageAt(ctx, k, cursor, each)
		if err != nil || next == "" {
			return err
		}
		cursor = next
	}
}

// pageAt reads one page of a list, the first where cursor is "", and gives the cursor of the next, "" behind the last.
func (c *CLOB) pageAt(ctx context.Context, k call, cursor string, each func(value)) (string, error) {
	cursor = cmp.Or(cursor, firstCursor)
	k.query.Set("next_cursor", cursor)
	v, err := c.get(ctx, k)
	if err != nil {
		return "", err
	}
	data, next, ok := page(v)
	if !ok || next == cursor {
		return "", misread(k, v)
	}
	for e := range data.items() {
		each(e)
	}
	return next, nil
}

const (
	firstCursor = "MA=="
	endCursor   = "LTE="
)

// page splits a page into its elements and the next cursor, "" at the end. A bare array is a page without a next.
func page(v value) (data value, next string, ok bool) {
	if v.isArray() {
		return v, "", true
	}
	for k, f := range v.fields() {
		switch string(k) {
		case "data":
			data, ok = f, f.isArray() || f.isNull()
		case "next_cursor":
			next = f.text()
		}
	}
	if next == endCursor {
		next = ""
	}
	return data, next, ok
}
