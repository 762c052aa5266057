package actortest

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// createStream makes a file stream with a small bound.
func createStream(t *testing.T, b *Bubble, name string, subjects ...string) jetstream.Stream {
	t.Helper()
	st, err := b.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: subjects, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return st
}
