package ingest

import (
	"slices"

	"sluice/pkg/msgs"
)

// shards are the market connections: tokens are spread over them in the order in which they come.
type shards struct {
	perConn int
	open    func(*markets) // starts a connection for a new session
	fresh   func() *markets
	all     []*markets
	known   map[msgs.TokenID]bool
}

// follow gives every token that is new to a connection with room, or to a new one. It belongs to the catalogue's goroutine.
func (s *shards) follow(ts []token) {
	ts = slices.DeleteFunc(ts, func(t token) bool { return s.known[t.id] })
	for len(ts) > 0 {
		room := 0
		if n := len(s.all); n > 0 {
			room = s.perConn - s.all[n-1].size()
		}
		started := room <= 0
		if started {
			s.all = append(s.all, s.fresh())
			room = s.perConn
		}
		now := ts[:min(room, len(ts))]
		ts = ts[len(now):]
		for _, t := range now {
			s.known[t.id] = true
		}
		last := s.all[len(s.all)-1]
		last.join(now...)
		if started {
			s.open(last)
		} else {
			last.wake()
		}
	}
}
