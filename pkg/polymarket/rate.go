package polymarket

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RateInfo is what an answer says about limits. Absent headers leave zero values; the Has fields tell.
type RateInfo struct {
	// The signer's order or cancel bucket (Poly-RateLimit-*).
	HasSigner       bool
	SignerRemaining int64 // may be negative
	SignerReset     int64 // Unix seconds, 0 if not said
	Tier            string
	Warning         bool // the request would have been refused in enforcing mode

	// A generic window (X-RateLimit-*). The venue does not send these today.
	HasWindow bool
	Limit     int64
	Remaining int64
	Reset     int64 // Unix seconds

	// HasRetryAfter is true when the venue named a time; Retry may still be 0, which shortens nobody's own back-off.
	HasRetryAfter bool
	Retry         time.Duration

	Date time.Time // the server's clock, zero if not said; resets are best compared with it
}

// maxRetry bounds what an answer can make us wait; the longest quota window is a day.
const maxRetry = 25 * time.Hour

// ParseRate reads the limits out of headers of any case and the body ("resets in N seconds", retry_after_seconds). now is
// used when a date must be compared and the answer carries none of its own.
func ParseRate(h http.Header, body []byte, now time.Time) RateInfo {
	var r RateInfo
	retry := ""
	for name, vs := range h {
		if len(vs) == 0 {
			continue
		}
		v := strings.TrimSpace(vs[0])
		n, isNumber := whole(v)
		switch strings.ToLower(name) {
		case "poly-ratelimit-remaining":
			r.HasSigner, r.SignerRemaining = isNumber, n
		case "poly-ratelimit-reset":
			r.SignerReset = n
		case "poly-ratelimit-tier":
			r.Tier = v
		case "poly-ratelimit-warning":
			r.Warning = strings.EqualFold(v, "true")
		case "x-ratelimit-limit":
			r.Limit = n
		case "x-ratelimit-remaining":
			r.HasWindow, r.Remaining = isNumber, n
		case "x-ratelimit-reset":
			r.Reset = n
		case "retry-after":
			retry = v
		case "date":
			r.Date, _ = http.ParseTime(v)
		}
	}
	r.setRetry(retry, body, now)
	return r
}

// setRetry takes the longest of what header and body ask for.
func (r *RateInfo) setRetry(header string, body []byte, now time.Time) {
	take := func(d time.Duration) {
		r.HasRetryAfter = true
		r.Retry = max(r.Retry, min(max(d, 0), maxRetry))
	}
	if !r.Date.IsZero() {
		now = r.Date
	}
	if s, err := strconv.ParseInt(header, 10, 64); err == nil {
		take(seconds(s))
	} else if t, err := http.ParseTime(header); err == nil {
		take(t.Sub(now))
	}
	if s, ok := resetsIn(body); ok {
		take(seconds(s))
	}
	if v, ok := readJSON(body); ok {
		for k, f := range v.fields() {
			if n, isNumber := f.number(); isNumber && string(k) == "retry_after_seconds" {
				take(seconds(n))
			}
		}
	}
}

func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxRetry/time.Second))) * time.Second
}

// resetsIn finds "resets in N seconds", also of another case and in minutes or hours.
func resetsIn(body []byte) (int64, bool) {
	_, rest, found := bytes.Cut(bytes.ToLower(body[:min(len(body), maxResetText)]), []byte("resets in "))
	if !found {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, ok := whole(string(rest[:end]))
	unit, known := unitSeconds(bytes.TrimPrefix(rest[end:], []byte(" ")))
	return min(n, int64(maxRetry/time.Second)) * unit, ok && known
}

// maxResetText bounds where the words are looked for: they stand in short answers.
const maxResetText = 4 << 10

func unitSeconds(rest []byte) (int64, bool) {
	end := 0
	for end < len(rest) && rest[end] >= 'a' && rest[end] <= 'z' {
		end++
	}
	switch string(rest[:end]) {
	case "s", "sec", "secs", "second", "seconds":
		return 1, true
	case "m", "min", "mins", "minute", "minutes":
		return 60, true
	case "h", "hr", "hrs", "hour", "hours":
		return 3600, true
	}
	return 0, false
}
