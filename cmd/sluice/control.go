package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

type haltCmd struct {
	accountFlags
	All    bool   `name:"all" help:"Every account."`
	Reason string `name:"reason" help:"Why, for whoever reads the log."`
	Cancel bool   `name:"cancel" help:"Also cancel everything open."`
	directFlags
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for the accounts' word."`
}

// Run halts one account or all of them, and waits until each has said so; with --cancel until nothing of it rests.
func (c *haltCmd) Run(a *app, k *kong.Context) error {
	if c.Direct {
		return c.direct(a, k)
	}
	done := msgs.KindHalted
	if c.Cancel {
		done = msgs.KindCancelAllDone
	}
	cmd := &msgs.Halt{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID(), Reason: c.Reason, Cancel: c.Cancel}
	if c.All {
		return c.controlAll(a, cmd, string(cmd.RequestID), done, c.Timeout)
	}
	return c.control(a, cmd, done, c.Timeout, nil)
}

type resumeCmd struct {
	accountFlags
	All     bool          `name:"all" help:"Every account."`
	Accept  bool          `name:"accept" help:"Also accept a log that a start has found in doubt, as it stands; sluice doctor says what was found."`
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for the accounts' word."`
}

// Run resumes one account or all of them, and waits until each has said so.
func (c *resumeCmd) Run(a *app) error {
	cmd := &msgs.Resume{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID(), Accept: c.Accept}
	if c.All {
		return c.controlAll(a, cmd, string(cmd.RequestID), msgs.KindResumed, c.Timeout)
	}
	// Before it resumes an account moves its halt up to the resume, so that what waited stays refused: true, and of no
	// interest to whoever resumes.
	return c.control(a, cmd, msgs.KindResumed, c.Timeout, func(e event) bool { return e.Type == msgs.KindHalted })
}

func (f *accountFlags) control(a *app, cmd msgs.Command, done msgs.Type, within time.Duration, hides func(event) bool) error {
	account, err := f.account()
	if err != nil {
		return err
	}
	return a.command(f, account, msgs.CmdSubject(msgs.FamilyControl, account, cmd.Verb()), cmd, awaited{
		within: within, answers: 1, hides: hides,
		decides: func(e event) bool { return e.Type == done || e.Type == msgs.KindControlRejected },
	})
}

// controlAll commands every account that has a log on this bus and says which have answered. Who is silent is an error:
// whoever halts everything must not believe that it is done when it is not.
func (f *accountFlags) controlAll(a *app, cmd msgs.Command, request string, done msgs.Type, within time.Duration) error {
	nc, err := f.service() // a strategy hears only its own accounts
	if err != nil {
		return err
	}
	defer nc.Close()
	waiting, err := loggedAccounts(a.ctx, nc)
	if err != nil {
		return err
	}
	sub, err := nc.SubscribeSync(actor.Stored + "." + msgs.EvtSubject(msgs.FamilyOrder, "*"))
	if err != nil {
		return fmt.Errorf("listen for events: %w", err)
	}
	seq, err := send(nc, msgs.CmdSubject(msgs.FamilyControl, msgs.AllAccounts, cmd.Verb()), "", cmd)
	if err != nil {
		return err
	}
	answers, rows, silent := gather(a.ctx, sub, waiting, within, func(e event) bool {
		return e.ReqID == request && (e.Type == done || e.Type == msgs.KindControlRejected)
	})
	for _, name := range silent {
		rows = append(rows, []string{name, "NO ANSWER"})
	}
	if err := a.print(map[string]any{"stored": seq, "answers": answers, "silent": silent}, []string{"ACCOUNT", "ANSWER"}, rows); err != nil {
		return err
	}
	if len(silent) > 0 {
		return problem("no_event", fmt.Sprintf("the %s is stored, but %s did not answer within %s", cmd.Verb(), strings.Join(silent, ", "), within),
			"it stands and takes effect when an executor runs them; see who does with: sluice doctor")
	}
	return nil
}

// loggedAccounts are the accounts that have a log on the bus.
func loggedAccounts(ctx context.Context, nc *nats.Conn) ([]string, error) {
	js, err := jetStream(nc)
	if err != nil {
		return nil, err
	}
	var names []string
	l := js.StreamNames(ctx)
	for s := range l.Name() {
		if name, ok := strings.CutPrefix(s, msgs.LogStream("")); ok {
			names = append(names, name)
		}
	}
	if err := l.Err(); err != nil {
		return nil, problem("no_streams", fmt.Sprintf("cannot list the streams: %v", err), "is JetStream enabled? see: sluice doctor")
	}
	slices.Sort(names)
	return names, nil
}

// gather waits for one answer from each account, and lists who gave none.
func gather(ctx context.Context, sub *nats.Subscription, waiting []string, within time.Duration, decides func(event) bool) (answers []json.RawMessage, rows [][]string, silent []string) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answers, silent = []json.RawMessage{}, slices.Clone(waiting)
	for len(silent) > 0 {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			break
		}
		var env struct {
			Events []json.RawMessage `json:"events"`
		}
		if json.Unmarshal(m.Data, &env) != nil {
			continue
		}
		for _, raw := range env.Events {
			e, err := readEvent(raw)
			if err != nil || !decides(e) {
				continue
			}
			silent = slices.DeleteFunc(silent, func(name string) bool { return name == string(e.Account) })
			answers = append(answers, raw)
			rows = append(rows, []string{string(e.Account), string(e.Type)})
		}
	}
	slices.SortFunc(rows, slices.Compare[[]string])
	return answers, rows, silent
}
