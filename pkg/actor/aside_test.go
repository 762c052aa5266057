package actor_test

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// A letter is stored once within a day, over a restart of the broker too; one about another message in the same place of a
// stream is another letter; and PutAside says when nothing was stored.
func TestLetterIsStoredOnceAndSaidSo(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		put := func(seq uint64, data string) error {
			return actor.PutAside(t.Context(), js, msgs.NewDead(msgs.Dead{Service: "order", Stream: "ASK_main", Seq: seq, Subject: "cmd.order.main.submit",
				Error: &msgs.Error{Code: msgs.Poison}}, time.Now(), []byte(data)))
		}
		if put(1, "x") == nil {
			t.Error("a letter is stored in a stream that does not exist")
		}
		if err := actor.EnsureStreams(t.Context(), js, 1, "main"); err != nil {
			t.Fatal(err)
		}
		for i, step := range []struct {
			seq  uint64
			data string
			want int // letters after it
		}{{1, "x", 1}, {1, "x", 1}, {2, "x", 2}, {1, "y", 3}, {1, "x", 3}} {
			if err := put(step.seq, step.data); err != nil {
				t.Fatal(err)
			}
			if n := len(letters(t, js)); n != step.want {
				t.Errorf("after step %d there are %d letters, want %d", i, n, step.want)
			}
			time.Sleep(5 * time.Hour)
			b.Restart()
			time.Sleep(time.Second)
		}
		time.Sleep(24 * time.Hour)
		if err := put(1, "x"); err != nil {
			t.Fatal(err)
		}
		if n := len(letters(t, js)); n != 4 {
			t.Errorf("a day later there are %d letters, want one more", n)
		}
	})
}
