package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

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

// awaited says for which events a tool waits after a command.
type awaited struct {
	within  time.Duration
	answers int              // how many deciding events there will be
	decides func(event) bool // is it one of them?
	hides   func(event) bool // nil hides none
}

// follow sends a command and shows the events about it until it is decided. It returns the first error among the deciding
// events.
func (a *app) follow(nc *nats.Conn, account msgs.Account, subject string, cmd any, w awaited) error {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	if _, err := send(nc, subject, inbox, cmd); err != nil {
		return a.hint(account, err)
	}
	ctx, cancel := context.WithTimeout(a.ctx, w.within)
	defer cancel()
	var last event
	var refused error
	for left := w.answers; left > 0; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return a.undecided(nc, account, last, w.within)
		}
		e, err := readEvent(m.Data)
		if err != nil {
			return err
		}
		last = e
		decides := w.decides(e)
		if a.cli.Output != "json" && (w.hides == nil || !w.hides(e)) {
			fmt.Fprintln(a.out, e)
		}
		if !decides {
			continue
		}
		left--
		if a.cli.Output == "json" {
			fmt.Fprintf(a.out, "%s\n", e.raw)
		}
		if e.Error != nil && refused == nil {
			refused = e.Error
		}
	}
	return refused
}

func readEvent(data []byte) (event, error) {
	e := event{raw: data}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}

// undecided says what is known when the deciding event did not come.
func (a *app) undecided(nc *nats.Conn, account msgs.Account, last event, within time.Duration) error {
	if a.ctx.Err() != nil {
		return problem("interrupted", "stopped waiting; the command is stored and stands", "see what becomes of it with: sluice order list, or sluice order watch")
	}
	if last.State != "" {
		return problem("no_event", fmt.Sprintf("after %s the order is %s and not final", within, last.State),
			"it stands: see it with: sluice order get "+string(last.ClientOrderID)+"; end it with: sluice order cancel "+string(last.ClientOrderID))
	}
	var s msgs.StatusAnswer
	if err := ask(nc, msgs.SvcSubject("executor", account, "status"), msgs.Empty{}, &s); err != nil {
		return problem("nobody_runs", fmt.Sprintf("the command is stored, but nobody runs account %s now", account),
			"start an executor (sluice up has one): it decides the command then; an order that has waited longer than it is valid is not sent")
	}
	return problem("no_event", fmt.Sprintf("the command is stored, but nothing was decided within %s (the venue is %s, %d submits wait)", within, s.Venue, s.Queue.Submit),
		"the command stands: send no other with a new id; see: sluice doctor")
}

// sandboxNames are the names of the sandbox's accounts.
func sandboxNames() (names []string) {
	for _, s := range sandbox.Accounts() {
		names = append(names, s.Name)
	}
	return names
}

// hint adds what accounts there are to an error about one that nobody runs.
func (a *app) hint(account msgs.Account, err error) error {
	e, ok := errors.AsType[*msgs.Error](err)
	if !ok || a.cli.Env != "sandbox" || e.Code != msgs.UnknownAccount && e.Code != "no_answer" && e.Code != "nobody_runs" {
		return err
	}
	names := sandboxNames()
	if slices.Contains(names, string(account)) {
		return err
	}
	return problem(e.Code, e.Cause, meant(string(account), names)+"the sandbox's accounts are "+strings.Join(names, ", "))
}
