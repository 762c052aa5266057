package sender

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Journal keeps the records of one key, durably and in order. One process writes at a time; another one that begins to is
// seen by the first, which then ends. Positions grow and mean nothing else; 0 is before the first.
type Journal interface {
	// Append writes one record behind the position after, durably before it returns, and gives its position. It answers
	// ErrBehind when something else stands behind after. After any other error it may or may not have been written.
	Append(ctx context.Context, after uint64, record []byte) (uint64, error)

	// Read gives the records behind a position, in order.
	Read(ctx context.Context, after uint64) ([]Entry, error)
}

// Entry is one record of a journal.
type Entry struct {
	At     uint64
	Record []byte
}

// ErrBehind reports that somebody else has written meanwhile.
var ErrBehind = errors.New("journal has newer records")

// Memory is a journal that lasts as long as the process: for tests, and for nothing else. The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	records [][]byte
}

// Append writes a record.
func (m *Memory) Append(_ context.Context, after uint64, record []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after != uint64(len(m.records)) {
		return 0, ErrBehind
	}
	m.records = append(m.records, slices.Clone(record))
	return after + 1, nil
}

// Read gives the records behind a position.
func (m *Memory) Read(_ context.Context, after uint64) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Entry
	for i := int(min(after, uint64(len(m.records)))); i < len(m.records); i++ {
		out = append(out, Entry{uint64(i) + 1, slices.Clone(m.records[i])})
	}
	return out, nil
}
