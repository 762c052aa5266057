package ledger

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"sluice/pkg/msgs"
)

// A question that was given up is still in the keeper's queue. What the keeper gives then reaches nobody: the answer was a
// refusal, and nothing that it holds is written any more, which the race detector watches.
func TestQuestionThatWasGivenUpIsAnsweredToNobody(t *testing.T) {
	s := plot()
	s.placed("b", "BUY", "GTC", 500_000, 10*whole)
	j := s.lived(t)
	svc := &Service{cfg: Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}.withDefaults(), count: newCounters(), names: names{said: map[msgs.TokenID]name{"11": {outcome: "Yes"}}}}
	for range 200 {
		for verb := range 2 {
			k := &keeper{s: svc, inbox: make(chan work, groupMost)}
			c := &teller{svc, k, &desk{journal: j, book: Book{Terms: j.cfg}}}
			ctx, giveUp := context.WithCancel(t.Context())
			ran := make(chan struct{})
			go func() {
				defer close(ran)
				w := <-k.inbox
				giveUp()
				w.ask()
			}()
			answer := c.balances
			if verb == 1 {
				answer = c.positions
			}
			if a, refusal := answer(ctx, nil); refusal != nil && a != nil {
				t.Fatalf("refused, with an answer that the keeper still writes: %+v", a)
			}
			<-ran
		}
	}
}
