package sandbox

import "testing"

// FuzzOrder: whatever is posted, reading it ends in an order that its key's owner signed, or in one of the venue's
// texts. Below the network and the book, so that an input covers the same code each time.
func FuzzOrder(f *testing.F) {
	s, base := venue(f, Config{})
	tr := newTrader(f, base, s.plainClient(), "main")
	good := tr.limit("sandbox-coin", 0, "BUY", "0.4", "10").json()
	for _, seed := range []string{good, "[" + good + "]", "{}", "[]", "null", `{"order":{"salt":1e3}}`, `{"order":{"salt":-1,"tokenId":"-5"}}`,
		`{"order":{"signatureType":3,"side":"SELL","makerAmount":"0","takerAmount":"115792089237316195423570985008687907853269984665640564039457584007913129639936"}}`} {
		f.Add([]byte(seed))
	}
	key := s.keys[tr.creds.APIKey]
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := s.readOrder(body, key)
		switch {
		case err == nil && (o.key != key || !isOrderID(o.id)):
			t.Fatalf("%s: read as %+v", body, o)
		case err != nil && err.Error() == "":
			t.Fatalf("%s: refused without a word", body)
		}
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
