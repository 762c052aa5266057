package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/pkg/money"
)

// Limit and market orders of both sides are taken on every tick from every wallet kind.
func TestEveryTickTakesEveryKindOfOrder(t *testing.T) {
	s, base := venue(t, Config{})
	for _, a := range Accounts() {
		tr := newTrader(t, base, http.DefaultClient, a.Name)
		for _, m := range s.markets {
			s.mu.Lock()
			bid, ask := m.best(0)
			s.mu.Unlock()
			tr.must(tr.limit(m.Slug, 0, "BUY", bid.String(), "12.34"), "live")
			tr.must(tr.limit(m.Slug, 1, "SELL", (money.Unit-bid+m.tick).String(), "5"), "live")
			tr.must(tr.limit(m.Slug, 0, "SELL", bid.String(), "12.34"), "matched")
			tr.must(tr.limit(m.Slug, 0, "BUY", ask.String(), "12.34"), "matched")
			for _, kind := range []string{typeFOK, typeFAK} {
				shares, err := money.SharesFor(10*money.Unit, ask, money.Down)
				if err != nil {
					t.Fatal(err)
				}
				cut, _ := money.Grid(shares, money.Step(4), money.Down)
				p := tr.must(tr.order(m.Slug, 0, "BUY", cut.String(), "10", kind), "matched")
				if p.MakingAmount != "10" {
					t.Errorf("%s %s: spent %s of 10", m.Slug, kind, p.MakingAmount)
				}
				cash, _ := money.Cost(7_500_000, bid, money.Down)
				tr.must(tr.order(m.Slug, 0, "SELL", "7.5", cash.String(), kind), "matched")
			}
			gtd := tr.limit(m.Slug, 0, "BUY", bid.String(), "6")
			gtd.OrderType, gtd.Order.Expiration = typeGTD, unixIn(time.Hour)
			tr.must(gtd, "live")
		}
	}
	s.checkBooks(t)
}

// A resting order is filled in parts by others, at its own price and in its own token.
func TestRestingOrderIsFilledInParts(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		maker, taker := w.trader("main"), w.trader("second")
		user := w.listen("/ws/user", auth(maker))
		// Between the quotes of 0.32 and 0.34, bought as No at 0.67: whoever buys Yes at 0.33 mints with it.
		rest := maker.limit("sandbox-election", 1, "BUY", "0.67", "20")
		maker.must(rest, "live")
		p := taker.must(taker.limit("sandbox-election", 0, "BUY", "0.33", "8"), "matched")
		if p.MakingAmount != "2.64" || p.TakingAmount != "8" {
			t.Errorf("taker: %+v", p)
		}
		var o wireOrder
		maker.get("/data/order/"+rest.id, &o)
		if o.Status != "LIVE" || o.SizeMatched != "8" || o.OriginalSize != "20" || o.Price != "0.67" || !slices.Equal(o.AssociateTrades, p.TradeIDs) {
			t.Errorf("maker order: %+v", o)
		}
		orders, trades := user.take("order"), user.take("trade")
		if len(orders) != 2 || orders[0]["type"] != "PLACEMENT" || orders[1]["type"] != "UPDATE" || orders[1]["size_matched"] != "8" {
			t.Errorf("order frames: %v", orders)
		}
		if len(trades) != 1 {
			t.Fatalf("trade frames: %v", trades)
		}
		f, m := trades[0], trades[0]["maker_orders"].([]any)[0].(map[string]any)
		if f["trader_side"] != "MAKER" || f["side"] != "BUY" || f["price"] != "0.33" || f["size"] != "8" || f["status"] != "MATCHED" {
			t.Errorf("top of the trade: %v", f)
		}
		if m["owner"] != maker.creds.APIKey || m["asset_id"] != marketOf("sandbox-election").Tokens[1] || m["side"] != "BUY" ||
			m["price"] != "0.67" || m["matched_amount"] != "8" {
			t.Errorf("maker's leg: %v", m)
		}
		taker.must(taker.limit("sandbox-election", 1, "SELL", "0.67", "50"), "matched")
		maker.get("/data/order/"+rest.id, &o)
		if o.Status != "MATCHED" || o.SizeMatched != "20" {
			t.Errorf("after a second taker: %+v", o)
		}
		w.s.checkBooks(t)
	})
}

// A taker that sweeps prices makes one trade for each, and each trade names all makers that it met at that price.
func TestSweepMakesATradePerPrice(t *testing.T) {
	_, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	p := tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.53", "600"), "matched")
	var page struct{ Data []wireTrade }
	tr.get("/data/trades", &page)
	if len(p.TradeIDs) != 2 || len(page.Data) != 2 || page.Data[1].ID != p.TradeIDs[0] {
		t.Fatalf("trades %v and %+v", p.TradeIDs, page.Data)
	}
	first, second := page.Data[1], page.Data[0]
	if first.Price != "0.52" || first.Size != "400" || len(first.MakerOrders) != 2 || first.BucketIndex != 0 ||
		second.Price != "0.53" || second.Size != "200" || second.BucketIndex != 1 {
		t.Errorf("trades %+v", page.Data)
	}
	if p.MakingAmount != "314" || p.TakingAmount != "600" {
		t.Errorf("amounts: %+v", p)
	}
}

func TestQuotesComeBackAfterAHit(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		before := w.s.show("sandbox-coin", 0)
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.53", "600"), "matched")
		rest := tr.limit("sandbox-coin", 0, "BUY", "0.52", "10") // while there is nothing to buy at 0.52
		tr.must(rest, "live")
		time.Sleep(time.Second)
		if asks := w.s.show("sandbox-coin", 0).Asks; asks[len(asks)-1].Price != 530_000 {
			t.Errorf("quoted into a resting order: %v", asks)
		}
		tr.call("DELETE", "/order", `{"orderID":"`+rest.id+`"}`)
		time.Sleep(time.Second)
		after := w.s.show("sandbox-coin", 0)
		if !slices.Equal(before.Asks, after.Asks) || !slices.Equal(before.Bids, after.Bids) {
			t.Errorf("book %v %v, before %v %v", after.Bids, after.Asks, before.Bids, before.Asks)
		}
	})
}

func TestGTDOrderStopsAMinuteBeforeItsExpiration(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		tr := w.trader("main")
		gtd := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		gtd.OrderType, gtd.Order.Expiration = typeGTD, unixIn(200*time.Second)
		tr.must(gtd, "live")
		var o wireOrder
		time.Sleep(139 * time.Second)
		tr.get("/data/order/"+gtd.id, &o)
		if o.Status != "LIVE" {
			t.Errorf("61 s before: %s", o.Status)
		}
		time.Sleep(2 * time.Second)
		tr.get("/data/order/"+gtd.id, &o)
		if o.Status != "CANCELED" {
			t.Errorf("59 s before: %s", o.Status)
		}
		w.s.checkBooks(t)
	})
}

// Each entry of a batch stands for itself inside HTTP 200; sixteen are refused whole.
func TestBatchEntriesStandForThemselves(t *testing.T) {
	_, base := venue(t, Config{})
	tr := newTrader(t, base, http.DefaultClient, "main")
	batch := func(ws ...*wire) string {
		var all []string
		for _, w := range ws {
			all = append(all, w.json())
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	good, bad, fill := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"), tr.limit("sandbox-coin", 0, "BUY", "0.4", "1"), tr.limit("sandbox-coin", 0, "BUY", "0.52", "10")
	status, body := tr.call("POST", "/orders", batch(good, bad, fill, good))
	var out []placement
	tr.read(body, &out)
	if status != 200 || len(out) != 4 || out[0].Status != "live" || out[1].Success || out[1].OrderID != "" || out[2].Status != "matched" ||
		out[1].ErrorMsg != "order "+bad.id+" is invalid. Size (1) lower than the minimum: 5" || !strings.HasSuffix(out[3].ErrorMsg, "Duplicated.") {
		t.Errorf("batch: %d %s", status, body)
	}
	var many []*wire
	for range 16 {
		many = append(many, tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"))
	}
	if status, body := tr.call("POST", "/orders", batch(many...)); status != 400 || body != `{"error":"Too many orders in payload: 16, max allowed: 15"}` {
		t.Errorf("sixteen: %d %s", status, body)
	}
	if status, body := tr.call("POST", "/orders", batch(many[:15]...)); status != 200 || strings.Count(body, `"status":"live"`) != 15 {
		t.Errorf("fifteen: %d %s", status, body)
	}
	if status, body := tr.call("POST", "/orders", "[]"); status != 400 {
		t.Errorf("none: %d %s", status, body)
	}
}

func TestEachCancelTakesWhatItNames(t *testing.T) {
	s, base := venue(t, Config{})
	tr, other := newTrader(t, base, http.DefaultClient, "main"), newTrader(t, base, http.DefaultClient, "second")
	place := func(slug string, outcome int) string {
		w := tr.limit(slug, outcome, "BUY", "0.2", "10")
		tr.must(w, "live")
		return w.id
	}
	a, b, c := place("sandbox-coin", 0), place("sandbox-coin", 0), place("sandbox-coin", 1)
	d, e := place("sandbox-election", 0), place("sandbox-election", 1)
	filled := tr.limit("sandbox-coin", 0, "BUY", "0.52", "10")
	tr.must(filled, "matched")
	unknown := "0x" + strings.Repeat("ab", 32)
	const gone, matched = "Order not found or already canceled", "Order already matched"
	check := func(who *trader, method, path, body string, canceled []string, not map[string]string) {
		t.Helper()
		status, text := who.call(method, path, body)
		var out canceledAnswer
		who.read(text, &out)
		slices.Sort(out.Canceled)
		slices.Sort(canceled)
		if status != 200 || !slices.Equal(out.Canceled, canceled) || fmt.Sprint(out.NotCanceled) != fmt.Sprint(not) {
			t.Errorf("%s %s %s: %d %s", method, path, body, status, text)
		}
	}
	check(other, "DELETE", "/order", `{"orderID":"`+a+`"}`, nil, map[string]string{a: gone})
	check(tr, "DELETE", "/order", `{"orderID":"`+a+`"}`, []string{a}, map[string]string{})
	check(tr, "DELETE", "/order", `{"orderID":"`+a+`"}`, nil, map[string]string{a: gone})
	check(tr, "DELETE", "/order", `{"orderID":"`+filled.id+`"}`, nil, map[string]string{filled.id: matched})
	check(tr, "DELETE", "/orders", `["`+b+`","`+unknown+`"]`, []string{b}, map[string]string{unknown: gone})
	check(tr, "DELETE", "/cancel-market-orders", `{"market":"`+marketOf("sandbox-election").ConditionID+`","asset_id":"`+marketOf("sandbox-election").Tokens[1]+`"}`, []string{e}, map[string]string{})
	check(tr, "DELETE", "/cancel-market-orders", `{"asset_id":"`+marketOf("sandbox-coin").Tokens[1]+`"}`, []string{c}, map[string]string{})
	check(other, "DELETE", "/cancel-all", "", nil, map[string]string{})
	check(tr, "DELETE", "/cancel-all", "", []string{d}, map[string]string{})
	for path, body := range map[string]string{"/order": `{"orderID":"12"}`, "/orders": `["` + a + `","x"]`} {
		if status, text := tr.call("DELETE", path, body); status != 400 || text != `{"error":"Invalid orderID"}` {
			t.Errorf("DELETE %s %s: %d %s", path, body, status, text)
		}
	}
	many := `["` + strings.Repeat(a+`","`, maxCancels) + a + `"]`
	if status, text := tr.call("DELETE", "/orders", many); status != 400 || text != `{"error":"Too many orders in payload, max allowed: 1000"}` {
		t.Errorf("1001 ids: %d %s", status, text)
	}
	s.checkBooks(t)
}

type canceledAnswer = canceled

func TestOpenOrdersComeInPages(t *testing.T) {
	_, base := venue(t, Config{PageSize: 2})
	tr := newTrader(t, base, http.DefaultClient, "main")
	var want, got []string
	for range 5 {
		w := tr.limit("sandbox-coin", 0, "BUY", "0.2", "10")
		tr.must(w, "live")
		want = append(want, w.id)
	}
	for cursor := ""; cursor != endCursor; {
		var p struct {
			Data       []wireOrder
			Count      int
			NextCursor string `json:"next_cursor"`
		}
		tr.get("/data/orders?next_cursor="+cursor, &p)
		for _, o := range p.Data {
			got = append(got, o.ID)
		}
		if cursor = p.NextCursor; p.Count != len(p.Data) || cursor == "" {
			t.Fatalf("page %+v", p)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages gave %v, want %v", got, want)
	}
}

// Orders of all accounts at random, settlements failing and retried: the books stay whole all the time.
func TestBooksStayWholeUnderRandomOrders(t *testing.T) {
	for seed := range uint64(4) {
		inBubble(t, Config{Seed: seed + 1, FeeRates: map[string]int64{"sandbox-dime": 70_000}}, func(w *world) {
			r := rand.New(rand.NewPCG(seed, 9))
			w.s.SetFaults(func(f *Faults) {
				f.FailSettlement.PerMille, f.RetrySettlement.PerMille, f.DelayOrder.PerMille = 200, 200, 100
			})
			var traders []*trader
			for _, a := range Accounts() {
				traders = append(traders, w.trader(a.Name))
			}
			for range 300 {
				tr := traders[r.IntN(len(traders))]
				m := Markets()[r.IntN(3)]
				tick, _ := money.Parse[money.Price](m.TickSize)
				price := tick * money.Price(1+r.Int64N(int64(money.Unit/tick)-1))
				o := tr.limit(m.Slug, r.IntN(2), []string{"BUY", "SELL"}[r.IntN(2)], price.String(), fmt.Sprint(5+r.IntN(3000)))
				o.OrderType = []string{typeGTC, typeGTC, typeFAK, typeFOK}[r.IntN(4)]
				tr.post(o)
				if r.IntN(20) == 0 {
					tr.call("DELETE", "/cancel-all", "")
				}
				time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
				w.s.checkBooks(t)
			}
			time.Sleep(time.Minute) // until every trade has settled
			checkChain(t, w.s)
		})
	}
}
