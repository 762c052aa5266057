package polymarket

import (
	"testing"
	"time"
)

func BenchmarkSign(b *testing.B) {
	f := vectors[orderFile](b, "orders_v2.json")
	key := mustKey(b, f.PrivateKey)
	for kind := EOA; kind <= Deposit; kind++ {
		b.Run(kind.String(), func(b *testing.B) {
			s, d := signedOfKind(b, f, kind)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Sign(key, s.Order, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	f := vectors[orderFile](b, "orders_v2.json")
	s, d := signedOfKind(b, f, EOA)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Order.Hash(d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPostBody is the body and its headers, all that follows signing before the request leaves.
func BenchmarkPostBody(b *testing.B) {
	f := vectors[orderFile](b, "orders_v2.json")
	key := mustKey(b, f.PrivateKey)
	s, _ := signedOfKind(b, f, EOA)
	e := Envelope{Order: s, Owner: f.Creds.Key, Type: GTC}
	b.ReportAllocs()
	for b.Loop() {
		L2Headers(f.Creds.creds(), key.Address(), 1762900000, "POST", "/order", PostBody(e))
	}
}

func BenchmarkDecodeFrame(b *testing.B) {
	f := vectors[frameFile](b, "ws_frames.json")
	for _, v := range f.Frames {
		switch v.Name {
		case "book as single object", "price_change adds level, both tokens", "last_trade_price", "trade matched (we are maker)":
			b.Run(v.Name, func(b *testing.B) {
				data := []byte(v.Text)
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					DecodeFrame(data)
				}
			})
		}
	}
}

func BenchmarkBookApply(b *testing.B) {
	book := BookState{AssetID: "1"}
	full := Book{AssetID: "1"}
	for i := range int64(99) {
		full.Bids = append(full.Bids, at((99-i)*5_000, 1_000_000))
		full.Asks = append(full.Asks, at((101+i)*5_000-5_000, 1_000_000))
	}
	book.Apply(full)
	add := PriceChange{Changes: []Change{{AssetID: "1", Side: Buy, Price: 480_001, Size: 1_000_000}}}
	remove := PriceChange{Changes: []Change{{AssetID: "1", Side: Buy, Price: 480_001}}}
	b.ReportAllocs()
	for b.Loop() {
		book.change(add)
		book.change(remove)
	}
}

func BenchmarkClassify(b *testing.B) {
	body := []byte(`{"success":true,"errorMsg":"","orderID":"` + someID + `","status":"matched","makingAmount":"5.2","takingAmount":"10","tradeIDs":["28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e"]}`)
	want, now := mustHash(b, someID), time.Unix(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		ClassifyPost(200, nil, body, want, now)
	}
}
