package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
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
	for _, id := range c.IDs {
		if of, isOrder := orderID(id); isOrder && !slices.Contains(cmd.OrderIDs, of) {
			cmd.OrderIDs = append(cmd.OrderIDs, of)
		} else if own := msgs.ClientOrderID(id); !isOrder && !slices.Contains(cmd.ClientOrderIDs, own) {
			cmd.ClientOrderIDs = append(cmd.ClientOrderIDs, own)
		}
	}
	if len(cmd.OrderIDs) > 0 && len(cmd.ClientOrderIDs) > 0 {
		return problem("bad_usage", "order ids (0x…) and client order ids are mixed, and one cancel names orders one way; nothing was sent", "cancel those of each kind with a call of their own")
	}
	subject := msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbCancel)
	if err := vet(subject, cmd); err != nil {
		return err
	}
	return a.command(&c.accountFlags, account, subject, cmd, awaited{
		within: c.Timeout, answers: len(cmd.OrderIDs) + len(cmd.ClientOrderIDs),
		decides: func(e event) bool {
			return e.Final || e.Type == msgs.KindCancelRejected || e.Type == msgs.KindControlRejected
		},
	})
}

// orderID reads an id that the venue has given; what people copy may have capitals.
func orderID(text string) (msgs.OrderID, bool) {
	id := strings.ToLower(text)
	return msgs.OrderID(id), strings.HasPrefix(id, "0x")
}

// vet says of a command what its service would say about its form, a round trip sooner, and when there is no bus as well.
func vet(subject string, cmd any) error {
	data, err := json.Marshal(cmd)
	if err != nil {
		return fmt.Errorf("encode command: %w", err)
	}
	c, refused := msgs.DecodeCommand(subject, data)
	if refused == nil {
		refused = c.Check()
	}
	if refused != nil {
		return refused
	}
	return nil
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
	subject := msgs.CmdSubject(msgs.FamilyOrder, account, msgs.VerbCancelAll)
	if err := vet(subject, cmd); err != nil {
		return err
	}
	return a.command(&c.accountFlags, account, subject, cmd, awaited{
		within: c.Timeout, answers: 1,
		decides: func(e event) bool {
			return e.Type == msgs.KindCancelAllDone || e.Type == msgs.KindControlRejected ||
				e.Type == msgs.KindCancelRejected && e.ClientOrderID == "" && e.OrderID == ""
		},
	})
}
