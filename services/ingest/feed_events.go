package ingest

import (
	"encoding/json"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// orderOf says the venue's order in our words. raw is nil for a reading.
func (f *feed) orderOf(o *polymarket.OpenOrder, raw json.RawMessage, change string, stampMS int64, at time.Time) *msgs.FeedOrder {
	return &msgs.FeedOrder{V: 1, Account: f.account.Name, Env: f.env, AtMS: stampMS, RecvMS: at.UnixMilli(), Source: sourceOf(raw),
		OrderID: msgs.OrderID(o.ID), Change: change, Status: o.Status, TokenID: msgs.TokenID(o.AssetID), ConditionID: msgs.ConditionID(o.Market),
		Side: msgs.Side(o.Side), OrderType: msgs.OrderType(o.Type), Price: o.Price, OriginalSize: o.OriginalSize, SizeMatched: o.SizeMatched, Raw: raw}
}

// tradeOf says the venue's trade in our words, with the legs of the account's own API key.
func (f *feed) tradeOf(t *polymarket.Trade, raw json.RawMessage, stampMS int64, at time.Time) *msgs.FeedTrade {
	out := &msgs.FeedTrade{V: 1, Account: f.account.Name, Env: f.env, AtMS: stampMS, RecvMS: at.UnixMilli(), Source: sourceOf(raw),
		TradeID: msgs.TradeID(t.ID), Status: msgs.TradeStatus(t.Status), TakerOrderID: msgs.OrderID(t.TakerOrderID),
		ConditionID: msgs.ConditionID(t.Market), TxHash: msgs.TxHash(t.TxHash), Legs: []msgs.FeedLeg{}, Raw: raw}
	for _, l := range t.Fills(f.clob.Creds.Key) {
		out.Legs = append(out.Legs, msgs.FeedLeg{Leg: l.Leg, OrderID: msgs.OrderID(l.OrderID), TokenID: msgs.TokenID(l.AssetID),
			Side: msgs.Side(l.Side), Price: l.Price, Size: l.Size, Role: msgs.Role(l.Role)})
	}
	return out
}

func sourceOf(raw json.RawMessage) msgs.FeedSource {
	if raw == nil {
		return msgs.FromREST
	}
	return msgs.FromSocket
}
