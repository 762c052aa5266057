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

// tradeOf says the venue's trade in our words, but for its legs. raw is nil for a reading.
func (f *feed) tradeOf(t *polymarket.Trade, raw json.RawMessage, stampMS int64, at time.Time) *msgs.FeedTrade {
	return &msgs.FeedTrade{V: 1, Account: f.account.Name, Env: f.env, AtMS: stampMS, RecvMS: at.UnixMilli(), Source: sourceOf(raw),
		TradeID: msgs.TradeID(t.ID), Status: msgs.TradeStatus(t.Status), MatchedMS: 1000 * t.MatchTime, TakerOrderID: msgs.OrderID(t.TakerOrderID),
		ConditionID: msgs.ConditionID(t.Market), TxHash: msgs.TxHash(t.TxHash), Legs: []msgs.FeedLeg{}, Raw: raw}
}

// ownLegs are the account's own legs of a trade: those of its API key and of orders that its feed has told of, whatever key
// they were placed with; only when there are none, those of its wallet. It belongs to the writer.
func (f *feed) ownLegs(t *polymarket.Trade) []msgs.FeedLeg {
	fills := t.OwnFills(f.clob.Creds.Key, f.stored.history.knows)
	if len(fills) == 0 && f.account.Wallet != (polymarket.Address{}) {
		fills = t.FillsOfWallet(f.account.Wallet)
	}
	if len(fills) == 0 {
		f.log.Warn("trade on the private feed without a leg of the account", "account", f.account.Name, "trade", t.ID)
	}
	legs := make([]msgs.FeedLeg, 0, len(fills))
	for _, l := range fills {
		legs = append(legs, msgs.FeedLeg{Leg: l.Leg, OrderID: msgs.OrderID(l.OrderID), TokenID: msgs.TokenID(l.AssetID),
			Side: msgs.Side(l.Side), Price: l.Price, Size: l.Size, Role: msgs.Role(l.Role)})
	}
	return legs
}

func sourceOf(raw json.RawMessage) msgs.FeedSource {
	if raw == nil {
		return msgs.FromREST
	}
	return msgs.FromSocket
}
