package msgs

import (
	"fmt"
	"strings"
	"testing"
)

// What is wrong with the subject is said before what is wrong with the payload.
func TestSubjectThatIsNoCommandIsRefused(t *testing.T) {
	for subject, code := range map[string]Code{
		"cmd.order.main.sumbit":     UnknownVerb,
		"cmd.orders.main.submit":    UnknownVerb,
		"cmd.order.main":            UnknownVerb,
		"evt.order.main.submit":     UnknownVerb,
		"":                          UnknownVerb,
		"cmd.order.MAIN.submit":     UnknownAccount,
		"cmd.order..submit":         UnknownAccount,
		"cmd.order.all.submit":      UnknownAccount,
		"cmd.tx.all.split":          UnknownAccount,
		"cmd.control.all.halt":      "",
		"cmd.control.main.halt":     "",
		"cmd.control.main.cancel":   UnknownVerb,
		"cmd.tx.main.cancel_all":    UnknownVerb,
		"cmd.order.main.submit.now": UnknownVerb,
	} {
		_, err := DecodeCommand(subject, []byte(`{"request_id":"h1"}`))
		if err == nil && code == "" {
			continue
		}
		if err == nil || err.Code != code || err.Cause == "" || err.Fix == "" {
			t.Errorf("%q: %+v", subject, err)
		}
	}
	_, err := DecodeCommand("cmd.tx.main.splitt", nil)
	if !strings.Contains(err.Fix, "split, merge, redeem") {
		t.Errorf("the fix does not list the verbs: %s", err.Fix)
	}
}

// Each line is one command that is refused, whatever its family, and the field that is named.
func TestBadCommandsOfEveryFamilyAreRefused(t *testing.T) {
	many := `"` + strings.Join(make1001(), `","`) + `"`
	for _, c := range []struct {
		subject, data string
		code          Code
		field         string
	}{
		{"cmd.order.main.cancel", `{}`, MissingField, "client_order_id"},
		{"cmd.order.main.cancel", `{"client_order_id":"a","order_id":"` + condition + `"}`, BadValue, "order_id"},
		{"cmd.order.main.cancel", `{"client_order_ids":[]}`, BadValue, "client_order_ids"},
		{"cmd.order.main.cancel", `{"client_order_ids":["a","a"]}`, BadValue, "client_order_ids"},
		{"cmd.order.main.cancel", `{"client_order_ids":["a",5]}`, BadValue, "client_order_ids[1]"},
		{"cmd.order.main.cancel", `{"client_order_ids":[` + many + `]}`, BadValue, "client_order_ids"},
		{"cmd.order.main.cancel", `{"order_id":"0xAB"}`, BadValue, "order_id"},
		{"cmd.order.main.cancel_all", `{}`, MissingField, "request_id"},
		{"cmd.order.main.cancel_all", `{"request_id":"p","prefix":"a*"}`, BadValue, "prefix"},
		{"cmd.order.main.cancel_all", `{"request_id":"p","tokenId":"5"}`, UnknownField, "tokenId"},
		{"cmd.order.main.replace", `{"client_order_id":"a"}`, MissingField, "replaces"},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"a"}`, BadValue, "replaces"},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"b","price":"1.2"}`, BadValue, "price"},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"b","size":"1.234"}`, TooManyDecimals, "size"},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"b","type":"FOK","post_only":true}`, BadValue, "post_only"},
		{"cmd.order.main.replace", `{"client_order_id":"a","replaces":"b","type":"GTC","expires_ms":5}`, BadValue, "expires_ms"},
		{"cmd.control.main.halt", `{"reason":"x"}`, MissingField, "request_id"},
		{"cmd.control.all.halt", `{"request_id":"h","cancel":1}`, BadValue, "cancel"},
		{"cmd.control.main.resume", `{"request_id":"h","cancel":true}`, UnknownField, "cancel"},
		{"cmd.tx.main.split", `{"request_id":"s","condition_id":"` + condition + `","amount":25}`, NumberNotString, "amount"},
		{"cmd.tx.main.split", `{"request_id":"s","condition_id":"` + condition + `","amount":"max"}`, BadValue, "amount"},
		{"cmd.tx.main.split", `{"request_id":"s","condition_id":"` + condition + `","amount":"0"}`, BadValue, "amount"},
		{"cmd.tx.main.merge", `{"request_id":"s","condition_id":"` + condition + `","amount":"0.0000001"}`, TooManyDecimals, "amount"},
		{"cmd.tx.main.approve", `{"request_id":"s","set":"everybody"}`, BadValue, "set"},
		{"cmd.tx.main.transfer", `{"request_id":"s","amount":"1","to":"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5"}`, MissingField, "asset"},
		{"cmd.tx.main.transfer", `{"request_id":"s","asset":"pUSD","token_id":"5","amount":"1","to":"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5"}`, BadValue, "asset"},
		{"cmd.tx.main.transfer", `{"request_id":"s","asset":"POL","amount":"1","to":"0x6e0c80c90ea6c15917308f820eac91ce2724b5b5"}`, BadValue, "asset"},
		{"cmd.tx.main.transfer", `{"request_id":"s","asset":"pUSD","amount":"1","to":"somebody"}`, BadValue, "to"},
		{"cmd.tx.main.cancel", `{"request_id":"s","cancels":"s"}`, BadValue, "cancels"},
	} {
		_, err := judge(c.subject, c.data)
		if err == nil || err.Code != c.code || err.Field != c.field || err.Cause == "" || err.Fix == "" {
			t.Errorf("%s %.100s: %+v, not %s of %s", c.subject, c.data, err, c.code, c.field)
		}
	}
}

func make1001() []string {
	ids := make([]string, MaxCancelIDs+1)
	for i := range ids {
		ids[i] = fmt.Sprint("a", i)
	}
	return ids
}

// Older clients write expiration, in seconds; whoever decides reads expires_ms alone.
func TestExpirationAloneStandsForExpiresMS(t *testing.T) {
	gtd := strings.Replace(base, `"GTC"`, `"GTD"`, 1)
	c := mustDecode(t, "cmd.order.main.submit", gtd[:len(gtd)-1]+`,"expiration":1763803600}`).(*Submit)
	if c.ExpiresMS != 1763803600000 {
		t.Errorf("expires_ms is %d", c.ExpiresMS)
	}
	mustDecode(t, "cmd.order.main.submit", base[:len(base)-1]+`,"expiration":0,"nonce":0,"fee_rate_bps":0}`)
}

// A reader in another language loops over a list without asking whether there is one.
func TestEmptyListsAreWrittenAsLists(t *testing.T) {
	for _, v := range []any{&Book{}, &Market{}, &FeedTrade{}, &OrdersAnswer{}, &BalancesAnswer{}, &HoldsAnswer{}, &TxConfirmed{}, &MarketsAnswer{}} {
		b, err := encode(v)
		if err != nil || strings.Contains(string(b), "null") {
			t.Errorf("%T is written as %s (%v)", v, b, err)
		}
	}
}

func TestEnvelopeBeyondItsBoundIsNotWritten(t *testing.T) {
	if _, err := Encode(Envelope{V: 1}); err == nil {
		t.Error("a message without events is written")
	}
	e := Envelope{V: 1, Account: "main", Env: Sandbox}
	for range 600 {
		e.Events = append(e.Events, &OrderHalted{Head: Head{Type: KindHalted}, Reason: strings.Repeat("x", 1024)})
	}
	if _, err := Encode(e); err == nil {
		t.Errorf("a message of more than %d bytes is written", MaxLogMessage)
	}
}
