package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	shared "sluice/pkg/limits/share"
	"sluice/pkg/msgs"
)

// version is of the answers on svc.executor.
const version = "1.0.0"

// serviceName is the executor's name on the bus.
const serviceName = "executor"

// Service is the executor, ready to run.
type Service struct {
	cfg    Config
	js     jetstream.JetStream
	count  *counters
	facts  *facts
	books  *books
	limits *limits.Limiter
	node   *shared.Node // what the limits share with other processes, and keep over restarts
	desks  []*desk

	ask *nats.Conn // for barriers, set once by Run; nil: there is none
}

// New checks the configuration and puts the service together; nothing is dialled before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check executor configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	l, err := cfg.Limits.limiter()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, js: js, count: newCounters(), limits: l}
	if s.node, err = s.share(); err != nil {
		return nil, err
	}
	if err := s.count.register(cfg.Metrics, l); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s.facts = newFacts(s.count.known)
	s.books = &books{nc: cfg.NATS, js: js, known: map[msgs.TokenID]*followed{}}
	for _, a := range cfg.Accounts {
		s.desks = append(s.desks, s.newDesk(a))
	}
	return s, nil
}

// Limiter is what every call of the service to the venue passes, for others of this process that reach the venue too.
func (s *Service) Limiter() *limits.Limiter { return s.limits }

// Run puts a service together and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// Run trades for all accounts until ctx ends and what was under way has ended, or three seconds have passed; what is cut
// short is taken up by the next start. It returns nil then. An error means that the log refuses what must be possible: a
// log of another env, lanes that end before their cursors, streams that cannot be made.
func (s *Service) Run(ctx context.Context) error {
	accounts := make([]msgs.Account, len(s.desks))
	for i, d := range s.desks {
		accounts[i] = d.cfg.Name
	}
	storage, err := actor.OpenStorage(ctx, s.js, s.cfg.Replicas, s.cfg.Owner, s.cfg.Log, accounts...)
	if err != nil && ctx.Err() != nil {
		return nil // stopped while starting
	}
	if err != nil {
		return err
	}
	if s.ask = s.asking(); s.ask != nil {
		defer s.ask.Close()
	}
	ctx, end := s.sharing(ctx)
	g := actor.Group{Log: s.cfg.Log}
	g.Add("facts", func(ctx context.Context) error { return s.facts.follow(ctx, s) })
	for _, d := range s.desks {
		g.Add("orders of "+string(d.cfg.Name), func(ctx context.Context) error {
			if err := s.factsOrPatience(ctx); err != nil {
				return nil
			}
			return d.run(ctx, storage)
		})
	}
	return errors.Join(g.Run(ctx), end())
}

// factsOrPatience waits for the first market facts. Without any it goes on after a while: orders are refused then, but
// cancels and halts work.
func (s *Service) factsOrPatience(ctx context.Context) error {
	t := time.NewTimer(firstFacts)
	defer t.Stop()
	select {
	case <-s.facts.loaded:
	case <-t.C:
		s.cfg.Log.Warn("no market facts yet; orders are refused until ingest publishes some")
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Ready reports nil when every account is worked for, or waited for as a spare, and market facts are known; else what is
// missing.
func (s *Service) Ready() error {
	var errs []error
	if s.facts.now().Len() == 0 {
		errs = append(errs, errors.New("no market facts known"))
	}
	for _, d := range s.desks {
		if why := d.state.Load(); *why != deskOpen && *why != deskSpare {
			errs = append(errs, fmt.Errorf("account %s is %s", d.cfg.Name, *why))
		}
	}
	return errors.Join(errs...)
}

// dead puts a record aside that could not be taken. The letter is a courtesy to people; the lane goes on without it.
func (s *Service) dead(r actor.Record, err *msgs.Error) {
	s.count.dead.WithLabelValues(string(err.Code)).Inc()
	fail := actor.PutAside(context.Background(), s.js, msgs.NewDead(msgs.Dead{Service: serviceName, Stream: r.Stream, Seq: r.Seq, Subject: r.Subject,
		Headers: r.Header, Error: err}, time.Now(), r.Data))
	s.cfg.Log.Warn("message put aside", "subject", r.Subject, "seq", r.Seq, "reason", err.Code, "cause", err.Cause, "letter_error", fail)
}
