package msgs

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// usualSubmits are submits as senders write them, from both libraries and by hand.
func usualSubmits() []string {
	return []string{
		base,
		`{"client_order_id":"mm1-01JD7Z2M4N","token_id":"` + token + `","side":"BUY","type":"GTC","price":"0.52","size":"100","post_only":true,"sent_ms":1763800000123,"meta":{"level":1}}`,
		`{"v": 1, "client_order_id": "a", "token_id": "7", "side": "SELL", "type": "GTD", "price": "0.5", "size": "10.25", "expires_ms": 1763800400000, "meta": {"level": 1, "why": "edge", "edge": -0.25}}`,
		"{\n\t\"meta\" : { } ,\r\n \"client_order_id\":\"a\",\"market\":\"sandbox-coin\",\"outcome\":\"Yes\",\"side\":\"BUY\",\"type\":\"FOK\",\"max_slippage\":\"0.01\",\"amount\":\"25\" }\n",
		`{"client_order_id":"a","market":"` + condition + `","outcome":"No <really>","side":"BUY","type":"FAK","price":"0.5","size":"10","post_only":false,"valid_until_ms":0,"meta":{"b":null,"a":"<x>","c":false,"1":"","2":0,"3":-1,"4":10,"5":true}}`,
	}
}

// bothWays fails when the quick way takes what the general way refuses or reads differently, or leaves something in what it
// gives up.
func bothWays(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	quick, whole := new(Submit), new(Submit)
	before := bytes.Clone(data)
	taken = quick.quick(data)
	err := decodeWhole(whole, data)
	switch {
	case !bytes.Equal(before, data):
		t.Errorf("%q was changed to %q", before, data)
	case taken && err != nil:
		t.Errorf("%q is taken by the quick way, and refused by the general one: %+v", data, err)
	case taken && !reflect.DeepEqual(quick, whole):
		t.Errorf("%q is %+v by the quick way, %+v by the general one", data, quick, whole)
	case !taken && !reflect.DeepEqual(quick, new(Submit)):
		t.Errorf("%q was given up as %+v", data, quick)
	}
	if err == nil {
		sameContent(t, whole)
	}
	return taken
}

// What nearly every order looks like must not fall back to the general way unseen: then orders would only become slower.
func TestUsualSubmitsGoTheQuickWay(t *testing.T) {
	for _, data := range usualSubmits() {
		if !bothWays(t, []byte(data)) {
			t.Errorf("the general way is left with %s", data)
		}
	}
}

// Each line is a submit that is wrong or rare: the general way alone decides it.
func TestQuickWayLeavesWhatIsWrongOrRare(t *testing.T) {
	add := func(s string) string { return base[:len(base)-1] + "," + s + "}" }
	with := func(old, new string) string { return strings.Replace(base, old, new, 1) }
	for _, data := range []string{
		"", "{", "{}", "[]", "null", base + "{}", base + "x", base[:len(base)-1], base[:40], "\xef\xbb\xbf" + base, "," + base,
		add(`"side":"SELL"`), add(`"s\u0069de":"SELL"`), add(`"post_olny":true`), add(``), add(`"v"`), add(`"v":`), add(`"v":1,`),
		with(`"type":"GTC",`, ``), with(`"client_order_id":"mm1-1",`, ``), with(`"price"`, `"Price"`), with(`"0.52"`, `0.52`), with(`"0.52"`, `""`),
		with(`"0.52"`, `"5.2e-1"`), with(`"0.52"`, `"-0.52"`), with(`"0.52"`, `".52"`), with(`"0.52"`, `"0.5.2"`), with(`"0.52"`, `"0.1234567"`), with(`"0.52"`, `null`),
		with(`"100"`, `"1234567890123"`), with(`"100"`, `"0000000000001"`), with(`"100"`, `"99999999999999999999"`), with(`"BUY"`, `"buy"`), with(`"BUY"`, `""`), with(`"GTC"`, `"XYZ"`),
		with("mm1-1", "mm1 1"), with("mm1-1", ""), with("mm1-1", "mm1-\xff"), with("mm1-1", "mm1-é"), with("mm1-1", "mm1-\n"), with("mm1-1", `mm1\u002d1`), with("mm1-1", strings.Repeat("x", 65)),
		with(token, "0"+token), with(token, token+"00"), with(token, "1x"),
		add(`"sent_ms":0`), add(`"sent_ms":-1`), add(`"sent_ms":-0`), add(`"sent_ms":01`), add(`"sent_ms":1.0`), add(`"sent_ms":1e3`), add(`"sent_ms":"1"`), add(`"sent_ms":253402300800000`),
		add(`"sent_ms":9223372036854775808`), add(`"sent_ms":18446744073709551617`), add(`"sent_ms":`), add(`"sent_ms":1 2`), add(`"expires_ms":0`), add(`"v":2`), add(`"post_only":truee`), add(`"post_only":1`), add(`"post_only":"true"`),
		add(`"market":""`), add(`"market":"` + strings.Repeat("m", MaxText+1) + `"`), add(`"builder":"` + condition + `"`), add(`"nonce":0`), add(`"defer_exec":true`), add(`"expiration":5`),
		add(`"meta":[1]`), add(`"meta":null`), add(`"meta":{"a":1,"a":2}`), add(`"meta":{"a":{"b":1}}`), add(`"meta":{"a":[1]}`), add(`"meta":{"a":01}`), add(`"meta":{"a":1.}`), add(`"meta":{"a":-}`),
		add(`"meta":{"a":1e5}`), add(`"meta":{"a":tru}`), add(`"meta":{"a"}`), add(`"meta":{"a":1,}`), add(`"meta":{"a":"\n"}`), add(`"meta":{"a":"é"}`), add(`"market":"a market é","outcome":"Yes"`), add("\"market\":\"a market \n.......\",\"outcome\":\"Yes\""), add(`"market":"a market \t.......","outcome":"Yes"`), add("\"market\":\"a market \xff.......\",\"outcome\":\"Yes\""),
		add(`"meta":{`), add(`"meta":{"a":`), base[:len(base)-1] + `,"meta":{"a":`, base[:len(base)-1] + `,"meta":`, base[:len(base)-1] + `,"v":`,
		add(`"meta":{"x":"` + strings.Repeat("x", MaxMeta) + `"}`), add(`"meta":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1}`), base + strings.Repeat(" ", quickMost),
	} {
		if bothWays(t, []byte(data)) {
			t.Errorf("taken: %.200s", data)
		}
	}
}

// Good submits are spoilt at a few places by chance: what the quick way still takes, the general way takes as the same. Some are
// taken and some refused, else this would show nothing.
func TestQuickWayReadsSpoiltSubmitsAsTheGeneralWayDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	bits := []string{`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, `0`, `1`, `9`, `.`, `-`, `e`, ` `, "\n", "\x00", "\x7f", "\xff", "é", `null`, `true`, `false`, `"v":1,`, `"meta":{"a":1},`, `"side":"BUY",`,
		`"nonce":1,`, `"price":"1",`, `"meta":{},`, `<`, `\u0041`, `"a":"b",`, `{"a":1,"b":2}`}
	taken, refused := 0, 0
	for range 20_000 {
		usual := usualSubmits()
		data := []byte(usual[r.IntN(len(usual))])
		for range 1 + r.IntN(2) {
			at := r.IntN(len(data))
			end := min(len(data), at+r.IntN(3))
			data = append(data[:at:at], append([]byte(bits[r.IntN(len(bits))]), data[end:]...)...)
		}
		if bothWays(t, data) {
			taken++
		} else if decodeWhole(new(Submit), data) != nil {
			refused++
		}
	}
	const few = 1000
	t.Logf("%d were taken and %d refused", taken, refused)
	if taken < few || refused < few {
		t.Errorf("%d were taken and %d refused", taken, refused)
	}
}

// A meta of plain values is hashed without decoding it, as it would be decoded.
func TestPlainMetaIsHashedAsTheGeneralWayDoes(t *testing.T) {
	for meta, plain := range map[string]bool{
		`{}`: true, ` { "b" : 1.50 , "a" : "x y" } `: true, `{"b":-0,"a":null,"c":true}`: true, `{"":0}`: true, `{"z":1,"a":2,"Z":3,"aa":4}`: true,
		`{"a":"<"}`: false, `{"a&b":1}`: false, `{"a":"é"}`: false, `{"a":{"c":1,"b":2}}`: false, `{"a":1,"a":2}`: false, `{"a":1e5}`: false, `{"a":"\u0041"}`: false, `[2,1]`: false, `null`: false,
	} {
		s := &Submit{Common: Common{Meta: json.RawMessage(meta)}, ClientOrderID: "a", Type: "GTC"}
		if sameContent(t, s) != plain {
			t.Errorf("%s is plain: %t, want %t", meta, !plain, plain)
		}
	}
	for _, broken := range []string{`{} {}`, `{`, ` `, `{"a":}`, `{"a":1}x`} {
		if h := ContentHash(&Submit{Common: Common{Meta: json.RawMessage(broken)}, ClientOrderID: "a", Type: "GTC"}); h != "" {
			t.Errorf("%s cannot be encoded, and has the hash %s", broken, h)
		}
	}
}

// What the quick way takes of whatever bytes, the general way takes as the same command.
func FuzzQuickSubmit(f *testing.F) {
	for _, data := range usualSubmits() {
		f.Add([]byte(data))
	}
	for _, s := range samples(f) {
		f.Add(s.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { bothWays(t, data) })
}
