package limits

import (
	"maps"
	"slices"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
)

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
	GetMarket    Endpoint = "GET /markets/{condition_id}"
	Keys         Endpoint = "API keys"
)

// Class says whom a call must not keep waiting: cancels go before orders, and those before reads.
type Class = gate.Class

// The classes, most urgent first.
const (
	Cancel = gate.Cancel
	Order  = gate.Order
	Read   = gate.Read
	Bulk   = gate.Bulk
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

// Profile is a short form of a profile, for callers that bring figures of their own: a signer's two buckets, and windows per
// endpoint. The documented figures are in pkg/limits/catalogue.
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

// New makes a limiter of a short profile, at its full figures. It panics on figures that no request could meet, which are
// the programmer's own.
func New(p Profile) *Limiter {
	l, err := Open(p.Long(), budget.Options{Factor: budget.Permille})
	if err != nil {
		panic(err)
	}
	return l
}

// Long is the profile as a catalogue has it. It panics like New.
func (p Profile) Long() catalogue.Profile {
	long, err := catalogue.Build(p.long())
	if err != nil {
		panic(err)
	}
	return long
}

func (p Profile) long() catalogue.Profile {
	out := catalogue.Profile{Name: p.Name, Source: p.Source, Date: "2026-11-15", API: "clob"}
	if p.Source == "" {
		out.Source = "the caller"
	}
	if p.AllIP.Per > 0 {
		out.Rules = append(out.Rules, catalogue.Rule{Name: "all", Scope: catalogue.IP, For: []string{"clob *"}, Layers: windows(p.AllIP)})
	}
	for _, e := range slices.Sorted(maps.Keys(p.PerIP)) {
		out.Rules = append(out.Rules, catalogue.Rule{Name: string(e), Scope: catalogue.IP, Class: classes()[ClassOf(e)], For: []string{string(e)}, Layers: windows(p.PerIP[e]...)})
	}
	item := func(e Endpoint) catalogue.Charge { return catalogue.Charge{To: string(e), Item: 1} }
	sweep := func(e Endpoint) catalogue.Charge {
		return catalogue.Charge{To: string(e), Request: 1, Item: 1, After: true}
	}
	out.Rules = append(out.Rules,
		catalogue.Rule{Name: "orders", Scope: catalogue.Signer, Class: catalogue.Order, Layers: bucket(p.Orders, false),
			Charges: []catalogue.Charge{item(PostOrder), item(PostOrders)}},
		catalogue.Rule{Name: "cancels", Scope: catalogue.Signer, Class: catalogue.Cancel, Layers: bucket(p.Cancels, true),
			Charges: []catalogue.Charge{item(DeleteOrder), item(DeleteOrders), sweep(CancelAll), sweep(CancelMarket)}})
	return out
}

func classes() [4]catalogue.Class {
	return [4]catalogue.Class{catalogue.Cancel, catalogue.Order, catalogue.Read, catalogue.Bulk}
}

func windows(of ...Window) (out []catalogue.Layer) {
	for _, w := range of {
		out = append(out, catalogue.Layer{N: w.Calls, Per: w.Per})
	}
	return out
}

func bucket(b Bucket, negative bool) []catalogue.Layer {
	return []catalogue.Layer{{Rate: b.PerSecond, Burst: b.Burst, Negative: negative}}
}
