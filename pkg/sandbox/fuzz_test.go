package sandbox

import (
	"encoding/json"
	"testing"
)

// FuzzOrder: whatever is posted, the answer is JSON with a known status, the venue does not panic, and its books stay
// whole.
func FuzzOrder(f *testing.F) {
	s, base := venue(f, Config{})
	tr := newTrader(f, base, s.plainClient(), "main")
	good := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10").json()
	for _, seed := range []string{good, "[" + good + "]", "{}", "[]", "null", `{"order":{"salt":1e3}}`, `{"order":{"salt":-1,"tokenId":"-5"}}`,
		`{"order":{"signatureType":3,"side":"SELL","makerAmount":"0","takerAmount":"115792089237316195423570985008687907853269984665640564039457584007913129639936"}}`} {
		f.Add(seed, "/order")
		f.Add(seed, "/orders")
	}
	f.Fuzz(func(t *testing.T, body, path string) {
		if path != "/order" && path != "/orders" {
			path = "/order"
		}
		tr := *tr
		tr.t = t
		status, text := tr.call("POST", path, body)
		if !json.Valid([]byte(text)) || status != 200 && status != 400 && status != 404 {
			t.Fatalf("%s: %d %s", body, status, text)
		}
		s.checkBooks(t)
	})
}

// FuzzOrderFigures: correctly signed orders of any amounts never panic the rules or the engine.
func FuzzOrderFigures(f *testing.F) {
	s, base := venue(f, Config{})
	main := newTrader(f, base, s.plainClient(), "main")
	for _, c := range [][2]uint64{{5_200_000, 10_000_000}, {1, 1}, {1, 1 << 62}, {1 << 62, 1}, {3, 7}, {100_000_000_000_000, 100_000_000_000_000}} {
		for kind := range uint8(4) {
			f.Add(c[0], c[1], kind, true, uint8(0))
			f.Add(c[0], c[1], kind, false, uint8(5))
		}
	}
	f.Fuzz(func(t *testing.T, shares, cash uint64, kind uint8, buy bool, market uint8) {
		tr := *main
		tr.t = t
		tr.salt = s.seen()
		slug := Markets()[int(market)%len(Markets())].Slug
		side := "SELL"
		if buy {
			side = "BUY"
		}
		w := tr.order(slug, int(shares%2), side, "1", "1", []string{typeGTC, typeFOK, typeFAK, typeGTC}[kind%4])
		w.Order.MakerAmount, w.Order.TakerAmount = uintText(cash), uintText(shares)
		w.PostOnly = kind%4 == 3
		tr.seal(w, slug)
		if p := tr.post(w); !p.Success && p.ErrorMsg == "" {
			t.Fatalf("%+v", p)
		}
		tr.call("DELETE", "/cancel-all", "")
		s.checkBooks(t)
	})
}
