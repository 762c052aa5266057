package executor

import (
	"context"

	"sluice/pkg/limits"
	shared "sluice/pkg/limits/share"
)

// share lets the limiter share its allowance with the other executors, in which one may take over an account of this one, and
// keep what was used over restarts.
func (s *Service) share() (*shared.Node, error) {
	p, err := s.cfg.Limits.profile()
	if err != nil {
		return nil, err
	}
	cfg := shared.Config{Name: shared.NameOf(s.cfg.Limits.With, s.cfg.CLOB), Owner: s.cfg.Owner, Profile: p, Options: s.cfg.Limits.Options, Replicas: s.cfg.Replicas,
		NATS: s.cfg.NATS, JS: s.js, Log: s.cfg.Log}
	for _, a := range s.cfg.Accounts {
		cfg.Keep = append(cfg.Keep, kept(string(a.Name))...)
	}
	return shared.New(s.limits, cfg), nil
}

// kept are the requests of an account that must be able to leave at once.
func kept(account string) []limits.Request {
	out := []limits.Request{limits.Posting(account, 1), limits.Posting(account, 2)}
	for _, e := range []limits.Endpoint{limits.DeleteOrder, limits.DeleteOrders, limits.CancelAll} {
		out = append(out, limits.Request{Endpoint: string(e), Account: account, Items: 1})
	}
	return out
}

// sharing shares until everything else has ended: what is under way needs it to the last. The context that it gives ends when it
// cannot go on, for a reason that end tells.
func (s *Service) sharing(ctx context.Context) (with context.Context, end func() error) {
	with, cut := context.WithCancel(ctx)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := s.node.Run(life)
		cut()
		ended <- err
	}()
	return with, func() error {
		stop()
		return <-ended
	}
}
