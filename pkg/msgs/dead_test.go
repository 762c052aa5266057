package msgs_test

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"sluice/pkg/msgs"
)

// A letter keeps the payload as text where it is text, and never more than 64 KiB of it.
func TestLetterKeepsThePayload(t *testing.T) {
	about := msgs.Dead{Service: "ledger", Stream: "ASK_main", Seq: 7, Subject: "feed.main.trade", Error: &msgs.Error{Code: msgs.BadJSON, Cause: "c", Fix: "f"}}
	for name, c := range map[string]struct {
		data []byte
		text string
		b64  bool
	}{
		"text":     {[]byte(`{"ä":1}`), `{"ä":1}`, false},
		"binary":   {[]byte{0xff, 0}, base64.StdEncoding.EncodeToString([]byte{0xff, 0}), true},
		"nothing":  {nil, "", false},
		"too long": {bytes.Repeat([]byte("x"), 65<<10), string(bytes.Repeat([]byte("x"), 64<<10)), false},
	} {
		got := msgs.NewDead(about, time.UnixMilli(5), c.data)
		if got.Data != c.text || got.Base64 != c.b64 || got.V != 1 || got.AtMS != 5 || got.Reason != msgs.BadJSON || got.Seq != 7 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Letters about one message have one id, those about others have others.
func TestLetterAboutOneMessageHasOneID(t *testing.T) {
	letter := func(service string, seq uint64, at int64, data string) string {
		d := msgs.NewDead(msgs.Dead{Service: service, Stream: "ASK_main", Seq: seq, Error: &msgs.Error{Code: msgs.BadJSON}}, time.UnixMilli(at), []byte(data))
		return d.ID()
	}
	first := letter("ledger", 7, 1, "x")
	if again := letter("ledger", 7, 2, "x"); again != first {
		t.Errorf("%q, then %q", first, again)
	}
	for _, other := range []string{letter("executor", 7, 1, "x"), letter("ledger", 8, 1, "x"), letter("ledger", 7, 1, "y")} {
		if other == first {
			t.Errorf("another message has the same id %q", other)
		}
	}
}
