package sandbox

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// Edge says what the edge in front of the venue does with a request that is over a window. Only with Config.Enforce; else
// it is counted and let through.
type Edge string

// What an edge can do.
const (
	// EdgeRefuses answers 429 with the venue's JSON at once. It is the zero value.
	EdgeRefuses Edge = ""
	// EdgeQueues holds a request back until its windows have room, as the venue documents it, and answers 429 when that
	// takes longer than Config.EdgeHold. An answer that is late is all that a client sees of it.
	EdgeQueues Edge = "queue"
	// EdgeBlocks answers 429 with the edge's own page of HTML, error 1015, without any header about it.
	EdgeBlocks Edge = "block"
)

// defaultEdgeHold is how long a queueing edge holds a request; the venue publishes no figure.
const defaultEdgeHold = 10 * time.Second

// edgePage is what the edge shows instead of the venue: reason and error number are all that it says.
func edgePage(status int, title string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {contentHTML}}, body: fmt.Appendf(nil,
		"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1><p>You have been blocked from this site.</p></body></html>", title, title)}
}

// throttle counts a request at the edge. It answers how long the request is held, or the refusal.
func (s *Sandbox) throttle(q *request) (hold time.Duration, refusal *answer) {
	var keys []windowKey
	at := q.at
	var over []bool
	for _, i := range s.limits.windows(q) {
		k := windowKey{i, q.address}
		free := s.limits.free(k, q.at)
		keys, over = append(keys, k), append(over, free.After(q.at))
		if free.After(at) {
			at = free
		}
	}
	for i, k := range keys {
		s.count(limitKey{"ip", "", s.limits.table.Windows[k.window].Name}, 1, over[i])
	}
	if !at.After(q.at) {
		s.limits.pass(keys, q.at)
		return 0, nil
	}
	switch hold = at.Sub(q.at); {
	case !s.cfg.Enforce:
		return 0, nil
	case s.cfg.Edge == EdgeQueues && hold <= s.cfg.EdgeHold:
		s.limits.pass(keys, at)
		return hold, nil
	case s.cfg.Edge == EdgeBlocks:
		return 0, new(edgePage(http.StatusTooManyRequests, "Error 1015: You are being rate limited"))
	}
	return 0, new(refuse(http.StatusTooManyRequests, tooMany))
}

// addressOf is whom the edge counts a request for.
func addressOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
