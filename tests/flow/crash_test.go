package flow

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"testing"
	"time"

	"sluice/pkg/sandbox"
)

const (
	commands    = 300 // of one run
	dropPerMill = 100 // answers that get lost
	losePerMill = 50  // requests that get lost
	// latency is the most that the venue is away, each way: enough for a kill to fall between request and answer.
	latency = 40 * time.Millisecond
	// settling is how long looking up may take after the last fault: the longest is that of an order that is never sent
	// twice.
	settling = 60 * time.Second
)

// storm sends random commands to one account. Every order has a price and size of its own, so that the judge can tell
// orders apart without our ids.
type storm struct {
	p    *plant
	rng  *rand.Rand
	next int
	past []struct{ verb, body string }
}

// distance lets the venue be away for a random while. No seed decides it: which request is asked first is not repeatable.
func (s *storm) distance() {
	s.p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		there, back := time.Duration(rand.Int64N(int64(latency))), time.Duration(rand.Int64N(int64(latency)))
		if !wait(r, there) {
			return nil, r.Context().Err()
		}
		a, err := send()
		if !wait(r, back) {
			if err == nil {
				a.Body.Close()
			}
			return nil, r.Context().Err()
		}
		return a, err
	})
}

// wait waits unless the request is given up first.
func wait(r *request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// order is a submit that no other one of the storm is like.
func (s *storm) order(i int) string {
	size := fmt.Sprintf("%d.%02d", 5+i/100, i%100)
	age := ""
	if s.rng.IntN(2) == 0 {
		age = always
	}
	id := fmt.Sprintf("o-%d", i)
	switch s.rng.IntN(10) {
	case 0:
		return submitOf(coin, id, "BUY", "GTC", "0.52", size, age)
	case 1:
		return submitOf(coin, id, "SELL", "GTC", "0.51", size, age)
	case 2:
		return submitOf(coin, id, "SELL", "FAK", "0.51", size, age)
	case 3:
		return submitOf(coin, id, "SELL", "FOK", "0.51", size, age)
	case 4:
		return submitOf(coin, id, "BUY", "GTD", fmt.Sprintf("0.%02d", 10+i%30), size, age, fmt.Sprintf(",'expires_ms':%d", time.Now().Add(time.Hour).UnixMilli()))
	default:
		return submitOf(coin, id, "BUY", "GTC", fmt.Sprintf("0.%02d", 10+i%30), size, age, maker)
	}
}

// command is the next one: mostly orders, cancels of what was and of what will be, repeats, now and then everything.
func (s *storm) command() (verb, body string) {
	switch n := s.rng.IntN(100); {
	case n < 60:
		verb, body = "submit", s.order(s.next)
		s.next++
	case n < 80 && s.next > 0:
		return "cancel", quoted("{'client_order_id':'o-%d'}", s.rng.IntN(s.next))
	case n < 85:
		return "cancel", quoted("{'client_order_id':'o-%d'}", s.next+s.rng.IntN(5))
	case n < 97 && len(s.past) > 0:
		c := s.past[s.rng.IntN(len(s.past))]
		return c.verb, c.body
	case n < 98:
		verb, body = "cancel_all", quoted("{'request_id':'sweep-%d'}", s.next)
	default:
		verb, body = "cancel", quoted("{'client_order_ids':['o-%d','o-%d'],'request_id':'list-%d'}", s.next+1, s.next/2, s.next)
	}
	s.past = append(s.past, struct{ verb, body string }{verb, body})
	return verb, body
}

// lull lets some time go by, often none: then the next thing falls wherever the goroutines happen to be.
func (s *storm) lull() {
	switch s.rng.IntN(4) {
	case 0:
		time.Sleep(time.Duration(s.rng.Int64N(int64(60 * time.Millisecond))))
	case 1:
		for range s.rng.IntN(50) {
			runtime.Gosched()
		}
	case 2:
		s.p.b.Wait()
	}
}

// crash ends the executor at this very moment, in one of the ways in which processes end. Most often its lease is taken from
// it too, so that the next one comes at once: while the old one may still be alive, if it was only cut off.
func (s *storm) crash() {
	r := s.p.executor()
	if s.rng.IntN(4) > 0 {
		s.p.loseLease("main")
	}
	s.p.start(s.p.successor())
	switch s.rng.IntN(5) {
	case 0:
		r.Stop()
	case 1:
		r.NATS().Close() // cut off from the bus, it lives on for a while
		s.lull()
		r.Kill()
	case 2:
		time.Sleep(time.Duration(s.rng.Int64N(int64(5 * time.Second)))) // two of them, until the old one notices
		r.Kill()
	default:
		r.Kill()
	}
}

// calm ends the faults and waits until every order has come to rest.
func (s *storm) calm() {
	p := s.p
	p.venue.SetFaults(func(f *sandbox.Faults) { *f = sandbox.Faults{} })
	p.gate.set(nil)
	p.ready()
	p.pass(settling)
}

// TestCrashesNeverRepeatAnOrder kills the executor at random moments of a stream of random commands, with answers and
// requests getting lost. Whatever happens, the judge is content, and who starts next knows what the last one knew.
func TestCrashesNeverRepeatAnOrder(t *testing.T) {
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			cfg := setup{sandbox: sandbox.Config{Seed: uint64(seed) + 1}}
			inPlant(t, cfg, func(p *plant) {
				s := &storm{p: p, rng: rand.New(rand.NewPCG(uint64(seed), 1))}
				s.distance()
				p.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer.PerMille, f.LoseRequest.PerMille = dropPerMill, losePerMill })
				for range commands {
					verb, body := s.command()
					p.sendTo("main", verb, body)
					s.lull()
					if s.rng.IntN(25) == 0 {
						s.crash()
					}
					if s.rng.IntN(40) == 0 {
						p.ledger.Kill()
						p.ledger = p.startLedger()
					}
				}
				s.calm()
				p.sameAfterRestart()
			})
		})
	}
}

// TestTwoExecutorsByMistake starts two executors at once, and a third later, in the middle of random commands, and takes the
// lease from whoever has it now and then: one of them owns the account at a time, and nothing is sent twice.
func TestTwoExecutorsByMistake(t *testing.T) {
	for seed := range 3 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inPlant(t, setup{idle: true}, func(p *plant) {
				s := &storm{p: p, rng: rand.New(rand.NewPCG(uint64(seed), 2))}
				s.distance()
				p.start("one")
				p.start("other")
				for i := range commands / 3 {
					verb, body := s.command()
					p.sendTo("main", verb, body)
					s.lull()
					switch i % 50 {
					case 10:
						p.start(p.successor())
					case 30:
						p.loseLease("main")
					}
				}
				p.gate.set(nil)
				p.pass(settling)
				if owners := p.owners("main"); len(owners) != 1 {
					t.Errorf("%v answer for the account, want one", owners)
				}
			})
		})
	}
}

// TestSpareTakesOver lets a second executor wait, and the first one fall: the second takes the account over within the time
// of a lease, without anybody's help, and carries on what was open. The first one comes back as a spare.
func TestSpareTakesOver(t *testing.T) {
	const lease = 5 * time.Second
	inPlant(t, setup{}, func(p *plant) {
		p.submit("rests", "BUY", "GTC", "0.10", "10")
		p.is("rests", "open")
		first := p.executor()
		p.start("spare")
		p.pass(time.Second)
		if owners := p.owners("main"); len(owners) != 1 || owners[0] != "first" {
			t.Errorf("%v answer for the account, want the first", owners)
		}
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.posts() {
				first.Fall()
			}
			return send()
		})
		p.submit("open", "BUY", "GTC", "0.11", "10", always)
		p.pass(step)
		p.gate.set(nil)
		first.Kill()
		p.within(lease, "the spare owns the account", func() bool {
			owners := p.owners("main")
			return len(owners) == 1 && owners[0] == "spare"
		})
		p.start("first again")
		p.is("open", "open")
		p.send("cancel", "{'client_order_ids':['rests','open']}")
		p.final("rests", "open")
		if owners := p.owners("main"); len(owners) != 1 || owners[0] != "spare" {
			t.Errorf("%v answer for the account, want the spare", owners)
		}
	})
}
