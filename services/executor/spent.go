package executor

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Kinds of ids that are remembered.
const (
	spentClient  = 'c'
	spentOrder   = 'o'
	spentLeg     = 't'
	spentRequest = 'r'
	spentTomb    = 'x' // a cancel came before its submit
)

// How long ids are remembered beyond the life of what bore them: a day and one generation, because a generation is
// dropped as a whole.
const (
	generationMS = int64(60 * 60 * 1000)
	spentMS      = 25 * generationMS
)

// spent remembers ids as 8-byte hashes in generations of an hour: 16 bytes for each, so a busy day of a million orders
// fits in some tens of megabytes.
type spent struct{ gens []generation }

type generation struct {
	hour int64
	ids  map[uint64]uint64 // id → content
}

// mark is the 8-byte hash of an id of a kind.
func mark(kind byte, id string) uint64 {
	b := append(make([]byte, 0, 128), kind) // longer ids than any of ours grow it
	h := sha256.Sum256(append(b, id...))
	return binary.LittleEndian.Uint64(h[:8])
}

// add remembers an id as of atMS, and forgets what is too old.
func (s *spent) add(atMS int64, kind byte, id string, content uint64) {
	hour := atMS / generationMS
	if n := len(s.gens); n == 0 || s.gens[n-1].hour < hour {
		s.gens = append(s.gens, generation{hour, map[uint64]uint64{}})
		s.gens = slices.DeleteFunc(s.gens, func(g generation) bool { return g.hour < hour-spentMS/generationMS })
	}
	s.gens[len(s.gens)-1].ids[mark(kind, id)] = content
}

// has reports whether an id is remembered, and the content that came with it.
func (s *spent) has(kind byte, id string) (content uint64, ok bool) {
	m := mark(kind, id)
	for i := len(s.gens) - 1; i >= 0; i-- {
		if c, ok := s.gens[i].ids[m]; ok {
			return c, true
		}
	}
	return 0, false
}
