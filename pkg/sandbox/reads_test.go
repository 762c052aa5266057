package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMarketDataReads(t *testing.T) {
	_, base := venue(t, Config{FeeRates: map[string]int64{"sandbox-dime": 70_000}})
	tr := newTrader(t, base, http.DefaultClient, "main")
	coin, dime, election := marketOf("sandbox-coin"), marketOf("sandbox-dime"), marketOf("sandbox-election")
	yes, no := coin.Tokens[0], coin.Tokens[1]
	tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
	body := `[{"token_id":"` + yes + `","side":"BUY"},{"token_id":"` + yes + `","side":"SELL"},{"token_id":"77","side":"BUY"}]`
	for _, c := range []struct{ call, body, want string }{
		{"GET /ok", "", `"OK"`}, {"GET /version", "", `{"version":2}`},
		{"GET /price?side=BUY&token_id=" + yes, "", `{"price":"0.51"}`}, {"GET /price?side=SELL&token_id=" + no, "", `{"price":"0.49"}`},
		{"GET /midpoint?token_id=" + yes, "", `{"mid":"0.515"}`}, {"GET /spread?token_id=" + yes, "", `{"spread":"0.01"}`},
		{"GET /last-trade-price?token_id=" + yes, "", `{"price":"0.52","side":"BUY"}`},
		{"GET /last-trade-price?token_id=" + no, "", `{"price":"0.48","side":"SELL"}`},
		{"GET /last-trade-price?token_id=" + dime.Tokens[0], "", `{"price":"0.5","side":""}`},
		{"GET /tick-size?token_id=" + dime.Tokens[0], "", `{"minimum_tick_size":0.1}`}, {"GET /tick-size/" + yes, "", `{"minimum_tick_size":0.01}`},
		{"GET /neg-risk?token_id=" + election.Tokens[1], "", `{"neg_risk":true}`}, {"GET /neg-risk?token_id=" + yes, "", `{"neg_risk":false}`},
		{"GET /fee-rate?token_id=" + yes, "", `{"base_fee":0}`}, {"GET /prices-history?market=" + yes, "", `{"history":[]}`},
		{"POST /prices", body, `{"` + yes + `":{"BUY":"0.51","SELL":"0.52"}}`}, {"POST /midpoints", body, `{"` + yes + `":"0.515"}`},
		{"GET /spreads?token_ids=" + yes, "", `{"` + yes + `":"0.01"}`},
		{"POST /last-trades-prices", `[{"token_id":"` + yes + `"}]`, `[{"token_id":"` + yes + `","price":"0.52","side":"BUY"}]`},
		{"GET /markets-by-token/" + no, "", `{"condition_id":"` + coin.ConditionID + `","primary_token_id":"` + yes + `","secondary_token_id":"` + no + `"}`},
		{"GET /clob-markets/" + dime.ConditionID, "", `{"ao":true,"aot":"2026-01-01T00:00:00Z","c":"` + dime.ConditionID + `","fd":{"e":1,"r":0.07,"to":true},"mbf":0,"mos":5,"mts":0.1,"sd":0,"t":[{"t":"` + dime.Tokens[0] + `","o":"Yes"},{"t":"` + dime.Tokens[1] + `","o":"No"}],"tbf":0}`},
		{"GET /book?token_id=77", "", `{"error":"No orderbook exists for the requested token id"}`},
		{"POST /prices", `[{"token_id":"` + yes + `","side":"bid"}]`, `{"error":"Invalid side"}`}, {"GET /prices?token_ids=" + yes, "", `{"error":"Invalid side"}`},
		{"GET /fees/builder-fees/0x" + strings.Repeat("ab", 32), "", `{"builder_maker_fee_rate_bps":0,"builder_taker_fee_rate_bps":0}`},
		{"GET /fees/builder-fees/0x00", "", `{"error":"builder fees not found"}`},
		{"GET /book?token_id=x", "", `{"error":"Invalid token id"}`}, {"GET /price?token_id=" + yes, "", `{"error":"Invalid side"}`},
		{"POST /books", "{", `{"error":"Invalid payload"}`}, {"GET /markets/0x77", "", `{"error":"market not found"}`},
		{"POST /books", "[" + strings.Repeat("{},", 500) + "{}]", `{"error":"Payload exceeds the limit"}`},
		{"GET /fee-rate?token_id=77", "", `{"error":"fee rate not found for market"}`},
		{"GET /nothing", "", `{"error":"404 page not found"}`},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		if _, got := tr.send(method, path, c.body, nil); got != c.want {
			t.Errorf("%s: %s, want %s", c.call, got, c.want)
		}
	}
	var books []wireBook
	_, text := tr.send("POST", "/books", body, nil)
	if tr.read(text, &books); len(books) != 2 || books[0].LastTradePrice != "0.52" || books[0].Hash != hashOf(books[0]) {
		t.Errorf("books %s", text)
	}
}

func TestMarketsComeInPagesUntilTheEndCursor(t *testing.T) {
	_, base := venue(t, Config{PageSize: 3})
	tr := newTrader(t, base, http.DefaultClient, "main")
	var slugs []string
	pages := 0
	for cursor := "MA=="; cursor != endCursor; pages++ {
		_, text := tr.send("GET", "/markets?next_cursor="+cursor, "", nil)
		var p struct {
			Data       []wireMarket
			NextCursor string `json:"next_cursor"`
		}
		tr.read(text, &p)
		for _, m := range p.Data {
			slugs = append(slugs, m.MarketSlug)
			if !m.AcceptingOrders || m.Closed || len(m.Tokens) != 2 || m.Tokens[0].Outcome != "Yes" {
				t.Errorf("market %+v", m)
			}
		}
		cursor = p.NextCursor
	}
	if pages != 3 || len(slugs) != 7 || slugs[0] != "sandbox-coin" {
		t.Errorf("%d pages: %v", pages, slugs)
	}
	if _, text := tr.send("GET", "/markets?next_cursor=LTE=", "", nil); !strings.Contains(text, `"count":0`) {
		t.Errorf("past the end: %s", text)
	}
	if code, _ := tr.send("GET", "/markets?next_cursor=!", "", nil); code != 400 {
		t.Errorf("bad cursor: %d", code)
	}
}

func TestPrivateReads(t *testing.T) {
	_, base := venue(t, Config{})
	tr, other := newTrader(t, base, http.DefaultClient, "main"), newTrader(t, base, http.DefaultClient, "second")
	o := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10")
	tr.must(o, "live")
	p := tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
	tr.call("DELETE", "/cancel-all", "")
	var page struct{ Data []json.RawMessage }
	for path, want := range map[string]int{
		"/data/trades": 1, "/data/trades?id=" + p.TradeIDs[0]: 1, "/data/trades?id=x": 0, "/data/trades?after=" + unixIn(100e9): 0,
		"/data/trades?before=" + unixIn(-100e9): 0, "/data/trades?asset_id=" + marketOf("sandbox-coin").Tokens[0]: 1,
		"/data/trades?maker_address=" + tr.account.Funder: 1, "/data/trades?market=0x77": 0, "/data/orders": 0, "/data/pre-migration-orders": 0,
	} {
		if tr.get(path, &page); len(page.Data) != want {
			t.Errorf("%s: %d rows, want %d", path, len(page.Data), want)
		}
	}
	if other.get("/data/trades", &page); len(page.Data) != 0 {
		t.Errorf("another account reads %d trades", len(page.Data))
	}
	if code, _ := other.call("GET", "/data/order/"+o.id, ""); code != 404 {
		t.Errorf("another account reads the order: %d", code)
	}
	var notes []notice
	if tr.get("/notifications", &notes); len(notes) != 1 || notes[0].Type != noticeCancelled || notes[0].Payload.ID != o.id {
		t.Errorf("notifications %+v", notes)
	}
	tr.call("DELETE", "/notifications?ids=1", "")
	if tr.get("/notifications", &notes); len(notes) != 0 {
		t.Errorf("notifications %+v", notes)
	}
	for _, c := range []struct{ path, want string }{
		{"/auth/ban-status/closed-only", `{"closed_only":false}`}, {"/order-scoring?order_id=" + o.id, `{"scoring":false}`},
		{"/balance-allowance?asset_type=COLLATERAL&signature_type=1", `{"balance":"0","allowances":{"` + exchangeRegular + `":"0","` + exchangeNegRisk + `":"0"}}`},
		{"/balance-allowance?asset_type=X", `{"error":"Invalid asset type"}`}, {"/balance-allowance?signature_type=9", `{"error":"Invalid signature_type"}`},
		{"/balance-allowance/update?asset_type=COLLATERAL", ""},
	} {
		if _, got := tr.call("GET", c.path, ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	if _, got := tr.call("POST", "/orders-scoring", `["`+o.id+`"]`); got != `{"`+o.id+`":false}` {
		t.Errorf("scoring: %s", got)
	}
}
