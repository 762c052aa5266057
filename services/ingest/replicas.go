package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// listen hears what is published of books until the function that it returns is called. A replica that stops or loses the venue
// withdraws its books, and the last value of each then says fresh:false though this one has it: such a book is said again.
func (l *life) listen() (end func() error, err error) {
	sub, err := l.cfg.NATS.Subscribe(msgs.MDSubject(venue, "book", "*"), func(m *nats.Msg) { l.heard(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("follow the books of other replicas: %w", err)
	}
	return func() error { return actor.UnlessClosed(sub.Unsubscribe()) }, nil
}

// heard takes a book that anybody has published. Nearly all of them are fresh, and are not decoded.
func (l *life) heard(data []byte) {
	if !bytes.Contains(data, []byte(`"fresh":false`)) {
		return
	}
	var b msgs.Book
	if json.Unmarshal(data, &b) != nil || strings.Contains(b.Conn, "."+l.tag+".") {
		return // not written by ingest, or by this one
	}
	l.spread.gainsay(b.TokenID)
}

// gainsay has the book of a token said again, if it is fresh here. It may be called from any goroutine.
func (s *shards) gainsay(id msgs.TokenID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.known[id]; m != nil {
		m.gainsay(id)
	}
}

// gainsay notes a book that another replica has withdrawn, and asks the venue for a sign of life: the book is said again with it.
func (m *markets) gainsay(id msgs.TokenID) {
	m.mu.Lock()
	if m.gainsaid == nil {
		m.gainsaid = map[msgs.TokenID]bool{}
	}
	m.gainsaid[id] = true
	m.mu.Unlock()
	m.wake()
}

// insist says again what others have withdrawn and is fresh here.
func (m *markets) insist() {
	m.mu.Lock()
	gainsaid := m.gainsaid
	m.gainsaid = nil // the map that was taken is not written to any more
	m.mu.Unlock()
	for id := range gainsaid {
		if b := m.books[string(id)]; b != nil && b.fresh {
			m.show(b, true)
		}
	}
}
