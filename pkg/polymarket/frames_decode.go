package polymarket

import (
	"strings"

	"sluice/pkg/money"
)

func decodePriceChange(v value) (Event, error) {
	var p PriceChange
	var err error
	for k, f := range v.fields() {
		switch string(k) {
		case "market":
			p.Market = f.id()
		case "timestamp":
			p.TimestampMS = millis(f)
		case "price_changes":
			p.Changes, err = decodeChanges(f)
		}
	}
	return p, need(EventPriceChange, "price_changes", p.Changes != nil, err)
}

func decodeChanges(v value) ([]Change, error) {
	out := []Change{}
	for e := range v.items() {
		c, err := decodeChange(e)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func decodeChange(v value) (Change, error) {
	var c Change
	d := strict{}
	var priced, sized bool
	for k, f := range v.fields() {
		switch string(k) {
		case "asset_id":
			c.AssetID = f.text()
		case "side":
			c.Side = d.side(f)
		case "price":
			c.Price, priced = micro[money.Price](f)
		case "size":
			c.Size, sized = micro[money.Size](f)
		case "hash":
			c.Hash = f.text()
		case "best_bid":
			c.BestBid, c.HasBestBid = micro[money.Price](f)
		case "best_ask":
			c.BestAsk, c.HasBestAsk = micro[money.Price](f)
		}
	}
	whole := priced && sized && c.Size >= 0 && c.Side != "" && c.AssetID != ""
	return c, need(EventPriceChange, "asset, side, price or size", whole, d.err)
}

func decodeLastTrade(v value) (Event, error) {
	var t LastTrade
	d := strict{}
	for k, f := range v.fields() {
		switch string(k) {
		case "market":
			t.Market = f.id()
		case "asset_id":
			t.AssetID = f.text()
		case "price":
			t.Price = d.price(k, f)
		case "size":
			t.Size = d.size(k, f)
		case "side":
			t.Side = d.side(f)
		case "fee_rate_bps":
			t.FeeRateBps = f.text()
		case "timestamp":
			t.TimestampMS = millis(f)
		case "transaction_hash":
			t.TxHash = f.id()
		}
	}
	return t, need(EventLastTrade, "asset_id", t.AssetID != "", d.err)
}

func decodeTickSizeChange(v value) (Event, error) {
	var t TickSizeChange
	for k, f := range v.fields() {
		switch string(k) {
		case "market":
			t.Market = f.id()
		case "asset_id":
			t.AssetID = f.text()
		case "old_tick_size":
			t.Old = knownTick(f)
		case "new_tick_size":
			t.New = knownTick(f)
		case "timestamp":
			t.TimestampMS = millis(f)
		}
	}
	return t, need(EventTickSizeChange, "asset_id", t.AssetID != "", nil)
}

func decodeBestBidAsk(v value) (Event, error) {
	var b BestBidAsk
	d := strict{}
	for k, f := range v.fields() {
		switch string(k) {
		case "market":
			b.Market = f.id()
		case "asset_id":
			b.AssetID = f.text()
		case "best_bid":
			b.BestBid = d.price(k, f)
		case "best_ask":
			b.BestAsk = d.price(k, f)
		case "spread":
			b.Spread, _ = micro[money.Price](f) // negative while a book is crossed
		case "timestamp":
			b.TimestampMS = millis(f)
		}
	}
	return b, need(EventBestBidAsk, "asset_id", b.AssetID != "", d.err)
}

func decodeNewMarket(v value) Event {
	var m NewMarket
	for k, f := range v.fields() {
		switch string(k) {
		case "id":
			m.ID = f.text()
		case "market", "condition_id":
			m.Market = f.id()
		case "slug":
			m.Slug = f.text()
		case "question":
			m.Question = f.text()
		case "assets_ids":
			m.AssetIDs = f.texts()
		case "outcomes":
			m.Outcomes = f.texts()
		case "order_price_min_tick_size":
			m.Tick = knownTick(f)
		case "active":
			m.Active = f.bool()
		case "timestamp":
			m.TimestampMS = millis(f)
		}
	}
	return m
}

func decodeMarketResolved(v value) Event {
	var m MarketResolved
	for k, f := range v.fields() {
		switch string(k) {
		case "id":
			m.ID = f.text()
		case "market":
			m.Market = f.id()
		case "assets_ids":
			m.AssetIDs = f.texts()
		case "winning_asset_id":
			m.WinningAssetID = f.text()
		case "winning_outcome":
			m.WinningOutcome = f.text()
		case "timestamp":
			m.TimestampMS = millis(f)
		}
	}
	return m
}

func decodeUserOrder(v value) (Event, error) {
	o, err := decodeOpenOrder(v)
	u := UserOrder{OpenOrder: o}
	for k, f := range v.fields() {
		switch string(k) {
		case "type":
			u.Kind = strings.ToUpper(f.text())
		case "timestamp":
			u.TimestampMS = millis(f)
		}
	}
	return u, need(EventOrder, "id", u.ID != "", err)
}

func decodeUserTrade(v value) (Event, error) {
	t, err := decodeTrade(v)
	u := UserTrade{Trade: t}
	for k, f := range v.fields() {
		if string(k) == "timestamp" {
			u.TimestampMS = millis(f)
		}
	}
	return u, need(EventTrade, "id", u.ID != "", err)
}
