package msgs

import (
	"strings"
	"testing"
)

const (
	token     = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
	condition = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
)

// base is a submit that nothing is wrong with; the tests change one thing.
const base = `{"client_order_id":"mm1-1","token_id":"` + token + `","side":"BUY","type":"GTC","price":"0.52","size":"100"}`

// judge decodes and checks, as the executor does.
func judge(subject, data string) (Command, *Error) {
	c, err := DecodeCommand(subject, []byte(data))
	if err != nil {
		return nil, err
	}
	return c, c.Check()
}

// Each line changes one thing of a good submit and says which code, which field and which word of the fix must come.
func TestBadSubmitIsRefusedWithItsCode(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(base, old, new, 1) }
	add := func(s string) string { return base[:len(base)-1] + "," + s + "}" }
	for _, c := range []struct {
		data  string
		code  Code
		field string
		fix   string
	}{
		{"", BadJSON, "", "one JSON object"},
		{"[]", BadJSON, "", ""},
		{"null", BadJSON, "", ""},
		{base + "{}", BadJSON, "", ""},
		{base[:40], BadJSON, "", ""},
		{add(`"meta":{"a":"\ud800"}`), BadJSON, "", ""},
		{add(`"meta":{"a":"x\udc00"}`), BadJSON, "", ""},
		{add(`"meta":{"\ud800\u0041":1}`), BadJSON, "", ""},
		{add(`"meta":{"a":"\ud83d\ud83d"}`), BadJSON, "", ""},
		{add(`"meta":{"a":[{"b":1e999}]}`), BadJSON, "", ""},
		{add(`"meta":{"a":1` + strings.Repeat("0", 400) + `}`), BadJSON, "", ""},
		{"\xef\xbb\xbf" + base, BadJSON, "", ""},
		{with("mm1-1", "mm1-\xff"), BadJSON, "", "UTF-8"},
		{add(`"side":"SELL"`), BadJSON, "", "once"},
		{add(`"s\u0069de":"SELL"`), BadJSON, "", "once"},
		{add(`"meta":{"a":{"b":1,"b":2}}`), BadJSON, "", "once"},
		{add(`"meta":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), BadJSON, "", ""},
		{add(`"meta":{"x":"` + strings.Repeat("x", MaxCommand) + `"}`), TooLarge, "", "at most"},
		{add(`"meta":{"x":"` + strings.Repeat("x", MaxMeta) + `"}`), TooLarge, "meta", "1024"},
		{add(`"meta":[1]`), BadValue, "meta", "object"},
		{add(`"post_olny":true`), UnknownField, "post_olny", "did you mean post_only?"},
		{with(`"price"`, `"Price"`), UnknownField, "Price", "did you mean price?"},
		{with(`"client_order_id"`, `"clientOrderId"`), UnknownField, "clientOrderId", "did you mean client_order_id?"},
		{add(`"colour_of_money":"green"`), UnknownField, "colour_of_money", "meta"},
		{with(`"0.52"`, `0.52`), NumberNotString, "price", `"price": "0.52"`},
		{with(`"100"`, `100`), NumberNotString, "size", `"size": "100"`},
		{with(`"100"`, `true`), BadValue, "size", ""},
		{with(`"0.52"`, `null`), BadValue, "price", ""},
		{with(`"0.52"`, `"5.2e-1"`), BadValue, "price", "exponent"},
		{with(`"0.52"`, `"-0.52"`), BadValue, "price", "sign"},
		{with(`"0.52"`, `"1"`), BadValue, "price", "below 1"},
		{with(`"0.52"`, `"0"`), BadValue, "price", "above 0"},
		{with(`"0.52"`, `"0.5200000"`), TooManyDecimals, "price", "6"},
		{with(`"100"`, `"100.123"`), TooManyDecimals, "size", "2 decimals"},
		{with(`"100"`, `"0"`), BadValue, "size", "more than 0"},
		{with(`"100"`, `"9999999999999"`), BadValue, "size", "12 digits"},
		{with(`"client_order_id":"mm1-1",`, ``), MissingField, "client_order_id", ""},
		{with(`"type":"GTC",`, ``), MissingField, "type", ""},
		{with(`"side":"BUY",`, ``), MissingField, "side", ""},
		{with(`"price":"0.52",`, ``), MissingField, "price", ""},
		{with(`,"size":"100"`, ``), MissingField, "size", ""},
		{with(`"BUY"`, `"buy"`), BadValue, "side", "did you mean BUY?"},
		{with(`"GTC"`, `"IOC"`), BadValue, "type", "FAK"},
		{with(`mm1-1`, `mm1 1`), BadValue, "client_order_id", "1 to 64"},
		{with(`mm1-1`, strings.Repeat("x", 65)), BadValue, "client_order_id", "1 to 64"},
		{with(`"`+token+`"`, token), BadValue, "token_id", "quotes"},
		{with(token, "0x12"), BadValue, "token_id", "decimal digits"},
		{add(`"sent_ms":1.5`), BadValue, "sent_ms", "milliseconds"},
		{add(`"sent_ms":1e3`), BadValue, "sent_ms", "milliseconds"},
		{add(`"sent_ms":"1763800000123"`), BadValue, "sent_ms", "quotes"},
		{add(`"sent_ms":0`), BadValue, "sent_ms", ""},
		{add(`"sent_ms":99999999999999999999`), BadValue, "sent_ms", ""},
		{add(`"sent_ms":1763800000123000`), BadValue, "sent_ms", ""},
		{add(`"v":2`), BadValue, "v", "1"},
		{add(`"market":"x"`), BadValue, "token_id", "one of them"},
		{add(`"amount":"5"`), BadValue, "amount", "size"},
		{add(`"max_slippage":"0.01"`), BadValue, "max_slippage", "FAK"},
		{add(`"expires_ms":1763800000123`), BadValue, "expires_ms", "GTD"},
		{with(`"GTC"`, `"GTD"`), MissingField, "expires_ms", "180 s"},
		{with(`"GTC"`, `"FOK","post_only":true`), BadValue, "post_only", "GTC or GTD"},
		{add(`"post_only":"true"`), BadValue, "post_only", "without quotes"},
		{add(`"builder":"0x12"`), BadValue, "builder", "64 hex"},
		{add(`"signed":{"owner":"x"}`), UnknownField, "signed.owner", "leave owner out"},
		{add(`"signed":{}`), MissingField, "signed.salt", ""},
	} {
		_, err := judge("cmd.order.main.submit", c.data)
		if err == nil || err.Code != c.code || err.Field != c.field || !strings.Contains(err.Fix, c.fix) {
			t.Errorf("%.120s\n got %+v\nwant %s %q … %q", c.data, err, c.code, c.field, c.fix)
		}
		if err != nil && (err.Cause == "" || err.Fix == "") {
			t.Errorf("%.120s: cause or fix is empty: %+v", c.data, err)
		}
	}
}

func TestGoodSubmitIsTaken(t *testing.T) {
	c, err := judge("cmd.order.main.submit", base)
	if err != nil {
		t.Fatal(err)
	}
	s := c.(*Submit)
	if s.ClientOrderID != "mm1-1" || s.TokenID != token || s.Side != Buy || s.Type != GTC || s.Price.String() != "0.52" || s.Size.String() != "100" {
		t.Errorf("got %+v", s)
	}
}
