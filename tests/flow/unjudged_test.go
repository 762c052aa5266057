package flow

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/services/executor"
)

// starts has n starts end before they are compared: the venue tells nothing of what rests or has traded. Another one follows,
// which it answers.
func (p *plant) starts(n int) {
	p.t.Helper()
	p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/data/") {
			return nil, errReset
		}
		return send()
	})
	p.up()
	for range n - 1 {
		p.pass(20 * time.Second)
		p.crash()
	}
	p.pass(20 * time.Second)
	all := p.log("main")
	for i := len(all) - 1; i >= 0 && all[i].Type != "order.owner"; i-- {
		if all[i].Type == "order.held" || all[i].Type == "order.compared" {
			p.t.Fatalf("a start is compared while the venue does not answer: %s", all[i].raw)
		}
	}
	p.executor().Kill()
	p.gate.set(nil)
	p.start(p.successor())
	p.ready()
}

// A start that ends before it is compared takes no sign of a lost stream with it, and neither do two.
func TestLossOutlivesStartsThatAreNotCompared(t *testing.T) {
	for _, l := range losses() {
		for _, n := range []int{1, 2} {
			t.Run(fmt.Sprint(l.name, "/", n), func(t *testing.T) {
				inPlant(t, setup{lost: true, bookless: true}, func(p *plant) {
					p.past()
					p.loses(l)
					p.starts(n)
					p.wantHeld(l.codes...)
				})
			})
		}
	}
}

// With the log and the private feed gone for longer than the venue is asked about, the emptied stream is the only sign that
// there was more. What was asked before is read again by each start, and none of it leaves, whatever becomes of orders that
// the log does not know.
func TestEmptiedLogIsNotForgottenByStartsThatAreNotCompared(t *testing.T) {
	emptied := loss{"", func(p *plant) error {
		for _, subject := range []string{"feed.main.>", "cmd.order.main.cancel"} {
			if err := p.stream("ASK_main").Purge(p.t.Context(), jetstream.WithPurgeSubject(subject)); err != nil {
				return err
			}
		}
		return p.stream("LOG_main").Purge(p.t.Context())
	}, nil}
	for _, policy := range []executor.Policy{executor.Hold, executor.Adopt, executor.CancelUnknown, executor.Accept} {
		t.Run(string(policy), func(t *testing.T) {
			decided := func(c *executor.Config) { c.UnknownOrders = policy }
			inPlant(t, setup{lost: true, bookless: true, executor: decided}, func(p *plant) {
				p.past()
				p.send("cancel", "{'client_order_id':'rests'}")
				p.final("rests")
				p.pass(2 * time.Minute)
				sent := len(p.posts())
				p.loses(emptied)
				p.pass(25 * time.Hour)
				p.starts(2)
				got := p.doubts()
				if policy == executor.Accept {
					if e := p.ofType("main", "order.compared"); len(got) != 0 || len(e) != 1 || len(e[0].Doubts) != 1 || e[0].Doubts[0].Code != msgs.LogLost {
						t.Errorf("held for %v; what has passed is not said: %v", got, e)
					}
				} else if !slices.Equal(got, []msgs.Code{msgs.LogLost}) {
					t.Errorf("held for %v, want the emptied log", got)
				}
				p.pass(20 * time.Second)
				if n := len(p.posts()); n != sent {
					t.Errorf("%d orders of before left a second time", n-sent)
				}
			})
		})
	}
}

// Every command of a stream that was made anew is answered, also those under whose sequences the log had decided others,
// when the start that saw it is not compared.
func TestCommandsOfARemadeStreamAreAnsweredAfterStartsThatAreNotCompared(t *testing.T) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inPlant(t, setup{lost: true, bookless: true}, func(p *plant) {
				p.past()
				p.loses(losses()[2])
				for i := range 20 {
					p.submit(fmt.Sprint("fresh-", i), "BUY", "GTC", "0.15", "10", always)
				}
				p.pass(time.Minute)
				p.starts(n)
				p.doubts()
				for i := range 20 {
					p.final(fmt.Sprint("fresh-", i))
					p.tells(fmt.Sprint("fresh-", i), "rejected:log_in_doubt.")
				}
				p.wantHeld(msgs.LaneLost)
			})
		})
	}
}

// The ledger alone knows that there was more than a restored copy of the log holds. Starts that are not compared write so much that
// the copy comes to have more events than the ledger has booked: it says all the same that it had booked others.
func TestLedgerTellsOfALogThatHasGrownSinceItWasRestored(t *testing.T) {
	dir := t.TempDir()
	inPlant(t, setup{lost: true, dir: dir}, func(p *plant) {
		p.submit("yesterday", "BUY", "GTC", "0.09", "10", always)
		p.is("yesterday", "open")
		yesterday := p.copied(dir)
		for _, id := range []string{"a", "b", "c"} {
			p.submit(id, "BUY", "GTC", "0.11", "10", always)
			p.is(id, "open")
			p.send("cancel", "{'client_order_id':'%s'}", id)
			p.final(id)
		}
		p.pass(10 * time.Second)
		all := p.log("main")
		booked := all[len(all)-1].N
		p.down()
		p.moves(yesterday)
		for i := range 40 {
			p.send("cancel", "{'client_order_id':'nobody-%d'}", i)
		}
		p.starts(2)
		if all := p.log("main"); all[len(all)-1].N <= booked {
			t.Fatalf("the log has %d events, and the ledger has booked %d", all[len(all)-1].N, booked)
		}
		p.wantHeld(msgs.LogRolledBack)
	})
}
