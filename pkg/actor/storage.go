package actor

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// Storage is what the actors of a service share: who owns which account, how far readers have come, and snapshots.
type Storage struct {
	Leases    *Leases
	Readers   *Readers
	Snapshots jetstream.ObjectStore
}

// OpenStorage opens it, and makes what is missing of it and of the accounts' streams, as long as it takes: see Patiently. replicas is
// as in EnsureStreams, owner the name of this process.
func OpenStorage(ctx context.Context, js jetstream.JetStream, replicas int, owner string, log *slog.Logger, accounts ...msgs.Account) (s Storage, err error) {
	err = Patiently(ctx, js.Conn(), log, func() error {
		s, err = openStorage(ctx, js, replicas, owner, log, accounts)
		return err
	})
	return s, err
}

func openStorage(ctx context.Context, js jetstream.JetStream, replicas int, owner string, log *slog.Logger, accounts []msgs.Account) (s Storage, err error) {
	if err = EnsureStreams(ctx, js, replicas, accounts...); err != nil {
		return s, err
	}
	if s.Leases, err = OpenLeases(ctx, js, replicas, owner, log); err != nil {
		return s, err
	}
	if s.Readers, err = OpenReaders(ctx, js, replicas); err != nil {
		return s, err
	}
	s.Snapshots, err = Snapshots(ctx, js, replicas)
	return s, err
}
