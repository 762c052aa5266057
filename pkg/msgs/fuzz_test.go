package msgs

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func commandSubjects() []string {
	var out []string
	for _, r := range Table() {
		if r.Class == ClassCommand {
			out = append(out, strings.Replace(r.Subject, "<account>", "main", 1))
		}
	}
	return out
}

// Whatever comes in on a command subject, decoding does not panic, a refusal says code, cause and fix, and what is taken
// encodes and decodes to an equal command with the same content hash.
func FuzzDecodeCommand(f *testing.F) {
	subjects := commandSubjects()
	for _, s := range samples(f) {
		for i, subject := range subjects {
			if PayloadType(subject) == s.t {
				f.Add(byte(i), s.data)
			}
		}
	}
	for _, odd := range []string{"", "{", "[]", "null", "1e999", `{"":0}`, `{"a":{"a":{"a":[[[[]]]]}}}`, "{\"a\":\"\xff\"}", `{"v":-0,"meta":{}}`, `{"\ud800":1}`} {
		f.Add(byte(0), []byte(odd))
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		subject := subjects[int(which)%len(subjects)]
		PeekID(data)
		c, err := DecodeCommand(subject, data)
		if err != nil {
			complete(t, err)
			return
		}
		if err := c.Check(); err != nil {
			complete(t, err)
			return
		}
		if err := CheckHeaders(subject, map[string][]string{HeaderMsgID: {MsgID("main", c.Verb(), c.ID())}}, c); err != nil && c.ID() != "" && !strings.HasPrefix(subject, "cmd.control.all") {
			t.Errorf("its own id is refused: %v", err)
		}
		b, eerr := EncodeCommand(c)
		if eerr != nil {
			t.Fatalf("%s is taken and cannot be encoded: %v", data, eerr)
		}
		again, err := DecodeCommand(subject, b)
		if err != nil {
			t.Fatalf("%s is taken, %s is not: %v", data, b, err)
		}
		if !reflect.DeepEqual(c, again) {
			t.Errorf("%+v came back as %+v", c, again)
		}
		if h := ContentHash(c); len(h) != 32 || h != ContentHash(again) {
			t.Errorf("hash %q and %q", h, ContentHash(again))
		}
		if s, ok := c.(*Submit); ok {
			sameContent(t, s)
		}
	})
}

func complete(t *testing.T, err *Error) {
	t.Helper()
	if err.Code == "" || err.Cause == "" || err.Fix == "" {
		t.Errorf("a refusal without code, cause or fix: %+v", err)
	}
	if _, merr := json.Marshal(err); merr != nil || !utf8.ValidString(err.Cause+err.Fix+err.Field) {
		t.Errorf("a refusal that cannot be written: %q", err)
	}
	const most = 2048 // it goes into an event
	if len(err.Cause)+len(err.Fix)+len(err.Field) > most {
		t.Errorf("a refusal of %d bytes", len(err.Cause)+len(err.Fix))
	}
}

// Whatever stands on the log, decoding does not panic; what decodes can be written and read again with the same result.
func FuzzDecodeEnvelope(f *testing.F) {
	for _, s := range samples(f) {
		if s.t == TypeEnvelope {
			f.Add(s.data)
		}
		if New(s.t) != nil {
			f.Add([]byte(`{"v":1,"account":"main","env":"sandbox","events":[` + string(s.data) + `]}`))
		}
	}
	f.Add([]byte(`{"events":[{"type":"x.y"},{"type":"order.filled","fill":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEnvelope(data)
		if err != nil || len(e.Events) == 0 {
			return
		}
		b, err := Encode(e)
		if err != nil {
			return // too large
		}
		var again Envelope
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%s was written as %s: %v", data, b, err)
		}
		b2, err := Encode(again)
		if err != nil || !same(t, b, b2) {
			t.Errorf("%s\nthen\n%s (%v)", b, b2, err)
		}
	})
}

// One event by itself: no panic, and its kind is the type that it bears.
func FuzzDecodeEvent(f *testing.F) {
	for _, s := range samples(f) {
		if New(s.t) != nil {
			f.Add(s.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEvent(data)
		if err != nil {
			return
		}
		if e.Kind() == "" || HeadOf(e).Type != e.Kind() {
			t.Errorf("kind %q of %s", e.Kind(), data)
		}
		if _, err := EncodeEvent(e); err != nil {
			t.Errorf("%s cannot be written: %v", data, err)
		}
	})
}

// PeekID never panics and gives nothing that could not be an id.
func FuzzPeekID(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(`{'client_order_id': 'a', "request_id"`))
	f.Add([]byte(`{"a":"\"client_order_id\":\"x\""`))
	f.Fuzz(func(t *testing.T, data []byte) {
		client, request := PeekID(data)
		if client != "" && !ValidID(string(client)) || request != "" && !ValidID(string(request)) {
			t.Errorf("%q %q", client, request)
		}
	})
}
