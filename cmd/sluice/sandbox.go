package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

type sandboxCmd struct {
	Listen  string `name:"listen" env:"SLUICE_SANDBOX_LISTEN" default:"127.0.0.1:8090" help:"Address to serve on."`
	URLFile string `name:"url-file" help:"Write where everything is to this file, as JSON, once ready."`
	Journal string `name:"journal" help:"Also write the journal to this file."`
	Enforce bool   `name:"enforce-limits" help:"Refuse what is above the documented limits."`
	Edge    string `name:"edge" enum:"refuse,queue,block" default:"refuse" help:"What the edge does with it: refuse (429), queue (late, then 429) or block (a page of HTML)."`
	Limits  string `name:"limits" default:"2026-11" help:"Edition of the limits, 2026-11 or 2026-02, or a JSON file of your own."`

	Tier map[string]string `name:"tier" help:"Tier of an account's signer: main=Gold."`
	Walk time.Duration     `name:"walk" help:"Let prices wander by a tick this often."`
	Seed uint64            `name:"seed" default:"1" help:"Of everything left to chance."`
}

// Run serves the venue until the process is told to stop.
func (c *sandboxCmd) Run(a *app) error {
	if a.cli.Env != "sandbox" {
		return problem("wrong_env", "the sandbox is not "+a.cli.Env, "leave out --env and --live")
	}
	log := a.logger(a.err)
	table, err := c.limits()
	if err != nil {
		return err
	}
	edge := sandbox.Edge(c.Edge)
	if c.Edge == "refuse" {
		edge = sandbox.EdgeRefuses
	}
	box, err := sandbox.New(sandbox.Config{Seed: c.Seed, Log: log, Chain: true, JournalFile: c.Journal, Enforce: c.Enforce, Edge: edge, Limits: &table, Tiers: c.Tier, Walk: c.Walk})
	if err != nil {
		return problem(msgs.BadValue, err.Error(), "the accounts are "+strings.Join(sandboxNames(), ", ")+"; for the tiers see: sluice limits show polymarket-2026-11")
	}
	if err := checkURLFile(c.URLFile); err != nil {
		box.Close()
		return err
	}
	l, err := listen(c.Listen, "--listen")
	if err != nil {
		box.Close()
		return err
	}
	urls := sandbox.URLsFor(l.Addr().String())
	if err := a.print(urls, []string{"VENUE", "MARKET SOCKET", "USER SOCKET", "RELAYER", "CHAIN"}, [][]string{{urls.CLOB, urls.WSMarket, urls.WSUser, urls.Relayer, urls.RPC}}); err != nil {
		return err
	}
	return box.Serve(a.ctx, l, c.URLFile)
}

// checkURLFile refuses a file that could not be written, before anything starts that others wait for.
func checkURLFile(file string) error {
	if file == "" {
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(file)); err != nil || !folder.IsDir() {
		return problem("no_file", fmt.Sprintf("there is no folder %s to write the URL file in", filepath.Dir(file)), "make the folder first, or name another file with --url-file")
	}
	return nil
}

// limits are the figures that the venue enforces.
func (c *sandboxCmd) limits() (table sandbox.Limits, err error) {
	if !strings.HasSuffix(c.Limits, ".json") {
		if table, err = sandbox.Edition(c.Limits); err != nil {
			return table, problem(msgs.BadValue, err.Error(), "or name a file that ends in .json")
		}
		return table, nil
	}
	text, err := os.ReadFile(c.Limits)
	if err != nil {
		return table, problem("no_file", err.Error(), "name an existing file")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err = d.Decode(&table); err == nil {
		err = table.Check()
	}
	if err != nil {
		return table, problem("bad_limits", fmt.Sprintf("%s: %v", c.Limits, err), "write it as GET /_sandbox/limits shows it under limits")
	}
	return table, nil
}

// listen opens address, and says which setting to change when somebody else has it.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
		return nil, problem(msgs.BadValue, fmt.Sprintf("cannot listen on %s: %v", address, err),
			fmt.Sprintf("name an address of this machine as host:port with %s, for example 127.0.0.1:0 for any free port", flag))
	}
	if err != nil {
		return nil, problem("address_taken", fmt.Sprintf("cannot listen on %s: %v", address, err),
			fmt.Sprintf("stop what listens there (perhaps another sluice), or choose another address with %s", flag))
	}
	return l, nil
}
