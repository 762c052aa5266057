package actor_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// Of more inboxes than are remembered the oldest are forgotten, and one that was forgotten and is wanted again counts as new.
func TestInboxesAreForgottenOldestFirst(t *testing.T) {
	const most = 10_000
	c := actor.NewCopies(nil, msgs.Sandbox, slog.New(slog.DiscardHandler))
	c.Expect("none", "")
	c.Expect("first", "in.first")
	c.Expect("again", "in.old")
	c.Forget("again")
	for i := range most - 3 {
		c.Expect(fmt.Sprint(i), "in")
	}
	c.Expect("again", "in.new")
	c.Expect("first", "in.moved")
	for key, want := range map[string]string{"none": "", "first": "in.moved", "again": "in.new", "0": "in"} {
		if got := c.Inbox(key); got != want {
			t.Errorf("%s is wanted at %q, not %q", key, got, want)
		}
	}
	for i := range 3 {
		c.Expect(fmt.Sprint("more", i), "in")
	}
	for key, want := range map[string]string{"first": "", "again": "in.new", "0": "", "1": "in", "more2": "in"} {
		if got := c.Inbox(key); got != want {
			t.Errorf("then %s is wanted at %q, not %q", key, got, want)
		}
	}
}

// A copy is the event, with the env that it bears on the log.
func TestCopyIsTheEvent(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		sub, err := b.NATS().SubscribeSync("in")
		if err != nil {
			t.Fatal(err)
		}
		e := &msgs.TxConfirmed{Head: msgs.Head{Type: msgs.KindTxConfirmed, N: 7, ReqID: "r1"}, GasPOL: "0", Final: true}
		actor.NewCopies(b.NATS(), msgs.Sandbox, slog.New(slog.DiscardHandler)).Send("in", e)
		m, err := sub.NextMsg(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"type":"tx.confirmed"`, `"n":7`, `"env":"sandbox"`, `"request_id":"r1"`} {
			if !strings.Contains(string(m.Data), want) {
				t.Errorf("the copy is %s, without %s", m.Data, want)
			}
		}
	})
}
