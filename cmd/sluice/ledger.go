package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/ledger"
)

type ledgerCmd struct {
	Serve    ledgerServeCmd    `cmd:"" default:"withargs" help:"Keep the books: what sluice ledger does by itself."`
	Balances ledgerBalancesCmd `cmd:"" help:"What an account has, and what of it can be spent."`
	History  ledgerHistoryCmd  `cmd:"" help:"What has changed an account's balances."`
	Verify   ledgerVerifyCmd   `cmd:"" help:"Recompute every hash and every balance, and compare with what was told on the bus."`
}

// bookFlags say where the books are.
type bookFlags struct {
	DB string `name:"db" env:"SLUICE_LEDGER_DB" type:"path" help:"File of the books; ledger.db in the data directory when absent."`
}

func (f *bookFlags) path(data string) string {
	if f.DB != "" {
		return f.DB
	}
	return filepath.Join(data, "ledger", "ledger.db")
}

type ledgerServeCmd struct {
	serviceFlags
	bookFlags
	chainFlags
	FromBlock uint64 `name:"from-block" env:"SLUICE_FROM_BLOCK" help:"Of a real chain: the first block of new books, not after the first transaction of any wallet."`
	Owner     string `name:"owner" env:"SLUICE_OWNER" help:"Name of this process in the log; host name and pid when absent."`
	Tolerance string `name:"tolerance" help:"How many pUSD (or shares) a settlement may be off its trade, beside roundings and fees; 0 when absent."`
}

// Run runs the ledger by itself.
func (c *ledgerServeCmd) Run(a *app) error {
	log := a.logger(a.err)
	accounts, ignored, err := a.accounts()
	if err != nil {
		return err
	}
	warnIgnored(log, ignored)
	c.venueFlags = c.in(a.cli.Env)
	cfg, err := c.config(a, nil, accounts, log)
	if err != nil {
		return err
	}
	if err := a.checkVenue(log, c.CLOB); err != nil {
		return err
	}
	nc, err := c.busConn(a.ctx, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	metrics := newRegistry()
	cfg.NATS = nc
	cfg.Metrics = metrics
	if t, err := decimal[money.Cash]("tolerance", c.Tolerance); err != nil {
		return err
	} else if t != nil {
		cfg.Tolerance = *t
	}
	s, err := ledger.New(cfg)
	if err != nil {
		return err
	}
	return c.serveAlone(a, log, alone{name: "ledger", service: s, metrics: metrics})
}

func (c *ledgerServeCmd) config(a *app, nc *nats.Conn, accounts []account, log *slog.Logger) (ledger.Config, error) {
	cfg := ledger.Config{Env: msgs.Env(a.cli.Env), Owner: c.Owner, NATS: nc, Replicas: c.Replicas, Path: c.path(c.Data), Log: log.With("service", "ledger")}
	for _, acc := range accounts {
		cfg.Accounts = append(cfg.Accounts, ledger.Account{Name: acc.Name, Wallet: acc.Funder.Hex()})
	}
	var err error
	cfg.Transfers, err = c.transfers(a, accounts, cfg.Log)
	return cfg, err
}

// transfers are the chain as the books see it: the final logs of the RPC endpoints, or without any what the local venue tells.
func (c *ledgerServeCmd) transfers(a *app, accounts []account, log *slog.Logger) (ledger.Transfers, error) {
	local := a.cli.Env == string(msgs.Sandbox)
	if local && len(c.RPC) == 0 {
		return ledger.SandboxTransfers(c.CLOB, &http.Client{}), nil
	}
	pool, err := c.pool(a.cli.Env, c.CLOB, log)
	if err != nil {
		return nil, err
	}
	at, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		return nil, fmt.Errorf("find contracts: %w", err)
	}
	if c.FromBlock == 0 && !local {
		return nil, problem("no_from_block", "nothing says from which block on the books of a real chain are kept",
			"give --from-block: one not after the first transaction of any wallet, such as the block in which the oldest was created; the books are read from there once")
	}
	chain := ledger.Onchain{Pool: pool, Cash: at.Collateral, Positions: at.ConditionalTokens, Exchanges: []polymarket.Address{at.Exchange, at.NegRiskExchange},
		From: c.FromBlock, Local: local}
	for _, acc := range accounts {
		chain.Wallets = append(chain.Wallets, acc.Funder)
	}
	if local {
		if chain.Held, err = ledger.TokenIDs(sandboxTokens()); err != nil {
			return nil, err
		}
	}
	return ledger.FinalLogs(chain), nil
}

// sandboxTokens are the outcome tokens that the local venue gives to its accounts.
func sandboxTokens() (all []msgs.TokenID) {
	for _, m := range sandbox.Markets() {
		for _, t := range m.Tokens {
			all = append(all, msgs.TokenID(t))
		}
	}
	return all
}

type ledgerBalancesCmd struct {
	accountFlags
}

// Run shows what an account has.
func (c *ledgerBalancesCmd) Run(a *app) error {
	var r msgs.BalancesAnswer
	if err := c.ask(a, "ledger", "balances", msgs.Empty{}, &r); err != nil {
		return err
	}
	m := r.Cash
	rows := [][]string{{m.Asset, "", m.Total.String(), m.Held.String(), m.UnsettledOut.String(), m.UnsettledIn.String(), m.Available.String(), ""}}
	for _, p := range r.Positions {
		rows = append(rows, []string{short(string(p.TokenID)), p.Outcome, p.Total.String(), p.Held.String(), p.UnsettledOut.String(),
			p.UnsettledIn.String(), p.Available.String(), p.AvgPrice.String()})
	}
	return a.print(r, []string{"ASSET", "OUTCOME", "TOTAL", "HELD", "LEAVING", "COMING", "AVAILABLE", "AVG PRICE"}, rows)
}

type ledgerHistoryCmd struct {
	accountFlags
	Token string        `name:"token" help:"Only this token's shares."`
	Cash  bool          `name:"cash" help:"Only collateral."`
	Since time.Duration `name:"since" help:"Only so far back."`
	Limit int           `name:"limit" default:"100" help:"At most so many, up to 500; oldest first."`
	After string        `name:"after" help:"Go on behind a page: its next."`
}

// Run lists what has changed an account's balances.
func (c *ledgerHistoryCmd) Run(a *app) error {
	q := msgs.HistoryQuestion{TokenID: msgs.TokenID(c.Token), Limit: c.Limit, After: c.After}
	if c.Cash {
		q.Asset = "pUSD"
	}
	if c.Since > 0 {
		q.FromMS = time.Now().Add(-c.Since).UnixMilli()
	}
	var r msgs.HistoryAnswer
	if err := c.ask(a, "ledger", "history", q, &r); err != nil {
		return err
	}
	rows := make([][]string, 0, len(r.Changes))
	for _, b := range r.Changes {
		asset := b.Asset
		if b.TokenID != nil {
			asset = short(string(*b.TokenID))
		}
		rows = append(rows, []string{fmt.Sprint(b.N), time.UnixMilli(b.AtMS).UTC().Format(time.DateTime), asset, b.Change.String(), b.Balance.String(), b.Reason,
			string(b.Ref.ClientOrderID), short(string(b.Ref.TxHash))})
	}
	if err := a.print(r, []string{"N", "TIME (UTC)", "ASSET", "CHANGE", "BALANCE", "REASON", "CLIENT ID", "TRANSACTION"}, rows); err != nil {
		return err
	}
	if r.Next != "" {
		a.say("more with --after " + r.Next)
	}
	return nil
}
