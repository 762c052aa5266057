package main

import (
	"crypto/rand"
	"encoding/json"
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
	if e := cmd.Check(); e != nil {
		return e // the executor would say the same, a round trip later
	}
	enough := func(e event) bool {
		return e.Final || !c.Wait && e.Type != msgs.KindSubmitting && e.Type != msgs.KindUnknown
	}
	if c.NoWait {
		enough = nil
	}
	return a.follow(&c.busFlags, msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbSubmit), cmd, c.Timeout, enough)
}

// event is what the tools need of any event.
type event struct {
	msgs.Head
	ClientOrderID msgs.ClientOrderID `json:"client_order_id"`
	OrderID       msgs.OrderID       `json:"order_id"`
	State         msgs.State         `json:"state"`
	Side          msgs.Side          `json:"side"`
	Price         money.Price        `json:"price"`
	Size          money.Size         `json:"size"`
	Filled        money.Size         `json:"filled"`
	AvgPrice      money.Price        `json:"avg_price"`
	Final         bool               `json:"final"`
	Reason        string             `json:"reason"`
	Error         *msgs.Error        `json:"error"`
	Cancelled     int                `json:"cancelled"`
	Killed        int                `json:"killed_in_queue"`
	Orders        []msgs.OrderRef    `json:"orders"`

	raw json.RawMessage
}

func (e event) String() string {
	at := time.UnixMilli(e.AtMS).Format("15:04:05.000")
	switch {
	case e.Type == msgs.KindCancelAllDone:
		return fmt.Sprintf("%s  %-24s %d cancelled at the venue, %d killed in the queue", at, e.Type, e.Cancelled, e.Killed)
	case e.Error != nil:
		return fmt.Sprintf("%s  %-24s %s  %s", at, e.Type, e.ClientOrderID, e.Error.Cause)
	case len(e.Orders) > 0:
		return fmt.Sprintf("%s  %-24s %d orders, first %s", at, e.Type, len(e.Orders), e.Orders[0].ClientOrderID)
	case e.ClientOrderID == "" && e.OrderID == "":
		return fmt.Sprintf("%s  %-24s %s", at, e.Type, e.Reason)
	}
	line := fmt.Sprintf("%s  %-24s %s  %s %s @ %s  filled %s", at, e.Type, e.ClientOrderID, e.Side, e.Size, e.Price, e.Filled)
	if e.AvgPrice != 0 {
		line += " at " + e.AvgPrice.String()
	}
	return line + "  " + string(e.State)
}

// follow sends a command and shows the events about it until one is enough; nil waits for none.
func (a *app) follow(b *busFlags, subject string, cmd any, wait time.Duration, enough func(event) bool) error {
	nc, err := b.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	seq, err := send(nc, subject, inbox, cmd)
	if err != nil {
		return err
	}
	if enough == nil {
		return a.print(map[string]any{"stored": seq}, []string{"stored as"}, [][]string{{fmt.Sprint(seq)}})
	}
	last, err := a.events(sub, wait, enough)
	if err != nil {
		return err
	}
	if a.cli.Output == "json" {
		fmt.Fprintf(a.out, "%s\n", last.raw)
	}
	if last.Error != nil {
		return last.Error
	}
	return nil
}

// events shows events as they come, in table form, and returns the one that was enough.
func (a *app) events(sub *nats.Subscription, wait time.Duration, enough func(event) bool) (event, error) {
	var last event
	for end := time.Now().Add(wait); ; {
		m, err := sub.NextMsg(time.Until(end))
		if err != nil {
			return last, problem("no_event", fmt.Sprintf("the command is stored, but no deciding event came within %s (last seen: %s)", wait, last.Type),
				"see whether an executor runs: sluice doctor; the command stands, so do not send another id")
		}
		var e event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return last, fmt.Errorf("decode event: %w", err)
		}
		e.raw = m.Data
		last = e
		if a.cli.Output != "json" {
			fmt.Fprintln(a.out, e)
		}
		if enough(e) {
			return e, nil
		}
	}
}
