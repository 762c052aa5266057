package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits"
)

// Service is ingest, ready to run.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
	count   *counters
	present atomic.Pointer[life] // of the last Run; nil before the first
}

// New checks the configuration and puts the service together; nothing is dialled before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check ingest configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	if cfg.Limits == nil {
		own, err := limits.OpenDefault()
		if err != nil {
			return nil, err
		}
		cfg.Limits = own
	}
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	s := &Service{cfg: cfg, js: js, count: newCounters()}
	if err := s.count.register(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run puts a service together and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// Run follows the venue until ctx ends; then it closes every socket with a close frame, stores what was received of the
// private feeds, withdraws the books, and returns nil. An error means that it could not start or that questions cannot be
// answered any more; calling Run again is the cure. It must not be called while it runs.
func (s *Service) Run(ctx context.Context) error { return s.begin().run(ctx) }

// Ready reports nil when every market connection has its books and every private feed is complete, else what is missing.
func (s *Service) Ready() error {
	l := s.present.Load()
	if l == nil {
		return errors.New("not started")
	}
	return l.ready()
}
