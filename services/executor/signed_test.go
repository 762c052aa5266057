package executor

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// signedElsewhere is a submit whose order was signed by the account's own key outside of Sluice.
func signedElsewhere(t *testing.T, change func(*polymarket.Order)) (text string, id polymarket.Hash) {
	t.Helper()
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	token, err := polymarket.ParseTokenID("111")
	if err != nil {
		t.Fatal(err)
	}
	o := polymarket.Order{Salt: 7, Maker: key.Address(), Signer: key.Address(), TokenID: token, MakerAmount: 5_200_000, TakerAmount: 10_000_000,
		Side: polymarket.Buy, TimestampMS: 1_763_800_000_000}
	s, err := polymarket.Sign(key, o, polymarket.Domain{ChainID: polymarket.Polygon, Version: polymarket.VersionCLOB})
	if err != nil {
		t.Fatal(err)
	}
	change(&s.Order)
	return fmt.Sprintf(`{"client_order_id":"s1","type":"GTC","signed":{"salt":%d,"maker":%q,"signer":%q,"tokenId":"111","makerAmount":"%d","takerAmount":"%d",
		"side":"BUY","signatureType":0,"timestamp":"%d","metadata":"0x%064d","builder":"0x%064d","signature":"0x%s"}}`,
		s.Salt, s.Maker.Hex(), s.Signer.Hex(), s.MakerAmount, s.TakerAmount, s.TimestampMS, 0, 0, hex.EncodeToString(s.Signature)), s.ID
}

// TestSignedOrderIsSentAsItIs takes an order signed elsewhere: its id is the signed one's, and the edge sends that very
// signature.
func TestSignedOrderIsSentAsItIs(t *testing.T) {
	b := newBench(t, Rules{})
	text, id := signedElsewhere(t, func(*polymarket.Order) {})
	d := b.tell(b.command("submit", text))
	s, ok := d.Events[0].(*msgs.OrderSubmitting)
	if !ok {
		raw, _ := json.Marshal(d.Events[0])
		t.Fatalf("decided %s", raw)
	}
	in := s.Orders[0]
	if in.OrderID != msgs.OrderID(id.Hex()) || in.Price.String() != "0.52" || in.Size.String() != "10" || in.Side != msgs.Buy {
		t.Errorf("intent %+v", in)
	}
	e, err := signer{chain: polymarket.Polygon}.envelope(&Post{Intent: in})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, hex.EncodeToString(e.Order.Signature)) {
		t.Error("another signature is sent")
	}
	again := strings.Replace(text, `"s1"`, `"s2"`, 1)
	if r, ok := b.tell(b.command("submit", again)).Events[0].(*msgs.OrderRejected); !ok || r.Error.Code != msgs.DuplicateID {
		t.Error("the same signed order was taken under two ids")
	}
	b.consistent()
}

// TestTamperedSignedOrderIsRefused changes each signed field by a little.
func TestTamperedSignedOrderIsRefused(t *testing.T) {
	for name, change := range map[string]func(*polymarket.Order){
		"amount":    func(o *polymarket.Order) { o.MakerAmount++ },
		"salt":      func(o *polymarket.Order) { o.Salt++ },
		"timestamp": func(o *polymarket.Order) { o.TimestampMS++ },
		"maker":     func(o *polymarket.Order) { o.Maker[0]++ },
	} {
		b := newBench(t, Rules{})
		text, _ := signedElsewhere(t, change)
		d := b.tell(b.command("submit", text))
		if r, ok := d.Events[0].(*msgs.OrderRejected); !ok || r.Error.Code != msgs.BadValue || len(d.Deeds) > 0 {
			t.Errorf("%s: %+v", name, d.Events[0])
		}
	}
}

// TestFactsAge refuses a signature on an old market fact, where there is a bound.
func TestFactsAge(t *testing.T) {
	b := newBench(t, Rules{FactAge: 1})
	b.now = b.now.Add(2)
	b.tell(b.message([]string{"submit", "a1", "BUY", "GTC", "0.52", "10"}))
	b.now = b.now.Add(5_000_000)
	d := b.tell(b.message([]string{"submit", "a2", "BUY", "GTC", "0.52", "10"}))
	if r, ok := d.Events[0].(*msgs.OrderRejected); !ok || r.Error.Code != msgs.UnknownToken {
		t.Errorf("decided %+v", d.Events[0])
	}
}

// TestFinishedOrdersAreForgottenAndTheirIdsAreNot lets an hour pass after an order's end: its state is gone, its id, its
// fills and its venue id are still known.
func TestFinishedOrdersAreForgottenAndTheirIdsAreNot(t *testing.T) {
	b := newBench(t, Rules{})
	for _, line := range []string{"submit a1 BUY GTC 0.52 10", "posted a1 accepted live", "trade t1 MATCHED a1 10 0.52 1", "trade t1 CONFIRMED a1 10 0.52 1"} {
		b.tell(b.message(strings.Fields(line)))
	}
	b.now = b.now.Add(3_600_000_000_000)
	b.tell(b.message(strings.Fields("submit a2 BUY GTC 0.52 10")))
	if b.core.byClient["a1"] != nil {
		t.Fatal("a1 is still kept whole")
	}
	if d := b.tell(b.message(strings.Fields("trade t1 CONFIRMED a1 10 0.52 1"))); len(d.Events) != 0 {
		t.Errorf("a repeat of an old fill: %+v", d.Events)
	}
	d := b.tell(b.message(strings.Fields("submit a1 BUY GTC 0.52 10 valid_until_ms=0")))
	if r, ok := d.Events[0].(*msgs.OrderRejected); !ok || r.Error.Code != msgs.DuplicateID {
		t.Errorf("other content: %+v", d.Events)
	}
	d = b.tell(b.message(strings.Fields("submit a1 BUY GTC 0.52 10")))
	if len(d.Events) != 0 {
		t.Errorf("the same content: %+v", d.Events)
	}
	d = b.tell(b.message(strings.Fields("trade t2 MATCHED a1 1 0.52 1")))
	if f, ok := d.Events[len(d.Events)-1].(*msgs.OrderFilled); !ok || !f.Late {
		t.Errorf("a new fill of an old order: %+v", d.Events)
	}
	b.consistent()
}

// TestWhatASubmitAsksForIsSigned lets a submit name what only the venue sees: the end of its rest, to which the venue's own
// minute is added, its builder, and that it may be deferred.
func TestWhatASubmitAsksForIsSigned(t *testing.T) {
	b := newBench(t, Rules{})
	const expiresMS = 1_763_800_200_000
	builder := named("a builder")
	d := b.tell(b.message([]string{"submit", "a1", "BUY", "GTD", "0.52", "10", fmt.Sprintf("expires_ms=%d", expiresMS), "builder='" + builder + "'", "defer_exec=true", "post_only=true"}))
	s, ok := d.Events[0].(*msgs.OrderSubmitting)
	if !ok {
		t.Fatalf("decided %+v", d.Events[0])
	}
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		t.Fatal(err)
	}
	e, err := signer{key, polymarket.Polygon}.envelope(&Post{Intent: s.Orders[0]})
	if err != nil {
		t.Fatal(err)
	}
	body := string(polymarket.PostBody(e))
	for _, part := range []string{fmt.Sprintf(`"expiration":"%d"`, expiresMS/1000+60), `"builder":"` + builder + `"`, `"deferExec":true`, `"postOnly":true`, `"orderType":"GTD"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the request lacks %s: %s", part, body)
		}
	}
}

// TestFieldsWithoutEffectAreWarnedAbout gives what older clients give: the order goes out, and its events say what was not used.
func TestFieldsWithoutEffectAreWarnedAbout(t *testing.T) {
	b := newBench(t, Rules{})
	b.tell(b.message([]string{"submit", "a1", "BUY", "GTC", "0.52", "10", "fee_rate_bps=10", "nonce=1"}))
	d := b.tell(b.message([]string{"posted", "a1", "accepted", "live"}))
	a, ok := d.Events[0].(*msgs.OrderAccepted)
	if !ok || len(a.Warnings) != 2 || !strings.Contains(a.Warnings[0], "fee_rate_bps") || !strings.Contains(a.Warnings[1], "nonce") {
		t.Errorf("decided %+v", d.Events[0])
	}
}

// TestCancelAllByTokenSparesTheOthers narrows a cancel_all to one token of a market: its orders are cancelled, those of the
// other token rest.
func TestCancelAllByTokenSparesTheOthers(t *testing.T) {
	b := newBench(t, Rules{})
	for id, outcome := range map[string]string{"yes": "Yes", "no": "No"} {
		b.tell(b.command("submit", fmt.Sprintf(`{"client_order_id":%q,"market":"coin","outcome":%q,"side":"BUY","type":"GTC","price":"0.4","size":"10"}`, id, outcome)))
		b.tell(b.message([]string{"posted", id, "accepted", "live"}))
	}
	d := b.tell(b.command("cancel_all", `{"request_id":"p","token_id":"112"}`))
	if len(d.Early) != 1 {
		t.Fatalf("done at once: %+v", d.Early)
	}
	if c, ok := d.Early[0].(CancelOrders); !ok || len(c.OrderIDs) != 1 || c.OrderIDs[0] != b.id("no") {
		t.Errorf("cancelled %+v, want the order of the named token alone", d.Early[0])
	}
}

// TestForeignOrdersCountAgainstTheCaps rests an order that Sluice did not place, worth 5 pUSD: what it ties up is missing
// for an order of ours.
func TestForeignOrdersCountAgainstTheCaps(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		b := newBench(t, Rules{Caps: Caps{Day: cash("9"), OpenOrders: 5}})
		if foreign {
			b.tell(b.message([]string{"frame", "stranger", "PLACEMENT", "LIVE"}))
		}
		d := b.tell(b.message([]string{"submit", "a1", "BUY", "GTC", "0.52", "10"}))
		r, refused := d.Events[0].(*msgs.OrderRejected)
		if refused != foreign || refused && r.Error.Code != msgs.CapDay {
			t.Errorf("with a foreign order %t: %+v", foreign, d.Events[0])
		}
	}
}
