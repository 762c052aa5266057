package polymarket

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sluice/pkg/money"
)

type frameFile struct {
	MyAPIKey string `json:"my_api_key"`
	Frames   []struct {
		Name, Text string
		Expect     map[string]any
	}
	Sequences []struct {
		Name    string
		AssetID string `json:"asset_id"`
		Frames  []string
		Expect  struct {
			BestBid     string `json:"best_bid"`
			BestBidSize string `json:"best_bid_size"`
			BestAsk     string `json:"best_ask"`
			BidLevels   int    `json:"bid_levels"`
			AskLevels   int    `json:"ask_levels"`
		}
	}
}

// Each frame decodes to what its expectation says; an expectation this test does not know fails it.
func TestFramesDecodeAsExpected(t *testing.T) {
	f := vectors[frameFile](t, "ws_frames.json")
	for _, v := range some(t, f.Frames) {
		got := DecodeFrame([]byte(v.Text))
		for what, want := range v.Expect {
			if have := observed(t, f.MyAPIKey, got, what); have != asText(t, want) {
				t.Errorf("%s: %s is %s, want %s", v.Name, what, have, asText(t, want))
			}
		}
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// observed is one expectation's subject in a frame, as JSON.
func observed(t *testing.T, me string, f Frame, what string) string {
	t.Helper()
	one := func() Event {
		if len(f.Events) == 0 {
			t.Fatalf("%s of a frame without events", what)
		}
		return f.Events[0]
	}
	switch what {
	case "kind":
		switch {
		case f.Kind == FrameControl:
			return `"control"`
		case f.Kind == FrameEvents && f.Ignored > 0 && f.Ignored == len(f.Events):
			return `"ignored_event"`
		case f.Kind == FrameEvents:
			return `"events"`
		}
		return `"malformed"`
	case "count":
		return asText(t, len(f.Events))
	case "event_types":
		types := []string{}
		for _, e := range f.Events {
			types = append(types, e.EventType())
		}
		return asText(t, types)
	case "best_bid_first":
		return bestText(t, one().(Book).Bids)
	case "best_ask_first":
		return bestText(t, one().(Book).Asks)
	case "changes":
		return asText(t, len(one().(PriceChange).Changes))
	case "removes":
		return asText(t, one().(PriceChange).Changes[0].Size == 0)
	case "new_tick":
		return asText(t, one().(TickSizeChange).New)
	case "winner":
		return asText(t, one().(MarketResolved).WinningAssetID)
	case "order_type_event":
		return asText(t, one().(UserOrder).Kind)
	case "size_matched":
		return asText(t, one().(UserOrder).SizeMatched)
	case "final":
		return asText(t, one().(UserTrade).Final())
	case "failed":
		return asText(t, one().(UserTrade).Failed())
	case "my_fill_side", "my_fill_size", "my_fill_asset":
		fills := one().(UserTrade).Fills(me)
		if len(fills) != 1 {
			t.Fatalf("fills: %+v", fills)
		}
		return asText(t, map[string]any{"my_fill_side": fills[0].Side, "my_fill_size": fills[0].Size, "my_fill_asset": fills[0].AssetID}[what])
	}
	t.Fatalf("unknown expectation %q", what)
	return ""
}

func bestText(t *testing.T, ls []Level) string {
	t.Helper()
	if len(ls) == 0 {
		return "null"
	}
	return asText(t, ls[0].Price)
}

func TestSequencesLeaveTheExpectedBook(t *testing.T) {
	f := vectors[frameFile](t, "ws_frames.json")
	for _, v := range some(t, f.Sequences) {
		b := BookState{AssetID: v.AssetID}
		for _, text := range v.Frames {
			for _, e := range DecodeFrame([]byte(text)).Events {
				if got := b.Apply(e); got != Updated {
					t.Errorf("%s: %s of %s", v.Name, got, e.EventType())
				}
			}
		}
		bid, _ := b.BestBid()
		ask, _ := b.BestAsk()
		bids, asks := b.Depth()
		w := v.Expect
		if bid.Price != mustMicro[money.Price](t, w.BestBid) || bid.Size != mustMicro[money.Size](t, w.BestBidSize) ||
			ask.Price != mustMicro[money.Price](t, w.BestAsk) || bids != w.BidLevels || asks != w.AskLevels {
			t.Errorf("%s: bid %v, ask %v, %d and %d levels; want %+v", v.Name, bid, ask, bids, asks, w)
		}
	}
}

func TestTradesOfAMatchedTimeAreReadInBothSpellings(t *testing.T) {
	f := vectors[frameFile](t, "ws_frames.json")
	n := 0
	for _, v := range some(t, f.Frames) {
		for _, e := range DecodeFrame([]byte(v.Text)).Events {
			if u, ok := e.(UserTrade); ok {
				n++
				matched, event := spelt(v.Text, `"match_?time"`), spelt(v.Text, `"timestamp"`)
				if fmt.Sprint(u.MatchTime) != matched || fmt.Sprint(u.TimestampMS) != event || matched == "" {
					t.Errorf("%s: matched at %d, event at %d", v.Name, u.MatchTime, u.TimestampMS)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no trade in the vectors")
	}
}

// spelt is the number that stands behind a name in a text, with or without quotes.
func spelt(text, name string) string {
	if m := regexp.MustCompile(name + `\s*:\s*"?(\d+)`).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// Spellings that differ between the venue's pages mean the same.
func TestSpellingsOfTheSameMessageMeanTheSame(t *testing.T) {
	for _, pair := range [][2]string{
		{`{"event_type":"book","asset_id":"1","bids":[{"price":".48","size":30}],"asks":[],"timestamp":1762900000}`,
			`{"event_type":"book","asset_id":"1","buys":[{"price":0.48,"size":"30"}],"sells":null,"timestamp":"1762900000000"}`},
		{`{"event_type":"book","asset_id":"1","bids":[{"price":"0.4","size":"1"},{"price":"0.5","size":"2"},{"price":"0.3","size":"0"}]}`,
			` { "event_type" : "book" , "asset_id" : "1" , "bids" : [ {"price":"0.50","size":"2.0"} , {"price":4e-1,"size":1} ] } `},
		{`{"event_type":"last_trade_price","asset_id":"1","side":"buy","price":"0.5","size":"1.5","timestamp":"1762900000123"}`,
			`{"event_type":"last_trade_price","asset_id":"1","side":"BUY","price":5e-01,"size":1.5,"timestamp":1762900000123}`},
		{`{"event_type":"order","id":"0xAB","status":"ORDER_STATUS_LIVE","type":"placement","side":"Sell"}`,
			`{"event_type":"order","id":"0xab","status":"live","type":"PLACEMENT","side":"SELL","associate_trades":null}`},
	} {
		a, b := DecodeFrame([]byte(pair[0])), DecodeFrame([]byte(pair[1]))
		if asText(t, a) != asText(t, b) || a.Ignored != 0 {
			t.Errorf("%s\n%s", asText(t, a), asText(t, b))
		}
	}
}

// One unreadable message does not take its neighbours with it, and nothing is made up for it.
func TestUnreadableMessageIsCountedAloneInItsFrame(t *testing.T) {
	f := DecodeFrame([]byte(`[{"event_type":"price_change","price_changes":[{"asset_id":"1","side":"UP","price":"0.5","size":"1"}]},
		{"event_type":"price_change","price_changes":[{"asset_id":"1","side":"BUY","price":"0.5","size":"1"}]},
		{"event_type":"book","asset_id":"1","bids":[{"price":"NaN","size":"1"}]}, {"event_type":"price_change"}, 7, null, {}]`))
	if len(f.Events) != 7 || f.Ignored != 6 {
		t.Fatalf("%d events, %d ignored", len(f.Events), f.Ignored)
	}
	if u := f.Events[0].(Unrecognised); !errors.Is(u.Err, ErrBadFrame) || u.Type != EventPriceChange {
		t.Errorf("%+v", u)
	}
	if u := f.Events[6].(Unrecognised); u.Err != nil || u.Type != "" {
		t.Errorf("%+v", u)
	}
}

func TestTextThatIsNoJSONIsControlOrMalformed(t *testing.T) {
	for s, want := range map[string]FrameKind{"PONG": FrameControl, "NO NEW ASSETS": FrameControl, "INVALID OPERATION": FrameControl, `"PONG"`: FrameControl, " PONG\n": FrameControl,
		"": FrameMalformed, "{": FrameMalformed, "<html>": FrameMalformed, "[1,": FrameMalformed, "\xff\xfe": FrameMalformed, strings.Repeat("A", 65): FrameMalformed, "17": FrameMalformed} {
		if got := DecodeFrame([]byte(s)); got.Kind != want {
			t.Errorf("%q: kind %d", s, got.Kind)
		}
	}
	if !DecodeFrame([]byte("PONG")).IsPong() || DecodeFrame([]byte("NO NEW ASSETS")).IsPong() {
		t.Error("PONG is not told from the rest")
	}
}

func TestSubscriptionsAreWrittenAsDocumented(t *testing.T) {
	c := Credentials{Key: "k", Secret: "s", Passphrase: "p"}
	for got, want := range map[string]string{
		string(MarketSubscribe(Subscription{AssetIDs: []string{"1", "2"}, CustomFeatures: true})): `{"type":"market","assets_ids":["1","2"],"custom_feature_enabled":true,"initial_dump":true,"level":2}`,
		string(MarketAdd([]string{"3"}, true)):                                                    `{"operation":"subscribe","assets_ids":["3"],"custom_feature_enabled":true}`,
		string(MarketRemove([]string{"3"})):                                                       `{"operation":"unsubscribe","assets_ids":["3"]}`,
		string(UserSubscribe(c, []string{"0xbd"})):                                                `{"type":"user","auth":{"apiKey":"k","secret":"s","passphrase":"p"},"markets":["0xbd"]}`,
		string(UserSubscribe(c, nil)):                                                             `{"type":"user","auth":{"apiKey":"k","secret":"s","passphrase":"p"},"markets":[]}`,
		string(UserAdd([]string{"0xbd", "0xbe"})):                                                 `{"operation":"subscribe","markets":["0xbd","0xbe"]}`,
		string(UserRemove([]string{"0xbd"})):                                                      `{"operation":"unsubscribe","markets":["0xbd"]}`,
		string(appendText(nil, "a\"b\\c\n\u00e9<&>")):                                             `"a\"b\\c\né\u003c\u0026\u003e"`,
	} {
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, v := range some(f, vectors[frameFile](f, "ws_frames.json").Frames) {
		f.Add([]byte(v.Text))
	}
	f.Add([]byte(`{"event_type":"book","asset_id":"1","bids":[{"price":1e-40,"size":"1e40"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := DecodeFrame(data)
		if valid := json.Valid(data); frame.Kind == FrameEvents && !valid {
			t.Fatalf("%q was read", data)
		}
		b := BookState{AssetID: "71321045679252212594626385532706912750332728571942532289631379312455583992563"}
		for _, e := range frame.Events {
			b.Apply(e)
			if book, ok := e.(Book); ok {
				checkSorted(t, book.Bids, book.Asks)
			}
		}
		checkSorted(t, b.Bids(nil, 1<<30), b.Asks(nil, 1<<30))
	})
}

func checkSorted(t *testing.T, bids, asks []Level) {
	t.Helper()
	for i := 1; i < len(bids); i++ {
		if bids[i].Price > bids[i-1].Price {
			t.Fatalf("bids %v", bids)
		}
	}
	for i := 1; i < len(asks); i++ {
		if asks[i].Price < asks[i-1].Price {
			t.Fatalf("asks %v", asks)
		}
	}
}
