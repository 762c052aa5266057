package main

import (
	"fmt"
	"net"
	"time"

	"sluice/pkg/sandbox"
)

type sandboxCmd struct {
	Listen  string        `name:"listen" env:"SLUICE_SANDBOX_LISTEN" default:"127.0.0.1:8090" help:"Address to serve on."`
	URLFile string        `name:"url-file" help:"Write where everything is to this file, as JSON, once ready."`
	Journal string        `name:"journal" help:"Also write the journal to this file."`
	Enforce bool          `name:"enforce-limits" help:"Answer 429 above the documented limits."`
	Walk    time.Duration `name:"walk" help:"Let prices wander by a tick this often."`
	Seed    uint64        `name:"seed" default:"1" help:"Of everything left to chance."`
}

// Run serves the venue until the process is told to stop.
func (c *sandboxCmd) Run(a *app) error {
	if a.cli.Env != "sandbox" {
		return problem("wrong_env", "the sandbox is not "+a.cli.Env, "leave out --env and --live")
	}
	log := a.logger(a.err)
	box, err := sandbox.New(sandbox.Config{Seed: c.Seed, Log: log, JournalFile: c.Journal, Enforce: c.Enforce, Walk: c.Walk})
	if err != nil {
		return err
	}
	l, err := listen(c.Listen, "--listen")
	if err != nil {
		box.Close()
		return err
	}
	urls := sandbox.URLsFor(l.Addr().String())
	if err := a.print(urls, []string{"VENUE", "MARKET SOCKET", "USER SOCKET"}, [][]string{{urls.CLOB, urls.WSMarket, urls.WSUser}}); err != nil {
		return err
	}
	return box.Serve(a.ctx, l, c.URLFile)
}

// listen opens address, and says which setting to change when somebody else has it.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, problem("address_taken", fmt.Sprintf("cannot listen on %s: %v", address, err),
			fmt.Sprintf("stop what listens there (perhaps another sluice), or choose another address with %s", flag))
	}
	return l, nil
}
