package main

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"sluice/pkg/msgs"
)

func requestID() msgs.RequestID { return msgs.RequestID("cli-" + rand.Text()[:12]) }

type cancelCmd struct {
	accountFlags
	IDs     []string      `arg:"" name:"id" help:"client_order_id or order id (0x…) of each order."`
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for events."`
}

// Run cancels and waits until each order is dealt with.
func (c *cancelCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	cmd := &msgs.Cancel{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID()}
	for i, id := range c.IDs {
		if slices.Contains(c.IDs[:i], id) {
			continue
		}
		if strings.HasPrefix(id, "0x") {
			cmd.OrderIDs = append(cmd.OrderIDs, msgs.OrderID(id))
		} else {
			cmd.ClientOrderIDs = append(cmd.ClientOrderIDs, msgs.ClientOrderID(id))
		}
	}
	if e := cmd.Check(); e != nil {
		return e
	}
	return a.command(&c.accountFlags, account, msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbCancel), cmd, awaited{
		within: c.Timeout, answers: len(cmd.OrderIDs) + len(cmd.ClientOrderIDs),
		decides: func(e event) bool {
			return e.Final || e.Type == msgs.KindCancelRejected || e.Type == msgs.KindControlRejected
		},
	})
}

// command connects, sends, and follows.
func (a *app) command(f *accountFlags, account msgs.Account, subject string, cmd any, w awaited) error {
	nc, err := f.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	return a.follow(nc, account, subject, cmd, w)
}

type cancelAllCmd struct {
	accountFlags
	Market  string        `name:"market" help:"Only of this market (slug or condition id)."`
	Token   string        `name:"token" help:"Only of this token."`
	Side    string        `name:"side" help:"Only buy or sell."`
	Prefix  string        `name:"prefix" help:"Only client order ids that begin so."`
	Timeout time.Duration `name:"timeout" default:"60s" help:"How long to wait for the end."`
}

// Run cancels and waits for the end.
func (c *cancelAllCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	cmd := &msgs.CancelAll{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID(),
		Filter: msgs.Filter{Market: c.Market, TokenID: msgs.TokenID(c.Token), Side: msgs.Side(strings.ToUpper(c.Side)), Prefix: c.Prefix}}
	if e := cmd.Check(); e != nil {
		return e
	}
	return a.command(&c.accountFlags, account, msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbCancelAll), cmd, awaited{
		within: c.Timeout, answers: 1,
		decides: func(e event) bool {
			return e.Type == msgs.KindCancelAllDone || e.Type == msgs.KindControlRejected ||
				e.Type == msgs.KindCancelRejected && e.ClientOrderID == "" && e.OrderID == ""
		},
	})
}

type getCmd struct {
	accountFlags
	ID string `arg:"" help:"client_order_id, or order id (0x…)."`
}

// Run shows one order.
func (c *getCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	q := msgs.OrderQuestion{ClientOrderID: msgs.ClientOrderID(c.ID)}
	if strings.HasPrefix(c.ID, "0x") {
		q = msgs.OrderQuestion{OrderID: msgs.OrderID(c.ID)}
	}
	var r msgs.OrderAnswer
	if err := ask(nc, msgs.SvcSubject("executor", account, "order"), q, &r); err != nil {
		return a.hint(account, err)
	}
	return a.printOrders(r, []msgs.Order{r.Order})
}

type listCmd struct {
	accountFlags
	Open   bool   `name:"open" help:"Only what can still trade."`
	Prefix string `name:"prefix" help:"Only client order ids that begin so."`
	Limit  int    `name:"limit" default:"100" help:"At most so many, up to 500."`
}

// Run lists orders.
func (c *listCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	var r msgs.OrdersAnswer
	if err := ask(nc, msgs.SvcSubject("executor", account, "orders"), msgs.OrdersQuestion{Open: c.Open, Prefix: c.Prefix, Limit: c.Limit}, &r); err != nil {
		return a.hint(account, err)
	}
	return a.printOrders(r, r.Orders)
}

func (a *app) printOrders(v any, orders []msgs.Order) error {
	rows := make([][]string, 0, len(orders))
	for _, o := range orders {
		rows = append(rows, []string{string(o.ClientOrderID), short(string(o.OrderID)), string(o.Side), string(o.OrderType),
			o.Price.String(), o.Size.String(), o.Filled.String(), string(o.State)})
	}
	return a.print(v, []string{"CLIENT ID", "ORDER ID", "SIDE", "TYPE", "PRICE", "SIZE", "FILLED", "STATE"}, rows)
}
