package flow

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// TestHaltSurvivesARestart halts without cancel: nothing new leaves, what rests stays, queued submits are refused and stay
// so; a restart and a crash change nothing; resume allows new commands only.
func TestHaltSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("stays", "BUY", "GTC", "0.10", "10")
		p.is("stays", "open")
		p.executor().Stop()
		for i := range 20 {
			p.submit(fmt.Sprintf("queued-%d", i), "BUY", "GTC", "0.10", "10", always)
		}
		p.send("halt", "{'request_id':'h1','reason':'drawdown'}")
		p.start(p.successor())
		p.until("halted", func() bool { return len(p.ofType("main", "order.halted")) == 1 })
		if e := p.ofType("main", "order.halted")[0]; e.RequestID != "h1" || e.Reason != "drawdown" || e.By != "command" {
			t.Errorf("halted says %s", e.raw)
		}
		p.crash()
		p.submit("refused", "BUY", "GTC", "0.10", "10", always)
		p.final("refused")
		p.restart()
		p.submit("refused-too", "BUY", "GTC", "0.10", "10", always)
		p.final("refused-too")
		p.send("resume", "{'request_id':'h2'}")
		p.submit("allowed", "BUY", "GTC", "0.10", "10", always)
		p.is("allowed", "open")
		p.restart()
		p.pass(20 * time.Second)
		ids := []string{"refused", "refused-too"}
		for i := range 20 {
			ids = append(ids, fmt.Sprintf("queued-%d", i))
		}
		for _, id := range ids {
			p.tells(id, "rejected:halted.")
			p.never(id)
		}
		p.tells("stays", "submitting accepted")
		p.tells("allowed", "submitting accepted")
	})
}

// TestHaltOfAllStopsEveryAccount halts and resumes every account at once; queued submits of each stay refused.
func TestHaltOfAllStopsEveryAccount(t *testing.T) {
	accounts := []string{"main", "eoa", "deposit"}
	inPlant(t, setup{accounts: accounts}, func(p *plant) {
		for _, a := range accounts {
			p.sendTo(a, "submit", submitOf(coin, "rests", "BUY", "GTC", "0.10", "10"))
		}
		for _, a := range accounts {
			p.until(a+" rests", func() bool { return p.last(a, "rests").State == "open" })
		}
		p.executor().Stop()
		for _, a := range accounts {
			p.sendTo(a, "submit", submitOf(coin, "queued", "BUY", "GTC", "0.10", "10", always))
		}
		p.pass(10 * time.Millisecond)
		p.sendTo("all", "halt", quoted("{'request_id':'stop','cancel':true}"))
		p.start(p.successor())
		p.ready()
		for _, a := range accounts {
			p.finalOf(a, "queued", "rests")
			p.sendTo(a, "submit", submitOf(coin, "during", "BUY", "GTC", "0.10", "10", always))
			p.finalOf(a, "during")
		}
		p.restart()
		p.pass(time.Second)
		p.sendTo("all", "resume", quoted("{'request_id':'go'}"))
		p.pass(time.Second)
		for _, a := range accounts {
			p.sendTo(a, "submit", submitOf(coin, "after", "BUY", "GTC", "0.10", "10"))
		}
		p.pass(5 * time.Second)
		for _, a := range accounts {
			if got := p.story(a, "rests"); got != "submitting accepted cancelled:requested." {
				t.Errorf("%s rests: %s", a, got)
			}
			// Stored before the halt, it may have been written before that was heard; it never leaves.
			if got := p.story(a, "queued"); strings.TrimPrefix(got, "submitting ") != "rejected:halted." {
				t.Errorf("%s queued: %s", a, got)
			}
			if got := p.story(a, "during"); got != "rejected:halted." {
				t.Errorf("%s during: %s", a, got)
			}
			if got := p.story(a, "after"); got != "submitting accepted" {
				t.Errorf("%s after: %s", a, got)
			}
		}
	})
}

// TestResumeKeepsWhatWasQueuedRefused halts, queues and resumes while the executor is away: it reads all of it at once, and
// what was stored before the resume is refused all the same.
func TestResumeKeepsWhatWasQueuedRefused(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.executor().Stop()
		p.submit("before", "BUY", "GTC", "0.10", "10", always)
		p.send("halt", "{'request_id':'h1'}")
		p.submit("during", "BUY", "GTC", "0.10", "10", always)
		p.send("resume", "{'request_id':'h2'}")
		p.submit("after", "BUY", "GTC", "0.10", "10", always)
		p.start(p.successor())
		p.ready()
		p.is("after", "open")
		p.tells("before", "rejected:halted.")
		p.tells("during", "rejected:halted.")
		p.tells("after", "submitting accepted")
	})
}

// TestRefusedCancelAllIsNotDone: the venue refuses to cancel everything for half a minute, while an own order rests and one that was
// placed by hand, of which nobody has told. The own one is cancelled by its id; the cancel_all is asked on, also by the next owner, and is done only
// when the venue has carried it out and nothing rests.
func TestRefusedCancelAllIsNotDone(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("own", "BUY", "GTC", "0.10", "10")
		p.is("own", "open")
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
		p.byHand("main", coin, polymarket.Buy, "0.11", "10")
		var refused atomic.Int32
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.URL.Path != "/cancel-all" {
				return send()
			}
			refused.Add(1)
			return answer(r, http.StatusBadRequest, "application/json", `{"error":"not now"}`), nil
		})
		p.send("cancel_all", "{'request_id':'sweep'}")
		p.final("own")
		p.tells("own", "submitting accepted cancelled:requested.")
		p.pass(15 * time.Second)
		p.crash()
		p.pass(15 * time.Second)
		if done := p.ofType("main", "order.cancel_all_done"); len(done) != 0 {
			t.Errorf("done while the venue refuses it: %s", done[0].raw)
		}
		if n := len(p.open("main")); n != 1 {
			t.Errorf("%d orders rest, want the one that was placed by hand", n)
		}
		if n := refused.Load(); n < 4 || n > 30 {
			t.Errorf("asked %d times in half a minute", n)
		}
		p.gate.set(nil)
		p.until("the sweep is done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) == 1 })
		if n := len(p.open("main")); n != 0 {
			t.Errorf("%d orders rest after a cancel_all", n)
		}
	})
}

// TestCancelAllWaitsForWhatItsAnswerHoldsBack: the venue carries a cancel_all out but for an order that was placed by hand, of
// which nobody has told: it holds it for a while, or refuses it for good. The order is cancelled by its id then, and the end of
// the cancel_all comes after that, and tells what still rests.
func TestCancelAllWaitsForWhatItsAnswerHoldsBack(t *testing.T) {
	for why, still := range map[string]int{"the order is delayed": 0, "not you": 1} {
		t.Run(why, func(t *testing.T) {
			inPlant(t, setup{lost: still == 1}, func(p *plant) {
				p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
				p.byHand("main", coin, polymarket.Buy, "0.11", "10")
				id := p.open("main")[0].ID
				not := `{"canceled":[],"not_canceled":{"` + id + `":"` + why + `"}}`
				p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
					if r.URL.Path == "/cancel-all" || r.Method == http.MethodDelete && strings.Contains(r.body, id) {
						return answer(r, http.StatusOK, "application/json", not), nil
					}
					return send()
				})
				p.send("cancel_all", "{'request_id':'sweep'}")
				p.pass(10 * time.Second)
				if done := p.ofType("main", "order.cancel_all_done"); len(done) != still {
					t.Errorf("%d ends while the venue holds an order back", len(done))
				}
				if still == 0 {
					p.gate.set(nil)
				}
				p.until("the sweep is done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) == 1 })
				end := p.ofType("main", "order.cancel_all_done")[0]
				if rests := strings.Contains(string(end.raw), `"still_open":[{"order_id":"`+id); rests != (still == 1) || len(p.open("main")) != still {
					t.Errorf("%d orders rest, and the end says %s", len(p.open("main")), end.raw)
				}
			})
		})
	}
}
