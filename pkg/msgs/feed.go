package msgs

import (
	"encoding/json"

	"sluice/pkg/money"
)

// FeedSource says how a private event reached us.
type FeedSource string

const (
	FromSocket FeedSource = "ws"
	FromREST   FeedSource = "rest"
)

// FeedOrder is the venue's word about one order of the account (feed.<account>.order).
type FeedOrder struct {
	V            int             `json:"v"`
	Account      Account         `json:"account"`
	Env          Env             `json:"env"`
	AtMS         int64           `json:"at_ms" doc:"the venue's time stamp"`
	RecvMS       int64           `json:"recv_ms"`
	Source       FeedSource      `json:"source" enum:"ws,rest"`
	OrderID      OrderID         `json:"order_id"`
	Change       string          `json:"change" doc:"PLACEMENT, UPDATE, CANCELLATION, or empty for a state read by REST"`
	Status       string          `json:"status" doc:"LIVE, MATCHED, DELAYED, UNMATCHED, CANCELED, INVALID, …; empty when the venue did not say"`
	TokenID      TokenID         `json:"token_id"`
	ConditionID  ConditionID     `json:"condition_id"`
	Side         Side            `json:"side" enum:"BUY,SELL"`
	OrderType    OrderType       `json:"order_type,omitempty" enum:"GTC,GTD,FOK,FAK"`
	Price        money.Price     `json:"price"`
	OriginalSize money.Size      `json:"original_size"`
	SizeMatched  money.Size      `json:"size_matched"`
	Raw          json.RawMessage `json:"raw,omitempty" doc:"as the venue sent it"`
}

// FeedTrade is the venue's word about one trade of the account (feed.<account>.trade), one per status. The statuses of a
// leg come in the order of the settlement: what a status implies is told before it, at the latest then.
type FeedTrade struct {
	V            int             `json:"v"`
	Account      Account         `json:"account"`
	Env          Env             `json:"env"`
	AtMS         int64           `json:"at_ms" doc:"the venue's time stamp"`
	RecvMS       int64           `json:"recv_ms"`
	Source       FeedSource      `json:"source" enum:"ws,rest"`
	TradeID      TradeID         `json:"trade_id"`
	Status       TradeStatus     `json:"status" doc:"MATCHED, MATCHED_NOT_BROADCASTED, MINED, CONFIRMED, RETRYING, FAILED, or a newer one"`
	Implied      bool            `json:"implied,omitempty" doc:"the status passed unheard and follows from a later one"`
	MatchedMS    int64           `json:"matched_ms,omitempty" doc:"when the trade was matched, to the second; absent when the venue did not say"`
	TakerOrderID OrderID         `json:"taker_order_id"`
	ConditionID  ConditionID     `json:"condition_id"`
	TxHash       TxHash          `json:"tx_hash,omitempty"`
	Legs         List[FeedLeg]   `json:"legs" doc:"the account's own legs"`
	Raw          json.RawMessage `json:"raw,omitempty" doc:"as the venue sent it"`
}

// FeedLeg is one own leg of a trade.
type FeedLeg struct {
	Leg     int         `json:"leg" doc:"0 for the taker, else 1 + position among the trade's maker orders"`
	OrderID OrderID     `json:"order_id"`
	TokenID TokenID     `json:"token_id"`
	Side    Side        `json:"side" enum:"BUY,SELL"`
	Price   money.Price `json:"price"`
	Size    money.Size  `json:"size"`
	Fee     money.Cash  `json:"fee"`
	Role    Role        `json:"role" enum:"MAKER,TAKER"`
}

// TradeStatus is how far the settlement of a trade has come. CONFIRMED and FAILED are final; an unknown one is not.
type TradeStatus string

const (
	NotBroadcasted TradeStatus = "MATCHED_NOT_BROADCASTED"
	Matched        TradeStatus = "MATCHED"
	Mined          TradeStatus = "MINED"
	Confirmed      TradeStatus = "CONFIRMED"
	Retrying       TradeStatus = "RETRYING"
	Failed         TradeStatus = "FAILED"
)

// Final reports whether the venue's status will not change again.
func (s TradeStatus) Final() bool { return s == Confirmed || s == Failed }

// Implied lists the statuses that a trade has certainly had before this one, in order. That it was being retried is never
// certain.
func (s TradeStatus) Implied() []TradeStatus {
	switch s {
	case Mined, Retrying, Failed:
		return []TradeStatus{Matched}
	case Confirmed:
		return []TradeStatus{Matched, Mined}
	}
	return nil
}
