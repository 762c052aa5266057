package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

// directFlags turn a command into one that speaks to the venue itself, for when the bus or the plant is gone.
type directFlags struct {
	Direct bool   `name:"direct" help:"Speak to the venue with key and network alone, for every account or the one that --account names: for when the bus or the plant is gone."`
	CLOB   string `name:"clob" env:"SLUICE_CLOB" help:"With --direct: base URL of the venue's REST interface."`
}

// lossFlags say what an executor does by itself without its log.
type lossFlags struct {
	CancelAfterLogLoss time.Duration `name:"cancel-after-log-loss" help:"Cancel everything at the venue when the log has been out of reach for so long, such as 30s; never when absent."`
}

// emergencyCmd is order cancel-all under a name that comes to mind in an emergency.
type emergencyCmd struct {
	cancelAllCmd
	directFlags
}

// Run cancels everything, through the plant or past it.
func (c *emergencyCmd) Run(a *app, k *kong.Context) error {
	if !c.Direct {
		return c.cancelAllCmd.Run(a)
	}
	if c.Market+c.Token+c.Side+c.Prefix != "" {
		return problem("bad_usage", "--direct cancels everything and takes no filter", "leave out --market, --token, --side and --prefix")
	}
	accounts, err := a.directAccounts(k, c.Account)
	if err != nil {
		return err
	}
	return a.cancelDirectly(accounts, c.CLOB, c.Timeout, nil)
}

// direct leaves marks for the executor that comes up next, then cancels everything: in this order, because an executor that
// comes up in between shall find the mark.
func (c *haltCmd) direct(a *app, k *kong.Context) error {
	accounts, err := a.directAccounts(k, c.Account)
	if err != nil {
		return err
	}
	marks, noMark := map[msgs.Account]string{}, error(nil)
	for _, acc := range accounts {
		path, err := executor.LeaveHaltMark(c.Data, executor.HaltMark{Account: acc.Name, AtMS: time.Now().UnixMilli(), Reason: c.Reason})
		if err != nil {
			noMark = noMarkLeft(c.Data, err)
			continue
		}
		marks[acc.Name] = path
	}
	failed := a.cancelDirectly(accounts, c.CLOB, c.Timeout, marks)
	if failed != nil {
		return failed
	}
	return noMark
}

// noMarkLeft says that a halt ends with this command.
func noMarkLeft(data string, err error) error {
	cause := fmt.Sprintf("everything is cancelled, but the halt could not be written down in %s: %v", data, err)
	if errors.Is(err, fs.ErrNotExist) {
		cause = fmt.Sprintf("everything is cancelled, but there is no data directory %s, so nothing tells the next executor that the accounts are halted", data)
	}
	return problem("not_halted", cause, "stop every executor of these accounts; or name the data directory of sluice up or of the executor with --data, and say it again")
}

// directAccounts are the accounts that an emergency command means: all that are configured, unless one is named.
func (a *app) directAccounts(k *kong.Context, name string) ([]account, error) {
	all, _, err := a.accounts()
	if err != nil || !named(k, "account") {
		return all, err
	}
	i := slices.IndexFunc(all, func(acc account) bool { return string(acc.Name) == name })
	if i < 0 {
		return nil, problem(msgs.UnknownAccount, fmt.Sprintf("no account %q is configured here, so its key is not known", name), "run it where the executor's settings are, or name them with --config")
	}
	return all[i : i+1], nil
}

// emptied is what came of one account.
type emptied struct {
	Account   msgs.Account   `json:"account"`
	Cancelled int            `json:"cancelled"`
	Open      []msgs.OrderID `json:"open"`
	Mark      string         `json:"mark,omitempty"` // file that halts the next start
	Error     *msgs.Error    `json:"error,omitempty"`
}

// cancelDirectly empties all accounts side by side and shows what came of each. Whatever is left is an error.
func (a *app) cancelDirectly(accounts []account, clob string, within time.Duration, marks map[msgs.Account]string) error {
	ctx, cancel := context.WithTimeout(a.ctx, within)
	defer cancel()
	bounded, log := *a, a.logger(a.err)
	bounded.ctx = ctx
	base := venueFlags{CLOB: clob}.in(a.cli.Env).CLOB
	if err := bounded.checkVenue(log, base); err != nil {
		return err
	}
	results := make([]emptied, len(accounts))
	var all sync.WaitGroup
	for i, acc := range accounts {
		all.Go(func() { results[i] = emptyAccount(ctx, acc, base, log) })
	}
	all.Wait()
	var rows [][]string
	var left []string
	for i := range results {
		r := &results[i]
		r.Mark = marks[r.Account]
		state := "nothing rests"
		if r.Error != nil {
			state = r.Error.Cause
			left = append(left, string(r.Account))
		}
		rows = append(rows, []string{string(r.Account), strconv.Itoa(r.Cancelled), strconv.Itoa(len(r.Open)), state, r.Mark})
	}
	if err := a.print(map[string]any{"accounts": results}, []string{"ACCOUNT", "CANCELLED", "OPEN", "STATE", "HALT MARK"}, rows); err != nil {
		return err
	}
	if len(left) > 0 {
		return problem("not_cancelled", fmt.Sprintf("within %s it was not shown that nothing rests for %v", within, left), "say it again, or cancel in the venue's own web page; see the warnings above for why")
	}
	return nil
}

func emptyAccount(ctx context.Context, acc account, base string, log *slog.Logger) emptied {
	api := polymarket.CLOB{BaseURL: base, HTTP: &http.Client{Timeout: venueTimeout}, ChainID: polymarket.Polygon, Key: acc.Key, Creds: acc.Credentials}
	done, err := executor.CancelDirectly(ctx, api, log.With("account", acc.Name))
	r := emptied{Account: acc.Name, Cancelled: len(done.Cancelled), Open: done.Open}
	if r.Open == nil {
		r.Open = []msgs.OrderID{}
	}
	if err != nil {
		r.Error = &msgs.Error{Code: "not_cancelled", Cause: err.Error(), Fix: "say it again"}
	}
	return r
}
