package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// orderCmd groups what is about orders.
type orderCmd struct {
	Submit    submitCmd    `cmd:"" help:"Submit an order."`
	Cancel    cancelCmd    `cmd:"" help:"Cancel orders by id."`
	CancelAll cancelAllCmd `cmd:"" name:"cancel-all" help:"Cancel everything that matches, queued submits included."`
	Get       getCmd       `cmd:"" help:"Show one order."`
	List      listCmd      `cmd:"" help:"List orders."`
	Watch     watchCmd     `cmd:"" help:"Follow the events of an account."`
}

// accountFlags say which bus and which account.
type accountFlags struct {
	busFlags
	Account string `name:"account" default:"main" help:"Name of the account."`
}

func (f *accountFlags) account() (msgs.Account, error) {
	if !msgs.ValidAccount(f.Account) {
		return "", problem(msgs.BadValue, fmt.Sprintf("%q cannot be an account", f.Account), "use 1 to 32 of a-z, 0-9, - and _")
	}
	return msgs.Account(f.Account), nil
}

// ask puts a question about the account to a service.
func (f *accountFlags) ask(a *app, service, verb string, question, answer any) error {
	account, err := f.account()
	if err != nil {
		return err
	}
	nc, err := f.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	return a.hint(account, ask(nc, msgs.SvcSubject(service, account, verb), question, answer))
}

type submitCmd struct {
	accountFlags
	ID          string        `name:"id" help:"client_order_id; made up when absent."`
	Market      string        `name:"market" help:"Slug or condition id."`
	Outcome     string        `name:"outcome" help:"Outcome of the market, such as Yes."`
	Token       string        `name:"token" help:"Token id, in place of market and outcome."`
	Side        string        `name:"side" required:"" help:"buy or sell."`
	Type        string        `name:"type" default:"GTC" help:"GTC, GTD, FOK or FAK."`
	Price       string        `name:"price" help:"Limit price; for FOK and FAK the worst one."`
	MaxSlippage string        `name:"max-slippage" help:"FOK and FAK: from the best price of the live book, in place of price."`
	Size        string        `name:"size" help:"Shares."`
	Amount      string        `name:"amount" help:"pUSD to spend; buy with FOK or FAK."`
	ExpiresIn   time.Duration `name:"expires-in" help:"GTD: how long it shall rest."`
	PostOnly    bool          `name:"post-only" help:"Only rest, never take."`
	ValidFor    time.Duration `name:"valid-for" help:"How long it may wait before it is sent; 5 s."`
	Wait        bool          `name:"wait" help:"Wait until it is final."`
	NoWait      bool          `name:"no-wait" help:"Do not wait for any event."`
	Timeout     time.Duration `name:"timeout" default:"15s" help:"How long to wait for events."`
}

func (c *submitCmd) command(now time.Time) (*msgs.Submit, error) {
	s := &msgs.Submit{
		Common: msgs.Common{SentMS: now.UnixMilli()}, ClientOrderID: msgs.ClientOrderID(c.ID),
		TokenID: msgs.TokenID(c.Token), Market: c.Market, Outcome: c.Outcome,
		Side: msgs.Side(strings.ToUpper(c.Side)), Type: msgs.OrderType(strings.ToUpper(c.Type)), PostOnly: c.PostOnly,
	}
	if s.ClientOrderID == "" {
		s.ClientOrderID = msgs.ClientOrderID("cli-" + rand.Text()[:12])
	}
	var err error
	if s.Price, err = decimal[money.Price]("price", c.Price); err != nil {
		return nil, err
	}
	if s.MaxSlippage, err = decimal[money.Price]("max-slippage", c.MaxSlippage); err != nil {
		return nil, err
	}
	if s.Size, err = decimal[money.Size]("size", c.Size); err != nil {
		return nil, err
	}
	if s.Amount, err = decimal[money.Cash]("amount", c.Amount); err != nil {
		return nil, err
	}
	if c.ExpiresIn > 0 {
		s.ExpiresMS = now.Add(c.ExpiresIn).UnixMilli()
	}
	if c.ValidFor > 0 {
		s.ValidUntilMS = new(now.Add(c.ValidFor).UnixMilli())
	}
	return s, nil
}

func decimal[T money.Micro](name, text string) (*T, error) {
	if text == "" {
		return nil, nil
	}
	v, err := money.Parse[T](text)
	if err != nil {
		return nil, problem(msgs.BadValue, fmt.Sprintf("--%s %q: %v", name, text, err), "write a plain decimal such as 0.52")
	}
	return &v, nil
}

// Run sends the order and shows its events until the venue has it, or with --wait until it is final.
func (c *submitCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	cmd, err := c.command(time.Now())
	if err != nil {
		return err
	}
	subject := msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbSubmit)
	if err := vet(subject, cmd); err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := spell(nc, cmd); err != nil {
		return err
	}
	if c.NoWait {
		seq, err := send(nc, subject, "", cmd)
		if err != nil {
			return a.hint(account, err)
		}
		return a.print(map[string]any{"client_order_id": cmd.ClientOrderID, "stored": seq}, []string{"CLIENT ID", "STORED AS"}, [][]string{{string(cmd.ClientOrderID), fmt.Sprint(seq)}})
	}
	return a.follow(nc, account, subject, cmd, awaited{within: c.Timeout, answers: 1, decides: func(e event) bool {
		return e.Final || !c.Wait && e.Type != msgs.KindSubmitting && e.Type != msgs.KindUnknown
	}})
}

// spell writes the outcome as the market has it, and refuses a market or an outcome that is not there with what is. When
// nobody can be asked it leaves everything to the executor.
func spell(nc *nats.Conn, cmd *msgs.Submit) error {
	if cmd.Market == "" {
		return nil
	}
	var r msgs.MarketsAnswer
	err := ask(nc, marketsSubject, msgs.MarketsQuestion{Market: cmd.Market}, &r)
	if e, ok := errors.AsType[*msgs.Error](err); ok && e.Code == msgs.UnknownToken {
		return problem(msgs.UnknownToken, fmt.Sprintf("no market is known as %q; nothing was sent", cmd.Market),
			meant(cmd.Market, slugs(nc))+"all are listed by: sluice markets")
	}
	if err != nil || len(r.Markets) != 1 {
		return nil
	}
	var names []string
	for _, t := range r.Markets[0].Tokens {
		if strings.EqualFold(t.Outcome, cmd.Outcome) {
			cmd.Outcome = t.Outcome
			return nil
		}
		names = append(names, t.Outcome)
	}
	return problem(msgs.UnknownToken, fmt.Sprintf("market %s has no outcome %q; nothing was sent", cmd.Market, cmd.Outcome), "its outcomes are "+strings.Join(names, " and "))
}

// slugs are the names of the known markets, as far as anybody can be asked.
func slugs(nc *nats.Conn) []string {
	var all msgs.MarketsAnswer
	if ask(nc, marketsSubject, msgs.MarketsQuestion{}, &all) != nil {
		return nil
	}
	names := make([]string, len(all.Markets))
	for i, m := range all.Markets {
		names[i] = m.Slug
	}
	return names
}
