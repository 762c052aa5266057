// Command sluice is the whole plant in one binary: every service, the local venue, the judge, and the tools to send
// orders and to look at what became of them.
//
// It owns the wiring and nothing else: how a service decides lives in services/, what is said in pkg/msgs. Settings come
// from flags, then the environment, then sluice.yaml. Errors end with a non-zero code and say what happened, why, and
// what to do; with -o json as {"error":{"code","cause","fix"}}.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker in release builds.
var version = "dev"

// cli is every command and the settings that all share.
type cli struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
	Env    string `name:"env" enum:"sandbox,paper,live" default:"sandbox" env:"SLUICE_ENV" help:"Whose money it is: sandbox, paper or live."`
	Live   bool   `name:"live" help:"The same as --env live."`
	Config string `name:"config" type:"path" env:"SLUICE_CONFIG" help:"Settings file; sluice.yaml of the working directory when it is there."`
	Debug  bool   `name:"debug" env:"SLUICE_DEBUG" help:"Log every call."`

	Up          upCmd          `cmd:"" help:"Run everything in one process against the local sandbox."`
	Demo        demoCmd        `cmd:"" help:"Trade through everything for a while, in bad weather, in a temporary folder, and let the judge look at it."`
	Sandbox     sandboxCmd     `cmd:"" help:"Serve the local venue."`
	Ingest      ingestCmd      `cmd:"" help:"Republish the venue's sockets to NATS."`
	Executor    executorCmd    `cmd:"" help:"Drain the order queues to the venue."`
	Relayer     relayerCmd     `cmd:"" help:"Bring on-chain work onto the chain, by the venue's relayer or by own gas."`
	Ledger      ledgerCmd      `cmd:"" help:"Keep the books, and look at them."`
	Order       orderCmd       `cmd:"" help:"Send orders and look at them."`
	Tx          txCmd          `cmd:"" help:"On-chain work: split, merge, redeem, wrap, transfer, and what became of it."`
	Markets     marketsCmd     `cmd:"" help:"List the markets that can be traded."`
	CancelAll   emergencyCmd   `cmd:"" name:"cancel-all" help:"Cancel everything of an account; with --direct without the bus."`
	Halt        haltCmd        `cmd:"" help:"Let nothing new leave; with --direct without the bus."`
	Resume      resumeCmd      `cmd:"" help:"Take new commands again."`
	Dead        deadCmd        `cmd:"" help:"Look at what could not be decided."`
	Judge       judgeCmd       `cmd:"" help:"Recompute from a journal what went wrong."`
	Limits      limitsCmd      `cmd:"" help:"What the venues allow, how full it is, and how long a queue will take."`
	Quota       quotaCmd       `cmd:"" help:"How many of the relayer's daily units are used, and when they come back."`
	Doctor      doctorCmd      `cmd:"" help:"Check this machine, the bus, the venue and the accounts."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running process whether it is ready."`
	Version     versionCmd     `cmd:"" help:"Say which version this is."`
}

// app is what a command works with: the process's edges, so that a test can stand in for the terminal.
type app struct {
	ctx    context.Context
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	cli    *cli
	config *file
}

func main() {
	// The first signal stops in order, the second at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) (code int) {
	settings, err := readFile(configPath(args, getenv))
	if err != nil {
		return fail(stderr, wantsJSON(args), err)
	}
	c, exited := &cli{}, -1
	parser, err := kong.New(c, kong.Name("sluice"), kong.Description("The execution plant behind a Polymarket desk. Start here: sluice up"),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }), kong.Resolvers(settings), kong.Vars{"nats": defaultNATS},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return fail(stderr, wantsJSON(args), usageError(err))
	}
	if c.Live {
		if named(k, "env") && c.Env != "live" {
			return fail(stderr, c.Output == "json", problem("bad_usage", "--live and --env "+c.Env+" contradict each other", "give one of them"))
		}
		c.Env = "live"
	}
	a := &app{ctx: ctx, out: stdout, err: stderr, getenv: getenv, cli: c, config: settings}
	if err := k.Run(a); err != nil {
		var quiet exitCode
		if errors.As(err, &quiet) {
			return int(quiet)
		}
		return fail(stderr, c.Output == "json", err)
	}
	return 0
}

// named reports whether a flag stands on the command line.
func named(k *kong.Context, flag string) bool {
	for _, p := range k.Path {
		if p.Flag != nil && p.Flag.Name == flag && !p.Resolved {
			return true
		}
	}
	return false
}

// exitCode ends the process with a code and without another word: what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
