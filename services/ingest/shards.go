package ingest

import (
	"slices"
	"sync"

	"sluice/pkg/msgs"
)

// shards are the market connections: tokens are spread over them in the order in which they come.
type shards struct {
	perConn int
	open    func(*markets) // starts a connection for a new session
	fresh   func() *markets

	mu    sync.Mutex
	all   []*markets                // under mu
	known map[msgs.TokenID]*markets // where each token is; under mu
}

// follow gives up the tokens that are not in ts, and gives every token that is new to a connection with room, or to a new one.
// It belongs to the catalogue's goroutine.
func (s *shards) follow(ts []token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part(ts)
	ts = slices.DeleteFunc(ts, func(t token) bool { return s.known[t.id] != nil })
	for len(ts) > 0 {
		to, started := s.roomy()
		now := ts[:min(s.perConn-to.size(), len(ts))]
		ts = ts[len(now):]
		for _, t := range now {
			s.known[t.id] = to
		}
		to.join(now...)
		if started {
			s.open(to)
		} else {
			to.wake()
		}
	}
}

// part gives up the tokens that are not in ts.
func (s *shards) part(ts []token) {
	stay := make(map[msgs.TokenID]bool, len(ts))
	for _, t := range ts {
		stay[t.id] = true
	}
	for id, m := range s.known {
		if !stay[id] {
			m.leave(id)
			delete(s.known, id)
		}
	}
}

// roomy is the first session with room, or a new one, which is still to be opened.
func (s *shards) roomy() (_ *markets, isNew bool) {
	for _, m := range s.all {
		if m.size() < s.perConn {
			return m, false
		}
	}
	m := s.fresh()
	s.all = append(s.all, m)
	return m, true
}
