package signal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// longest bounds every wait: the longest quota lasts a day.
	longest = 25 * time.Hour
	// grain covers moments that are given in whole seconds.
	grain = time.Second
	// readAtMost bounds how much of a body is looked at. What is said about limits stands in short answers.
	readAtMost = 4096
	// milliFrom is the least number that must be milliseconds: in seconds it would lie in the year 5138.
	milliFrom = 100_000_000_000
	// unixFrom is the least number that must be a moment and no span.
	unixFrom = 1_000_000_000
)

// readHeaders are the first values by lower-case names: a map that was filled by hand may have any case.
func readHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			out[strings.ToLower(name)] = strings.TrimSpace(values[0])
		}
	}
	return out
}

func count(h map[string]string, family string, clock time.Time) (c Count) {
	if n, ok := whole(h[family+"remaining"]); ok {
		c.Known, c.Remaining = true, n
	}
	c.Limit, _ = whole(h[family+"limit"])
	c.Limit = max(c.Limit, 0)
	if n, ok := whole(h[family+"reset"]); ok {
		c.Reset = until(n, clock)
	}
	return c
}

// whole reads an integer, also one that was written with a fraction of zero.
func whole(s string) (int, bool) {
	s, _, _ = strings.Cut(s, ".")
	n, err := strconv.ParseInt(s, 10, 64)
	const far = 1 << 53
	return int(min(max(n, -far), far)), err == nil
}

// until is how long it is to a reset, given as Unix seconds or milliseconds, or as a number of seconds.
func until(n int, clock time.Time) time.Duration {
	switch {
	case n >= milliFrom:
		return clamp(time.UnixMilli(int64(n)).Sub(clock) + grain)
	case n >= unixFrom:
		return clamp(time.Unix(int64(n), 0).Sub(clock) + grain)
	}
	return clamp(time.Duration(min(max(n, 0), int(longest/time.Second))) * time.Second)
}

func clamp(d time.Duration) time.Duration { return min(max(d, 0), longest) }

// wait is a wait that was perhaps named.
type wait struct {
	d     time.Duration
	named bool
}

// retryAfter reads seconds or a date.
func retryAfter(s string, clock time.Time) wait {
	if n, ok := whole(s); ok {
		return wait{until(n, clock), true}
	}
	if t, err := http.ParseTime(s); err == nil {
		return wait{clamp(t.Sub(clock) + grain), true}
	}
	return wait{}
}

// body is what a body says.
type body struct {
	error   string
	scope   string
	resetAt int
	seconds int // that it names to wait; -1: none
	html    bool
	limited bool // a page of error 1015
}

func readBody(text []byte) body {
	b := body{seconds: -1}
	head := bytes.TrimSpace(text[:min(len(text), readAtMost)])
	if len(head) > 0 && head[0] == '<' {
		b.html = true
		b.limited = bytes.Contains(head, []byte("1015")) || bytes.Contains(head, []byte("rate limited"))
		return b
	}
	var j struct {
		Error, Message, Code any
		Scope                any
		ResetAt              json.Number `json:"reset_at"`
		RetryAfter           json.Number `json:"retry_after"`
		RetryAfterSeconds    json.Number `json:"retry_after_seconds"`
	}
	b.error = string(head)
	if json.Unmarshal(text, &j) == nil {
		b.error = strings.TrimSpace(words(j.Error) + " " + words(j.Code) + " " + words(j.Message))
		b.scope, _ = j.Scope.(string)
		b.resetAt, _ = whole(j.ResetAt.String())
		for _, n := range []json.Number{j.RetryAfterSeconds, j.RetryAfter} {
			if v, ok := whole(n.String()); ok {
				b.seconds = max(b.seconds, v)
			}
		}
	}
	if n, ok := resetsIn(b.error); ok {
		b.seconds = max(b.seconds, n)
	}
	return b
}

// words are the text in a field that may be a string or an object with one.
func words(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return strings.TrimSpace(words(v["code"]) + " " + words(v["message"]))
	}
	return ""
}

// resetsIn finds "resets in N seconds", in any case and with "reset in", "second", "secs" or "s".
func resetsIn(text string) (int, bool) {
	lower := strings.ToLower(text)
	for {
		i := strings.Index(lower, "reset")
		if i < 0 {
			return 0, false
		}
		lower = strings.TrimPrefix(lower[i+len("reset"):], "s")
		after, ok := strings.CutPrefix(strings.TrimLeft(lower, " :"), "in")
		rest := strings.TrimLeft(after, " :~")
		if !ok || rest == after {
			continue
		}
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, ok := whole(rest[:end])
		if ok && strings.HasPrefix(strings.TrimLeft(rest[end:], " "), "s") {
			return n, true
		}
	}
}

func (b body) wait(clock time.Time) wait {
	switch {
	case b.seconds >= 0:
		return wait{until(min(b.seconds, int(longest/time.Second)), clock), true}
	case b.resetAt > 0:
		return wait{until(b.resetAt, clock), true}
	}
	return wait{}
}
