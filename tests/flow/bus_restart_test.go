package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBusRestartsInTheMiddle stops and starts the NATS server on its directory between random commands: nothing that was
// acknowledged is lost, nothing is sent twice, and everybody comes back by himself.
func TestBusRestartsInTheMiddle(t *testing.T) {
	const restarts = 3
	inPlant(t, setup{}, func(p *plant) {
		s := &storm{p: p, rng: rand.New(rand.NewPCG(7, 3))}
		s.distance()
		for range restarts {
			for range commands / 10 {
				verb, body := s.command()
				p.sendTo("main", verb, body)
				s.lull()
			}
			p.b.Restart()
			p.within(10*time.Second, "the strategy is connected again", p.bus.IsConnected)
		}
		p.gate.set(nil)
		p.until("somebody owns the account", func() bool { return len(p.owners("main")) == 1 })
		p.submit("after", "BUY", "GTC", "0.52", "10", always)
		p.has("after", "settled")
		p.pass(settling)
		for i := range s.next {
			if e := p.last("main", fmt.Sprintf("o-%d", i)); e.State == "unknown" || e.State == "submitting" {
				t.Errorf("o-%d is still %s", i, e.State)
			}
		}
	})
}
