package actor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// snapshotBucket is the object store of all actors' snapshots.
const snapshotBucket = "SNAPSHOTS"

// Stored is the prefix under which a stream says again what it has stored. A plain subscription to evt. or feed. hears
// a message before it is stored, even one that the fence then refuses; who must not be misled listens here.
const Stored = "stored"

// noRoom is the broker's code for a stream for which it cannot set aside what the stream may grow to.
const noRoom jetstream.ErrorCode = 10047

// RoomError reports that the broker has no room for a stream. Waiting does not mend it.
type RoomError struct {
	Stream string
	Bytes  int64 // that the stream may grow to, and the broker sets aside
	Err    error // the broker's
}

func (e *RoomError) Error() string { return e.Cause() + "; " + e.Fix() }

// Unwrap is the broker's error.
func (e *RoomError) Unwrap() error { return e.Err }

// Cause says what is wrong.
func (e *RoomError) Cause() string {
	return fmt.Sprintf("make stream %s: the NATS server has no room for the %d MiB that it sets aside for it: %v", e.Stream, e.Bytes>>20, e.Err)
}

// Fix says what to do.
func (e *RoomError) Fix() string {
	return "free disk space there, of which a server offers three quarters unless told otherwise, or raise max_file_store in its configuration, and start again"
}

// EnsureStreams makes the streams of the accounts and those that all share, as the table of pkg/msgs says. Existing
// streams are brought to the table's configuration, and never lose replicas. Only last values may be read from any
// replica: what is decided from a stream is asked of its leader. replicas is 1 for a single server, 3 in a cluster. The error is a
// *RoomError where the broker's store is too small.
func EnsureStreams(ctx context.Context, js jetstream.JetStream, replicas int, accounts ...msgs.Account) error {
	streams := msgs.SharedStreams()
	for _, a := range accounts {
		streams = append(streams, msgs.AccountStreams(a)...)
	}
	for _, s := range streams {
		cfg := jetstream.StreamConfig{
			Name: s.Name, Subjects: s.Subjects, Description: s.Doc, Replicas: replicas,
			Retention: jetstream.LimitsPolicy, MaxMsgsPerSubject: s.MaxMsgsPerSubject, MaxBytes: s.MaxBytes,
			Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Duplicates: s.Repeats,
		}
		for _, family := range []string{"evt.", "feed."} {
			if slices.ContainsFunc(s.Subjects, func(x string) bool { return strings.HasPrefix(x, family) }) {
				cfg.RePublish = &jetstream.RePublish{Source: family + ">", Destination: Stored + "." + family + ">"}
			}
		}
		if s.Storage == msgs.Memory {
			cfg.Storage = jetstream.MemoryStorage
		}
		if s.Discard == msgs.DiscardOld {
			cfg.Discard = jetstream.DiscardOld
		}
		if old, err := js.Stream(ctx, s.Name); err == nil {
			cfg.Replicas = max(cfg.Replicas, old.CachedInfo().Config.Replicas)
		}
		cfg.AllowDirect = cfg.Replicas == 1 || s.MaxMsgsPerSubject == 1
		if _, err := js.CreateOrUpdateStream(ctx, cfg); code(err) == noRoom {
			return &RoomError{Stream: s.Name, Bytes: s.MaxBytes, Err: err}
		} else if err != nil {
			return fmt.Errorf("make stream %s: %w", s.Name, err)
		}
	}
	return nil
}

// Snapshots opens the object store of snapshots, making it where it is missing.
func Snapshots(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.ObjectStore, error) {
	o, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: snapshotBucket, Description: "states of actors, to start from", Storage: jetstream.FileStorage, Replicas: replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	return o, nil
}
