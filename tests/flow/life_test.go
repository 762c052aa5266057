package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// TestOrderGoesFromSubjectToSettlement publishes one order that crosses the book and reads its whole life from the log.
func TestOrderGoesFromSubjectToSettlement(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		seq := p.submit("a1", "BUY", "GTC", "0.52", "10", ",'meta':{'level':1}")
		p.has("a1", "settled")
		p.tells("a1", "submitting accepted filled:10. settled.")
		for _, e := range p.of("main", seq) {
			if e.Type != "order.submitting" && string(e.Meta) != `{"level":1}` {
				t.Errorf("%s gives back meta %s", e.Type, e.Meta)
			}
		}
		if n := len(p.posts()); n != 1 {
			t.Errorf("%d posts, want 1", n)
		}
	})
}

// TestEveryWalletKindTradesAtOnce lets all five accounts buy, rest and cancel side by side; none gets in another's way.
func TestEveryWalletKindTradesAtOnce(t *testing.T) {
	var names []string
	for _, a := range sandbox.Accounts() {
		names = append(names, a.Name)
	}
	inPlant(t, setup{accounts: names}, func(p *plant) {
		for i := range 4 {
			for _, a := range names {
				p.sendTo(a, "submit", submitOf(coin, fmt.Sprintf("take-%d", i), "BUY", "GTC", "0.52", "10"))
				p.sendTo(a, "submit", submitOf(coin, fmt.Sprintf("rest-%d", i), "BUY", "GTC", "0.11", "10"))
			}
		}
		p.pass(5 * time.Second)
		for _, a := range names {
			p.sendTo(a, "cancel_all", quoted("{'request_id':'sweep'}"))
		}
		p.pass(5 * time.Second)
		for _, a := range names {
			for i := range 4 {
				if got, want := p.story(a, fmt.Sprintf("take-%d", i)), "submitting accepted filled:10. settled."; got != want {
					t.Errorf("%s take-%d: %s, want %s", a, i, got, want)
				}
				if got, want := p.story(a, fmt.Sprintf("rest-%d", i)), "submitting accepted cancelled:requested."; got != want {
					t.Errorf("%s rest-%d: %s, want %s", a, i, got, want)
				}
			}
		}
	})
}

// TestEveryMarketAndTickTrades buys, sells and rests on each market: every tick, and negative risk.
func TestEveryMarketAndTickTrades(t *testing.T) {
	prices := map[string][3]string{ // ask, bid, and a price that rests
		"sandbox-coin": {"0.52", "0.51", "0.11"}, "sandbox-dime": {"0.5", "0.4", "0.1"}, "sandbox-half-cent": {"0.4", "0.375", "0.105"},
		"sandbox-quarter": {"0.625", "0.6", "0.1025"}, "sandbox-mill": {"0.4", "0.375", "0.101"}, "sandbox-pip": {"0.625", "0.6", "0.1001"},
		"sandbox-election": {"0.34", "0.32", "0.11"},
	}
	inPlant(t, setup{}, func(p *plant) {
		for _, m := range sandbox.Markets() {
			at, known := prices[m.Slug]
			if !known {
				t.Errorf("market %s is not traded by this test", m.Slug)
				continue
			}
			id := strings.TrimPrefix(m.Slug, "sandbox-")
			p.sendTo("main", "submit", submitOf(m.Slug, id+"-buy", "BUY", "GTC", at[0], "20"))
			p.sendTo("main", "submit", submitOf(m.Slug, id+"-sell", "SELL", "FAK", at[1], "20"))
			p.sendTo("main", "submit", submitOf(m.Slug, id+"-rest", "BUY", "GTC", at[2], "20"))
			p.sendTo("main", "submit", quoted("{'client_order_id':'%s-token','token_id':'%s','side':'SELL','type':'GTC','price':'%s','size':'20'}", id, m.Tokens[0], at[1]))
		}
		p.pass(3 * time.Second)
		p.send("cancel_all", "{'request_id':'sweep'}")
		p.pass(3 * time.Second)
		for _, m := range sandbox.Markets() {
			id := strings.TrimPrefix(m.Slug, "sandbox-")
			for _, side := range []string{"-buy", "-sell", "-token"} {
				p.tells(id+side, "submitting accepted filled:20. settled.")
			}
			p.tells(id+"-rest", "submitting accepted cancelled:requested.")
		}
	})
}

// TestBurstGoesInBatches sends one order alone, and forty that wait when the executor comes up: the former leaves in a
// single post, the latter in posts of up to fifteen, in the order stored. Another forty come from four strategies at once.
func TestBurstGoesInBatches(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("alone", "BUY", "GTC", "0.10", "10")
		p.is("alone", "open")
		if n := len(p.requests("main", "POST /order")); n != 1 {
			t.Errorf("%d single posts, want 1", n)
		}
		p.executor().Stop()
		for i := range 40 {
			p.submit(fmt.Sprintf("burst-%d", i), "BUY", "GTC", "0.10", "10")
		}
		p.start(p.successor())
		p.ready()
		p.pass(2 * time.Second)
		carried, batches := 0, p.requests("main", "POST /orders")
		for _, l := range batches {
			carried += l.orders()
			if n := l.orders(); n < 2 || n > 15 {
				t.Errorf("a batch of %d", n)
			}
		}
		if single := len(p.requests("main", "POST /order")) - 1; carried+single != 40 || single > 1 {
			t.Errorf("%d orders in %d batches and %d single posts; want 40, almost all of them in batches", carried, len(batches), single)
		}
		done := make(chan struct{})
		for i := range 4 {
			go func() {
				defer func() { done <- struct{}{} }()
				for k := range 10 {
					p.submit(fmt.Sprintf("s%d-%d", i, k), "BUY", "GTC", "0.10", "10")
				}
			}()
		}
		for range 4 {
			<-done
		}
		p.pass(3 * time.Second)
		if n := len(p.open("main")); n != 81 {
			t.Errorf("%d orders rest, want 81", n)
		}
		p.inStoredOrder()
	})
}

// inStoredOrder checks that intents are written in the order in which their submits are stored.
func (p *plant) inStoredOrder() {
	p.t.Helper()
	var last uint64
	for _, e := range p.ofType("main", "order.submitting") {
		if e.CmdSeq < last {
			p.t.Errorf("the submit stored as %d is decided after %d", e.CmdSeq, last)
		}
		last = e.CmdSeq
	}
}

// TestOrderTypes takes each type through its ends: filled, killed, partly filled, expired, resting, refused.
func TestOrderTypes(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("fok", "BUY", "FOK", "0.52", "10")
		p.submit("fok-too-big", "BUY", "FOK", "0.52", "9000")
		p.submit("fak-none", "BUY", "FAK", "0.20", "10")
		p.submit("sell-fok", "SELL", "FOK", "0.51", "10")
		p.submit("maker", "BUY", "GTC", "0.10", "10", ",'post_only':true")
		p.submit("taker", "BUY", "GTC", "0.52", "10", ",'post_only':true")
		p.submit("gtd", "BUY", "GTD", "0.10", "10", fmt.Sprintf(",'expires_ms':%d", time.Now().Add(200*time.Second).UnixMilli()))
		p.pass(3 * time.Second)
		p.submit("fak-part", "BUY", "FAK", "0.52", "9000")
		p.pass(5 * time.Second)
		p.tells("fok", "submitting accepted filled:10. settled.")
		p.tells("fok-too-big", "submitting rejected:fok_not_filled.")
		p.tells("fak-none", "submitting rejected:fak_no_match.")
		p.tells("sell-fok", "submitting accepted filled:10. settled.")
		p.tells("maker", "submitting accepted")
		p.tells("taker", "submitting rejected:would_cross.")
		p.tells("gtd", "submitting accepted")
		if e := p.last("main", "fak-part"); e.State != "cancelled" || e.Filled == "0" || !strings.Contains(p.story("main", "fak-part"), "cancelled:unfilled_rest.") {
			t.Errorf("fak-part: %s", p.story("main", "fak-part"))
		}
		p.pass(200 * time.Second)
		p.tells("gtd", "submitting accepted cancelled:expired.")
	})
}

// TestMarketOrdersBySlippageAndAmount buys and sells without naming a price, and spends an amount.
func TestMarketOrdersBySlippageAndAmount(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		order := func(id, rest string) {
			p.send("submit", "{'client_order_id':'%s','market':'%s','outcome':'Yes',%s}", id, coin, rest)
		}
		order("buy", "'side':'BUY','type':'FAK','max_slippage':'0.02','size':'10'")
		order("sell", "'side':'SELL','type':'FOK','max_slippage':'0.02','size':'10'")
		order("spend", "'side':'BUY','type':'FOK','price':'0.52','amount':'26'")
		order("spend-slip", "'side':'BUY','type':'FAK','max_slippage':'0.01','amount':'52'")
		p.pass(3 * time.Second)
		for id, avg := range map[string]string{"buy": "0.52", "sell": "0.51", "spend": "0.52", "spend-slip": "0.52"} {
			p.final(id)
			if e := p.last("main", id); e.State != "filled" || e.AvgPrice != avg {
				t.Errorf("%s is %s at %s, want filled at %s: %s", id, e.State, e.AvgPrice, avg, p.story("main", id))
			}
		}
		if e := p.last("main", "spend"); e.Filled != "50" {
			t.Errorf("26 pUSD at 0.52 bought %s, want 50", e.Filled)
		}
	})
}

// TestRestingOrderIsFilledByOthersInParts rests an order, lets another account of the venue trade against it in three
// parts, and cancels what is left of a second one.
func TestRestingOrderIsFilledByOthersInParts(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.sendTo("main", "submit", submitOf(wide, "whole", "BUY", "GTC", "0.39", "30"))
		p.is("whole", "open")
		for range 3 {
			p.byHand("second", wide, polymarket.Sell, "0.39", "10")
			p.pass(time.Second)
		}
		p.tells("whole", "submitting accepted filled:10 settled filled:10 settled filled:10. settled.")
		p.sendTo("main", "submit", submitOf(wide, "part", "SELL", "GTC", "0.385", "30"))
		p.is("part", "open")
		p.byHand("second", wide, polymarket.Buy, "0.385", "12.5")
		p.pass(time.Second)
		p.send("cancel", "{'client_order_id':'part'}")
		p.final("part")
		p.tells("part", "submitting accepted filled:12.5 settled cancelled:requested.")
		if e := p.last("main", "part"); e.Filled != "12.5" || e.Fill != nil {
			t.Errorf("cancelled with %s filled", e.Filled)
		}
	})
}
