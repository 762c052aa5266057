package executor

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"sluice/pkg/msgs"
)

// packed is an order as a snapshot holds it. There are tens of thousands in one, and a start waits for all of them: as gob
// they are read in a fraction of what JSON takes, and what the intent has in common with the order is written once. Like JSON,
// gob lets fields come and go between versions.
type packed struct {
	Order  order
	Shared bool // the intent's part that every order has is the order's own
}

// pack writes orders. Equal orders have equal bytes.
func pack(orders []*order) ([]byte, error) {
	list := make([]packed, len(orders))
	for i, ord := range orders {
		list[i].Order = *ord
		if in := ord.Intent; in != nil && shares(in, &ord.Order) {
			rest := *in
			share(&rest, &msgs.Order{})
			list[i].Order.Intent, list[i].Shared = &rest, true
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(list); err != nil {
		return nil, fmt.Errorf("encode orders: %w", err)
	}
	return b.Bytes(), nil
}

// unpack reads orders.
func unpack(b []byte) ([]*order, error) {
	var list []packed
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&list); err != nil {
		return nil, fmt.Errorf("decode orders: %w", err)
	}
	orders := make([]*order, len(list))
	for i := range list {
		ord := &list[i].Order
		if list[i].Shared {
			if ord.Intent == nil {
				ord.Intent = &msgs.Intent{}
			}
			share(ord.Intent, &ord.Order)
		}
		orders[i] = new(*ord) // each by itself, so that one that is let go is freed
	}
	return orders, nil
}

// share gives an intent what an order has.
func share(in *msgs.Intent, o *msgs.Order) {
	in.ClientOrderID, in.OrderID, in.TokenID, in.ConditionID = o.ClientOrderID, o.OrderID, o.TokenID, o.ConditionID
	in.Side, in.OrderType, in.Price, in.Size, in.Amount = o.Side, o.OrderType, o.Price, o.Size, o.Amount
}

// shares reports whether an intent has what the order has.
func shares(in *msgs.Intent, o *msgs.Order) bool {
	return in.ClientOrderID == o.ClientOrderID && in.OrderID == o.OrderID && in.TokenID == o.TokenID && in.ConditionID == o.ConditionID &&
		in.Side == o.Side && in.OrderType == o.OrderType && in.Price == o.Price && in.Size == o.Size && in.Amount == o.Amount
}
