package polymarket_test

import (
	"fmt"

	"sluice/pkg/money"
	"sluice/pkg/polymarket"
)

// An order is computed, signed and named before anything is sent: the id is final and the bytes are always the same.
func ExampleSign() {
	// The key is a well-known throw-away one.
	key, err := polymarket.ParseKey("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
	if err != nil {
		panic(err)
	}
	token, err := polymarket.ParseTokenID("71321045679252212594626385532706912750332728571942532289631379312455583992563")
	if err != nil {
		panic(err)
	}
	price, size := money.Price(520_000), money.Size(10*money.Unit) // 10 shares at 0.52
	maker, taker, err := polymarket.LimitAmounts(polymarket.Buy, price, size, polymarket.Tick001)
	if err != nil {
		panic(err)
	}
	order := polymarket.Order{
		Salt:        1, // polymarket.NewSalt() in earnest, kept with the intent
		Maker:       key.Address(),
		Signer:      key.Address(),
		TokenID:     token,
		MakerAmount: maker,
		TakerAmount: taker,
		Side:        polymarket.Buy,
		TimestampMS: 1762900000123,
	}
	domain := polymarket.Domain{ChainID: polymarket.Polygon, Version: polymarket.VersionCLOB}
	signed, err := polymarket.Sign(key, order, domain)
	if err != nil {
		panic(err)
	}
	_, err = polymarket.VerifyOrder(order, signed.Signature, domain, key.Address())
	fmt.Println("gives", money.Cash(maker), "pUSD for", money.Size(taker), "shares")
	fmt.Println("id", signed.ID)
	fmt.Println("signature of", len(signed.Signature), "bytes, verified:", err == nil)
	fmt.Println("key:", key)
	// Output:
	// gives 5.2 pUSD for 10 shares
	// id 0x4d10a5cda500f4ef9f370780a1b0f3f943fe613691c017339fd3ce7ca605223a
	// signature of 65 bytes, verified: true
	// key: [secret]
}

// A frame holds one message or several; each arrives as its own type.
func ExampleDecodeFrame() {
	book := polymarket.BookState{AssetID: "7"}
	for _, text := range []string{
		`[{"event_type":"book","asset_id":"7","bids":[{"price":".48","size":"30"},{"price":".49","size":"20"}],"asks":[{"price":".52","size":"25"}],"timestamp":"1762900000123"}]`,
		`{"event_type":"price_change","timestamp":"1762900000456","price_changes":[{"asset_id":"7","price":"0.5","size":"200","side":"BUY","best_bid":"0.5","best_ask":"0.52"}]}`,
		`PONG`,
	} {
		frame := polymarket.DecodeFrame([]byte(text))
		for _, e := range frame.Events {
			fmt.Println(e.EventType(), book.Apply(e))
		}
		if frame.IsPong() {
			fmt.Println("alive")
		}
	}
	best, _ := book.BestBid()
	fmt.Println("best bid", best.Price, "×", best.Size)
	// Output:
	// book updated
	// price_change updated
	// alive
	// best bid 0.5 × 200
}
