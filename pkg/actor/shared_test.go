package actor_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// TestEveryAccountReadsASharedStreamWhole lets two accounts read the commands to all, from the same place on, and wants
// each of them to hear every one.
func TestEveryAccountReadsASharedStreamWhole(t *testing.T) {
	const stored = 10
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		var heard [2]atomic.Int32
		for i, name := range []msgs.Account{"a", "b"} {
			if err := actor.EnsureStreams(t.Context(), b.JetStream(), 1, name); err != nil {
				t.Fatal(err)
			}
			start(b, func(cfg *actor.Config) {
				cfg.Account = name
				cfg.Express = []actor.Lane{{Name: "all", Stream: msgs.AskAllStream, Subjects: []string{"cmd.control.all.halt"}}}
				cfg.Submit.Stream, cfg.Submit.Subjects = msgs.AskStream(name), []string{msgs.CmdSubject("order", name, "submit")}
				cfg.Hear = func(actor.Record) any { heard[i].Add(1); return nil }
			})
		}
		synctest.Wait()
		for i := range stored {
			if _, err := b.JetStream().Publish(t.Context(), "cmd.control.all.halt", fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i := range heard {
			if n := heard[i].Load(); n != stored {
				t.Errorf("account %d heard %d commands, want %d", i, n, stored)
			}
		}
	})
}
