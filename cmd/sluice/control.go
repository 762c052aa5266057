package main

import (
	"time"

	"sluice/pkg/msgs"
)

type haltCmd struct {
	accountFlags
	All     bool          `name:"all" help:"Every account."`
	Reason  string        `name:"reason" help:"Why, for whoever reads the log."`
	Cancel  bool          `name:"cancel" help:"Also cancel everything open."`
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for the event."`
}

// Run halts one account and waits for its word, or all of them and waits for none.
func (c *haltCmd) Run(a *app) error {
	cmd := &msgs.Halt{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID(), Reason: c.Reason, Cancel: c.Cancel}
	return c.control(a, c.All, msgs.VerbHalt, cmd, c.Timeout)
}

type resumeCmd struct {
	accountFlags
	All     bool          `name:"all" help:"Every account."`
	Timeout time.Duration `name:"timeout" default:"15s" help:"How long to wait for the event."`
}

// Run resumes one account and waits for its word, or all of them and waits for none.
func (c *resumeCmd) Run(a *app) error {
	cmd := &msgs.Resume{Common: msgs.Common{SentMS: time.Now().UnixMilli()}, RequestID: requestID()}
	return c.control(a, c.All, msgs.VerbResume, cmd, c.Timeout)
}

func (f *accountFlags) control(a *app, all bool, verb string, cmd msgs.Command, wait time.Duration) error {
	if all {
		nc, err := f.service() // a strategy may not speak for every account
		if err != nil {
			return err
		}
		defer nc.Close()
		seq, err := send(nc, msgs.CmdSubject(msgs.FamilyControl, msgs.AllAccounts, verb), "", cmd)
		if err != nil {
			return err
		}
		return a.print(map[string]any{"stored": seq}, []string{"STORED"}, [][]string{{verb + " of every account"}})
	}
	account, err := f.account()
	if err != nil {
		return err
	}
	return a.follow(&f.busFlags, msgs.CmdSubject(msgs.FamilyControl, account, verb), cmd, wait, func(e event) bool {
		return e.Type == msgs.KindHalted || e.Type == msgs.KindResumed || e.Type == msgs.KindControlRejected
	})
}
