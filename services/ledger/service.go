package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// version is of the answers on svc.ledger.
const version = "1.0.0"

// serviceName is the ledger's name on the bus.
const serviceName = "ledger"

// Service is the ledger, ready to run.
type Service struct {
	cfg   Config
	js    jetstream.JetStream
	count *counters
	names names
	open  atomic.Bool // the books are open
	lacks *missing    // what is not in them of what was stored before, or not told of them
}

// New checks the configuration and puts the service together; no file is opened before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check ledger configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	s := &Service{cfg: cfg, js: js, count: newCounters(), names: names{said: map[msgs.TokenID]name{}}}
	s.lacks = newMissing(s.count)
	if err := s.count.register(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run keeps the books until ctx ends, and returns nil then. Other errors mean that they cannot be kept: *EnvError,
// *HeldError, *WalletError, *BehindError, an *actor.EnvError of a log, or a database that does not take what is written. What
// was not committed then is read again by the next Run.
func (s *Service) Run(ctx context.Context) error {
	err := s.run(ctx)
	if ctx.Err() != nil && !errors.Is(err, errBroken) {
		return nil
	}
	return err
}

func (s *Service) run(ctx context.Context) (err error) {
	var names []msgs.Account
	for _, a := range s.cfg.Accounts {
		names = append(names, a.Name)
	}
	if err := s.patiently(ctx, func() error { return actor.EnsureStreams(ctx, s.js, s.cfg.Replicas, names...) }); err != nil {
		return err
	}
	store, err := OpenStore(ctx, s.cfg.Path, s.cfg.Env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	k := &keeper{s: s, store: store, inbox: make(chan work, groupMost)}
	for _, a := range s.cfg.Accounts {
		d, err := s.openDesk(ctx, store, a)
		if err != nil {
			return err
		}
		k.desks = append(k.desks, d)
	}
	return s.keep(ctx, k)
}

// desk is one account's books while they are kept.
type desk struct {
	book    Book
	journal *Journal // owned by the keeper
	from    Positions
	told    atomic.Uint64 // last event known to be on the bus
	wake    chan struct{} // there may be events to publish; one is enough
	missed  chan struct{} // events were removed unread; one is enough
	unread  uint64        // up to where the private feed may have been removed: booked once, by whatever books
	saved   uint64        // last entry in the snapshot
	dirty   bool          // positions have moved; owned by the keeper
}

func (s *Service) openDesk(ctx context.Context, store *Store, a Account) (*desk, error) {
	t := Terms{Account: a.Name, Env: s.cfg.Env, Wallet: strings.ToLower(a.Wallet), Tolerance: s.cfg.Tolerance}
	book, j, err := store.Book(ctx, t, func() (n uint64, err error) {
		return n, s.patiently(ctx, func() error {
			last, err := s.lastTold(ctx, a.Name)
			n = last.n
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	d := &desk{book: book, journal: j, from: j.At, wake: make(chan struct{}, 1), missed: make(chan struct{}, 1)}
	if d.unread, err = s.booked(ctx, msgs.AskStream(a.Name)); err != nil {
		return nil, err
	}
	if j.At.Missed {
		d.missed <- struct{}{}
	}
	d.told.Store(book.Published)
	d.saved, _ = j.Head()
	d.rouse()
	s.cfg.Log.Info("books open", "account", a.Name, "entries", d.saved, "n", j.N(), "order_n", j.At.Log.N, "feed_seq", j.At.FeedAt.Seq, "block", j.At.Block)
	return d, nil
}

// rouse lets the desk's publisher look for events.
func (d *desk) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// keep runs all that feeds the books and tells of them, until the first of it fails or ctx ends.
func (s *Service) keep(ctx context.Context, k *keeper) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := newWaiter(stop)
	s.begin(k)
	w.run(func() error { return k.run(ctx) })
	for _, d := range k.desks {
		w.run(func() error { return s.readOrders(ctx, k, d) })
		w.run(func() error { return s.readTrades(ctx, k, d) })
		w.run(func() error { return s.adopt(ctx, k, d) })
		w.run(func() error { return s.publish(ctx, k, d) })
		w.run(func() error { return s.serve(ctx, k, d) })
	}
	if s.cfg.Transfers != nil {
		w.run(func() error { return s.follow(ctx, k) })
	}
	w.run(func() error { return s.report(ctx, k) })
	w.run(func() error { return s.names.follow(ctx, s) })
	defer s.open.Store(false)
	s.open.Store(true)
	return w.wait(ctx)
}

// begin says what the books lack until each part has shown otherwise.
func (s *Service) begin(k *keeper) {
	for _, d := range k.desks {
		for _, name := range []string{partOrders, partTrades, partEvents} {
			s.lacks.lack(part{name, d.book.Terms.Account}, "not looked at since the start")
		}
	}
	if s.cfg.Transfers != nil {
		s.lacks.lack(part{name: partChain}, "not heard since the start")
	}
}

// Ready reports nil when the books are open, what the streams and the chain held when they were opened is booked, each can
// be read, and what the books tell is taken; else it names what is missing. Answers are given meanwhile: they say up to
// which event and block they hold.
func (s *Service) Ready() error {
	if !s.open.Load() {
		return errors.New("the books are not open")
	}
	return s.lacks.err()
}

const (
	// retryFirst and retryLast bound the pauses between tries of what the broker or the chain does not give.
	retryFirst = 50 * time.Millisecond
	retryLast  = 2 * time.Second
)

// patiently does f again for as long as the broker cannot be asked.
func (s *Service) patiently(ctx context.Context, f func() error) error {
	return actor.Patiently(ctx, s.cfg.NATS, s.cfg.Log, f)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
