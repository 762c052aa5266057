package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// txCmd groups what is about on-chain work.
type txCmd struct {
	Split    splitCmd    `cmd:"" help:"Turn collateral into full sets of a market's shares."`
	Merge    mergeCmd    `cmd:"" help:"Turn full sets back into collateral."`
	Redeem   redeemCmd   `cmd:"" help:"Turn the shares of a resolved market into collateral."`
	Convert  convertCmd  `cmd:"" help:"Turn No shares of a neg-risk event into Yes shares of the others."`
	Wrap     wrapCmd     `cmd:"" help:"Turn USDC.e into pUSD."`
	Unwrap   unwrapCmd   `cmd:"" help:"Turn pUSD into USDC.e."`
	Approve  approveCmd  `cmd:"" help:"Grant the permissions that trading needs, as far as they are missing."`
	Deploy   deployCmd   `cmd:"" help:"Create the account's wallet on chain."`
	Transfer transferCmd `cmd:"" help:"Send funds to an address that the settings file lists."`
	Cancel   txCancelCmd `cmd:"" help:"Take back a request that has not left."`
	Get      txGetCmd    `cmd:"" help:"Show where a request stands, and with --wait follow it to its end."`
}

// txFlags are what every request for on-chain work has.
type txFlags struct {
	accountFlags
	ID       string `name:"id" help:"request_id, used once: the same id with the same content does nothing twice; made up when absent."`
	Urgency  string `name:"urgency" enum:",high,normal,low" default:"" help:"How long it may wait for company: high (1 s), normal (30 s) or low (1 h)."`
	Deadline string `name:"deadline" help:"It does not leave after that: a duration from now, such as 10m, or a time such as 2026-01-31T12:00:00Z. To send one id twice give the time."`
	NoWait   bool   `name:"no-wait" help:"Do not wait for any event."`
	waitFlags
}

// waitFlags say how long a tool follows a request.
type waitFlags struct {
	Timeout time.Duration `name:"timeout" help:"How long to wait for its end; until ten minutes after it must have left, when absent. The request goes on without this tool."`
}

// followed is how much longer than its wait for company a request is followed: a final block and a busy relayer take minutes.
const followed = 10 * time.Minute

// lingers is about how long a request may wait for company.
func lingers(u msgs.Urgency) time.Duration {
	switch u {
	case msgs.High:
		return time.Second
	case msgs.Low:
		return time.Hour
	}
	return 30 * time.Second
}

// common makes the part that every request has.
func (f *txFlags) common(now time.Time) (msgs.TxCommon, error) {
	c := msgs.TxCommon{Common: msgs.Common{SentMS: now.UnixMilli()}, RequestID: msgs.RequestID(f.ID), Urgency: msgs.Urgency(f.Urgency)}
	if c.RequestID == "" {
		c.RequestID = requestID()
	}
	if f.Deadline == "" {
		return c, nil
	}
	if d, err := time.ParseDuration(f.Deadline); err == nil {
		c.DeadlineMS = now.Add(d).UnixMilli()
	} else if at, err := time.Parse(time.RFC3339, f.Deadline); err == nil {
		c.DeadlineMS = at.UnixMilli()
	} else {
		return c, problem(msgs.BadValue, fmt.Sprintf("--deadline %q is neither a duration nor a time", f.Deadline), "write 90s, 10m, 2h, or 2026-01-31T12:00:00Z")
	}
	if c.DeadlineMS <= now.UnixMilli() {
		return c, problem(msgs.DeadlinePassed, fmt.Sprintf("--deadline %s has passed; nothing was sent", f.Deadline), "give a later one")
	}
	return c, nil
}

// within is how long a request is followed.
func (f *txFlags) within(c msgs.TxCommon, now time.Time) time.Duration {
	if f.Timeout > 0 {
		return f.Timeout
	}
	wait := lingers(c.Urgency)
	if c.DeadlineMS > 0 && c.Urgency == "" {
		wait = time.UnixMilli(c.DeadlineMS).Sub(now)
	}
	return wait + followed
}

// request sends what compose makes of the common part, and follows it to its end.
func (f *txFlags) request(a *app, compose func(nc *nats.Conn, c msgs.TxCommon) (msgs.Command, error)) error {
	account, err := f.account()
	if err != nil {
		return err
	}
	now := time.Now()
	common, err := f.common(now)
	if err != nil {
		return err
	}
	nc, err := f.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	cmd, err := compose(nc, common)
	if err != nil {
		return err
	}
	if err := vet(msgs.CmdSubject(msgs.FamilyTx, account, cmd.Verb()), cmd); err != nil {
		return err
	}
	if f.NoWait {
		return a.leave(nc, account, cmd)
	}
	return a.pursue(nc, pursuit{account: account, id: common.RequestID, cmd: cmd, within: f.within(common, now), word: ownWord})
}

// leave sends a request and says where it is stored.
func (a *app) leave(nc *nats.Conn, account msgs.Account, cmd msgs.Command) error {
	seq, err := send(nc, msgs.CmdSubject(msgs.FamilyTx, account, cmd.Verb()), "", cmd)
	if err != nil {
		return a.hint(account, err)
	}
	return a.print(map[string]any{"request_id": cmd.ID(), "stored": seq}, []string{"REQUEST", "STORED AS"}, [][]string{{cmd.ID(), fmt.Sprint(seq)}})
}

// conditionFlags name a market.
type conditionFlags struct {
	Market string `name:"market" required:"" help:"Slug or condition id."`
}

// condition is the market's condition id; a slug is looked up.
func (f *conditionFlags) condition(nc *nats.Conn) (msgs.ConditionID, error) {
	if strings.HasPrefix(f.Market, "0x") {
		return msgs.ConditionID(f.Market), nil
	}
	var r msgs.MarketsAnswer
	err := ask(nc, marketsSubject, msgs.MarketsQuestion{Market: f.Market}, &r)
	switch {
	case codeOf(err) == msgs.UnknownToken:
		return "", problem(msgs.UnknownToken, fmt.Sprintf("no market is known as %q; nothing was sent", f.Market), meant(f.Market, slugs(nc))+"all are listed by: sluice markets")
	case err != nil:
		return "", problem("no_answer", fmt.Sprintf("nobody can be asked which market %q is (%s); nothing was sent", f.Market, explain(err).Cause), "give its condition id (0x…) with --market, or start ingest")
	case len(r.Markets) != 1:
		return "", problem(msgs.UnknownToken, fmt.Sprintf("%q names %d markets; nothing was sent", f.Market, len(r.Markets)), "give its condition id (0x…) with --market")
	}
	return r.Markets[0].ConditionID, nil
}

// amountFlags say how much.
type amountFlags struct {
	Amount string `name:"amount" required:"" help:"How much, or max for all that there is."`
}

func (f *amountFlags) amount() (msgs.AmountOrMax, error) {
	if f.Amount == "max" {
		return msgs.AmountOrMax{Max: true}, nil
	}
	v, err := decimal[money.Cash]("amount", f.Amount)
	if err != nil || v == nil {
		return msgs.AmountOrMax{}, err
	}
	return msgs.AmountOrMax{Amount: *v}, nil
}

type splitCmd struct {
	txFlags
	conditionFlags
	Amount string `name:"amount" required:"" help:"pUSD to turn into as many full sets."`
}

// Run splits.
func (c *splitCmd) Run(a *app) error {
	amount, err := decimal[money.Cash]("amount", c.Amount)
	if err != nil {
		return err
	}
	return c.request(a, func(nc *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		condition, err := c.condition(nc)
		return &msgs.Split{TxCommon: common, ConditionID: condition, Amount: *amount}, err
	})
}

type mergeCmd struct {
	txFlags
	conditionFlags
	amountFlags
	AllowHeld bool `name:"allow-held" help:"Take also what resting orders need."`
}

// Run merges.
func (c *mergeCmd) Run(a *app) error {
	amount, err := c.amount()
	if err != nil {
		return err
	}
	return c.request(a, func(nc *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		condition, err := c.condition(nc)
		return &msgs.Merge{TxCommon: common, ConditionID: condition, Amount: amount, AllowHeld: c.AllowHeld}, err
	})
}

type redeemCmd struct {
	txFlags
	conditionFlags
}

// Run redeems.
func (c *redeemCmd) Run(a *app) error {
	return c.request(a, func(nc *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		condition, err := c.condition(nc)
		return &msgs.Redeem{TxCommon: common, ConditionID: condition}, err
	})
}

type convertCmd struct {
	txFlags
	conditionFlags
	amountFlags
}

// Run converts.
func (c *convertCmd) Run(a *app) error {
	amount, err := c.amount()
	if err != nil {
		return err
	}
	return c.request(a, func(nc *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		condition, err := c.condition(nc)
		return &msgs.Convert{TxCommon: common, ConditionID: condition, Amount: amount}, err
	})
}

type wrapCmd struct {
	txFlags
	amountFlags
}

// Run wraps.
func (c *wrapCmd) Run(a *app) error {
	amount, err := c.amount()
	if err != nil {
		return err
	}
	return c.request(a, func(_ *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		return &msgs.Wrap{TxCommon: common, Amount: amount}, nil
	})
}

type unwrapCmd struct {
	txFlags
	amountFlags
}

// Run unwraps.
func (c *unwrapCmd) Run(a *app) error {
	amount, err := c.amount()
	if err != nil {
		return err
	}
	return c.request(a, func(_ *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		return &msgs.Unwrap{TxCommon: common, Amount: amount}, nil
	})
}

type approveCmd struct{ txFlags }

// Run approves.
func (c *approveCmd) Run(a *app) error {
	return c.request(a, func(_ *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		return &msgs.Approve{TxCommon: common, Set: "trading"}, nil
	})
}

type deployCmd struct{ txFlags }

// Run deploys.
func (c *deployCmd) Run(a *app) error {
	return c.request(a, func(_ *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		return &msgs.Deploy{TxCommon: common}, nil
	})
}

type transferCmd struct {
	txFlags
	amountFlags
	Asset     string `name:"asset" enum:",pUSD,USDC.e" default:"" help:"pUSD or USDC.e. POL is not sent: it pays for gas."`
	Token     string `name:"token" help:"Token id of shares, in place of asset."`
	To        string `name:"to" required:"" help:"Address (0x…); it must stand in the account's send_to of the settings file of whoever runs the relayer."`
	AllowHeld bool   `name:"allow-held" help:"Take also what resting orders need."`
}

// Run transfers.
func (c *transferCmd) Run(a *app) error {
	amount, err := c.amount()
	if err != nil {
		return err
	}
	return c.request(a, func(_ *nats.Conn, common msgs.TxCommon) (msgs.Command, error) {
		return &msgs.Transfer{TxCommon: common, Asset: c.Asset, TokenID: msgs.TokenID(c.Token), Amount: amount, To: c.To, AllowHeld: c.AllowHeld}, nil
	})
}

type txCancelCmd struct {
	accountFlags
	Request string        `arg:"" name:"id" help:"request_id of what to take back."`
	ID      string        `name:"id" help:"request_id of the cancel itself; made up when absent."`
	NoWait  bool          `name:"no-wait" help:"Do not wait for any event."`
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for events."`
}

// Run takes a request back and waits until it is known whether that was in time.
func (c *txCancelCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	cmd := &msgs.TxCancel{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: msgs.RequestID(c.ID), Cancels: msgs.RequestID(c.Request)}
	if cmd.RequestID == "" {
		cmd.RequestID = requestID()
	}
	if err := vet(msgs.CmdSubject(msgs.FamilyTx, account, cmd.Verb()), cmd); err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	if c.NoWait {
		return a.leave(nc, account, cmd)
	}
	return a.pursue(nc, pursuit{account: account, id: cmd.Cancels, also: cmd.RequestID, cmd: cmd, within: c.Timeout, word: cancelsWord})
}

type txGetCmd struct {
	accountFlags
	ID   string `arg:"" name:"id" help:"request_id."`
	Wait bool   `name:"wait" help:"Follow it to its end."`
	waitFlags
}

// Run shows where a request stands.
func (c *txGetCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	s, err := standing(nc, account, msgs.RequestID(c.ID))
	if err != nil {
		return a.hint(account, nobodyRuns(err, account, "nothing can be said of the request now"))
	}
	if c.Wait && !s.Final {
		within := c.Timeout
		if within == 0 {
			within = lingers(msgs.Low) + followed
		}
		return a.pursue(nc, pursuit{account: account, id: s.RequestID, within: within, word: ownWord})
	}
	var cause string
	if s.Error != nil {
		cause = s.Error.Cause
	}
	return a.print(s, []string{"REQUEST", "LAST", "UNIT", "BY", "TRANSACTION", "FINAL", "CAUSE"},
		[][]string{{string(s.RequestID), string(s.Last), s.Unit, string(s.Carrier), short(string(s.TxHash)), fmt.Sprint(s.Final), cause}})
}
