package ingest

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/limits/door"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// life is what one Run of a Service has: all of it is made when it begins, so that another can follow one that ended.
type life struct {
	cfg   Config
	js    jetstream.JetStream
	count *counters
	epoch atomic.Uint64 // counts the times when NATS may have lost the last values

	catalogue *catalogue
	spread    *shards // since run
	feeds     []*feed
	questions *questions
	readers   *actor.Readers // once the streams are there
	tag       string         // in the ids of its connections, so that each is named once

	mu     sync.Mutex
	states map[string]string // by connection name; under mu

	running sync.WaitGroup
}

// tagLength letters hold 50 random bits: among a million lives the odds of two with one tag are one in two thousand.
const tagLength = 10

// begin puts a life together and makes it the present one.
func (s *Service) begin() *life {
	l := &life{cfg: s.cfg, js: s.js, count: s.count, states: map[string]string{}, tag: strings.ToLower(crand.Text()[:tagLength])}
	l.questions = &questions{js: l.js, facts: map[msgs.ConditionID]msgs.Market{}}
	l.catalogue = &catalogue{clob: l.clob(""), js: l.js, named: l.cfg.Markets, limit: l.cfg.MaxMarkets, log: l.cfg.Log, count: l.count,
		changes: make(chan change, changesQueue), again: make(chan struct{}, 1), loaded: make(chan struct{}), facts: map[msgs.ConditionID]msgs.Market{}}
	for i, a := range l.cfg.Accounts {
		l.feeds = append(l.feeds, l.newFeed(i, a))
	}
	s.present.Store(l)
	return l
}

func (l *life) run(ctx context.Context) error {
	err := actor.Patiently(ctx, l.cfg.NATS, l.cfg.Log, func() (err error) {
		if err = l.ensure(ctx); err == nil {
			l.readers, err = actor.OpenReaders(ctx, l.js, l.cfg.Replicas)
		}
		return err
	})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l.spread = l.shards(ctx)
	l.catalogue.follow = l.spread.follow
	deaf, err := l.listen()
	if err != nil {
		return err
	}
	var failed error
	l.running.Go(func() { l.followNATS(ctx) })
	l.running.Go(func() {
		defer stop() // without answers there is no service
		failed = unlessEnded(ctx, l.questions.run(ctx, l.cfg.NATS))
	})
	for _, f := range l.feeds {
		l.running.Go(func() { f.run(ctx) })
	}
	l.catalogue.run(ctx, newPauses(l.cfg.Profile.BaseDelay, l.random("markets")))
	l.running.Wait()
	return errors.Join(failed, deaf(), l.flush(ctx))
}

// unlessEnded is err, or nil when the end of ctx explains it.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// flush lets the last words out, if there is a connection to let them out by.
func (l *life) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := l.cfg.NATS.FlushWithContext(ctx); err != nil && l.cfg.NATS.IsConnected() {
		return fmt.Errorf("flush nats: %w", err)
	}
	return nil
}

// flushTimeout bounds the last flush.
const flushTimeout = 2 * time.Second

// ready is Service.Ready.
func (l *life) ready() error {
	select {
	case <-l.catalogue.loaded:
	default:
		return errors.New("market facts not loaded")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for name, state := range l.states {
		if state != stateUp {
			errs = append(errs, fmt.Errorf("connection %s is %s", name, state))
		}
	}
	return errors.Join(errs...)
}

func (l *life) ensure(ctx context.Context) error {
	var names []msgs.Account
	for _, a := range l.cfg.Accounts {
		names = append(names, a.Name)
	}
	if err := actor.EnsureStreams(ctx, l.js, l.cfg.Replicas, names...); err != nil {
		return fmt.Errorf("ensure streams: %w", err)
	}
	return nil
}

// readerName is how ingest is known among the readers of the streams: it needs a day of its own feeds after a restart.
const readerName = "ingest"

// followNATS publishes facts and books again whenever the connection to NATS comes back: the stream of last values is kept in
// memory, and the server may have started anew.
func (l *life) followNATS(ctx context.Context) {
	back := l.cfg.NATS.StatusChanged(nats.CONNECTED)
	defer l.cfg.NATS.RemoveStatusListener(back)
	for {
		select {
		case <-ctx.Done():
			return
		case <-back:
		}
		for l.ensure(ctx) != nil && ctx.Err() == nil {
			wait(ctx, storeRetry)
		}
		l.epoch.Add(1)
		l.catalogue.republish()
		for _, f := range l.feeds {
			f.readSoon() // which checks the stored feed first: the server may have been restored from a copy
		}
	}
}

// shards opens market connections as they are needed.
func (l *life) shards(ctx context.Context) *shards {
	publish := l.cfg.NATS.Publish
	n := 0
	return &shards{
		perConn: l.cfg.TokensPerConn, known: map[msgs.TokenID]*markets{},
		fresh: func() *markets { return newMarkets(publish, l.catalogue.hint, l.count, &l.epoch) },
		open: func(m *markets) {
			n++
			c := l.newConn("m"+strconv.Itoa(n), channelMarket, l.cfg.WSMarket, l.cfg.Profile, m)
			m.wake = c.wake
			l.running.Go(func() { c.run(ctx) })
		},
	}
}

func (l *life) newFeed(i int, a Account) *feed {
	f := &feed{account: a, env: l.cfg.Env, clob: *l.clob(a.Name), log: l.cfg.Log, count: l.count, stored: newFeedLog(l.js, a.Name),
		pause: newPauses(l.cfg.UserProfile.BaseDelay, l.random("feed "+string(a.Name))),
		queue: make(chan feedItem, feedQueue), due: make(chan struct{}, 1)}
	f.clob.Creds, f.clob.Key, f.clob.Address = a.Credentials, a.Key, a.Address
	f.conn = l.newConn("u"+strconv.Itoa(i+1), channelUser, l.cfg.WSUser, l.cfg.UserProfile, f)
	f.conn.account = a.Name
	f.stored.reopened = func() {
		l.cfg.Log.Error("the stored feed is not the one that was written; it is filled again from the venue", "account", a.Name)
		f.whole.Store(0)
		f.readSoon()
	}
	f.report = func(ctx context.Context, seq uint64) error {
		return l.readers.Report(ctx, msgs.AskStream(a.Name), readerName, seq)
	}
	return f
}

// clob is the venue for the reads of an account, or for those that are everybody's.
func (l *life) clob(account msgs.Account) *polymarket.CLOB {
	return &polymarket.CLOB{BaseURL: l.cfg.CLOB, HTTP: door.Client(l.cfg.HTTP, l.cfg.Limits, string(account), l.cfg.Log), ChainID: l.cfg.ChainID}
}

func (l *life) newConn(name, channel, url string, p Profile, to session) *conn {
	l.mu.Lock()
	l.states[name] = stateDown
	l.mu.Unlock()
	return &conn{name: name, channel: channel, url: url, dialer: l.cfg.Dialer, profile: p, delay: newPauses(p.BaseDelay, l.random(name)),
		session: to, status: l.status, poke: make(chan struct{}, 1), count: &l.count.conn, tag: l.tag}
}

// random is a source of jitter of its own for each user of it, so that goroutines do not share one.
func (l *life) random(name string) *rand.Rand {
	var h uint64 = 14695981039346656037 // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(l.cfg.Seed, h))
}

// status keeps and publishes what a connection says of itself.
func (l *life) status(name string, f msgs.FeedStatus) {
	l.mu.Lock()
	before := l.states[name]
	l.states[name] = f.State
	l.mu.Unlock()
	if before != f.State {
		l.cfg.Log.Info("connection to venue", "conn", f.Conn, "channel", f.Channel, "state", f.State, "cause", f.Cause, "tokens", f.Tokens)
	}
	b, err := json.Marshal(f)
	if err == nil {
		err = l.cfg.NATS.Publish(msgs.StatusSubject(venue), b)
	}
	if err != nil {
		l.count.publish.WithLabelValues("status").Inc()
	}
}
