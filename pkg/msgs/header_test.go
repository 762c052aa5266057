package msgs

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func mustDecode(t testing.TB, subject, data string) Command {
	t.Helper()
	c, err := judge(subject, data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return c
}

// Reply-To must be one inbox: with any other subject a strategy could make the executor publish where itself may not.
func TestOnlyAnInboxIsRepliedTo(t *testing.T) {
	for value, good := range map[string]bool{
		"_INBOX.abc.1": true, "_INBOX.abc": true, "_INBOX." + strings.Repeat("x", 240): true,
		"": false, "_INBOX": false, "_INBOX.": false, "_INBOX.a..b": false, "_INBOX.a.": false, "_inbox.a": false,
		"_INBOX.*": false, "_INBOX.a.>": false, "_INBOX.a b": false, "_INBOX.a\r\nx": false, "_INBOX.\x00": false,
		"evt.order.main": false, "$JS.API.STREAM.DELETE.LOG_main": false, "_INBOX." + strings.Repeat("x", 250): false,
	} {
		err := CheckHeaders("cmd.order.main.submit", map[string][]string{HeaderReplyTo: {value}}, nil)
		if good != (err == nil) {
			t.Errorf("%q: %v", value, err)
		}
		if err != nil && (err.Code != BadReplyTo || err.Fix == "") {
			t.Errorf("%q: %+v", value, err)
		}
	}
	if CheckHeaders("cmd.order.main.submit", map[string][]string{HeaderReplyTo: {"_INBOX.a", "_INBOX.b"}}, nil) == nil {
		t.Error("two inboxes are taken")
	}
}

// The broker drops repeats of a Nats-Msg-Id over all subjects of a stream: a cancel that bears its submit's id would
// vanish. So the id must name account and verb.
func TestMsgIDMustNameAccountVerbAndID(t *testing.T) {
	submit := mustDecode(t, "cmd.order.main.submit", base)
	cancel := mustDecode(t, "cmd.order.main.cancel", `{"client_order_id":"mm1-1"}`)
	named := mustDecode(t, "cmd.order.main.cancel", `{"request_id":"c-1","client_order_id":"mm1-1"}`)
	byHash := mustDecode(t, "cmd.order.main.cancel", `{"order_id":"`+condition+`"}`)
	list := mustDecode(t, "cmd.order.main.cancel", `{"client_order_ids":["a","b"]}`)
	for _, c := range []struct {
		cmd   Command
		value string
		good  bool
	}{
		{submit, "main.submit.mm1-1", true},
		{submit, "mm1-1", false},
		{submit, "other.submit.mm1-1", false},
		{submit, "main.cancel.mm1-1", false},
		{submit, "", false},
		{cancel, "main.cancel.mm1-1", true},
		{cancel, "main.submit.mm1-1", false},
		{named, "main.cancel.c-1", true},
		{named, "main.cancel.mm1-1", false},
		{byHash, "main.cancel." + condition, true},
		{list, "main.cancel.a", false},
	} {
		err := CheckHeaders("cmd.order.main."+c.cmd.Verb(), map[string][]string{HeaderMsgID: {c.value}}, c.cmd)
		if c.good != (err == nil) {
			t.Errorf("%s %q: %v", c.cmd.Verb(), c.value, err)
		}
		if err != nil && (err.Code != BadMsgID || !strings.Contains(err.Fix, "leave the header out")) {
			t.Errorf("%q: %+v", c.value, err)
		}
	}
	if err := CheckHeaders("cmd.order.main.submit", nil, submit); err != nil {
		t.Errorf("no headers: %v", err)
	}
}

// sameContent fails when the short way to what counts of a submit is not the general one.
func sameContent(t *testing.T, s *Submit) (short bool) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	got, short := s.content(nil)
	if want := contentOf(nil, s, b); short && !bytes.Equal(got, want) {
		t.Errorf("content %q, by its JSON %q", got, want)
	}
	return short
}

// Every field counts on the short way too: one that is added to Submit and forgotten there would make two orders one.
func TestContentHashOfSubmitsMissesNoField(t *testing.T) {
	whole := reflect.TypeFor[Submit]()
	for i := range whole.NumField() {
		f := whole.Field(i)
		s := &Submit{ClientOrderID: "a", Type: "GTC"}
		v := reflect.ValueOf(s).Elem().Field(i)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(f.Type.Elem()))
			v = v.Elem()
		}
		switch v.Kind() {
		case reflect.String:
			v.SetString("x y")
		case reflect.Int64:
			v.SetInt(1_234_567)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Struct: // Common and an order that was signed elsewhere take the general way
		default:
			t.Fatalf("%s is %s: say here what may be in it", f.Name, v.Kind())
		}
		if !sameContent(t, s) && f.Name != "Signed" {
			t.Errorf("%s takes the general way", f.Name)
		}
	}
	for _, odd := range []string{"\"", "\\", "<", ">", "&", "é", "\u2028", "\n", "\x7f", "\xff"} {
		if sameContent(t, &Submit{ClientOrderID: "a", Type: "GTC", Outcome: odd}) {
			t.Errorf("%q takes the short way", odd)
		}
	}
}

// A repeat is told from another command by content: not by the order of the fields, white space, v, or when it was sent.
func TestContentHashTellsContentFromSpelling(t *testing.T) {
	hash := func(data string) string { return ContentHash(mustDecode(t, "cmd.order.main.submit", data)) }
	one := hash(`{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTC","price":"0.52","size":"100","meta":{"a":1,"b":{"c":2,"d":3}}}`)
	if len(one) != 32 || strings.Trim(one, "0123456789abcdef") != "" {
		t.Fatalf("hash %q", one)
	}
	for _, again := range []string{
		`{"v":1,"sent_ms":5,"meta":{ "b":{"d":3,"c":2}, "a":1 },"size":"100.00","price":"0.520","type":"GTC","side":"BUY","token_id":"12","client_order_id":"a"}`,
		`{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTC","price":"0.52","size":"100","post_only":false,"meta":{"a":1,"b":{"c":2,"d":3}}}`,
	} {
		if hash(again) != one {
			t.Errorf("another hash for %s", again)
		}
	}
	for _, other := range []string{
		`{"client_order_id":"a","token_id":"12","side":"SELL","type":"GTC","price":"0.52","size":"100","meta":{"a":1,"b":{"c":2,"d":3}}}`,
		`{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTC","price":"0.53","size":"100","meta":{"a":1,"b":{"c":2,"d":3}}}`,
		`{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTC","price":"0.52","size":"100","meta":{"a":2,"b":{"c":2,"d":3}}}`,
		`{"client_order_id":"a","token_id":"12","side":"BUY","type":"GTC","price":"0.52","size":"100","valid_until_ms":0,"meta":{"a":1,"b":{"c":2,"d":3}}}`,
	} {
		if hash(other) == one {
			t.Errorf("the same hash for %s", other)
		}
	}
	halt := ContentHash(mustDecode(t, "cmd.control.main.halt", `{"request_id":"x"}`))
	if halt == ContentHash(mustDecode(t, "cmd.control.main.resume", `{"request_id":"x"}`)) {
		t.Error("halt and resume have one hash")
	}
}

// Whatever is broken about a command, the event about it should name it when a reader could.
func TestIDIsRecoveredFromBrokenCommands(t *testing.T) {
	for data, want := range map[string][2]string{
		base:                              {"mm1-1", ""},
		`{"client_order_id":"a","price":`: {"a", ""},
		`{"price":0.52,"client_order_id" :  "a" , "post_olny":true}`: {"a", ""},
		`{"meta":{"client_order_id":"b"},"client_order_id":"a"}`:     {"a", ""},
		`{"meta":{"client_order_id":"b"}}`:                           {"", ""},
		`{"x":"client_order_id","y":"a"}`:                            {"", ""},
		`{"client_order_id":5}`:                                      {"", ""},
		`{"client_order_id":"not an id"}`:                            {"", ""},
		`{'client_order_id': 'a', 'request_id': 'r'}`:                {"a", "r"},
		`client_order_id=a`:                                          {"a", ""},
		`{"client_order_ids":["a","b"],}`:                            {"", ""},
		`{"request_id":"r"}{}`:                                       {"", "r"},
		`{"client_order_id":"` + strings.Repeat("x", 65) + `",`:      {"", ""},
		`{"request_id":"r","meta":"` + strings.Repeat("x", 1<<17):    {"", "r"},
		"":     {"", ""},
		"null": {"", ""},
		`"`:    {"", ""},
	} {
		client, request := PeekID([]byte(data))
		if string(client) != want[0] || string(request) != want[1] {
			t.Errorf("%.80s: %q %q, not %q", data, client, request, want)
		}
	}
}
