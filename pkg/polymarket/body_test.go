package polymarket

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// What is written is read back whole, for every order of the vectors; the id comes from verifying it.
func TestEnvelopeSurvivesItsBody(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	key := mustKey(t, f.PrivateKey)
	for _, v := range some(t, f.Vectors) {
		e, err := ReadEnvelope([]byte(v.Post.Body))
		if err != nil {
			t.Fatalf("%d: %v", v.N, err)
		}
		if got := string(PostBody(e)); got != v.Post.Body {
			t.Errorf("%d: %s\nwant %s", v.N, got, v.Post.Body)
		}
		if got := string(PostBody(e.Written())); got != v.Post.Body {
			t.Errorf("%d: written before its body: %s\nwant %s", v.N, got, v.Post.Body)
		}
		id, err := VerifyOrder(e.Order.Order, e.Order.Signature, v.domain(), key.Address())
		if err != nil || id.Hex() != v.OrderID {
			t.Errorf("%d: %s, %v", v.N, id, err)
		}
	}
}

func TestForeignOrderWithOddFieldsIsRefused(t *testing.T) {
	f := vectors[orderFile](t, "orders_v2.json")
	var v orderVector
	for _, x := range some(t, f.Vectors) {
		if strings.Contains(x.Post.Body, `"postOnly":false`) && strings.Contains(x.Post.Body, `"GTC"`) && x.Order.SignatureType == EOA {
			v = x
			break
		}
	}
	body, salt, amount := v.Post.Body, `"salt":`+v.Order.Salt, `"makerAmount":"`+v.Order.MakerAmount
	for name, change := range map[string][2]string{
		"misspelt flag":     {`"postOnly"`, `"post_olny"`},
		"flag as text":      {`"postOnly":false`, `"postOnly":"no"`},
		"legacy field":      {`"salt"`, `"taker":"0x0000000000000000000000000000000000000000","salt"`},
		"order type":        {`"GTC"`, `"GTX"`},
		"no order type":     {`,"orderType":"GTC"`, ``},
		"no signature":      {`,"signature":"0x`, `,"metadata":"0x`},
		"no salt":           {salt + `,`, ``},
		"negative salt":     {salt, `"salt":-1`},
		"fraction":          {amount, amount + `.5`},
		"bad address":       {`"maker":"0x` + v.Order.Maker[2:6], `"maker":"0x` + v.Order.Maker[2:5]},
		"bad kind":          {`"signatureType":0`, `"signatureType":4`},
		"token with a sign": {`"tokenId":"`, `"tokenId":"-`},
	} {
		bad := strings.Replace(body, change[0], change[1], 1)
		if bad == body {
			t.Fatalf("%s: nothing changed", name)
		}
		if e, err := ReadEnvelope([]byte(bad)); !errors.Is(err, ErrBadOrder) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for _, bad := range []string{"", "[]", "{}", "null", `{"order":null,"orderType":"GTC"}`} {
		if _, err := ReadEnvelope([]byte(bad)); !errors.Is(err, ErrBadOrder) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	without := strings.Replace(body, `"owner":"`+f.Creds.Key+`",`, "", 1)
	if e, err := ReadEnvelope([]byte(without)); err != nil || e.Owner != "" {
		t.Errorf("without owner: %+v, %v", e, err)
	}
}

func FuzzReadEnvelope(f *testing.F) {
	for _, v := range some(f, vectors[orderFile](f, "orders_v2.json").Vectors)[:3] {
		f.Add([]byte(v.Post.Body))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ReadEnvelope(raw)
		if err != nil {
			return
		}
		again, err := ReadEnvelope(PostBody(e))
		if err != nil || !reflect.DeepEqual(again, e) && len(e.Order.Signature) > 0 && e.Order.Check() == nil {
			t.Fatalf("%+v came back as %+v, %v", e, again, err)
		}
	})
}
