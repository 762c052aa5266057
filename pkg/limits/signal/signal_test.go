package signal

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func now() time.Time { return time.Unix(1_709_150_395, 0).UTC() }

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = []string{pairs[i+1]}
	}
	return h
}

// TestAnswersAreRead reads answers of each documented form and wants all that they say and nothing that they do not.
func TestAnswersAreRead(t *testing.T) {
	date := now().Add(time.Hour).Format(http.TimeFormat)
	for name, c := range map[string]struct {
		a    Answer
		want Signal
	}{
		"S1-11 headers absent": {Answer{Status: 200}, Signal{Kind: Good}},
		"S1-8 S1-9 S1-10 window": {Answer{Status: 200, Header: header("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "17", "X-RateLimit-Reset", "1709150400")},
			Signal{Kind: Good, Window: Count{true, 100, 17, 6 * time.Second}}},
		"S4-17 lower case": {Answer{Status: 200, Header: header("x-ratelimit-limit", "1000", "x-ratelimit-remaining", "0", "x-ratelimit-reset", "1709150400")},
			Signal{Kind: Good, Window: Count{true, 1000, 0, 6 * time.Second}}},
		"S1-13 retry after": {Answer{Status: 429, Header: header("Retry-After", "5", "X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1709150400")},
			Signal{Kind: Throttled, Wait: 5 * time.Second, Named: true, Window: Count{true, 100, 0, 6 * time.Second}}},
		"retry after is a date": {Answer{Status: 429, Header: header("retry-after", now().Add(time.Minute).Format(http.TimeFormat))},
			Signal{Kind: Throttled, Wait: 61 * time.Second, Named: true}},
		"the venue's clock": {Answer{Status: 429, Header: header("Date", date, "Retry-After", now().Add(time.Hour+9*time.Second).Format(http.TimeFormat))},
			Signal{Kind: Throttled, Wait: 10 * time.Second, Named: true}},
		"reset names the wait": {Answer{Status: 429, Header: header("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1709150400")},
			Signal{Kind: Throttled, Wait: 6 * time.Second, Named: true, Window: Count{true, 0, 0, 6 * time.Second}}},
		"retry after zero": {Answer{Status: 429, Header: header("Retry-After", "0")}, Signal{Kind: Throttled, Named: true}},
		"signer": {Answer{Status: 200, Header: header("Poly-RateLimit-Remaining", "-880", "Poly-RateLimit-Reset", "1709150405", "Poly-RateLimit-Tier", "Gold", "Poly-RateLimit-Warning", "true")},
			Signal{Kind: Good, Signer: Count{true, 0, -880, 11 * time.Second}, Tier: "Gold", Warning: true}},
		"S2-7 quota": {Answer{Status: 429, Body: []byte(`{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}`)},
			Signal{Kind: QuotaGone, Cause: "quota exceeded: 0 units remaining, resets in 68000 seconds", Wait: 68000 * time.Second, Named: true}},
		"S2-7 quota, other words": {Answer{Status: 429, Body: []byte(`quota exceeded; Resets in: ~12s`)},
			Signal{Kind: QuotaGone, Cause: "quota exceeded; Resets in: ~12s", Wait: 12 * time.Second, Named: true}},
		"S4-25 scope": {Answer{Status: 429, Body: []byte(`{"error":"rate limit exceeded","scope":"v3_heavy","reset_at":1709150425}`)},
			Signal{Kind: Throttled, Cause: "rate limit exceeded", Scope: "v3_heavy", Wait: 31 * time.Second, Named: true}},
		"S4-14 no plan": {Answer{Status: 402, Body: []byte(`{"error":"x"}`)}, Signal{Kind: NoPlan, Cause: "the plan of this key does not include the endpoint"}},
		"restart":       {Answer{Status: 425}, Signal{Kind: Restarting, Cause: "the matching engine restarts"}},
		"post only": {Answer{Status: 503, Body: []byte(`{"error":"post_only_mode","retry_after_seconds":118}`)},
			Signal{Kind: PostOnly, Cause: "post_only_mode", Wait: 118 * time.Second, Named: true}},
		"cancel only": {Answer{Status: 503, Body: []byte(`{"error":"Trading is cancel-only"}`)}, Signal{Kind: CancelOnly, Cause: "Trading is cancel-only"}},
		"closed":      {Answer{Status: 503, Body: []byte(`{"error":"trading is disabled"}`)}, Signal{Kind: Closed, Cause: "trading is disabled"}},
		"failed":      {Answer{Status: 502, Body: []byte(`bad`)}, Signal{Kind: Failed, Cause: "bad"}},
		"page of 403": {Answer{Status: 403, Body: []byte("\n<!DOCTYPE html><html>Sorry")},
			Signal{Kind: Blocked, Cause: "the edge answers this address with a page instead of the API", Wait: 5 * time.Minute, Named: true}},
		"page of 1015": {Answer{Status: 403, Body: []byte("<html><title>Error 1015</title>")}, Signal{Kind: Throttled, Cause: "the edge limits this address (error 1015)"}},
		"page of 429": {Answer{Status: 429, Header: header("Retry-After", "10"), Body: []byte("<html>")},
			Signal{Kind: Throttled, Cause: "the edge limits this address", Wait: 10 * time.Second, Named: true}},
		"longest wait":  {Answer{Status: 429, Header: header("Retry-After", "99999999")}, Signal{Kind: Throttled, Wait: 25 * time.Hour, Named: true}},
		"negative wait": {Answer{Status: 429, Header: header("Retry-After", "-4")}, Signal{Kind: Throttled, Named: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Read(c.a, now()); !reflect.DeepEqual(got, c.want) {
				t.Errorf("read\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}

// TestSlowAnswersAreThrottles feeds latencies: an order is slow at four times the median but not below half a second, and
// anything at two seconds.
func TestSlowAnswersAreThrottles(t *testing.T) {
	t.Run("S0-1 S2-27 S2-43 S2-65 C-2 slowness is a refusal", func(t *testing.T) {
		p := NewPulse(PulseConfig{})
		if slow, pause := p.Order(1900 * time.Millisecond); slow || pause != 0 {
			t.Error("S2-43: slow before there is a median")
		}
		p = NewPulse(PulseConfig{OrderPause: 10 * time.Second})
		for range 20 {
			p.Order(200 * time.Millisecond)
		}
		for d, want := range map[time.Duration]time.Duration{790 * time.Millisecond: -1, 810 * time.Millisecond: 0, 2100 * time.Millisecond: 10 * time.Second} {
			slow, pause := p.Order(d)
			if slow != (want >= 0) || slow && pause != want {
				t.Errorf("order of %s: %v, pause %s", d, slow, pause)
			}
		}
		if slow, pause := p.Read(2001 * time.Millisecond); !slow || pause != 10*time.Second {
			t.Errorf("read of 2,001 ms: %v, pause %s", slow, pause)
		}
		for range 400 {
			p.Order(20 * time.Millisecond)
		}
		if slow, _ := p.Order(400 * time.Millisecond); slow {
			t.Error("an order below half a second is slow")
		}
		if m := p.Median(); m != 20*time.Millisecond {
			t.Errorf("median %s", m)
		}
	})
}

// TestNewNormalIsLearned makes every order slow for good and wants that to be taken for normal in the end.
func TestNewNormalIsLearned(t *testing.T) {
	p := NewPulse(PulseConfig{})
	for range 50 {
		p.Order(50 * time.Millisecond)
	}
	slow := 0
	for range 300 {
		if s, _ := p.Order(700 * time.Millisecond); s {
			slow++
		}
	}
	if slow != relearnAfter {
		t.Errorf("%d slow, want %d", slow, relearnAfter)
	}
}

// FuzzAnyAnswerIsRead feeds answers and wants waits within their bounds and no harm.
func FuzzAnyAnswerIsRead(f *testing.F) {
	f.Add(429, "Retry-After", "5", `{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}`)
	f.Add(200, "x-ratelimit-reset", "1709150400", ``)
	f.Add(429, "Poly-RateLimit-Remaining", "-3", `{"scope":"v3_heavy","reset_at":1709150425}`)
	f.Add(503, "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT", `<html>1015`)
	f.Fuzz(func(t *testing.T, status int, name, value, body string) {
		s := Read(Answer{Status: status, Header: http.Header{name: {value}}, Body: []byte(body)}, now())
		if s.Wait < 0 || s.Wait > longest || s.Window.Reset < 0 || s.Window.Reset > longest || s.Kind == "" || s.Window.Limit < 0 {
			t.Errorf("read %+v", s)
		}
		if s.Wait > 0 && !s.Named {
			t.Errorf("a wait that nobody named: %+v", s)
		}
		if strings.TrimSpace(body) == "" && s.Scope != "" {
			t.Errorf("a scope out of nothing: %+v", s)
		}
	})
}
