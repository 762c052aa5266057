package relayer

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// version is of the answers on svc.relayer.
const version = "1.0.0"

// serviceName is the relayer's name on the bus.
const serviceName = "relayer"

// Service is the relayer, ready to run.
type Service struct {
	cfg       Config
	js        jetstream.JetStream
	contracts polymarket.Contracts
	pool      *evm.Pool // nil without endpoints
	allowed   *Allowances
	count     *counters
	facts     *facts
	pulse     *pulse
	desks     []*desk
}

// New checks the configuration and puts the service together; nothing is dialled before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check relayer configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	s := &Service{cfg: cfg, count: newCounters()}
	var err error
	if s.js, err = jetstream.New(cfg.NATS); err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	if s.contracts, err = polymarket.ContractsOn(cfg.ChainID); err != nil {
		return nil, err
	}
	if s.allowed, err = NewAllowances(AllowanceConfig{Env: cfg.Env, Relayer: cfg.Relayer, With: cfg.With, Owner: cfg.Owner, Tier: cfg.Tier, Options: cfg.Options,
		Replicas: cfg.Replicas, NATS: cfg.NATS, JS: s.js, Log: cfg.Log}); err != nil {
		return nil, err
	}
	if len(cfg.RPC) > 0 {
		if s.pool, err = evm.NewPool(evm.PoolConfig{Endpoints: cfg.RPC, ChainID: cfg.ChainID, HTTP: cfg.HTTP, Log: cfg.Log}); err != nil {
			return nil, err
		}
	}
	if err := s.register(); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s.facts, s.pulse = newFacts(), newPulse()
	for _, a := range cfg.Accounts {
		s.desks = append(s.desks, s.newDesk(a))
	}
	return s, nil
}

func (s *Service) register() error {
	if s.cfg.Metrics == nil {
		return nil
	}
	return errors.Join(s.count.register(s.cfg.Metrics), s.cfg.Metrics.Register(s.allowed.Metrics()))
}

// Run puts a service together and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// Run acts for all accounts until ctx ends and what was under way has ended, or three seconds have passed; what is cut short is
// taken up by the next start. It returns nil then. An error means that the log refuses what must be possible: a log of another
// env, streams that cannot be made.
func (s *Service) Run(ctx context.Context) error {
	if s.pool != nil {
		defer s.pool.Close()
	}
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
	s.tellWhatIsMissing()
	g := actor.Group{Log: s.cfg.Log}
	g.Add("facts", func(ctx context.Context) error { return s.facts.follow(ctx, s) })
	g.Add("limits of the relayer", s.allowed.Run)
	for _, d := range s.desks {
		g.Add("wallet of "+string(d.cfg.Name), func(ctx context.Context) error {
			s.facts.patiently(ctx, s.cfg.Log)
			return d.run(ctx, storage)
		})
	}
	return g.Run(ctx)
}

// tellWhatIsMissing says at a start what work will wait for.
func (s *Service) tellWhatIsMissing() {
	if s.pool == nil {
		s.cfg.Log.Warn("nothing is done on chain: no RPC endpoint is configured", "fix", (&evm.UnavailableError{}).Fix())
	}
	for _, d := range s.desks {
		can, _ := d.cfg.Kind.Can()
		if can.Relayer && (s.cfg.Relayer == "" || d.cfg.Auth == nil) {
			d.log.Warn("nothing goes by the relayer: no address or no credentials of it are configured", "own_gas", s.cfg.OwnGas && can.OwnGas != polymarket.OwnGasNever,
				"fix", (&polymarket.RelayerError{Reason: polymarket.RelayerNoLogin}).Fix())
		}
		if !s.cfg.OwnGas && can.OwnGas == polymarket.OwnGasAlways {
			d.log.Warn("nothing is done on chain: an eoa pays for its transactions, and own gas is switched off")
		}
	}
}

// Ready reports nil when every account is worked for, or waited for as a spare; else what is missing. What work waits for is said
// by tx.waiting: a relayer without credentials is ready to say so.
func (s *Service) Ready() error {
	var errs []error
	for _, d := range s.desks {
		if why := d.state.Load(); *why != deskOpen && *why != deskSpare {
			errs = append(errs, fmt.Errorf("wallet of %s is %s", d.cfg.Name, *why))
		}
	}
	return errors.Join(errs...)
}
