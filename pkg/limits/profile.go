package limits

import "time"

// Endpoint is a method and path of the venue as its limits name it.
type Endpoint string

// The endpoints that have limits of their own. Others share only the limit of all.
const (
	PostOrder    Endpoint = "POST /order"
	PostOrders   Endpoint = "POST /orders"
	DeleteOrder  Endpoint = "DELETE /order"
	DeleteOrders Endpoint = "DELETE /orders"
	CancelAll    Endpoint = "DELETE /cancel-all"
	CancelMarket Endpoint = "DELETE /cancel-market-orders"
	GetOrder     Endpoint = "GET /data/order"
	GetOrders    Endpoint = "GET /data/orders"
	GetTrades    Endpoint = "GET /data/trades"
	Keys         Endpoint = "API keys"
)

// Class says whom a call must not keep waiting: cancels go before orders, and those before reads.
type Class uint8

// The classes, most urgent first.
const (
	Cancel Class = iota
	Order
	Read
)

// ClassOf is the class of an endpoint.
func ClassOf(e Endpoint) Class {
	switch e {
	case DeleteOrder, DeleteOrders, CancelAll, CancelMarket:
		return Cancel
	case PostOrder, PostOrders:
		return Order
	}
	return Read
}

// Window is a documented limit: so many calls in so much time.
type Window struct {
	Calls int
	Per   time.Duration
}

// Bucket is a documented token bucket.
type Bucket struct {
	PerSecond int
	Burst     int
}

// Profile is what the venue documents, at one date.
type Profile struct {
	Name    string
	Source  string
	Orders  Bucket // of a signer; one token for each order, also in a batch
	Cancels Bucket // of a signer; one token for each order to be cancelled
	PerIP   map[Endpoint][]Window
	AllIP   Window
}

// Standard is the lowest tier of signers, with the lower figure wherever two of the venue's pages differ.
func Standard() Profile {
	const short, long = 10 * time.Second, 10 * time.Minute
	return Profile{
		Name: "standard-2026-11", Source: "docs.polymarket.com rate limits, autumn 2026, and its February 2026 edition",
		Orders: Bucket{40, 60}, Cancels: Bucket{80, 120},
		PerIP: map[Endpoint][]Window{
			PostOrder:    {{3500, short}, {36_000, long}},
			PostOrders:   {{1000, short}, {15_000, long}},
			DeleteOrder:  {{3000, short}, {30_000, long}},
			DeleteOrders: {{1000, short}, {15_000, long}},
			CancelAll:    {{250, short}, {6000, long}},
			CancelMarket: {{1000, short}, {1500, long}},
			GetOrder:     {{900, short}},
			GetOrders:    {{500, short}},
			GetTrades:    {{500, short}},
			Keys:         {{100, short}},
		},
		AllIP: Window{9000, short},
	}
}
