package polymarket

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

type sampleFile struct {
	Samples []sample
}

type sample struct {
	Name        string
	HTTP        int
	Headers     map[string]string
	Body        string
	Accepted    *bool
	Outcome     string
	Canceled    []string
	NotCanceled map[string]string `json:"not_canceled"`
	HeartbeatID string            `json:"heartbeat_id"`
	Retry       bool              `json:"retry_with_returned_id"`
	ResetsIn    int64             `json:"resets_in"`
	State       *string
}

func (s sample) header() http.Header {
	h := http.Header{}
	for k, v := range s.Headers {
		h[k] = []string{v}
	}
	return h
}

// labels maps the labels of the samples to our outcomes. A label that is not here fails the test.
func labels() map[string]func(Outcome) bool {
	return map[string]func(Outcome) bool{
		"live":                  func(o Outcome) bool { a, ok := o.(Accepted); return ok && a.Status == StatusLive },
		"matched":               func(o Outcome) bool { a, ok := o.(Accepted); return ok && a.Status == StatusMatched },
		"delayed":               func(o Outcome) bool { a, ok := o.(Accepted); return ok && a.Status == StatusDelayed },
		"unmatched_query_by_id": func(o Outcome) bool { u, ok := o.(Unknown); return ok && errors.Is(u.Cause, ErrUnmatched) },
		"unknown_query_by_id":   func(o Outcome) bool { u, ok := o.(Unknown); return ok && errors.Is(u.Cause, ErrVenueFailed) },
		"duplicate_query_by_id": func(o Outcome) bool { _, ok := o.(Duplicated); return ok },
		"refetch_version":       func(o Outcome) bool { _, ok := o.(VersionMismatch); return ok },
		"auth":                  func(o Outcome) bool { _, ok := o.(Unauthorised); return ok },
		"post_only_mode":        func(o Outcome) bool { return isRetry(o, ReasonPostOnly) },
		"cancel_only":           func(o Outcome) bool { return isRetry(o, ReasonCancelOnly) },
		"restarting":            func(o Outcome) bool { return isRetry(o, ReasonRestarting) },
		"rate_limited":          func(o Outcome) bool { return isRetry(o, ReasonRateLimited) },
		"insufficient":          func(o Outcome) bool { return isRejected(o, CodeNotEnoughBalance) },
		"bad_tick":              func(o Outcome) bool { return isRejected(o, CodePriceOffTick) },
		"min_size":              func(o Outcome) bool { return isRejected(o, CodeBelowMinSize) },
		"killed":                func(o Outcome) bool { return isRejected(o, CodeFOKNotFilled) },
		"quota":                 func(o Outcome) bool { return isRetry(o, ReasonRateLimited) },
	}
}

func isRetry(o Outcome, reason string) bool { r, ok := o.(RetryAfter); return ok && r.Reason == reason }
func isRejected(o Outcome, reason string) bool {
	r, ok := o.(Rejected)
	return ok && r.Reason == reason
}

func TestSamplesClassifyAsLabelled(t *testing.T) {
	now := time.Unix(1762900000, 0)
	for _, s := range some(t, vectors[sampleFile](t, "rest_samples.json").Samples) {
		switch {
		case s.Outcome != "":
			is, known := labels()[s.Outcome]
			if !known {
				t.Fatalf("%s: unknown label %q", s.Name, s.Outcome)
			}
			o := ClassifyPost(s.HTTP, s.header(), []byte(s.Body), Hash{}, now)
			if !is(o) {
				t.Errorf("%s: %s, want %s", s.Name, o, s.Outcome)
			}
			if _, accepted := o.(Accepted); s.Accepted != nil && accepted != *s.Accepted {
				t.Errorf("%s: accepted %t", s.Name, accepted)
			}
			if r := ParseRate(s.header(), []byte(s.Body), now); s.ResetsIn != 0 && r.Retry != time.Duration(s.ResetsIn)*time.Second {
				t.Errorf("%s: retry after %s, want %d s", s.Name, r.Retry, s.ResetsIn)
			}
		case strings.HasPrefix(s.Name, "cancel"):
			checkCancel(t, s, ClassifyCancel(s.HTTP, s.header(), []byte(s.Body), now))
		case s.HeartbeatID != "":
			v, _ := readJSON([]byte(s.Body))
			b, ok := readBeat(answer{Reply: Reply{Status: s.HTTP}, v: v})
			if !ok || b.ID != s.HeartbeatID || b.Again != s.Retry {
				t.Errorf("%s: %+v, %t", s.Name, b, ok)
			}
		case strings.HasPrefix(s.Name, "relayer transaction"), s.State != nil:
			want := ""
			if s.State != nil {
				want = *s.State
			}
			if got, err := RelayerState([]byte(s.Body)); err != nil || got != want {
				t.Errorf("%s: state %q, %v; want %q", s.Name, got, err, want)
			}
		default:
			t.Errorf("%s: nothing checks this sample", s.Name)
		}
	}
}

func checkCancel(t *testing.T, s sample, got CancelOutcome) {
	t.Helper()
	if got.Failure != nil || got.Canceled == nil || len(got.Canceled) != len(s.Canceled) || len(got.NotCanceled) != len(s.NotCanceled) {
		t.Fatalf("%s: %+v", s.Name, got)
	}
	for i, id := range s.Canceled {
		if got.Canceled[i] != id {
			t.Errorf("%s: canceled %s, want %s", s.Name, got.Canceled[i], id)
		}
	}
	for id, why := range s.NotCanceled {
		if r := got.NotCanceled[id]; r.VenueMessage != why || r.Reason != CodeNotFound {
			t.Errorf("%s: %s not canceled for %+v, want %s", s.Name, id, r, why)
		}
	}
}

const someID = "0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"

// The venue's catalogue of errors, text by text.
func TestCatalogueOfErrorsIsUnderstood(t *testing.T) {
	for _, c := range []struct {
		status int
		text   string
		want   string
	}{
		{400, "Invalid order payload", CodeBadValue},
		{400, "the order owner has to be the owner of the API KEY", CodeUnauthorised},
		{400, "the order signer address has to be the address of the API KEY", CodeUnauthorised},
		{400, "'0x00000000000000000000000000000000000000aa' address banned", CodeBlocked},
		{400, "'0x00000000000000000000000000000000000000aa' address in closed only mode", CodeClosedOnly},
		{400, "Too many orders in payload: 16, max allowed: 15", CodeTooLarge},
		{400, "order " + someID + " is invalid. Price (0.505) breaks minimum tick size rule: 0.01", CodePriceOffTick},
		{400, "order " + someID + " is invalid. Size (1) lower than the minimum: 5", CodeBelowMinSize},
		{400, "invalid amount for a marketable BUY order ($0.5), min size: $1", CodeBelowMinSize},
		{400, "order " + someID + " is invalid. Duplicated.", "duplicated"},
		{400, "order " + someID + " crosses the book", CodeWouldCross},
		{400, "invalid post-only order: order crosses book", CodeWouldCross},
		{400, "not enough balance / allowance: the balance is not enough -> balance: 5, order amount: 10", CodeNotEnoughBalance},
		{400, "invalid expiration", CodeBadValue},
		{400, "order canceled in the CTF exchange contract", CodeAlreadyFinal},
		{400, "order match delayed due to market conditions", "accepted"},
		{400, "order couldn't be fully filled. FOK orders are fully filled or killed.", CodeFOKNotFilled},
		{400, "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.", CodeFAKNoMatch},
		{400, "the market is not yet ready to process new orders", CodeMarketClosed},
		{400, "maker address not allowed, please use the deposit wallet flow", CodeNotCapable},
		{400, "order_version_mismatch", CodeVersionMismatch},
		{400, "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals", CodeTooManyDecimals},
		{400, "context canceled", "unknown"},
		{400, "something never seen before", CodeVenueRejected},
		{401, "Unauthorized/Invalid api key", CodeUnauthorised},
		{403, "Trading restricted in your region, please refer to the documentation", CodeGeoblocked},
		{403, "forbidden", CodeBlocked},
		{404, "No orderbook exists for the requested token id", CodeMarketClosed},
		{404, "market not found", CodeUnknownToken},
		{425, "engine restarting", ReasonRestarting},
		{429, "Too Many Requests", ReasonRateLimited},
		{500, "could not run the execution", "unknown"},
		{500, "order timed out", "unknown"},
		{500, "could not insert order", "unknown"},
		{500, "there are no matching orders", "unknown"},
		{500, "not enough balance / allowance", "unknown"},
		{502, "bad gateway", "unknown"},
		{503, "Trading is currently disabled. Check polymarket.com for updates", ReasonDisabled},
		{503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.", ReasonCancelOnly},
		{503, "post-only mode: only post-only orders and cancels are allowed", ReasonPostOnly},
		{503, "upstream connect error", "unknown"},
	} {
		o := ClassifyPost(c.status, nil, append(appendText([]byte(`{"error":`), c.text), '}'), mustHash(t, someID), time.Unix(0, 0))
		if o.Code() != c.want {
			t.Errorf("%d %q: %s, want %s", c.status, c.text, o, c.want)
		}
		if a, ok := o.(Accepted); ok && (a.ID != someID || a.Status != StatusDelayed) {
			t.Errorf("%d %q: %+v", c.status, c.text, a)
		}
	}
}

// Bodies that say nothing reliable never make an order accepted or rejected.
func TestBodyThatSaysNothingLeavesTheOrderUnknown(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{
		{200, ""}, {200, "<html>"}, {200, "null"}, {200, "[]"}, {200, `"ok"`}, {200, "{}"}, {200, `{"success":true}`}, {200, `{"success":false}`},
		{200, `{"success":true,"orderID":"","status":"live"}`},
		{200, `{"success":true,"orderID":"` + someID + `","status":"matched","errorMsg":"what now"}`},
		{200, `{"success":false,"orderID":"` + someID + `","status":"matched"}`},
		{200, `{"success":true,"orderID":"` + someID + `","status":"new word"}`},
		{200, `{"success":true,"orderID":"` + strings.Repeat("b", 64) + `","status":"live"}`},
		{200, `{"success":true,"errorMsg":"order timed out"}`},
		{400, ""}, {400, "<html>"}, {404, "<html>not found</html>"}, {408, "{}"}, {301, ""}, {500, ""}, {502, "<html>"}, {504, `{"error":"x"}`}, {599, "{"}, {0, ""}, {100, "{}"},
	} {
		if o := ClassifyPost(c.status, nil, []byte(c.body), mustHash(t, someID), time.Unix(0, 0)); o.Code() != "unknown" {
			t.Errorf("%d %q: %s", c.status, c.body, o)
		}
	}
	if o := ClassifyPost(403, nil, []byte("<html>"), Hash{}, time.Unix(0, 0)); o.Code() != CodeBlocked {
		t.Errorf("403 page: %s", o)
	}
}

func TestEachEntryOfABatchHasItsOwnOutcome(t *testing.T) {
	ids := []Hash{{1}, {2}, {3}, {4}}
	ok := func(id Hash) string {
		return `{"success":true,"errorMsg":"","orderID":"` + id.Hex() + `","status":"live"}`
	}
	codes := func(status int, body string) string {
		var out []string
		for _, o := range ClassifyBatch(status, nil, []byte(body), ids, time.Unix(0, 0)) {
			out = append(out, o.Code())
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, "[" + ok(ids[0]) + `,{"success":true,"orderID":"","errorMsg":"post-only mode: only post-only orders and cancels are allowed"},` +
			`{"success":false,"errorMsg":"not enough balance / allowance"},` + ok(ids[3]) + "]", "accepted post_only not_enough_balance accepted"},
		{200, "[" + ok(ids[0]) + "," + ok(ids[2]) + "," + ok(ids[1]) + "," + ok(ids[3]) + "]", "accepted unknown unknown accepted"},
		{200, "[" + ok(ids[0]) + "]", "accepted unknown unknown unknown"},
		{200, "[" + ok(ids[0]) + ",null,7," + ok(ids[3]) + "," + ok(ids[3]) + "]", "accepted unknown unknown accepted"},
		{200, ok(ids[0]), "unknown unknown unknown unknown"},
		{200, `{"success":false,"errorMsg":"Too many orders in payload: 16, max allowed: 15"}`, "too_large too_large too_large too_large"},
		{400, `{"error":"Invalid order payload"}`, "bad_value bad_value bad_value bad_value"},
		{400, `{"error":"order ` + ids[1].Hex() + ` is invalid. Duplicated."}`, "unknown duplicated unknown unknown"},
		{429, "<html>", "rate_limited rate_limited rate_limited rate_limited"},
		{500, "", "unknown unknown unknown unknown"},
	} {
		if got := codes(c.status, c.body); got != c.want {
			t.Errorf("%d %s:\n%s, want\n%s", c.status, c.body, got, c.want)
		}
	}
}

func TestWaitingTimesAreReadFromHeadersAndBodies(t *testing.T) {
	now := time.Unix(1762900000, 0)
	date := func(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   time.Duration
		said   bool
	}{
		"nothing":               {nil, "", 0, false},
		"seconds":               {http.Header{"retry-after": {"5"}}, "", 5 * time.Second, true},
		"zero":                  {http.Header{"Retry-After": {"0"}}, "", 0, true},
		"date":                  {http.Header{"RETRY-AFTER": {date(now.Add(30 * time.Second))}}, "", 30 * time.Second, true},
		"date by server clock":  {http.Header{"Retry-After": {date(now.Add(30 * time.Second))}, "Date": {date(now.Add(20 * time.Second))}}, "", 10 * time.Second, true},
		"date in the past":      {http.Header{"Retry-After": {date(now.Add(-time.Hour))}}, "", 0, true},
		"garbage":               {http.Header{"Retry-After": {"soon"}}, "", 0, false},
		"negative":              {http.Header{"Retry-After": {"-5"}}, "", 0, true},
		"absurd":                {http.Header{"Retry-After": {"999999999999"}}, "", maxRetry, true},
		"quota text":            {nil, `{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}`, 68000 * time.Second, true},
		"text without a number": {nil, `resets in a few seconds`, 0, false},
		"body field":            {http.Header{"Retry-After": {"5"}}, `{"retry_after_seconds":79}`, 79 * time.Second, true},
		"header without values": {http.Header{"Retry-After": {}}, "", 0, false},
	} {
		if r := ParseRate(c.header, []byte(c.body), now); r.Retry != c.want || r.HasRetryAfter != c.said {
			t.Errorf("%s: %s, said %t; want %s", name, r.Retry, r.HasRetryAfter, c.want)
		}
	}
	r := ParseRate(http.Header{"poly-ratelimit-remaining": {"-3"}, "POLY-RATELIMIT-RESET": {"1762900002"}, "Poly-RateLimit-Tier": {"standard"}, "Poly-Ratelimit-Warning": {"true"},
		"X-RateLimit-Limit": {"100"}, "x-ratelimit-remaining": {"0"}, "X-RateLimit-Reset": {"1762900010"}}, nil, now)
	want := RateInfo{HasSigner: true, SignerRemaining: -3, SignerReset: 1762900002, Tier: "standard", Warning: true, HasWindow: true, Limit: 100, Reset: 1762900010}
	if r != want {
		t.Errorf("%+v\nwant %+v", r, want)
	}
	o := ClassifyPost(429, http.Header{"Poly-RateLimit-Remaining": {"-3"}, "Poly-RateLimit-Reset": {"1762900007"}, "Retry-After": {"2"}}, nil, Hash{}, now)
	if retry, ok := o.(RetryAfter); !ok || retry.Duration != 7*time.Second {
		t.Errorf("signer bucket: %s, want until its reset", o)
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range some(f, vectors[sampleFile](f, "rest_samples.json").Samples) {
		f.Add(s.HTTP, s.Headers["Retry-After"], []byte(s.Body))
	}
	f.Fuzz(func(t *testing.T, status int, retry string, body []byte) {
		h, now, want := http.Header{"Retry-After": {retry}}, time.Unix(1762900000, 0), Hash{0xa1}
		o := ClassifyPost(status, h, body, want, now)
		if o == nil || o.Code() == "" || o.String() == "" {
			t.Fatalf("%d %q: no outcome", status, body)
		}
		if a, ok := o.(Accepted); ok && a.ID != want.Hex() {
			t.Fatalf("%d %q: accepted another order %s", status, body, a.ID)
		}
		if r, ok := o.(RetryAfter); ok && (r.Duration < 0 || r.Duration > maxRetry) {
			t.Fatalf("%d %q: %s", status, body, r)
		}
		if batch := ClassifyBatch(status, h, body, []Hash{want, {2}}, now); len(batch) != 2 || batch[0] == nil || batch[1] == nil {
			t.Fatalf("%d %q: %v", status, body, batch)
		}
		if c := ClassifyCancel(status, h, body, now); c.Failure == nil && (c.Canceled == nil || c.NotCanceled == nil) {
			t.Fatalf("%d %q: %+v", status, body, c)
		}
	})
}
