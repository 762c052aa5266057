package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
	"sluice/services/ingest"
	"sluice/services/ledger"
	"sluice/services/relayer"
)

// demoStart is how long everything may take to be ready, a takeover after a crash included.
const demoStart = time.Minute

// demo is a whole plant in one process and one folder. Nothing of it listens but the venue, on a port of its own.
type demo struct {
	cmd      *demoCmd
	app      *app
	dir      string
	log      *slog.Logger
	accounts []account
	flags    serviceFlags

	server *natsd.Server
	box    *sandbox.Sandbox
	nc     *nats.Conn // of the judge and of ingest
	bus    *nats.Conn // of the strategy
	books  atomic.Int64

	feed      *ingest.Service
	ledger    *ledger.Service
	relayer   *relayer.Service
	mu        sync.Mutex
	executor  *demoExecutor   // the present one; under mu
	fallen    []*demoExecutor // those before; under mu
	executors int

	failed   chan error // of a service that ended by itself
	services []func()   // end what runs, in reverse
	closing  []func()   // close what is left, in reverse
}

// start puts the plant together and lets it run.
func (c *demoCmd) start(a *app, dir string) (d *demo, err error) {
	d = &demo{cmd: c, app: a, dir: dir, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	file, err := os.OpenFile(filepath.Join(dir, "sluice.log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	d.closing = append(d.closing, func() { file.Close() })
	d.log = a.logger(file)
	if d.accounts, err = sandboxAccounts(); err != nil {
		return nil, err
	}
	if d.server, err = natsd.Start(a.ctx, natsd.Config{Dir: filepath.Join(dir, "bus"), Env: a.cli.Env, Stored: actor.Stored}); err != nil {
		return nil, err
	}
	d.closing = append(d.closing, func() { d.server.Shutdown() })
	if err := d.connect(); err != nil {
		return nil, err
	}
	if err := d.serveVenue(); err != nil {
		return nil, err
	}
	if err := d.startIngest(); err != nil {
		return nil, err
	}
	if err := d.startLedger(); err != nil {
		return nil, err
	}
	if err := d.startRelayer(); err != nil {
		return nil, err
	}
	return d, d.startExecutor()
}

func (d *demo) connect() (err error) {
	if d.nc, err = d.server.Connect(); err != nil {
		return fmt.Errorf("connect to the embedded bus: %w", err)
	}
	d.closing = append(d.closing, d.nc.Close)
	if d.bus, err = d.server.ConnectAs(natsd.User{}); err != nil {
		return fmt.Errorf("connect the strategy to the embedded bus: %w", err)
	}
	d.closing = append(d.closing, d.bus.Close)
	if _, err = d.bus.Subscribe(msgs.MDSubject("polymarket", "book", "*"), func(*nats.Msg) { d.books.Add(1) }); err != nil {
		return fmt.Errorf("listen for books: %w", err)
	}
	return nil
}

// run lets a service run until the demonstration is closed.
func (d *demo) run(name string, service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.app.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.ended(name, service(ctx))
	}()
	d.services = append(d.services, func() { cancel(); <-done })
}

// ended notes why a service ended, when it was not told to.
func (d *demo) ended(name string, err error) {
	if err == nil {
		return
	}
	select {
	case d.failed <- fmt.Errorf("run %s: %w", name, err):
	default:
	}
}

func (d *demo) serveVenue() error {
	l, err := listen("127.0.0.1:0", "--data")
	if err != nil {
		return err
	}
	d.box, err = sandbox.New(sandbox.Config{Seed: d.cmd.Seed, Log: d.log.With("service", "sandbox"), JournalFile: filepath.Join(d.dir, "journal.jsonl"), Chain: true})
	if err != nil {
		l.Close()
		return err
	}
	d.run("sandbox", func(ctx context.Context) error { return d.box.Serve(ctx, l, "") })
	urls := sandbox.URLsFor(l.Addr().String())
	d.flags = serviceFlags{busFlags: busFlags{Data: d.dir}, venueFlags: venueFlags{CLOB: urls.CLOB, WSMarket: urls.WSMarket, WSUser: urls.WSUser}, Replicas: 1}
	return nil
}

// startIngest starts ingest, whose reads leave from the executor's address: both keep below one allowance, whichever executor it is.
func (d *demo) startIngest() error {
	c := &ingestCmd{serviceFlags: d.flags, limitFlags: d.cmd.limitFlags, Profile: "dashboard"}
	cfg, err := c.config(d.app, d.nc, d.accounts, d.log)
	if err != nil {
		return err
	}
	node, err := c.share(d.nc, &cfg)
	if err != nil {
		return err
	}
	d.run("shared limits", node.Run)
	if d.feed, err = ingest.New(cfg); err != nil {
		return err
	}
	d.run("ingest", d.feed.Run)
	return nil
}

func (d *demo) startLedger() (err error) {
	cfg, err := (&ledgerServeCmd{serviceFlags: d.flags}).config(d.app, d.nc, d.accounts, d.log)
	if err != nil {
		return err
	}
	if d.ledger, err = ledger.New(cfg); err != nil {
		return err
	}
	d.run("ledger", d.ledger.Run)
	return nil
}

// demoExecutor is one executor with connections of its own, so that it can fall as a process does.
type demoExecutor struct {
	owner  string
	nc     *nats.Conn
	lines  *demoLines
	cancel context.CancelFunc
	done   chan struct{}
}

// demoLines are the connections of one executor to the venue.
type demoLines struct {
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

func (l *demoLines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		c.Close()
		return nil, net.ErrClosed
	}
	l.conns = append(l.conns, c)
	return c, nil
}

func (l *demoLines) cut() {
	l.mu.Lock()
	conns := l.conns
	l.conns, l.down = nil, true
	l.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// startExecutor starts an executor under a new name.
func (d *demo) startExecutor() error {
	nc, err := d.server.Connect()
	if err != nil {
		return fmt.Errorf("connect to the embedded bus: %w", err)
	}
	d.executors++
	e := &demoExecutor{owner: fmt.Sprintf("demo-%d", d.executors), nc: nc, lines: &demoLines{}, done: make(chan struct{})}
	cfg, err := (&executorCmd{serviceFlags: d.flags, limitFlags: d.cmd.limitFlags, Owner: e.owner}).config(d.app, nc, d.accounts, d.log)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: e.lines.dial, MaxIdleConnsPerHost: 16}
	cfg.HTTP = &http.Client{Transport: transport}
	if d.cmd.between != nil {
		cfg.HTTP.Transport = d.cmd.between(transport)
	}
	s, err := executor.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.app.ctx))
	e.cancel = cancel
	go func() {
		defer close(e.done)
		if err := s.Run(ctx); ctx.Err() == nil {
			d.ended("executor "+e.owner, err)
		}
	}()
	d.mu.Lock()
	d.executor = e
	d.mu.Unlock()
	return nil
}

// crash lets the executor fall, so that nothing of what it has in hand reaches the bus or the venue any more, and starts
// another one.
func (d *demo) crash() error {
	e := d.present()
	e.cancel()
	e.nc.Close()
	e.lines.cut()
	d.mu.Lock()
	d.fallen = append(d.fallen, e)
	d.mu.Unlock()
	return d.startExecutor()
}

func (d *demo) present() *demoExecutor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.executor
}

// ready waits until ingest has everything and the present executor owns every account.
func (d *demo) ready(ctx context.Context) error {
	var last error
	for end := time.Now().Add(demoStart); time.Now().Before(end); {
		if last = errors.Join(d.feed.Ready(), d.ledger.Ready(), d.relayer.Ready(), d.owned()); last == nil {
			return nil
		}
		if err := d.wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return problem("not_ready", fmt.Sprintf("after %s: %v", demoStart, last), "this machine is very busy, or something is broken: keep the folder with --data and look into its sluice.log")
}

// owned reports an account that the present executor does not answer for.
func (d *demo) owned() error {
	owner := d.present().owner
	for _, acc := range d.accounts {
		var s msgs.StatusAnswer
		if err := ask(d.bus, msgs.SvcSubject("executor", acc.Name, "status"), msgs.Empty{}, &s); err != nil {
			return err
		}
		if s.Owner != owner {
			return fmt.Errorf("account %s is owned by %s", acc.Name, s.Owner)
		}
	}
	return nil
}

// wait lets time go by, unless a service fails or the process is told to stop.
func (d *demo) wait(ctx context.Context, while time.Duration) error {
	t := time.NewTimer(while)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case err := <-d.failed:
		return err
	case <-ctx.Done():
		if d.app.ctx.Err() != nil {
			return problem("interrupted", "stopped before the verdict", "run it again")
		}
		return nil
	}
}

// stop ends the services in order, the executor first. The bus stays, for the judge. It may be called twice.
func (d *demo) stop() {
	if e := d.present(); e != nil {
		e.cancel()
		<-e.done
		e.nc.Close()
		e.lines.cut()
	}
	d.mu.Lock()
	fallen := d.fallen
	d.mu.Unlock()
	for _, e := range fallen {
		<-e.done
	}
	undo(&d.services)
}

// close ends everything. It may be called twice.
func (d *demo) close() {
	d.stop()
	undo(&d.closing)
}

func undo(list *[]func()) {
	for len(*list) > 0 {
		last := (*list)[len(*list)-1]
		*list = (*list)[:len(*list)-1]
		last()
	}
}
