package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/pkg/sandbox"
	"sluice/services/executor"
)

const (
	// stormCommands is how many commands each system is sent: many short runs come to more strange places than few long ones.
	stormCommands = 24
	// stormSettling is how long a FOK of which the answer was lost may be looked up, with a reading of the feed after it.
	stormSettling = 55 * time.Second
)

// trouble lets one thing go wrong with any part of the plant, most often nothing.
func (s *storm) trouble() {
	p := s.p
	switch s.rng.IntN(40) {
	case 0, 1:
		s.crash()
	case 2, 3, 4:
		p.venue.CutSockets()
	case 5:
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = !f.FreezeFeed })
	case 6:
		p.ingest.Kill()
		p.ingest = p.startIngest()
	case 7:
		p.ledger.Kill()
		p.ledger = p.startLedger()
	case 8:
		p.b.Restart()
		p.until("the strategy is back", p.bus.IsConnected)
	case 9:
		p.venue.Restart(time.Second, time.Second)
	}
}

// TestSeeds runs whole systems on random commands and random trouble: crashes of executor, ingest and ledger, a restart of the bus
// and of the venue's engine, cut and frozen sockets, lost requests and answers, settlements that are retried or fail. At the
// end of each the judge is content, the books equal the venue's balances to the millionth, and every core, asked again what it
// was asked, decides the same. A seed that fails is named by its test; -run 'TestSeeds/seed_7$' sends the same again.
func TestSeeds(t *testing.T) {
	for seed := range stormSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			cores := &transcripts{}
			cfg := setup{sandbox: sandbox.Config{Seed: uint64(seed) + 1}, executor: func(e *executor.Config) { e.Around = cores.around }}
			inPlant(t, cfg, func(p *plant) {
				s := &storm{p: p, rng: rand.New(rand.NewPCG(uint64(seed), 3))}
				s.distance()
				p.venue.SetFaults(func(f *sandbox.Faults) {
					f.DropAnswer.PerMille, f.LoseRequest.PerMille = dropPerMill, losePerMill
					f.RetrySettlement.PerMille, f.FailSettlement.PerMille = 150, 80
				})
				for range stormCommands {
					verb, body := s.command()
					p.sendTo("main", verb, body)
					s.lull()
					s.trouble()
				}
				p.venue.SetFaults(func(f *sandbox.Faults) {
					*f = sandbox.Faults{Restarting: f.Restarting, PostOnlyMode: f.PostOnlyMode}
				})
				p.gate.set(nil)
				p.pass(stormSettling) // a frozen market socket is asked for its books again after half a minute
				p.ready()
			})
			n, other := cores.repeat(t)
			if other != "" || n < stormCommands {
				t.Errorf("after %d answers that were the same: %s", n, other)
			}
		})
	}
}
