package actor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// readersBucket holds how far durable readers have come: key <stream>.<service>, value the sequence as decimal digits.
const readersBucket = "READERS"

// Readers is where durable readers of a stream say how far they have come. Space comes back by purge below the newest
// snapshots of the writers and below every position that stands here, never by age: a reader that says nothing is not
// waited for, and one that says nothing more holds everything back from where it stopped until it is forgotten.
//
// A reader reports the last sequence of the stream of which it has committed everything that concerns it, after it has
// committed. It reports 0 before it reads for the first time, so that nothing is removed before. Each report is a synced
// write: one every few seconds is often enough. Positions in ASK_<account> hold back feed.<account>.> alone, because a
// command has one reader, its owner; those in LOG_<account> hold back every evt. subject of the account.
type Readers struct{ kv jetstream.KeyValue }

// OpenReaders opens the bucket of positions, making it where it is missing; with no replicas it takes the one that is there.
func OpenReaders(ctx context.Context, js jetstream.JetStream, replicas int) (*Readers, error) {
	if replicas == 0 {
		kv, err := js.KeyValue(ctx, readersBucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			return &Readers{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("open positions of readers: %w", err)
		}
		return &Readers{kv: kv}, nil
	}
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: readersBucket, Description: "how far durable readers have come; nothing beyond is removed", History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open positions of readers: %w", err)
	}
	return &Readers{kv: kv}, nil
}

func readerKey(stream, service string) string { return stream + "." + service }

// Report says that service has committed everything of stream up to seq. A position may go back, as after a restore from
// a copy; what was removed meanwhile does not come back.
func (r *Readers) Report(ctx context.Context, stream, service string, seq uint64) error {
	if _, err := r.kv.Put(ctx, readerKey(stream, service), strconv.AppendUint(nil, seq, 10)); err != nil {
		return fmt.Errorf("report position of %s in %s: %w", service, stream, err)
	}
	return nil
}

// Forget lets a reader go: nothing is held back for it any more.
func (r *Readers) Forget(ctx context.Context, stream, service string) error {
	if err := r.kv.Delete(ctx, readerKey(stream, service)); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("forget position of %s in %s: %w", service, stream, err)
	}
	return nil
}

// Positions are the readers of stream and what each has reported, empty when nobody has.
func (r *Readers) Positions(ctx context.Context, stream string) (map[string]uint64, error) {
	if r.kv == nil {
		return map[string]uint64{}, nil
	}
	w, err := r.kv.Watch(ctx, readerKey(stream, "*"), jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("list readers of %s: %w", stream, err)
	}
	defer w.Stop()
	at := map[string]uint64{}
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok { // which looks like fewer readers than there are
				return nil, fmt.Errorf("list readers of %s: the watch ended early", stream)
			}
			if e == nil {
				return at, nil
			}
			seq, err := strconv.ParseUint(string(e.Value()), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read position %s: %w", e.Key(), err)
			}
			at[strings.TrimPrefix(e.Key(), stream+".")] = seq
		case <-ctx.Done():
			return nil, fmt.Errorf("list readers of %s: %w", stream, ctx.Err())
		}
	}
}
