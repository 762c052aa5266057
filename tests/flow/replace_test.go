package flow

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// wide is a market with room between bid 0.375 and ask 0.4, in which orders of ours are first in the book.
const wide = "sandbox-half-cent"

// TestReplaceMovesAnOrder replaces an order twice, the second time after a part of it was filled: the new one leaves when the
// venue has shown that the old one is closed, with the size that is left.
func TestReplaceMovesAnOrder(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.sendTo("main", "submit", submitOf(wide, "a", "BUY", "GTC", "0.38", "30", ",'meta':{'level':1}"))
		p.is("a", "open")
		p.send("replace", "{'client_order_id':'b','replaces':'a','price':'0.385'}")
		p.is("b", "open")
		p.byHand("second", wide, polymarket.Sell, "0.385", "10")
		p.pass(time.Second)
		p.send("replace", "{'client_order_id':'c','replaces':'b','price':'0.39'}")
		p.is("c", "open")
		p.pass(3 * time.Second)
		p.tells("a", "submitting accepted cancelled:requested.")
		if e := p.last("main", "c"); e.Remaining != "20" || string(e.Meta) != `{"level":1}` {
			t.Errorf("after 10 of 30 were filled the last one rests with %s and meta %s", e.Remaining, e.Meta)
		}
		if open := p.open("main"); len(open) != 1 || open[0].Price.String() != "0.39" {
			t.Errorf("open at the venue: %v", open)
		}
		for _, id := range []string{"a", "b", "c"} {
			p.once(id)
		}
	})
}

// TestReplaceOfAFilledOrderIsRefused replaces an order that is filled already, and one that is filled while its cancel is on
// the way: the venue says at once that it is matched, and the fill comes later, because the feed is frozen. The new one waits
// for it, is refused for it, and never leaves.
func TestReplaceOfAFilledOrderIsRefused(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("filled", "BUY", "GTC", "0.52", "10")
		p.has("filled", "settled")
		p.send("replace", "{'client_order_id':'r1','replaces':'filled','price':'0.10'}")
		p.final("r1")
		p.sendTo("main", "submit", submitOf(wide, "races", "BUY", "GTC", "0.38", "10"))
		p.is("races", "open")
		arrived, proceed := make(chan struct{}), make(chan struct{})
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.cancels() {
				close(arrived)
				<-proceed
			}
			return send()
		})
		p.send("replace", "{'client_order_id':'r2','replaces':'races','price':'0.385','valid_until_ms':0}")
		<-arrived
		p.venue.SetFaults(func(f *sandbox.Faults) { f.FreezeFeed = true })
		p.byHand("second", wide, polymarket.Sell, "0.38", "10")
		close(proceed)
		p.final("r2")
		p.has("races", "settled")
		for _, id := range []string{"r1", "r2"} {
			if s := p.story("main", id); !strings.HasSuffix(s, "rejected:replaced_order_filled.") {
				t.Errorf("%s: %s", id, s)
			}
			p.never(id)
		}
	})
}

// TestReplaceThatIsNotClearIsGivenUp: the venue does not answer the cancel of the old order. The new one never leaves.
func TestReplaceThatIsNotClearIsGivenUp(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("old", "BUY", "GTC", "0.10", "10")
		p.is("old", "open")
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.cancels() || r.lookup() {
				return answer(r, 500, "application/json", `{"error":"no"}`), nil
			}
			return send()
		})
		p.send("replace", "{'client_order_id':'new','replaces':'old','price':'0.11'}")
		p.final("new")
		p.gate.set(nil)
		p.final("old")
		p.tells("new", "submitting rejected:replace_unresolved.")
		p.never("new")
	})
}

// TestReplacedOrderIsLookedUpByOneRequestAtATime: the venue lets every look-up of the old order hang. However many ticks pass,
// one asks at a time; once the venue answers, the new order leaves.
func TestReplacedOrderIsLookedUpByOneRequestAtATime(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.sendTo("main", "submit", submitOf(wide, "old", "BUY", "GTC", "0.38", "10"))
		p.is("old", "open")
		var asked, under, most atomic.Int32
		answer := make(chan struct{})
		p.gate.set(func(r *request, send func() (*http.Response, error)) (*http.Response, error) {
			if !strings.HasPrefix(r.URL.Path, "/data/order/") {
				return send()
			}
			asked.Add(1)
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			select {
			case <-answer:
				return send()
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		p.send("replace", "{'client_order_id':'new','replaces':'old','price':'0.385','valid_until_ms':0}")
		p.pass(45 * time.Second)
		if n := asked.Load(); n < 3 {
			t.Errorf("asked %d times in 45 s", n)
		}
		if n := most.Load(); n != 1 {
			t.Errorf("%d look-ups of one order asked at once", n)
		}
		close(answer)
		p.is("new", "open")
		p.once("new")
	})
}
