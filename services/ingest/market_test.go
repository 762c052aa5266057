package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

const (
	yes      = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
	no       = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
	demoCond = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
)

// desk is a market session without a socket, and what it publishes.
type desk struct {
	*markets
	now   time.Time
	books map[string][]msgs.Book // by token
	raws  map[string][]msgs.Raw
	last  []msgs.LastTrade
	hints []change
}

func newDesk(t testing.TB, tokens ...string) *desk {
	d := &desk{now: time.Unix(1_763_800_000, 0), books: map[string][]msgs.Book{}, raws: map[string][]msgs.Raw{}}
	publish := func(subject string, data []byte) error {
		read := func(v any) {
			if err := json.Unmarshal(data, v); err != nil {
				t.Errorf("%s: %v in %s", subject, err, data)
			}
		}
		switch strings.Split(subject, ".")[2] {
		case "book":
			var b msgs.Book
			read(&b)
			d.books[string(b.TokenID)] = append(d.books[string(b.TokenID)], b)
		case "raw":
			var r msgs.Raw
			read(&r)
			d.raws[string(r.TokenID)] = append(d.raws[string(r.TokenID)], r)
		case "trade":
			var l msgs.LastTrade
			read(&l)
			d.last = append(d.last, l)
		}
		return nil
	}
	d.markets = newMarkets(publish, func(c change) { d.hints = append(d.hints, c) }, newCounters(), new(atomic.Uint64))
	for _, id := range tokens {
		d.join(token{id: msgs.TokenID(id), market: demoCond, tick: "0.01", minSize: 5 * money.Unit})
	}
	d.hello("m1.1")
	d.opened, d.looked = d.now, d.now
	for _, b := range d.order {
		b.since = d.now
	}
	return d
}

func (d *desk) hear(t testing.TB, frame string) {
	t.Helper()
	if err := d.frame(t.Context(), d.now, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

// pass moves the clock and looks.
func (d *desk) pass(t testing.TB, by time.Duration) []string {
	t.Helper()
	d.now = d.now.Add(by)
	send, err := d.look(d.now)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range send {
		out = append(out, string(m))
	}
	return out
}

func snapshot(token string, ms int64, bids, asks string) string {
	return fmt.Sprintf(`{"event_type":"book","asset_id":%q,"market":%q,"bids":%s,"asks":%s,"timestamp":"%d","hash":"0x0","tick_size":"0.01","min_order_size":"5"}`,
		token, demoCond, bids, asks, ms)
}

func priceChange(token string, ms int64, price, size, side, bid, ask string) string {
	return fmt.Sprintf(`{"event_type":"price_change","market":%q,"timestamp":"%d","price_changes":[{"asset_id":%q,"price":%q,"size":%q,"side":%q,"hash":"x","best_bid":%q,"best_ask":%q}]}`,
		demoCond, ms, token, price, size, side, bid, ask)
}

const (
	someBids = `[{"price":".48","size":"30"},{"price":".49","size":"20"}]`
	someAsks = `[{"price":".53","size":"60"},{"price":".52","size":"25"}]`
)

func top(b msgs.Book) string {
	return fmt.Sprintf("%s/%s %s/%s", b.Bids[0].Price, b.Bids[0].Size, b.Asks[0].Price, b.Asks[0].Size)
}

// The first frame may be an array of books and the next a single object, or the reverse: both are read, and each token's raw
// feed carries its own message.
func TestArraysAndSingleMessagesAreRead(t *testing.T) {
	d := newDesk(t, yes, no)
	d.hear(t, " [ "+snapshot(yes, 1000, someBids, someAsks)+" , \n"+snapshot(no, 1000, someBids, someAsks)+"]")
	d.hear(t, priceChange(yes, 1001, "0.5", "7", "buy", "0.5", "0.52"))
	d.hear(t, "["+priceChange(no, 1001, ".51", "8", "SELL", "0.49", "0.51")+"]")
	if n := len(d.books[yes]); n != 2 || top(d.books[yes][1]) != "0.5/7 0.52/25" {
		t.Errorf("books of yes: %+v", d.books[yes])
	}
	if n := len(d.books[no]); n != 2 || top(d.books[no][1]) != "0.49/20 0.51/8" {
		t.Errorf("books of no: %+v", d.books[no])
	}
	if r := d.raws[no]; len(r) != 2 || string(r[0].Frame) != snapshot(no, 1000, someBids, someAsks) || r[1].Seq != 2 {
		t.Errorf("raw of no: %+v", r)
	}
	if s, _ := d.state(); s != stateUp {
		t.Errorf("state %s", s)
	}
}

// A change before the first snapshot is passed on raw and makes no book.
func TestChangeBeforeItsBookMakesNoBook(t *testing.T) {
	d := newDesk(t, yes)
	d.hear(t, priceChange(yes, 999, "0.5", "7", "BUY", "0.5", "0.52"))
	if len(d.books[yes]) != 0 || len(d.raws[yes]) != 1 {
		t.Fatalf("%d books, %d raw", len(d.books[yes]), len(d.raws[yes]))
	}
	d.hear(t, snapshot(yes, 1000, someBids, someAsks))
	if b := d.books[yes]; len(b) != 1 || top(b[0]) != "0.49/20 0.52/25" || b[0].Seq != 1 || !b[0].Fresh {
		t.Errorf("books: %+v", b)
	}
}

// The venue's best bid is not ours: the book is withdrawn once, subscribed again at the next look, and healed by the snapshot.
func TestGapWithdrawsTheBookUntilItsSnapshot(t *testing.T) {
	d := newDesk(t, yes, no)
	d.hear(t, snapshot(yes, 1000, someBids, someAsks))
	d.hear(t, snapshot(no, 1000, someBids, someAsks))
	d.hear(t, priceChange(yes, 1001, "0.48", "31", "BUY", "0.51", "0.52"))
	d.hear(t, priceChange(yes, 1002, "0.48", "32", "BUY", "0.51", "0.52"))
	if b := d.books[yes]; len(b) != 2 || b[1].Fresh || b[1].Seq != 2 {
		t.Fatalf("books: %+v", b)
	}
	if s, cause := d.state(); s != stateStale || cause == "" {
		t.Errorf("state %s %s", s, cause)
	}
	send := d.pass(t, lookEvery)
	if len(send) != 2 || !strings.Contains(send[0], "unsubscribe") || !strings.Contains(send[1], yes) || strings.Contains(send[1], no) {
		t.Fatalf("sent %q", send)
	}
	if again := d.pass(t, lookEvery); len(again) != 0 {
		t.Errorf("sent again at once: %q", again)
	}
	d.hear(t, snapshot(yes, 1003, someBids, someAsks))
	if b := d.books[yes]; len(b) != 3 || !b[2].Fresh || b[2].Seq != 3 {
		t.Errorf("books: %+v", b)
	}
	if len(d.books[no]) != 1 {
		t.Error("the other token's book was touched")
	}
}

// A token whose snapshot does not come is subscribed again after 30 s, then after 60 s; a connection that brings no book at
// all is renewed.
func TestMissingSnapshotIsAskedForAgain(t *testing.T) {
	d := newDesk(t, yes, no)
	d.hear(t, snapshot(no, 1000, someBids, someAsks))
	var at []time.Duration
	for s := time.Duration(0); s < 100*time.Second; s += time.Second {
		if send := d.pass(t, time.Second); len(send) > 0 {
			at = append(at, s+time.Second)
		}
	}
	if !slices.Equal(at, []time.Duration{30 * time.Second, 90 * time.Second}) {
		t.Errorf("asked again at %v", at)
	}
	dead := newDesk(t, yes)
	if _, err := dead.look(dead.now.Add(snapshotTimeout)); !errors.Is(err, errSnapshot) {
		t.Errorf("a connection without any book: %v", err)
	}
}

// A book is published with its best twenty levels on each side, the best first.
func TestBookShowsItsBestTwentyLevels(t *testing.T) {
	d := newDesk(t, yes)
	side := func(from, step int) string {
		var ls []string
		for i := range 30 {
			ls = append(ls, fmt.Sprintf(`{"price":"0.%02d","size":"%d"}`, from+i*step, 1+i))
		}
		return "[" + strings.Join(ls, ",") + "]"
	}
	d.hear(t, snapshot(yes, 1000, side(10, 1), side(99, -1)))
	b := d.books[yes][0]
	if len(b.Bids) != 20 || len(b.Asks) != 20 || top(b) != "0.39/30 0.7/30" || b.Bids[19].Price.String() != "0.2" || b.Asks[19].Price.String() != "0.89" {
		t.Errorf("%d bids, %d asks: %v %v", len(b.Bids), len(b.Asks), b.Bids, b.Asks)
	}
}

// A lost connection withdraws every fresh book once; the next connection numbers anew under its own name.
func TestLostConnectionWithdrawsItsBooks(t *testing.T) {
	d := newDesk(t, yes, no)
	d.hear(t, snapshot(yes, 1000, someBids, someAsks))
	d.lost(errSilence)
	d.lost(errSilence)
	if b := d.books[yes]; len(b) != 2 || b[1].Fresh || top(b[1]) != top(b[0]) || b[1].Conn != "m1.1" || b[1].Seq != 2 {
		t.Fatalf("books: %+v", b)
	}
	if len(d.books[no]) != 0 {
		t.Error("a book that never was is withdrawn")
	}
	d.hello("m1.2")
	d.hear(t, snapshot(yes, 900, someBids, someAsks))
	if b := d.books[yes]; len(b) != 3 || !b[2].Fresh || b[2].Conn != "m1.2" || b[2].Seq != 1 {
		t.Errorf("books: %+v", b)
	}
}

// Other events: public trades, tick changes, resolutions, new markets, unknown ones, other people's tokens.
func TestOtherEventsFindTheirPlace(t *testing.T) {
	d := newDesk(t, yes)
	d.hear(t, snapshot(yes, 1000, someBids, someAsks))
	d.hear(t, fmt.Sprintf(`{"event_type":"last_trade_price","asset_id":%q,"market":%q,"price":"0.456","side":"BUY","size":"219.217767","timestamp":"1762900000789"}`, yes, demoCond))
	if l := d.last; len(l) != 1 || l[0].Price.String() != "0.456" || l[0].Size.String() != "219.217767" || l[0].VenueMS != 1762900000789 || l[0].Side != msgs.Buy {
		t.Errorf("trades: %+v", l)
	}
	d.hear(t, fmt.Sprintf(`{"event_type":"tick_size_change","asset_id":%q,"market":%q,"old_tick_size":"0.01","new_tick_size":"0.001","timestamp":"1762900001000"}`, yes, demoCond))
	if b := d.books[yes]; len(b) != 2 || b[1].TickSize != "0.001" || top(b[1]) != top(b[0]) {
		t.Errorf("books: %+v", b)
	}
	d.hear(t, `{"event_type":"new_market","market":"0x311d","timestamp":"1762900001200"}`)
	d.hear(t, fmt.Sprintf(`{"event_type":"market_resolved","market":%q,"assets_ids":[%q],"winning_asset_id":%q}`, demoCond, yes, yes))
	if h := d.hints; len(h) != 3 || h[0].tick != "0.001" || h[1].market != "0x311d" || !h[2].resolved || h[2].winner != yes {
		t.Errorf("hints: %+v", h)
	}
	before := len(d.books[yes])
	for _, odd := range []string{"NO NEW ASSETS", `{"event_type":"of_tomorrow"}`, `[]`, `{}`, `[[{}]]`, `{"event_type":"book","asset_id":"` + yes + `","bids":7}`,
		snapshot(no, 1000, someBids, someAsks), priceChange(no, 1000, "0.5", "1", "BUY", "0.5", "1"), `[`, "\x00"} {
		d.hear(t, odd)
	}
	if len(d.books[yes]) != before || len(d.books[no]) != 0 {
		t.Error("an odd frame changed a book")
	}
}

// Tokens that come later are subscribed on the open connection, without those that are there.
func TestTokensJoinAnOpenConnection(t *testing.T) {
	d := newDesk(t, yes)
	d.join(token{id: no, market: demoCond})
	send := d.pass(t, lookEvery)
	if len(send) != 1 || !strings.Contains(send[0], no) || strings.Contains(send[0], yes) || d.tokens() != 2 || d.size() != 2 {
		t.Errorf("sent %q", send)
	}
}

// 450 tokens at 200 a connection make three connections; those that are known stay where they are.
func TestTokensAreSpreadOverConnections(t *testing.T) {
	opened := 0
	s := &shards{perConn: 200, known: map[msgs.TokenID]*markets{},
		fresh: func() *markets { d := newDesk(t); d.wake = func() {}; return d.markets }, open: func(*markets) { opened++ }}
	var ts []token
	for i := range 450 {
		ts = append(ts, token{id: msgs.TokenID(fmt.Sprint(1000 + i))})
	}
	s.follow(slices.Clone(ts[:150]))
	s.follow(slices.Clone(ts))
	s.follow(slices.Clone(ts))
	var sizes []int
	for _, m := range s.all {
		sizes = append(sizes, m.size())
	}
	if opened != 3 || !slices.Equal(sizes, []int{200, 200, 50}) {
		t.Errorf("%d connections of %v", opened, sizes)
	}
}

// What is written by hand is what encoding/json writes.
func TestHandWrittenMessagesEqualTheEncoders(t *testing.T) {
	b := &msgs.Book{V: 1, TokenID: yes, ConditionID: demoCond, Bids: []msgs.Level{{Price: 510_000, Size: 120_500_000}, {Price: 1, Size: 1}}, Asks: []msgs.Level{},
		TickSize: "0.01", MinSize: 5_000_000, NegRisk: true, VenueMS: 1, RecvUS: 2, Conn: "m1.1 \"<é\x01", Seq: 9, Fresh: true}
	r := &msgs.Raw{V: 1, TokenID: yes, RecvUS: 5, Conn: "m", Seq: 3, Frame: json.RawMessage(`{"a":[1,2]}`)}
	l := &msgs.LastTrade{V: 1, TokenID: yes, ConditionID: demoCond, Side: msgs.Sell, Price: 456_000, Size: 219_217_767, VenueMS: 3, RecvUS: 4, Conn: "m"}
	for _, c := range []struct {
		hand []byte
		v    any
	}{{appendBook(nil, b), b}, {appendRaw(nil, r), r}, {appendLastTrade(nil, l), l}} {
		want, err := json.Marshal(c.v)
		if err != nil {
			t.Fatal(err)
		}
		if string(c.hand) != string(want) {
			t.Errorf("%T:\n%s, encoding/json says\n%s", c.v, c.hand, want)
		}
	}
}

// FuzzMarketFrame feeds anything: no panic, everything published is JSON of its type, seq dense, levels in order.
func FuzzMarketFrame(f *testing.F) {
	f.Add(snapshot(yes, 1000, someBids, someAsks), priceChange(yes, 1001, "0.5", "7", "BUY", "0.5", "0.52"))
	f.Add("["+snapshot(yes, 1000, "[]", "null")+"]", priceChange(yes, 1001, "0.48", "0", "BUY", "0", "1"))
	f.Add(`[[],{"event_type":"book"}]`, `{"event_type":"tick_size_change","asset_id":"`+yes+`","new_tick_size":"0.3"}`)
	f.Add(`{"a":"[\"{"}`, `["]",{"x":"\\"}]`)
	f.Fuzz(func(t *testing.T, first, second string) {
		d := newDesk(t, yes, no)
		d.hear(t, first)
		d.hear(t, second)
		d.lost(errData)
		for id, bs := range d.books {
			for i, b := range bs {
				if b.Seq != uint64(i+1) {
					t.Errorf("book %d of %s has seq %d", i, id, b.Seq)
				}
				for j := 1; j < len(b.Bids); j++ {
					if b.Bids[j].Price > b.Bids[j-1].Price {
						t.Errorf("bids out of order: %v", b.Bids)
					}
				}
			}
		}
	})
}

// FuzzElements: the elements of an array are those that encoding/json sees, and anything else comes back whole.
func FuzzElements(f *testing.F) {
	f.Add(`[{"a":"]"},{"b":[1,{"c":2}]}]`)
	f.Add(` [1 , "x,\"y", null,[ ]] `)
	f.Add(`{"a":1}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, frame string) {
		var got []string
		for e := range elements([]byte(frame)) {
			got = append(got, string(e))
		}
		var want []json.RawMessage
		if !strings.HasPrefix(strings.TrimLeft(frame, " \t\r\n"), "[") || json.Unmarshal([]byte(frame), &want) != nil {
			if len(got) != 1 || strings.TrimSpace(got[0]) != strings.TrimSpace(frame) {
				t.Errorf("%q became %q", frame, got)
			}
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d elements, want %d: %q", len(got), len(want), got)
		}
		for i := range want {
			if got[i] != string(want[i]) {
				t.Errorf("element %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// BenchmarkFrameToPublish is one price_change of two tokens with books of 50 levels a side, from bytes to NATS's buffer.
func BenchmarkFrameToPublish(b *testing.B) {
	d := newDesk(b, yes, no)
	d.publish = func(string, []byte) error { return nil }
	side := func(from, step int) string {
		var ls []string
		for i := range 50 {
			ls = append(ls, fmt.Sprintf(`{"price":"0.%03d","size":"10"}`, from+i*step))
		}
		return "[" + strings.Join(ls, ",") + "]"
	}
	d.hear(b, "["+snapshot(yes, 1, side(100, 4), side(400, 4))+","+snapshot(no, 1, side(400, 4), side(700, 4))+"]")
	frame := []byte(`{"event_type":"price_change","market":"` + demoCond + `","timestamp":"1762900000456","price_changes":[` +
		`{"asset_id":"` + yes + `","price":"0.296","size":"200","side":"BUY","hash":"56621a121a47ed9333273e21c83b660cff37ae50","best_bid":"0.296","best_ask":"0.4"},` +
		`{"asset_id":"` + no + `","price":"0.704","size":"200","side":"SELL","hash":"1895759e4df7a796bf4f1c5a5950b748306923e2","best_bid":"0.596","best_ask":"0.7"}]}`)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.frame(b.Context(), d.now, frame); err != nil {
			b.Fatal(err)
		}
	}
	if s, _ := d.state(); s != stateUp {
		b.Fatal("the books are doubted: the benchmark measures something else")
	}
}
