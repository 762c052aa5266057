package source

import (
	"context"
	"slices"
)

// Calls is how many calls so many items take, with at most batch in one.
func Calls(items, batch int) int {
	if items <= 0 {
		return 0
	}
	batch = max(1, batch)
	return (items + batch - 1) / batch
}

// Batches splits items into as few calls as possible, in order. The batches share the items' memory.
func Batches[T any](items []T, batch int) [][]T {
	return slices.Collect(slices.Chunk(items, max(1, batch)))
}

// Each calls once for each batch and gathers what comes back, in order. It ends at the first error, with what it has.
func Each[T, A any](ctx context.Context, items []T, batch int, call func(context.Context, []T) ([]A, error)) ([]A, error) {
	var out []A
	for part := range slices.Chunk(items, max(1, batch)) {
		a, err := call(ctx, part)
		out = append(out, a...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
