package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
	"sluice/services/ingest"
	"sluice/services/ledger"
	"sluice/services/relayer"
)

type upCmd struct {
	Data       string `name:"data" env:"SLUICE_DATA" default:"data" type:"path" help:"Where everything is kept."`
	NATSListen string `name:"nats-listen" default:"127.0.0.1:4222" help:"Address of the NATS server."`
	Listen     string `name:"sandbox-listen" default:"127.0.0.1:8090" help:"Address of the local venue."`
	FinalLogs  bool   `name:"final-logs" help:"Keep the books from the final logs of the chain's JSON-RPC endpoints, as of a real chain, and not from the list that the local venue makes."`
	URLFile    string `name:"url-file" help:"Write where the venue is to this file, as JSON, once ready."`
	httpFlags
	capFlags
	lossFlags
	limitFlags
	doubtFlags
	gasFlags
}

// Run starts NATS, the local venue, ingest, the executor, the relayer and the ledger, says when they are ready, and runs until it is told to stop.
func (c *upCmd) Run(a *app) error {
	if a.cli.Env != "sandbox" {
		return problem("wrong_env", "sluice up runs against the local sandbox only, and --env is "+a.cli.Env,
			"for a real venue run the services: sluice ingest --live, sluice executor --live")
	}
	if err := checkURLFile(c.URLFile); err != nil {
		return err
	}
	began := time.Now()
	server, err := natsd.Start(a.ctx, natsd.Config{Dir: c.Data, Env: a.cli.Env, Listen: c.NATSListen, Stored: actor.Stored})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	file, err := os.OpenFile(filepath.Join(c.Data, "sluice.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log file: %w", err)
	}
	defer file.Close()
	log := a.logger(file)
	p, err := c.plant(a, server, log)
	if err != nil {
		return err
	}
	defer p.nc.Close()
	p.group.add("mend", func(ctx context.Context) error { return server.Mend(ctx, log, c.room) })
	where := addresses{NATS: server.ClientURL(), CLOB: p.box, Relayer: p.box + "/relayer", RPC: p.box + "/rpc", HTTP: p.http, Data: c.Data, Log: file.Name()}
	p.group.add("terminal", func(ctx context.Context) error { return c.greet(ctx, a, p, where, began) })
	err = p.group.run(a.ctx)
	a.say("stopped")
	return err
}

// room says that the file system of the data directory is too full to write on.
func (c *upCmd) room() error {
	used, err := actor.DiskUse(c.Data)
	if err == nil && used >= actor.StopAt {
		err = fmt.Errorf("the file system of %s is %d %% full", c.Data, used)
	}
	return err
}

// say writes a line for people. With -o json there is one object and nothing else.
func (a *app) say(line string) {
	if a.cli.Output != "json" {
		fmt.Fprintln(a.out, line)
	}
}

// addresses is where everything is, once it is ready.
type addresses struct {
	NATS    string `json:"nats"`
	CLOB    string `json:"clob"`
	Relayer string `json:"relayer"`
	RPC     string `json:"rpc"` // the sandbox's chain, JSON-RPC
	HTTP    string `json:"http"`
	Data    string `json:"data"`
	Log     string `json:"log"`
}

// plant is everything that up runs.
type plant struct {
	group *group
	nc    *nats.Conn
	ready func() error
	box   string // base URL of the venue
	http  string
}

func (c *upCmd) plant(a *app, server *natsd.Server, log *slog.Logger) (*plant, error) {
	accounts, ignored, err := a.accounts()
	if err != nil {
		return nil, err
	}
	warnIgnored(log, ignored)
	warnIgnored(a.logger(a.err), ignored)
	boxListener, err := listen(c.Listen, "--sandbox-listen")
	if err != nil {
		return nil, err
	}
	health, err := listen(c.HTTP, "--http")
	if err != nil {
		boxListener.Close()
		return nil, err
	}
	box, err := sandbox.New(sandbox.Config{Log: log.With("service", "sandbox"), Chain: true})
	if err != nil {
		return nil, err
	}
	nc, err := server.Connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded bus: %w", err)
	}
	urls := sandbox.URLsFor(boxListener.Addr().String())
	flags := serviceFlags{busFlags: busFlags{Data: c.Data}, venueFlags: venueFlags{CLOB: urls.CLOB, WSMarket: urls.WSMarket, WSUser: urls.WSUser}, Replicas: 1}
	metrics := newRegistry()
	ex, err := (&executorCmd{serviceFlags: flags, capFlags: c.capFlags, lossFlags: c.lossFlags, limitFlags: c.limitFlags, doubtFlags: c.doubtFlags}).config(a, nc, accounts, log)
	if err != nil {
		return nil, err
	}
	ex.Metrics = metrics
	executorService, err := executor.New(ex)
	if err != nil {
		return nil, err
	}
	in, err := (&ingestCmd{serviceFlags: flags, Profile: "dashboard"}).config(a, nc, accounts, log)
	if err != nil {
		return nil, err
	}
	in.Metrics, in.Limits = metrics, executorService.Limiter()
	ingestService, err := ingest.New(in)
	if err != nil {
		return nil, err
	}
	serve := &ledgerServeCmd{serviceFlags: flags}
	if c.FinalLogs {
		for _, e := range serve.chainAt(a.cli.Env, urls.CLOB) {
			serve.RPC = append(serve.RPC, e.URL.Reveal())
		}
	}
	books, err := serve.config(a, nc, accounts, log)
	if err != nil {
		return nil, err
	}
	books.Metrics = metrics
	ledgerService, err := ledger.New(books)
	if err != nil {
		return nil, err
	}
	work, err := (&relayerCmd{serviceFlags: flags, gasFlags: c.gasFlags, AcceptLog: c.UnknownOrders == string(executor.Accept)}).config(a, nc, accounts, log)
	if err != nil {
		return nil, err
	}
	work.Metrics = metrics
	relayerService, err := relayer.New(work)
	if err != nil {
		return nil, err
	}
	g := newGroup(log)
	p := &plant{group: g, nc: nc, ready: ready(server.Healthy, ingestService.Ready, executorService.Ready, relayerService.Ready, ledgerService.Ready), box: urls.CLOB, http: "http://" + health.Addr().String()}
	g.add("sandbox", func(ctx context.Context) error { return box.Serve(ctx, boxListener, c.URLFile) })
	g.add("ingest", ingestService.Run)
	g.add("executor", executorService.Run)
	g.add("limits", func(ctx context.Context) error { return c.reload(ctx, log, executorService.SetLimits) })
	g.add("relayer", relayerService.Run)
	g.add("ledger", ledgerService.Run)
	g.add("health", func(ctx context.Context) error { return serveHealth(ctx, health, p.ready, metrics) })
	return p, nil
}

// greet waits until everything is ready and says how to go on.
func (c *upCmd) greet(ctx context.Context, a *app, p *plant, where addresses, began time.Time) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for p.ready() != nil {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil
		}
	}
	if a.cli.Output == "json" {
		if err := a.print(where, nil, nil); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, `ready after %.1f s (env sandbox, no real money)
  NATS      %s
  venue     %s   journal at /_sandbox/journal
  relayer   %s   chain at %s
  health    %s   /readyz /metrics
  data      %s   log in %s
an order, from another terminal:
  %s order submit%s --market sandbox-coin --outcome Yes --side buy --price 0.52 --size 10 --wait
stop with Ctrl-C
`, time.Since(began).Seconds(), where.NATS, where.CLOB, where.Relayer, where.RPC, where.HTTP, where.Data, where.Log, calledAs(exec.LookPath, "."), where.elsewhere())
	}
	<-ctx.Done()
	a.say("stopping: work under way ends first; press again to stop at once")
	return nil
}

// calledAs is how this program is called by whoever stands in dir: by its name when that is installed, else, in a checkout, as
// the README has it.
func calledAs(installed func(string) (string, error), dir string) string {
	const name, source = "sluice", "./cmd/sluice"
	if _, err := installed(name); err == nil {
		return name
	}
	if _, err := os.Stat(filepath.Join(dir, source, "main.go")); err == nil {
		return "go run " + source
	}
	return name
}

// elsewhere is the flag that a tool needs to find this bus, empty when it is where tools look by themselves.
func (w addresses) elsewhere() string {
	if w.NATS == defaultNATS {
		return ""
	}
	return " --nats " + w.NATS
}
