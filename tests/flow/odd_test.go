package flow

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// TestFillAfterCancelSurvivesARestart: the venue says that it has cancelled an order, the executor falls, and then the order
// trades. Whoever starts next believes the fill, and the books have it.
func TestFillAfterCancelSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.cancelledInWordsOnly("o")
		p.executor().Kill()
		p.byHand("second", wide, polymarket.Sell, "0.39", "10")
		p.pass(5 * time.Second)
		p.gate.set(nil)
		p.start(p.successor())
		p.ready()
		p.has("o", "settled")
		if e := p.last("main", "o"); !e.Late || e.State != "filled" || e.Filled != "10" {
			t.Errorf("late %v, %s with %s filled", e.Late, e.State, e.Filled)
		}
		p.sameAfterRestart()
	})
}

// TestOverfillOfAFAKBySizeSurvivesARestart: a FAK BUY by size spends size × price and brings more shares than its size at a
// better price. The executor falls when the fill is stored.
func TestOverfillOfAFAKBySizeSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		fallen := p.trap(point{event: "order.filled"})
		p.submit("more", "BUY", "FAK", "0.60", "10")
		<-fallen
		p.executor().Kill()
		p.gate.set(nil)
		p.start(p.successor())
		p.ready()
		p.has("more", "settled")
		p.final("more")
		if e := p.last("main", "more"); e.Filled <= "11" || e.Filled >= "12" || e.State != "filled" {
			t.Errorf("6 pUSD at 0.52 brought %s, and the order is %s: %s", e.Filled, e.State, p.story("main", "more"))
		}
		p.sameAfterRestart()
	})
}

// TestFailedAfterTheSharesWereSoldSurvivesARestart: shares are bought and sold again, and then the venue says that the
// purchase has failed. The executor is away when it says so.
func TestFailedAfterTheSharesWereSoldSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FailSettlement.Next = 1 })
		p.submit("bought", "BUY", "FOK", "0.52", "10")
		p.has("bought", "filled")
		p.submit("sold", "SELL", "FOK", "0.51", "10")
		p.has("sold", "filled")
		p.executor().Kill()
		p.pass(10 * time.Second)
		p.start(p.successor())
		p.ready()
		p.has("bought", "settlement_failed")
		p.has("sold", "settled")
		if e := p.last("main", "bought"); e.Filled != "0" {
			t.Errorf("what failed still counts: %s filled", e.Filled)
		}
		p.sameAfterRestart()
	})
}

// TestTradeBeforeItsAnswerSurvivesARestart: the venue's answer to a post comes late, the trade at once, and the executor
// falls in between.
func TestTradeBeforeItsAnswerSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.venue.SetFaults(func(f *sandbox.Faults) { f.LateAnswer, f.LateMS = sandbox.Fault{Next: 1, On: "POST /order"}, 2500 })
		p.submit("early", "BUY", "GTC", "0.52", "10")
		p.has("early", "filled")
		p.crash()
		p.has("early", "settled")
		p.pass(5 * time.Second)
		if s := p.story("main", "early"); strings.Count(s, "filled:10") != 1 || strings.Count(s, "settled") != 1 {
			t.Errorf("story: %s", s)
		}
		p.once("early")
		p.sameAfterRestart()
	})
}

// TestTradeOfAnOrderFromTheWebPageSurvivesARestart: somebody trades in the venue's own page, once while the executor runs and
// once while it is away. Both are foreign orders with their fills, and the books have them.
func TestTradeOfAnOrderFromTheWebPageSurvivesARestart(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.byHand("main", coin, polymarket.Buy, "0.52", "10")
		p.until("the trade is told", func() bool { return len(p.ofType("main", "order.settled")) == 1 })
		p.executor().Kill()
		p.byHand("main", coin, polymarket.Sell, "0.51", "5")
		p.pass(5 * time.Second)
		p.start(p.successor())
		p.ready()
		p.until("the other trade is told", func() bool { return len(p.ofType("main", "order.settled")) == 2 })
		if got := p.doubts(); len(got) != 0 {
			t.Errorf("held for %v", got)
		}
		for _, e := range p.ofType("main", "order.filled") {
			if e.ClientOrderID != "" {
				t.Errorf("a fill of a foreign order bears the id %s", e.ClientOrderID)
			}
		}
		p.sameAfterRestart()
	})
}

// TestMorningReplay: the executor is down for two hours while a strategy goes on submitting, and a publisher that was cut off
// sends, when everybody is back, what it had kept since. Nothing of either leaves, whatever the lane.
func TestMorningReplay(t *testing.T) {
	const backlog, kept = 120, 60
	inPlant(t, setup{}, func(p *plant) {
		p.submit("yesterday", "BUY", "GTC", "0.10", "10")
		p.is("yesterday", "open")
		p.executor().Stop()
		night := time.Now()
		for i := range backlog {
			p.submit(fmt.Sprintf("night-%d", i), "BUY", []string{"GTC", "FAK", "FOK"}[i%3], "0.52", "10")
			if i%10 == 0 {
				p.send("replace", "{'client_order_id':'moved-%d','replaces':'yesterday','price':'0.11'}", i)
			}
			p.pass(time.Minute)
		}
		sent := len(p.posts())
		p.start(p.successor())
		p.ready()
		for i := range kept {
			at := night.Add(time.Duration(2*i) * time.Minute).UnixMilli()
			p.submit(fmt.Sprintf("kept-%d", i), "BUY", "GTC", "0.52", "10", fmt.Sprintf(",'sent_ms':%d", at))
		}
		p.pass(30 * time.Second)
		if n := len(p.posts()); n != sent {
			t.Errorf("%d stale orders left", n-sent)
		}
		for i := range backlog {
			p.tells(fmt.Sprintf("night-%d", i), "rejected:expired_in_queue.")
			if i%10 == 0 {
				p.tells(fmt.Sprintf("moved-%d", i), "rejected:expired_in_queue.")
			}
		}
		for i := range kept {
			p.tells(fmt.Sprintf("kept-%d", i), "rejected:expired_in_queue.")
		}
		p.tells("yesterday", "submitting accepted")
		p.submit("morning", "BUY", "GTC", "0.10", "10", fmt.Sprintf(",'sent_ms':%d", time.Now().UnixMilli()))
		p.is("morning", "open")
	})
}

// cancelledInWordsOnly has an order rest of which the venue says that it is cancelled, and which it keeps.
func (p *plant) cancelledInWordsOnly(id string) {
	p.t.Helper()
	p.sendTo("main", "submit", submitOf(wide, id, "BUY", "GTC", "0.39", "10"))
	p.is(id, "open")
	p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.cancels() {
			return answer(r, 200, "application/json", `{"canceled":["`+p.last("main", id).OrderID+`"],"not_canceled":{}}`), nil
		}
		return send()
	})
	p.send("cancel", "{'client_order_id':'%s'}", id)
	p.final(id)
}
