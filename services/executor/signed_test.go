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
	e, err := signer{chain: polymarket.Polygon}.envelope(&in)
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
