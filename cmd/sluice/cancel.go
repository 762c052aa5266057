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
