package ingest

import "time"

// markEvery is how far apart the places are at which a feed could be read from: nothing is purged more often.
const markEvery = time.Hour

// marks know which sequence was stored when, roughly, so that it can be said below which nothing is read again. In a stream
// sequences and times go forward together.
type marks struct {
	first uint64 // the lowest sequence noted
	list  []mark
}

type mark struct {
	seq uint64
	at  int64 // Unix ms
}

// add notes an event as it is read or stored.
func (m *marks) add(seq uint64, at int64) {
	if m.first == 0 || seq < m.first {
		m.first = seq
	}
	if n := len(m.list); n == 0 || at-m.list[n-1].at >= markEvery.Milliseconds() {
		m.list = append(m.list, mark{seq, at})
	}
}

// needed is a sequence below which nothing was stored after a moment, 0 when nothing is known. It forgets what lies before.
func (m *marks) needed(since int64) uint64 {
	for len(m.list) > 1 && m.list[1].at <= since {
		m.list = m.list[1:]
	}
	if len(m.list) == 0 || m.list[0].at > since {
		return m.first
	}
	return m.list[0].seq
}
