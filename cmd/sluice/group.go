package main

import (
	"context"
	"log/slog"

	"sluice/pkg/actor"
	"sluice/services/ledger"
)

// group is an actor.Group that ends at once on an error that starting again cannot mend: a log of another env or that cannot be
// read, a stream that was rolled back, an account that somebody else owns.
type group struct {
	actor.Group
	failed chan error // the first such error
}

func newGroup(log *slog.Logger) *group {
	return &group{Group: actor.Group{Log: log}, failed: make(chan error, 1)}
}

func (g *group) add(name string, r actor.Runner) {
	g.Add(name, func(ctx context.Context) error {
		err := r(ctx)
		if is[*actor.EnvError](err) || is[*actor.LaneError](err) || is[*actor.LogError](err) || is[*actor.HeldError](err) || is[*actor.RoomError](err) ||
			is[*ledger.EnvError](err) || is[*ledger.HeldError](err) || is[*ledger.BehindError](err) || is[*ledger.WalletError](err) {
			select {
			case g.failed <- err:
			default:
			}
			<-ctx.Done()
		}
		return err
	})
}

// run runs all until ctx ends, or until one has failed for good.
func (g *group) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case err := <-g.failed:
		stop()
		<-ended
		return err
	}
}
