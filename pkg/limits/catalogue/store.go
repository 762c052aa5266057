package catalogue

import (
	"slices"
	"sync/atomic"
)

// Store is the catalogue in force. It is safe for many goroutines.
type Store struct {
	files []string
	now   atomic.Pointer[Catalogue]
}

// Open loads the embedded profiles and the user's files. Errors: those of Load.
func Open(files ...string) (*Store, error) {
	s := &Store{files: slices.Clone(files)}
	return s, s.Reload()
}

// Get is the catalogue in force.
func (s *Store) Get() *Catalogue { return s.now.Load() }

// Reload reads the files again. When one of them has a mistake its error says where, and what was in force stays.
func (s *Store) Reload() error {
	c, err := Load(s.files...)
	if err != nil {
		return err
	}
	s.now.Store(c)
	return nil
}
