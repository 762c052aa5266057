package executor

import (
	"fmt"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
)

// capped judges a proposal against the account's caps. What foreign hands did counts too: it is the same money. The order
// that it replaces, if any, does not.
func (t *turn) capped(p *proposal, replaced *order) *msgs.Error {
	c := t.rules.Caps
	if c == (Caps{}) {
		return nil
	}
	worth := p.worth()
	if c.Order > 0 && worth > c.Order {
		return beyond(msgs.CapOrder, "the order is worth", worth, c.Order, "order less, or raise --cap-order")
	}
	resting, here, open := t.exposed.resting, max(0, t.markets[p.ConditionID])+t.exposed.markets[p.ConditionID], len(t.live)
	if replaced != nil {
		if old := t.live[replaced.Serial]; old != nil {
			open--
			resting -= old.counted.cash
			if old.counted.market == p.ConditionID {
				here -= old.counted.cash
			}
		}
	}
	if c.OpenOrders > 0 && open >= c.OpenOrders {
		return failure(msgs.CapOpenOrders, fmt.Sprintf("%d orders can still trade, which is the cap", open), "cancel some, or raise --cap-open-orders")
	}
	if c.Market > 0 && here+worth > c.Market {
		return beyond(msgs.CapMarket, "with this order the market's exposure would be", here+worth, c.Market, "cancel or sell something there, or raise --cap-market")
	}
	today := t.traded
	if t.day != t.nowMS/msPerDay {
		today = 0
	}
	if c.Day > 0 && today+resting+worth > c.Day {
		return beyond(msgs.CapDay, "with this order the day's trading could be", today+resting+worth, c.Day, "wait until midnight UTC, or raise --cap-day")
	}
	return nil
}

func beyond(code msgs.Code, what string, have, most money.Cash, fix string) *msgs.Error {
	return failure(code, fmt.Sprintf("%s %s pUSD and the cap is %s", what, have, most), fix)
}

// worth is the cash that changes hands when all of the order trades at its price.
func (p *proposal) worth() money.Cash {
	if p.Side == msgs.Buy {
		return money.Cash(p.MakerAmount)
	}
	return money.Cash(p.TakerAmount)
}

// exposure is what all orders that are not final can still take. It is kept as they change, because every submit asks for it.
type exposure struct {
	resting money.Cash
	markets map[msgs.ConditionID]money.Cash
}

// counted is what an order stands for in the exposure.
type counted struct {
	market msgs.ConditionID
	cash   money.Cash
}

// expose brings the exposure up to what an order can still take. It is called whenever the order has changed.
func (o *Orders) expose(ord *order) {
	x, is := &o.exposed, counted{}
	if o.live[ord.Serial] == ord {
		is = counted{ord.ConditionID, ord.stake()}
	}
	if was := ord.counted; was != is {
		x.add(was.market, -was.cash)
		x.add(is.market, is.cash)
		ord.counted = is
	}
}

func (x *exposure) add(market msgs.ConditionID, cash money.Cash) {
	if cash == 0 {
		return
	}
	x.resting += cash
	if x.markets[market] += cash; x.markets[market] == 0 {
		delete(x.markets, market)
	}
}
