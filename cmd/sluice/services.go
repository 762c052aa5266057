package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/limits"
	"sluice/pkg/limits/share"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/services/executor"
	"sluice/services/ingest"
)

// serviceFlags are what every service that runs by itself needs.
type serviceFlags struct {
	busFlags
	venueFlags
	httpFlags
	Monitor      []string `name:"nats-monitor" env:"SLUICE_NATS_MONITOR" help:"HTTP monitor of the NATS server (of each node of a cluster): shows whether it syncs."`
	Replicas     int      `name:"replicas" default:"1" help:"Copies of each stream: 1 for one server, 3 in a cluster."`
	UnsafeNoSync bool     `name:"unsafe-no-sync" help:"Trade although it cannot be shown that the server syncs what it acknowledges."`
}

// venueTimeout bounds one call to the venue that only asks something.
const venueTimeout = 10 * time.Second

// busConn connects a service and waits for the server as long as it takes: containers start in any order. What waiting
// cannot mend, such as a wrong password, is returned.
func (f *busFlags) busConn(ctx context.Context, log *slog.Logger) (*nats.Conn, error) {
	for {
		nc, err := f.service()
		if err == nil {
			return nc, nil
		}
		if explain(err).Code != noBus {
			return nil, err
		}
		log.Warn("no bus yet, trying again", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// open is what every service begins with: its accounts, a venue whose addresses fit the env, a bus. venue lists the addresses once the
// flags have their defaults; passing is of the crash variable, nil without it.
func (f *serviceFlags) open(a *app, log *slog.Logger, passing func(point string), venue func() []string) ([]account, *nats.Conn, error) {
	accounts, ignored, err := a.accounts()
	if err != nil {
		return nil, nil, err
	}
	warnIgnored(log, ignored)
	f.venueFlags = f.in(a.cli.Env)
	if err := a.checkVenue(log, venue()...); err != nil {
		return nil, nil, err
	}
	if passing != nil {
		f.dialer = &actor.Dialer{Passing: passing}
	}
	nc, err := f.busConn(a.ctx, log)
	return accounts, nc, err
}

// synced refuses a bus of which it cannot be shown that it syncs, unless that is wanted. act is what would be done all the same.
func (f *serviceFlags) synced(a *app, log *slog.Logger, nc *nats.Conn, act string) error {
	err := f.checkSync(a.ctx, log, nc)
	if err != nil && f.UnsafeNoSync {
		log.Warn(act+" without a synced log", "error", err)
		return nil
	}
	return err
}

// checkSync is natsd.CheckSync of a server that stays: one that goes away while it is asked is waited for.
func (f *serviceFlags) checkSync(ctx context.Context, log *slog.Logger, nc *nats.Conn) error {
	for {
		server := nc.ConnectedServerId()
		err := natsd.CheckSync(ctx, nc, &http.Client{Timeout: venueTimeout}, f.Monitor...)
		if none, ok := errors.AsType[*natsd.NoSyncError](err); !ok || none.Shown || ctx.Err() != nil || nc.IsClosed() {
			return err
		}
		if nc.FlushTimeout(askTimeout) == nil && nc.ConnectedServerId() == server {
			return err // it is there all the same
		}
		log.Warn("the bus has gone away, asking it again", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

// ready joins the readiness of several parts.
func ready(parts ...func() error) func() error {
	return func() error {
		for _, p := range parts {
			if err := p(); err != nil {
				return err
			}
		}
		return nil
	}
}

func warnIgnored(log *slog.Logger, ignored []string) {
	if len(ignored) > 0 {
		log.Warn("settings ignored: against the sandbox only the sandbox's own accounts trade", "ignored", strings.Join(ignored, ", "))
	}
}

type ingestCmd struct {
	serviceFlags
	limitFlags
	Market  []string `name:"market" help:"Condition ids to follow; without any, all that the venue lists as open."`
	Profile string   `name:"profile" default:"dashboard" help:"How patient connections are: hft, dashboard, low or batch."`
}

// Run runs ingest by itself.
func (c *ingestCmd) Run(a *app) error {
	log := a.logger(a.err)
	accounts, nc, err := c.open(a, log, nil, func() []string { return []string{c.CLOB, c.WSMarket, c.WSUser} })
	if err != nil {
		return err
	}
	defer nc.Close()
	cfg, err := c.config(a, nc, accounts, log)
	if err != nil {
		return err
	}
	node, err := c.share(nc, &cfg)
	if err != nil {
		return err
	}
	metrics := newRegistry()
	cfg.Metrics = metrics
	s, err := ingest.New(cfg)
	if err != nil {
		return err
	}
	return c.serveAlone(a, log, alone{name: "ingest", service: s, metrics: metrics, beside: map[string]actor.Runner{
		"shared limits": node.Run,
		"limits": func(ctx context.Context) error {
			return c.reload(ctx, log, func(l executor.Limits) error { return node.Replace(l.Profile, l.Options) })
		},
	}})
}

// share gives ingest a limiter that shares its allowance with the executors on the bus that reach the same venue.
func (c *ingestCmd) share(nc *nats.Conn, cfg *ingest.Config) (*share.Node, error) {
	figures, err := c.read()
	if err != nil {
		return nil, err
	}
	if cfg.Limits, err = limits.Open(figures.Profile, figures.Options); err != nil {
		return nil, problem(msgs.BadValue, err.Error(), "see: sluice limits show "+figures.Profile.Name)
	}
	js, err := jetStream(nc)
	if err != nil {
		return nil, err
	}
	return share.New(cfg.Limits, share.Config{Name: share.NameOf(figures.With, c.CLOB), Owner: "ingest", Profile: figures.Profile, Options: figures.Options,
		Replicas: c.Replicas, NATS: nc, JS: js, Log: cfg.Log}), nil
}

func (c *ingestCmd) config(a *app, nc *nats.Conn, accounts []account, log *slog.Logger) (ingest.Config, error) {
	profile, err := ingest.ProfileNamed(c.Profile)
	if err != nil {
		return ingest.Config{}, problem(msgs.BadValue, err.Error(), "use hft, dashboard, low or batch")
	}
	cfg := ingest.Config{
		Env: msgs.Env(a.cli.Env), NATS: nc, CLOB: c.CLOB, WSMarket: c.WSMarket, WSUser: c.WSUser,
		Profile: profile, UserProfile: profile, Seed: uint64(os.Getpid()), Log: log.With("service", "ingest"),
		Replicas: c.Replicas,
	}
	for _, m := range c.Market {
		cfg.Markets = append(cfg.Markets, msgs.ConditionID(m))
	}
	for _, acc := range accounts {
		cfg.Accounts = append(cfg.Accounts, ingest.Account{Name: acc.Name, Key: acc.Key, Credentials: acc.Credentials, Address: acc.Key.Address(), Wallet: acc.Funder})
	}
	return cfg, nil
}

type executorCmd struct {
	serviceFlags
	capFlags
	lossFlags
	limitFlags
	doubtFlags
	Account []string `name:"account" help:"Accounts to trade for; all that are configured when absent. Several executors can each have some."`

	Owner  string `name:"owner" env:"SLUICE_OWNER" help:"Name of this process in the log; host name and pid when absent."`
	DryRun bool   `name:"dry-run" help:"Sign and check everything, and post nothing."`

	Exclusive bool `name:"exclusive" help:"End when another process owns one of the accounts, instead of waiting as a spare."`

	SnapshotEvery uint64 `name:"snapshot-every" help:"Events of an account between two snapshots of its state; 5000 when absent."`

	passing func(point string) // of the crash variable
}

// capFlags bound what may be at stake. Absent is no bound, but when live an order and a day have one.
type capFlags struct {
	CapOrder  string `name:"cap-order" help:"Most pUSD of one order; $25 when live."`
	CapDay    string `name:"cap-day" help:"Most pUSD of all orders of 24 hours; $100 when live."`
	CapMarket string `name:"cap-market" help:"Most pUSD at stake in one market."`
	CapOpen   int    `name:"cap-open-orders" help:"Most open orders."`
}

func (f *capFlags) caps() (caps executor.Caps, err error) {
	for _, c := range []struct {
		name, text string
		to         *money.Cash
	}{{"cap-order", f.CapOrder, &caps.Order}, {"cap-day", f.CapDay, &caps.Day}, {"cap-market", f.CapMarket, &caps.Market}} {
		v, err := decimal[money.Cash](c.name, c.text)
		if err != nil {
			return caps, err
		}
		if v != nil {
			*c.to = *v
		}
	}
	caps.OpenOrders = f.CapOpen
	return caps, nil
}

// doubtFlags say what becomes of an account whose log does not agree, at a start, with what others know of it.
type doubtFlags struct {
	UnknownOrders string `name:"unknown-orders" env:"SLUICE_UNKNOWN_ORDERS" default:"hold" enum:"hold,adopt,cancel,accept" help:"When a start finds orders or trades at the venue that the log does not know: hold the account until resume --accept, adopt them, cancel them, or accept whatever is found, a lost log too."`
}

// Run runs the executor by itself.
func (c *executorCmd) Run(a *app) error {
	log := a.logger(a.err)
	passing, err := a.crash()
	if err != nil {
		return err
	}
	c.passing = passing
	accounts, nc, err := c.open(a, log, passing, func() []string { return []string{c.CLOB} })
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := c.synced(a, log, nc, "trading"); err != nil {
		return err
	}
	cfg, err := c.config(a, nc, accounts, log)
	if err != nil {
		return err
	}
	metrics := newRegistry()
	cfg.Metrics = metrics
	s, err := executor.New(cfg)
	if err != nil {
		return err
	}
	return c.serveAlone(a, log, alone{name: "executor", service: s, metrics: metrics, beside: map[string]actor.Runner{
		"limits": func(ctx context.Context) error { return c.reload(ctx, log, s.SetLimits) },
	}})
}

func (c *executorCmd) config(a *app, nc *nats.Conn, accounts []account, log *slog.Logger) (executor.Config, error) {
	accounts, err := only(accounts, c.Account)
	if err != nil {
		return executor.Config{}, err
	}
	caps, err := c.caps()
	if err != nil {
		return executor.Config{}, err
	}
	figures, err := c.read()
	if err != nil {
		return executor.Config{}, err
	}
	cfg := executor.Config{Limits: figures, Env: msgs.Env(a.cli.Env), Owner: c.Owner, NATS: nc, Replicas: c.Replicas, CLOB: c.CLOB, DryRun: c.DryRun, Exclusive: c.Exclusive,
		Data: c.Data, CancelAfterLogLoss: c.CancelAfterLogLoss,
		UnknownOrders: executor.Policy(c.UnknownOrders), SnapshotEvery: c.SnapshotEvery, Passing: c.passing, Log: log.With("service", "executor")}
	for _, acc := range accounts {
		cfg.Accounts = append(cfg.Accounts, executor.Account{Name: acc.Name, Key: acc.Key, Kind: acc.Kind, Funder: acc.Funder,
			Credentials: acc.Credentials, Caps: caps})
	}
	return cfg, nil
}
