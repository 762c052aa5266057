package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
)

// chainFlags say where the chain is.
type chainFlags struct {
	RPC []string `name:"rpc" env:"SLUICE_RPC" help:"JSON-RPC endpoints of the chain, the most trusted first. There is no default where money is real; in env sandbox it is the local venue's chain."`
}

// sandboxNodes is how many nodes serve the local venue's chain.
const sandboxNodes = 3

// chainAt are the endpoints for an env, in which a local venue is at clob.
func (f chainFlags) chainAt(env, clob string) []evm.Endpoint {
	given := f.RPC
	if len(given) == 0 && env == string(msgs.Sandbox) {
		for n := range sandboxNodes {
			given = append(given, fmt.Sprintf("%s/rpc/%d", strings.TrimSuffix(clob, "/"), n+1))
		}
	}
	var list []evm.Endpoint
	for i, address := range given {
		host := "" // the rest of an address is often a key
		if u, err := url.Parse(address); err == nil {
			host = " " + u.Host
		}
		list = append(list, evm.Endpoint{Name: fmt.Sprintf("rpc%d%s", i+1, host), URL: evm.URL(address), Priority: i})
	}
	return list
}

// pool opens the endpoints. It asks nobody yet.
func (f chainFlags) pool(env, clob string, log *slog.Logger) (*evm.Pool, error) {
	list := f.chainAt(env, clob)
	if len(list) == 0 {
		return nil, problem("no_rpc", "no JSON-RPC endpoint of the chain is configured", "name two or more of providers that you trust: --rpc https://…,https://… or SLUICE_RPC")
	}
	p, err := evm.NewPool(evm.PoolConfig{Endpoints: list, HTTP: &http.Client{}, Log: log})
	if err != nil {
		return nil, problem("bad_rpc", err.Error(), "write each endpoint as https://host/path, at most 16 of them, each once")
	}
	return p, nil
}

// relayerFlags say where the venue's relayer is.
type relayerFlags struct {
	Relayer string `name:"relayer" env:"SLUICE_RELAYER" help:"Base URL of the venue's relayer; the local venue's in env sandbox."`
}

// relayerAt is the relayer for an env, in which a local venue is at clob.
func (f relayerFlags) relayerAt(env, clob string) string {
	switch {
	case f.Relayer != "":
		return strings.TrimSuffix(f.Relayer, "/")
	case env == string(msgs.Sandbox):
		return strings.TrimSuffix(clob, "/") + "/relayer"
	}
	return "https://relayer-v2." + realHost
}
