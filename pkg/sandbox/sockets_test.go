package sandbox

import (
	"slices"
	"testing"
	"time"

	"sluice/pkg/money"
)

func subscribe(tokens ...string) map[string]any {
	return map[string]any{"type": "market", "assets_ids": tokens, "custom_feature_enabled": true}
}

func TestMarketSocketStartsWithTheBooks(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		coin, dime := marketOf("sandbox-coin"), marketOf("sandbox-dime")
		l := w.listen("/ws/market", subscribe(coin.Tokens[0], "unknown"))
		books := l.take("book")
		if len(books) != 1 || books[0]["asset_id"] != coin.Tokens[0] || books[0]["tick_size"] != "0.01" || books[0]["min_order_size"] != "5" {
			t.Fatalf("first books: %v", books)
		}
		asks := books[0]["asks"].([]any)
		if best := asks[len(asks)-1].(map[string]any); best["price"] != "0.52" || best["size"] != "400" {
			t.Errorf("best ask, last in the array: %v", best)
		}
		l.say("PING")
		l.say(map[string]any{"operation": "subscribe", "assets_ids": []string{coin.Tokens[0]}})
		if texts, _ := l.heard(); !slices.Equal(texts, []string{"PONG", "NO NEW ASSETS"}) {
			t.Errorf("texts %q", texts)
		}
		l.forget()
		l.say(map[string]any{"operation": "subscribe", "assets_ids": []string{coin.Tokens[0], dime.Tokens[1]}})
		if books := l.take("book"); len(books) != 1 || books[0]["asset_id"] != dime.Tokens[1] {
			t.Errorf("books of a second subscription: %v", books)
		}
		l.forget()
		l.say(map[string]any{"operation": "unsubscribe", "assets_ids": []string{coin.Tokens[0]}})
		l.say("{")
		tr := w.trader("main")
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"), "live")
		if f := l.take("price_change"); len(f) != 0 {
			t.Errorf("after unsubscribe: %v", f)
		}
		if texts, ended := l.heard(); !slices.Equal(texts, []string{"INVALID OPERATION"}) || ended {
			t.Errorf("texts %q, ended %t", texts, ended)
		}
	})
}

// A resting order shows at once on both tokens; a trade brings the last price and whole books.
func TestMarketSocketFollowsTheBook(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		m := marketOf("sandbox-half-cent")
		l, tr := w.listen("/ws/market", subscribe(m.Tokens[0], m.Tokens[1])), w.trader("main")
		l.forget()
		tr.must(tr.limit(m.Slug, 1, "SELL", "0.61", "10"), "live") // the same as buying Yes at 0.39
		changes := l.take("price_change")
		if len(changes) != 1 {
			t.Fatalf("changes %v", changes)
		}
		both := changes[0]["price_changes"].([]any)
		no, yes := both[0].(map[string]any), both[1].(map[string]any)
		if no["asset_id"] != m.Tokens[1] || no["side"] != "SELL" || no["price"] != "0.61" || no["size"] != "10" || no["best_ask"] != "0.61" ||
			yes["asset_id"] != m.Tokens[0] || yes["side"] != "BUY" || yes["price"] != "0.39" || yes["size"] != "10" || yes["best_bid"] != "0.39" {
			t.Errorf("changes %v", both)
		}
		if no["hash"] != w.s.show(m.Slug, 1).Hash {
			t.Error("the change's hash is not the book's")
		}
		best := l.take("best_bid_ask")
		if len(best) != 2 || best[0]["best_bid"] != "0.39" || best[0]["best_ask"] != "0.4" || best[0]["spread"] != "0.01" {
			t.Errorf("best prices %v", best)
		}
		l.forget()
		tr.must(tr.limit(m.Slug, 0, "SELL", "0.39", "10"), "matched")
		last, books := l.take("last_trade_price"), l.take("book")
		if len(last) != 1 || last[0]["asset_id"] != m.Tokens[0] || last[0]["price"] != "0.39" || last[0]["side"] != "SELL" || last[0]["size"] != "10" {
			t.Errorf("last trade %v", last)
		}
		if len(books) != 2 || books[0]["last_trade_price"] != "0.39" || books[1]["last_trade_price"] != "0.61" {
			t.Errorf("books %v", books)
		}
		change := l.take("price_change")[0]["price_changes"].([]any)[0].(map[string]any)
		if change["size"] != "0" {
			t.Errorf("level taken away: %v", change)
		}
	})
}

// Whoever applies every frame to the first book holds the same book as the venue, through orders, trades and quotes.
func TestFramesAddUpToTheBook(t *testing.T) {
	inBubble(t, Config{Walk: 700 * time.Millisecond}, func(w *world) {
		m := w.s.markets[0]
		l, tr := w.listen("/ws/market", subscribe(m.Tokens[0])), w.trader("main")
		for i := range 30 {
			w.s.mu.Lock()
			bid, ask := m.best(0)
			w.s.mu.Unlock()
			tr.post(tr.limit(m.Slug, i%2, "BUY", []money.Price{bid, money.Unit - bid}[i%2].String(), "100"))
			tr.post(tr.limit(m.Slug, 0, []string{"BUY", "SELL"}[i%2], []money.Price{ask, bid}[i%2].String(), "55.5"))
			time.Sleep(300 * time.Millisecond)
		}
		tr.call("DELETE", "/cancel-all", "")
		time.Sleep(50 * time.Millisecond)
		l.take("")
		levels := map[string]map[string]string{"BUY": {}, "SELL": {}}
		for _, f := range l.frames {
			switch f["event_type"] {
			case "book":
				levels = map[string]map[string]string{"BUY": levelsOf(f["bids"]), "SELL": levelsOf(f["asks"])}
			case "price_change":
				for _, c := range f["price_changes"].([]any) {
					c := c.(map[string]any)
					if side := levels[c["side"].(string)]; c["asset_id"] != m.Tokens[0] {
						continue
					} else if c["size"] == "0" {
						delete(side, c["price"].(string))
					} else {
						side[c["price"].(string)] = c["size"].(string)
					}
				}
			}
		}
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		bids, asks := m.book.Levels(0)
		if len(bids) != len(levels["BUY"]) || len(asks) != len(levels["SELL"]) {
			t.Errorf("followed %v, book %v %v", levels, bids, asks)
		}
		for _, b := range bids {
			if levels["BUY"][b.Price.String()] != b.Size.String() {
				t.Errorf("bid %v, followed %v", b, levels["BUY"])
			}
		}
	})
}

func levelsOf(v any) map[string]string {
	out := map[string]string{}
	for _, l := range v.([]any) {
		l := l.(map[string]any)
		out[l["price"].(string)] = l["size"].(string)
	}
	return out
}

func TestUserSocketTellsOnlyItsOwner(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		main, second := w.trader("main"), w.trader("second")
		all := w.listen("/ws/user", auth(main))
		elsewhere := w.listen("/ws/user", auth(main, marketOf("sandbox-dime").ConditionID))
		other := w.listen("/ws/user", auth(second))
		wrong := auth(main)
		wrong["auth"] = map[string]string{"apiKey": main.creds.APIKey, "secret": "x", "passphrase": main.creds.Passphrase}
		if _, ended := w.listen("/ws/user", wrong).heard(); !ended {
			t.Error("wrong credentials keep their socket")
		}
		o := main.limit("sandbox-coin", 0, "BUY", "0.4", "10")
		main.must(o, "live")
		main.call("DELETE", "/order", `{"orderID":"`+o.id+`"}`)
		main.must(main.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		time.Sleep(time.Second)
		var got []string
		for _, f := range all.take("order") {
			got = append(got, f["type"].(string)+" "+f["status"].(string))
		}
		if want := []string{"PLACEMENT LIVE", "CANCELLATION CANCELED", "PLACEMENT MATCHED"}; !slices.Equal(got, want) {
			t.Errorf("orders %q, want %q", got, want)
		}
		trades := all.take("trade")
		if len(trades) != 3 || trades[0]["transaction_hash"] != "" || trades[1]["transaction_hash"] == "" || trades[0]["trader_side"] != "TAKER" ||
			trades[0]["owner"] != main.creds.APIKey || trades[0]["outcome"] != "YES" {
			t.Errorf("trades %v", trades)
		}
		if n := len(elsewhere.take("order")) + len(elsewhere.take("trade")) + len(other.take("order")) + len(other.take("trade")); n != 0 {
			t.Errorf("%d frames went to others", n)
		}
	})
}

// A socket that does not read is dropped; the venue does not wait for it.
func TestSlowSocketIsDropped(t *testing.T) {
	inBubble(t, Config{}, func(w *world) {
		m := marketOf("sandbox-coin")
		good := w.listen("/ws/market", subscribe(m.Tokens[0]))
		w.s.mu.Lock()
		stuck := &socket{out: make(chan []byte, 1), gone: make(chan struct{}), tokens: map[string]bool{m.Tokens[0]: true}}
		w.s.sockets[stuck] = struct{}{}
		w.s.mu.Unlock()
		tr := w.trader("main")
		for range 3 {
			tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.4", "10"), "live")
		}
		select {
		case <-stuck.gone:
		default:
			t.Error("the socket with a full queue is still there")
		}
		if len(good.take("price_change")) != 3 {
			t.Error("the other socket missed a frame")
		}
	})
}
