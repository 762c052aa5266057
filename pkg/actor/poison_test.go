package actor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
)

// fragile crashes when it decides what is named poison.
type fragile struct {
	*toy
	crash func()
}

func (c fragile) Decide(now time.Time, m any) actor.Decision {
	switch m := m.(type) {
	case asked:
		if strings.HasPrefix(string(m.id), "poison") {
			c.crash()
		}
	case actor.Poisoned:
		e := &msgs.OrderRejected{Error: &msgs.Error{Code: msgs.Poison}, By: "sluice"}
		e.Type, e.CmdSeq, e.ClientOrderID = msgs.KindRejected, m.Seq, msgs.ClientOrderID(m.Data)
		return actor.Decision{Events: []msgs.Event{e}}
	}
	return c.toy.Decide(now, m)
}

// letters are the records that were put aside.
func letters(t *testing.T, js jetstream.JetStream) (out []msgs.Dead) {
	t.Helper()
	s, err := js.Stream(t.Context(), msgs.DeadStream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		var d msgs.Dead
		if err := json.Unmarshal(m.Data, &d); err != nil || m.Subject != "dead.order.poison" {
			t.Fatalf("letter on %s: %v", m.Subject, err)
		}
		out = append(out, d)
	}
	return out
}

// What crashes the actor each time it is decided is put aside after the second crash, whichever lane it came by; everything
// around it is decided once. A crash in mid-flight of an append loses nothing.
func TestRecordThatCrashesTwiceIsPutAside(t *testing.T) {
	for _, verb := range []string{"submit", "cancel"} {
		t.Run(verb, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				begin := func() *bench {
					core := fragile{newToy(), runtime.Goexit} // ends the goroutine as a panic would, and lets the test live
					p := start(b, func(c *actor.Config) {
						c.Core = core
						c.JS = &lossy{JetStream: c.JS, before: func(context.Context, *nats.Msg) error { time.Sleep(5 * time.Millisecond); return nil }}
					})
					p.core = core.toy
					return p
				}
				p := begin()
				p.ask("submit", "one")
				seq := p.ask(verb, "poison")
				p.ask("submit", "two")
				p.ask("cancel", "three")
				crashes := 0
				for time.Sleep(5 * time.Second); p.over() == errCrashed && crashes < 5; time.Sleep(5 * time.Second) {
					crashes++
					p.cancel()
					p = begin()
				}
				if crashes != 2 {
					t.Errorf("it took %d crashes", crashes)
				}
				synctest.Wait()
				intents, answers := map[msgs.ClientOrderID]int{}, 0
				for i, env := range log(t, p.js) {
					for _, e := range env.Events {
						switch e := e.(type) {
						case *msgs.OrderSubmitting:
							intents[e.Orders[0].ClientOrderID]++
						case *msgs.OrderRejected:
							if answers++; e.CmdSeq != seq {
								t.Errorf("message %d answers %d", i, e.CmdSeq)
							}
						}
					}
				}
				if answers != 1 || len(intents) != 2 || intents["one"] != 1 || intents["two"] != 1 {
					t.Errorf("%d answers to the poison, intents %v", answers, intents)
				}
				if got := letters(t, p.js); len(got) != 1 || got[0].Seq != seq || got[0].Data != "poison" || got[0].Reason != msgs.Poison {
					t.Errorf("letters %+v", got)
				}
				p.cancel()
				time.Sleep(5 * time.Second)
				if p = begin(); p.over() != nil {
					t.Error("the next start crashed")
				}
				time.Sleep(5 * time.Second)
				if got := letters(t, p.js); len(got) != 1 {
					t.Errorf("%d letters after another start", len(got))
				}
			})
		})
	}
}

// A command that waits for a permit, while its owners stop, are killed, or crash with something else, is never blamed.
func TestCommandThatMerelyWaitedIsNotPoison(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		g := &gate{open: make(chan struct{})}
		var p *bench
		for round := range 9 {
			var killed atomic.Bool
			core := fragile{newToy(), runtime.Goexit}
			p = start(b, func(c *actor.Config) {
				c.Core, c.Limiter = core, g
				c.JS = &lossy{JetStream: c.JS, before: func(ctx context.Context, _ *nats.Msg) error {
					if killed.Load() {
						<-ctx.Done()
					}
					return ctx.Err()
				}}
			})
			if round == 0 {
				for i := range 20 {
					p.ask("submit", fmt.Sprint("waits", i))
				}
			}
			time.Sleep(5 * time.Second)
			switch round % 3 {
			case 1:
				killed.Store(true) // nothing of it reaches the log any more
			case 2:
				p.act.Tell(t.Context(), asked{verb: "submit", id: "poison outcome"}) // not a record
				time.Sleep(time.Second)
				if p.over() != errCrashed {
					t.Error("a crash was expected")
				}
			}
			p.cancel()
			time.Sleep(10 * time.Second)
		}
		p = start(b, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.sent(); len(got) != 20 {
			t.Errorf("%d of 20 posted", len(got))
		}
		if got := letters(t, p.js); len(got) != 0 {
			t.Errorf("put aside: %+v", got)
		}
		if all := kinds(log(t, p.js)); slices.Contains(all, msgs.KindRejected) {
			t.Errorf("log %v", all)
		}
	})
}

// A real process that panics names the record on the log before it is gone, exits as panics do, and the third process
// lives. The server runs in the same process.
func TestProcessThatPanicsNamesTheRecord(t *testing.T) {
	const env = "SLUICE_ACTOR_CRASH_DIR"
	if dir := os.Getenv(env); dir != "" {
		fragileProcess(t, dir)
		return
	}
	dir := t.TempDir()
	for run := 1; run <= 3; run++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessThatPanicsNamesTheRecord$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", env, dir))
		out, err := cmd.CombinedOutput()
		if died := err != nil; died != (run < 3) || died && !strings.Contains(string(out), "panic: poisonous") {
			t.Fatalf("run %d ended with %v:\n%s", run, err, out)
		}
	}
}

// fragileProcess works until the panic, or until the poison is answered.
func fragileProcess(t *testing.T, dir string) {
	srv, err := natsd.Start(t.Context(), natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown()
	b := &actortest.Bubble{T: t, Server: srv}
	js, err := jetstream.New(b.Connect())
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	core := fragile{newToy(), func() { panic("poisonous") }}
	p := startOn(b, js, func(c *actor.Config) {
		c.Core = core
		c.Published = func(events []msgs.Event, _ [][]byte) {
			if slices.ContainsFunc(events, func(e msgs.Event) bool { return e.Kind() == msgs.KindRejected }) {
				close(answered)
			}
		}
	})
	if len(kinds(log(t, js))) < 2 {
		p.ask("submit", "poison")
	}
	<-answered
	if got := letters(t, js); len(got) != 1 || got[0].Data != "poison" {
		t.Errorf("letters %+v", got)
	}
}
