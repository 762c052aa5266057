package msgs

import "sluice/pkg/money"

// OrderQuestion is svc.executor.<account>.order: one order by either id.
type OrderQuestion struct {
	ClientOrderID ClientOrderID `json:"client_order_id,omitempty"`
	OrderID       OrderID       `json:"order_id,omitempty"`
}

// OrderAnswer includes every event up to n.
type OrderAnswer struct {
	N     uint64 `json:"n"`
	Order Order  `json:"order"`
}

// OrdersQuestion is svc.executor.<account>.orders.
type OrdersQuestion struct {
	Open   bool   `json:"open,omitempty" doc:"only what can still trade"`
	Prefix string `json:"prefix,omitempty" doc:"of client_order_id"`
	Limit  int    `json:"limit,omitempty" doc:"at most 500, which is also the default"`
	After  string `json:"after,omitempty" doc:"next of the page before"`
}

// OrdersAnswer includes every event up to n. next is empty on the last page.
type OrdersAnswer struct {
	N      uint64      `json:"n"`
	Orders List[Order] `json:"orders"`
	Next   string      `json:"next"`
}

// StatusAnswer is the reply to svc.executor.<account>.status.
type StatusAnswer struct {
	Account Account          `json:"account"`
	Env     Env              `json:"env"`
	Halted  bool             `json:"halted"`
	Doubts  []Error          `json:"doubts,omitempty" doc:"why the account is held since its last start; see order.held"`
	Venue   string           `json:"venue" enum:"ok,restarting,post_only,cancel_only,closed_only,disabled,blocked,unreachable"`
	Queue   QueueStatus      `json:"queue"`
	Open    int              `json:"open"`
	Unknown int              `json:"unknown"`
	Feed    FeedFresh        `json:"feed"`
	Limits  List[LimitState] `json:"limits"`

	Throttles []Throttle `json:"throttles,omitempty" doc:"what the venue has refused for its rate since the owner runs, the latest first"`

	Owner  string `json:"owner"`
	N      uint64 `json:"n"`
	AsOfMS int64  `json:"as_of_ms"`
}

// QueueStatus is what waits in the submit lane.
type QueueStatus struct {
	Submit   uint64 `json:"submit"`
	OldestMS int64  `json:"oldest_ms"`
}

// FeedFresh says how old the private feed's last word is.
type FeedFresh struct {
	Fresh bool  `json:"fresh"`
	AgeMS int64 `json:"age_ms"`
}

// LimitState is one layer of the limiter.
type LimitState struct {
	Scope    string `json:"scope"`
	Layer    string `json:"layer"`
	Used     string `json:"used"`
	Limit    string `json:"limit"`
	PerMS    int64  `json:"per_ms"`
	FreeAtMS int64  `json:"free_at_ms,omitempty"`
}

// Throttle is what the venue has refused under one limit.
type Throttle struct {
	Scope  string `json:"scope"`
	Layer  string `json:"layer"`
	Count  int    `json:"count"`
	LastMS int64  `json:"last_ms"`
	Cause  string `json:"cause" enum:"too_fast,polling,others,singles" doc:"the likeliest reason of the last"`
	Means  string `json:"means"`
	Fix    string `json:"fix"`
}

// BookQuestion is svc.ingest.book, .midpoint, .price and .tick_size.
type BookQuestion struct {
	TokenID TokenID `json:"token_id,omitempty"`
	Market  string  `json:"market,omitempty" doc:"slug or condition id, with outcome"`
	Outcome string  `json:"outcome,omitempty"`
	Side    Side    `json:"side,omitempty" enum:"BUY,SELL" doc:"of price: what you want to do"`
}

// PriceAnswer is the reply to svc.ingest.midpoint and .price.
type PriceAnswer struct {
	TokenID TokenID     `json:"token_id"`
	Price   money.Price `json:"price"`
	Fresh   bool        `json:"fresh"`
	AgeMS   int64       `json:"age_ms"`
}

// TickAnswer is the reply to svc.ingest.tick_size.
type TickAnswer struct {
	TokenID  TokenID    `json:"token_id"`
	TickSize string     `json:"tick_size"`
	MinSize  money.Size `json:"min_size"`
}

// Empty is a question that needs no words: status, balances, positions, holds, quota.
type Empty struct{}

// MarketsQuestion is svc.ingest.markets: one market, or a page of all that are known.
type MarketsQuestion struct {
	TokenID TokenID `json:"token_id,omitempty"`
	Market  string  `json:"market,omitempty" doc:"slug or condition id"`
}

// MarketsAnswer is the reply to svc.ingest.markets.
type MarketsAnswer struct {
	Markets List[Market] `json:"markets"`
}
