package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
)

// heardAhead is how many messages may wait for the terminal: a burst of a full queue's events, each message packing many.
const heardAhead = 1024

type watchCmd struct {
	accountFlags
	For    time.Duration `name:"for" help:"End after that; without it on Ctrl-C."`
	IDs    []string      `arg:"" optional:"" name:"id" help:"Only about these orders: client_order_id or order id (0x…)."`
	Prefix string        `name:"prefix" help:"Only about client order ids that begin so."`
	Type   []string      `name:"type" help:"Only these types, such as order.filled or just filled."`
	Final  bool          `name:"final" help:"Only the event that ends an order."`
}

// Run shows every event of the account as it happens.
func (c *watchCmd) Run(a *app) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	if err := c.checkTypes(); err != nil {
		return err
	}
	nc, err := c.strategy()
	if err != nil {
		return err
	}
	defer nc.Close()
	heard := make(chan *nats.Msg, heardAhead)
	subject := msgs.EvtSubject(msgs.FamilyOrder, account)
	if _, err := nc.ChanSubscribe(subject, heard); err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	if err := nc.FlushTimeout(askTimeout); err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	fmt.Fprintf(a.err, "listening to %s; Ctrl-C ends\n", subject)
	var s msgs.StatusAnswer
	if err := ask(nc, msgs.SvcSubject("executor", account, "status"), msgs.Empty{}, &s); err != nil {
		e := explain(a.hint(account, err))
		fmt.Fprintf(a.err, "nobody runs account %s now, so nothing will be heard until somebody does\n  → %s\n", account, e.Fix)
	}
	var end <-chan time.Time
	if c.For > 0 {
		end = time.After(c.For)
	}
	for {
		select {
		case m := <-heard:
			if err := c.show(a, m.Data); err != nil {
				return err
			}
		case <-end:
			return nil
		case <-a.ctx.Done():
			return nil
		}
	}
}

// checkTypes completes the types and refuses one that no event has: it would silently match nothing.
func (c *watchCmd) checkTypes() error {
	var known []string
	for _, k := range msgs.OrderKinds() {
		known = append(known, string(k))
	}
	for i, t := range c.Type {
		if !strings.Contains(t, ".") {
			t = msgs.FamilyOrder + "." + t
		}
		if !slices.Contains(known, t) {
			return problem(msgs.BadValue, fmt.Sprintf("no event has the type %q", c.Type[i]), meant(t, known)+"the types are "+strings.Join(known, ", "))
		}
		c.Type[i] = t
	}
	return nil
}

// wants reports whether an event passes the filters.
func (c *watchCmd) wants(e event) bool {
	ids := []string{string(e.ClientOrderID), string(e.OrderID)}
	for _, o := range e.Orders {
		ids = append(ids, string(o.ClientOrderID), string(o.OrderID))
	}
	named := func(id string) bool { return slices.Contains(c.IDs, id) }
	begins := func(id string) bool { return id != "" && strings.HasPrefix(id, c.Prefix) }
	return (len(c.IDs) == 0 || slices.ContainsFunc(ids, named)) && (c.Prefix == "" || slices.ContainsFunc(ids, begins)) &&
		(len(c.Type) == 0 || slices.Contains(c.Type, string(e.Type))) && (!c.Final || e.Final)
}

func (c *watchCmd) show(a *app, data []byte) error {
	var env struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(data, &env); err != nil {
		return fmt.Errorf("decode events: %w", err)
	}
	for _, raw := range env.Events {
		e, err := readEvent(raw)
		if err != nil {
			return err
		}
		switch {
		case !c.wants(e):
		case a.cli.Output == "json":
			fmt.Fprintf(a.out, "%s\n", raw)
		default:
			fmt.Fprintln(a.out, e)
		}
	}
	return nil
}
