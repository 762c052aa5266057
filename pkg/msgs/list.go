package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

// List is a slice whose JSON is a list even when there is nothing in it: a reader in another language shall loop over it
// without asking first.
type List[T any] []T

// MarshalJSON writes [] for nil.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Levels is one side of a book.
type Levels []Level

// MarshalJSON writes [] for nil.
func (l Levels) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 2+24*len(l)), '[')
	for i := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = l[i].append(b)
	}
	return append(b, ']'), nil
}

// Effect is what happened to balances: asset or token id → change.
type Effect map[string]money.Cash

// MarshalJSON writes {} for nil.
func (e Effect) MarshalJSON() ([]byte, error) {
	if e == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]money.Cash(e))
}
