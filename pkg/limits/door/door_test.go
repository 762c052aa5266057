package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pkg/limits"
)

// venue answers every request by itself.
type venue struct {
	answer func(*http.Request) (*http.Response, error)
	seen   int
}

func (v *venue) RoundTrip(r *http.Request) (*http.Response, error) {
	v.seen++
	return v.answer(r)
}

func says(status int, header http.Header, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// TestNothingLeavesWithoutAPermit allows two calls a minute: the next two wait for a minute, and one that has less time
// fails before it leaves, whoever asks.
func TestNothingLeavesWithoutAPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := limits.Standard()
		p.PerIP, p.AllIP = nil, limits.Window{Calls: 2, Per: time.Minute}
		l, v := limits.New(p), &venue{answer: says(200, nil, "whole")}
		clients := map[string]*http.Client{}
		for _, account := range []string{"", "main", "other"} {
			clients[account] = Client(&http.Client{Transport: v}, l, account, slog.New(slog.DiscardHandler))
		}
		began := time.Now()
		for i, account := range []string{"", "main", "other", "main"} {
			res, err := clients[account].Get(fmt.Sprintf("http://venue/markets/0x%d", i))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); err != nil || string(b) != "whole" {
				t.Errorf("the body is %q, %v", b, err)
			}
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("four calls took %s, want a minute", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://venue/book", nil)
		if err != nil {
			t.Fatal(err)
		}
		seen := v.seen
		if _, err := clients["main"].Do(r); !limits.IsMiss(err) && !errors.Is(err, context.DeadlineExceeded) || v.seen != seen {
			t.Errorf("a call without time: %v, left %v", err, v.seen != seen)
		}
	})
}

// TestRefusalOfOneStopsAll answers a read with 429 and a wait: nobody behind the same limiter asks the same before.
func TestRefusalOfOneStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, v := limits.New(limits.Standard()), &venue{answer: says(429, http.Header{"Retry-After": {"7"}}, `{"error":"slow down"}`)}
		one := Client(&http.Client{Transport: v}, l, "", slog.New(slog.DiscardHandler))
		two := Client(&http.Client{Transport: v}, l, "main", slog.New(slog.DiscardHandler))
		if _, err := one.Get("http://venue/data/trades"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		v.answer = says(200, nil, "[]")
		if _, err := two.Get("http://venue/data/trades"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("the next came after %s, want 7 s", took)
		}
	})
}

// TestWhatMayHaveLeftUnseenIsCounted fails a call in a transport that does not tell its steps: it may have left, so the one call that is
// allowed is used up. In one that tells, and had no connection, nothing has left.
func TestWhatMayHaveLeftUnseenIsCounted(t *testing.T) {
	fails := errors.New("no answer")
	for name, c := range map[string]struct {
		by   http.RoundTripper
		free int
	}{
		"silent": {&venue{answer: func(*http.Request) (*http.Response, error) { return nil, fails }}, 0},
		"tells":  {&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, fails }}, 1},
	} {
		p := limits.Standard()
		p.PerIP, p.AllIP = nil, limits.Window{Calls: 1, Per: time.Hour}
		l := limits.New(p)
		if _, err := Client(&http.Client{Transport: c.by}, l, "main", slog.New(slog.DiscardHandler)).Get("http://venue/book"); !errors.Is(err, fails) {
			t.Errorf("%s: %v", name, err)
		}
		free := 0
		if _, ok := l.Try(limits.Request{Endpoint: "GET /book", Account: "main"}); ok {
			free++
		}
		if free != c.free {
			t.Errorf("%s: %d calls are left", name, free)
		}
	}
}

// TestIdsDoNotMultiplyKinds asks for more markets and orders than the limiter knows kinds of requests.
func TestIdsDoNotMultiplyKinds(t *testing.T) {
	l, v := limits.New(limits.Standard()), &venue{answer: says(200, nil, "{}")}
	d := &door{next: v, limits: l, log: slog.New(slog.DiscardHandler)}
	for _, path := range []string{"/markets/", "/data/order/"} {
		names := map[limits.Endpoint]bool{}
		for i := range 3 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://venue%s0x%d", path, i), nil)
			if err != nil {
				t.Fatal(err)
			}
			names[endpointOf(r)] = true
			if _, err := d.RoundTrip(r); err != nil {
				t.Fatal(err)
			}
		}
		if len(names) != 1 {
			t.Errorf("requests below %s have the names %v", path, names)
		}
	}
}
