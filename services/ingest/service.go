package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Service is ingest, ready to run.
type Service struct {
	cfg   Config
	js    jetstream.JetStream
	count *counters
	epoch atomic.Uint64 // counts the times when NATS may have lost the last values

	catalogue *catalogue
	feeds     []*feed
	questions *questions
	readers   *actor.Readers // since Run
	startMark uint64         // where the numbering of connections begins

	mu     sync.Mutex
	states map[string]string // by connection name; under mu

	running sync.WaitGroup
}

// New checks the configuration and puts the service together; nothing is dialled before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("check ingest configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	// A second per process start keeps connection ids apart from those of an earlier run.
	s := &Service{cfg: cfg, js: js, count: newCounters(), states: map[string]string{}, startMark: uint64(time.Now().Unix())}
	if err := s.count.register(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s.questions = &questions{js: js, facts: map[msgs.ConditionID]msgs.Market{}}
	s.catalogue = &catalogue{clob: s.clob(), js: js, named: cfg.Markets, limit: cfg.MaxMarkets, log: cfg.Log, count: s.count,
		changes: make(chan change, changesQueue), again: make(chan struct{}, 1), loaded: make(chan struct{}), facts: map[msgs.ConditionID]msgs.Market{}}
	for i, a := range cfg.Accounts {
		s.feeds = append(s.feeds, s.newFeed(i, a))
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
// answered any more; starting again is the cure.
func (s *Service) Run(ctx context.Context) error {
	err := s.ensure(ctx)
	if err == nil {
		s.readers, err = actor.OpenReaders(ctx, s.js, s.cfg.Replicas)
	}
	if err != nil {
		return unlessEnded(ctx, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	s.catalogue.follow = s.shards(ctx).follow
	s.running.Go(func() { s.followNATS(ctx) })
	s.running.Go(func() {
		defer stop() // without answers there is no service
		failed = unlessEnded(ctx, s.questions.run(ctx, s.cfg.NATS, version))
	})
	for _, f := range s.feeds {
		s.running.Go(func() { f.run(ctx) })
	}
	s.catalogue.run(ctx, newBackoff(s.cfg.Profile.BaseDelay, s.random("markets")))
	s.running.Wait()
	return errors.Join(failed, s.flush(ctx))
}

// unlessEnded is err, or nil when the end of ctx explains it.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// flush lets the last words out, if there is a connection to let them out by.
func (s *Service) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := s.cfg.NATS.FlushWithContext(ctx); err != nil && s.cfg.NATS.IsConnected() {
		return fmt.Errorf("flush nats: %w", err)
	}
	return nil
}

// flushTimeout bounds the last flush.
const flushTimeout = 2 * time.Second

// version is of the answers on svc.ingest.*.
const version = "1.0.0"

// Ready reports nil when every market connection has its books and every private feed is complete, else what is missing.
func (s *Service) Ready() error {
	select {
	case <-s.catalogue.loaded:
	default:
		return errors.New("market facts not loaded")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name, state := range s.states {
		if state != stateUp {
			errs = append(errs, fmt.Errorf("connection %s is %s", name, state))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) ensure(ctx context.Context) error {
	var names []msgs.Account
	for _, a := range s.cfg.Accounts {
		names = append(names, a.Name)
	}
	if err := actor.EnsureStreams(ctx, s.js, s.cfg.Replicas, names...); err != nil {
		return fmt.Errorf("ensure streams: %w", err)
	}
	return nil
}

// readerName is how ingest is known among the readers of the streams: it needs a day of its own feeds after a restart.
const readerName = "ingest"

// followNATS publishes facts and books again whenever the connection to NATS comes back: the stream of last values is kept in
// memory, and the server may have started anew.
func (s *Service) followNATS(ctx context.Context) {
	back := s.cfg.NATS.StatusChanged(nats.CONNECTED)
	defer s.cfg.NATS.RemoveStatusListener(back)
	for {
		select {
		case <-ctx.Done():
			return
		case <-back:
		}
		for s.ensure(ctx) != nil && ctx.Err() == nil {
			wait(ctx, storeRetry)
		}
		s.epoch.Add(1)
		s.catalogue.republish()
		for _, f := range s.feeds {
			f.readSoon() // which checks the stored feed first: the server may have been restored from a copy
		}
	}
}

// shards opens market connections as they are needed.
func (s *Service) shards(ctx context.Context) *shards {
	publish := s.cfg.NATS.Publish
	n := 0
	return &shards{
		perConn: s.cfg.TokensPerConn, known: map[msgs.TokenID]*markets{},
		fresh: func() *markets { return newMarkets(publish, s.catalogue.hint, s.count, &s.epoch) },
		open: func(m *markets) {
			n++
			c := s.newConn("m"+strconv.Itoa(n), channelMarket, s.cfg.WSMarket, s.cfg.Profile, m)
			m.wake = c.wake
			s.running.Go(func() { c.run(ctx) })
		},
	}
}

func (s *Service) newFeed(i int, a Account) *feed {
	f := &feed{account: a, env: s.cfg.Env, clob: *s.clob(), log: s.cfg.Log, count: s.count, stored: newFeedLog(s.js, a.Name),
		pause: newBackoff(s.cfg.UserProfile.BaseDelay, s.random("feed "+string(a.Name))),
		queue: make(chan feedItem, feedQueue), due: make(chan struct{}, 1)}
	f.clob.Creds, f.clob.Key, f.clob.Address = a.Credentials, a.Key, a.Address
	f.conn = s.newConn("u"+strconv.Itoa(i+1), channelUser, s.cfg.WSUser, s.cfg.UserProfile, f)
	f.conn.account = a.Name
	f.stored.reopened = func() {
		s.cfg.Log.Error("the stored feed is not the one that was written; it is filled again from the venue", "account", a.Name)
		f.whole.Store(0)
		f.readSoon()
	}
	f.report = func(ctx context.Context, seq uint64) error {
		return s.readers.Report(ctx, msgs.AskStream(a.Name), readerName, seq)
	}
	return f
}

func (s *Service) clob() *polymarket.CLOB {
	return &polymarket.CLOB{BaseURL: s.cfg.CLOB, HTTP: s.cfg.HTTP, ChainID: s.cfg.ChainID}
}

func (s *Service) newConn(name, channel, url string, p Profile, to session) *conn {
	s.mu.Lock()
	s.states[name] = stateDown
	s.mu.Unlock()
	return &conn{name: name, channel: channel, url: url, dialer: s.cfg.Dialer, profile: p, delay: newBackoff(p.BaseDelay, s.random(name)),
		session: to, status: s.status, poke: make(chan struct{}, 1), count: &s.count.conn, connects: s.startMark}
}

// random is a source of jitter of its own for each user of it, so that goroutines do not share one.
func (s *Service) random(name string) *rand.Rand {
	var h uint64 = 14695981039346656037 // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(s.cfg.Seed, h))
}

// status keeps and publishes what a connection says of itself.
func (s *Service) status(name string, f msgs.FeedStatus) {
	s.mu.Lock()
	before := s.states[name]
	s.states[name] = f.State
	s.mu.Unlock()
	if before != f.State {
		s.cfg.Log.Info("connection to venue", "conn", f.Conn, "channel", f.Channel, "state", f.State, "cause", f.Cause, "tokens", f.Tokens)
	}
	b, err := json.Marshal(f)
	if err == nil {
		err = s.cfg.NATS.Publish(msgs.StatusSubject(venue), b)
	}
	if err != nil {
		s.count.publish.WithLabelValues("status").Inc()
	}
}
