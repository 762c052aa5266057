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
	resting, here, open := money.Cash(0), max(0, t.markets[p.ConditionID]), 0
	for _, ord := range t.live {
		if replaced != nil && ord.Serial == replaced.Serial {
			continue
		}
		open++
		stake := ord.stake()
		resting += stake
		if ord.ConditionID == p.ConditionID {
			here += stake
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
