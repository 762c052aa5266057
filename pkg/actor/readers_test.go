package actor_test

import (
	"maps"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
)

// Positions are kept for each stream and service, may go back, survive a restart of the broker, and end with Forget.
func TestReadersSayHowFarTheyHaveCome(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		ctx := t.Context()
		readers, err := actor.OpenReaders(ctx, b.JetStream(), 1)
		if err != nil {
			t.Fatal(err)
		}
		want := func(stream string, positions map[string]uint64) {
			t.Helper()
			if got, err := readers.Positions(ctx, stream); err != nil || !maps.Equal(got, positions) {
				t.Errorf("readers of %s: %v, %v; want %v", stream, got, err, positions)
			}
		}
		want("LOG_a", map[string]uint64{})
		for _, r := range []struct {
			stream, service string
			seq             uint64
		}{{"LOG_a", "ledger", 0}, {"LOG_a", "ledger", 17}, {"LOG_a", "tape", 9}, {"ASK_a", "ledger", 3}, {"LOG_a", "tape", 4}} {
			if err := readers.Report(ctx, r.stream, r.service, r.seq); err != nil {
				t.Fatal(err)
			}
		}
		b.Restart()
		time.Sleep(time.Second) // for the connection to come back
		want("LOG_a", map[string]uint64{"ledger": 17, "tape": 4})
		want("ASK_a", map[string]uint64{"ledger": 3})
		if err := readers.Forget(ctx, "LOG_a", "tape"); err != nil {
			t.Fatal(err)
		}
		want("LOG_a", map[string]uint64{"ledger": 17})
	})
}
