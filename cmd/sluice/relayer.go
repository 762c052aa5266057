package main

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/relayer"
)

type relayerCmd struct {
	serviceFlags
	chainFlags
	relayerFlags
	gasFlags
	Owner     string `name:"owner" env:"SLUICE_OWNER" help:"Name of this process in the log; host name and pid when absent."`
	Exclusive bool   `name:"exclusive" help:"End when another process owns one of the wallets, instead of waiting as a spare."`
	AcceptLog bool   `name:"accept-log" help:"Let on-chain work leave although a wallet's log was found lost or rolled back: what is missing from it counts as never asked."`

	SnapshotEvery uint64 `name:"snapshot-every" help:"Events of an account between two snapshots of its state; 5000 when absent."`

	passing func(point string) // of the crash variable
}

// gasFlags bound what owners pay for transactions of their own.
type gasFlags struct {
	OwnGas  bool   `name:"own-gas" env:"SLUICE_OWN_GAS" default:"true" negatable:"" help:"Let an account's key bring what the relayer does not, paid for with the POL of its own account."`
	Tier    string `name:"relayer-tier" env:"SLUICE_RELAYER_TIER" help:"Tier of the builder at the relayer, which sets the daily units: unverified (100), verified or partner; the lowest when absent."`
	MaxFee  string `name:"gas-max-fee" help:"Highest price of gas that is ever offered, in gwei; 1000 when absent."`
	MaxCost string `name:"gas-max-cost" help:"Most POL that one transaction can cost; 1 when absent."`
	MaxDay  string `name:"gas-max-day" help:"Most POL that any 24 hours cost, for each account; 10 when absent."`
}

// Units of gas flags: a millionth of what is given, in wei.
const (
	microPOL  = 1_000_000_000_000
	microGwei = 1_000
)

// limits reads the bounds.
func (f *gasFlags) limits() (l sender.Limits, err error) {
	for _, b := range []struct {
		name, text string
		unit       uint64
		to         *evm.Wei
	}{{"gas-max-fee", f.MaxFee, microGwei, &l.MaxFee}, {"gas-max-cost", f.MaxCost, microPOL, &l.MaxCost}, {"gas-max-day", f.MaxDay, microPOL, &l.MaxDay}} {
		v, err := decimal[money.Cash](b.name, b.text)
		if err != nil {
			return l, err
		}
		if v != nil {
			*b.to = evm.WeiOf(uint64(max(*v, 0))).Times(b.unit)
		}
	}
	return l, nil
}

// Run runs the relayer by itself.
func (c *relayerCmd) Run(a *app) error {
	log := a.logger(a.err)
	passing, err := a.crash()
	if err != nil {
		return err
	}
	c.passing = passing
	accounts, nc, err := c.open(a, log, passing, func() []string { return []string{c.CLOB, c.relayerAt(a.cli.Env, c.CLOB)} })
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := c.synced(a, log, nc, "acting on chain"); err != nil {
		return err
	}
	cfg, err := c.config(a, nc, accounts, log)
	if err != nil {
		return err
	}
	metrics := newRegistry()
	cfg.Metrics = metrics
	s, err := relayer.New(cfg)
	if err != nil {
		return problem("bad_config", err.Error(), "mend what is named; sluice relayer --help says what each setting means")
	}
	return c.serveAlone(a, log, alone{name: "relayer", service: s, metrics: metrics})
}

func (c *relayerCmd) config(a *app, nc *nats.Conn, accounts []account, log *slog.Logger) (relayer.Config, error) {
	gas, err := c.limits()
	if err != nil {
		return relayer.Config{}, err
	}
	cfg := relayer.Config{Env: msgs.Env(a.cli.Env), Owner: c.Owner, Exclusive: c.Exclusive, NATS: nc, Replicas: c.Replicas, Relayer: c.relayerAt(a.cli.Env, c.CLOB),
		RPC: c.chainAt(a.cli.Env, c.CLOB), OwnGas: c.OwnGas, Gas: gas, Tier: c.Tier, AcceptLog: c.AcceptLog, Data: c.Data, SnapshotEvery: c.SnapshotEvery,
		Passing: c.passing, Log: log.With("service", "relayer")}
	for _, acc := range accounts {
		cfg.Accounts = append(cfg.Accounts, relayer.Account{Name: acc.Name, Key: acc.Key, Kind: acc.Kind, Wallet: acc.Funder, Auth: acc.Relay, SendTo: acc.SendTo, Calls: acc.Calls})
	}
	return cfg, nil
}

// callSetting is a function that an account's key may sign a call of, besides the venue's own. It stands in the settings file alone.
type callSetting struct {
	Target   string `yaml:"target"`
	Selector string `yaml:"selector"`
}

// mayDo reads whom an account may send to, and what else it may call.
func (acc *account) mayDo(s accountSetting) error {
	for _, text := range s.SendTo {
		to, err := polymarket.ParseAddress(text)
		if err != nil {
			return fmt.Errorf("send_to: %w", err)
		}
		acc.SendTo = append(acc.SendTo, to)
	}
	for _, k := range s.Calls {
		target, err := polymarket.ParseAddress(k.Target)
		if err != nil {
			return fmt.Errorf("allowed_calls: target: %w", err)
		}
		call := polymarket.AllowedCall{Target: target}
		selector, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(k.Selector), "0x"))
		if err != nil || copy(call.Selector[:], selector) != len(call.Selector) || len(selector) != len(call.Selector) {
			return fmt.Errorf("allowed_calls: selector %q: want 0x and 8 hexadecimal digits", k.Selector)
		}
		acc.Calls = append(acc.Calls, call)
	}
	return nil
}
