package executor

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// TestAccountThatCannotBeAnsweredForIsStartedAgain: what answers questions about the account fails at its first two starts, once
// before it answers anything and once at work. The account does not go on trading without: it is started anew, says of itself
// that it is ours, and answers.
func TestAccountThatCannotBeAnsweredForIsStartedAgain(t *testing.T) {
	starts := 0
	fails := func(s *Service) {
		d := s.desks[0]
		d.serving = func(ctx context.Context, act *actor.Actor) error {
			switch starts++; starts {
			case 1:
				return errors.New("answer questions: no subscription")
			case 2:
				ctx, stop := context.WithTimeout(ctx, 2*time.Second)
				defer stop()
				return errors.Join(d.serve(ctx, act), errors.New("the subscription is gone"))
			}
			return d.serve(ctx, act)
		}
	}
	inPlant(t, func(p *plant) { p.arrange = fails }, func(t *testing.T, p *plant) {
		p.pass(20 * time.Second)
		if starts != 3 {
			t.Fatalf("started %d times, want a third that goes on", starts)
		}
		if owned, known := p.svc.desks[0].owns(); !owned || !known {
			t.Error("the watch over the log does not take the account for ours")
		}
		var status msgs.StatusAnswer
		m, err := p.b.NATS().Request(msgs.SvcSubject(serviceName, "main", "status"), nil, time.Second)
		if err == nil {
			err = json.Unmarshal(m.Data, &status)
		}
		if err != nil || status.N == 0 {
			t.Errorf("asked for the status: %+v, %v", status, err)
		}
	})
}
