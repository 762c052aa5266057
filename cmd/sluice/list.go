package main

import (
	"sluice/pkg/msgs"
)

type getCmd struct {
	accountFlags
	ID string `arg:"" help:"client_order_id, or order id (0x…)."`
}

// Run shows one order.
func (c *getCmd) Run(a *app) error {
	q := msgs.OrderQuestion{ClientOrderID: msgs.ClientOrderID(c.ID)}
	if id, isOrder := orderID(c.ID); isOrder {
		q = msgs.OrderQuestion{OrderID: id}
	}
	var r msgs.OrderAnswer
	if err := c.ask(a, "executor", "order", q, &r); err != nil {
		return err
	}
	return a.printOrders(r, []msgs.Order{r.Order})
}

type listCmd struct {
	accountFlags
	Open   bool   `name:"open" help:"Only what can still trade."`
	Prefix string `name:"prefix" help:"Only client order ids that begin so."`
	Limit  int    `name:"limit" default:"100" help:"At most so many, up to 500."`
}

// Run lists orders.
func (c *listCmd) Run(a *app) error {
	var r msgs.OrdersAnswer
	if err := c.ask(a, "executor", "orders", msgs.OrdersQuestion{Open: c.Open, Prefix: c.Prefix, Limit: c.Limit}, &r); err != nil {
		return err
	}
	return a.printOrders(r, r.Orders)
}

func (a *app) printOrders(v any, orders []msgs.Order) error {
	rows := make([][]string, 0, len(orders))
	for _, o := range orders {
		rows = append(rows, []string{string(o.ClientOrderID), short(string(o.OrderID)), string(o.Side), string(o.OrderType),
			o.Price.String(), o.Size.String(), o.Filled.String(), string(o.State)})
	}
	return a.print(v, []string{"CLIENT ID", "ORDER ID", "SIDE", "TYPE", "PRICE", "SIZE", "FILLED", "STATE"}, rows)
}
