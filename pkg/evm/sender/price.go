package sender

import "fmt"

// priced puts a price on a draft, or says which bound forbids it. j is whose draft it is; nil: nobody's yet.
//
// The tip is the largest of what is suggested and what is configured; the cap is twice the base fee and the tip, which
// lasts for six full blocks in a row. A replacement pays at least an eighth more in both than everything before it.
func (o *Outbox) priced(d Draft, j *job) (*Draft, *Held) {
	l := o.limits
	floor := l.MinTip.Max(l.Tip)
	d.Tip = floor.Max(o.sight.Tip.Min(l.MaxFee))
	d.Cap = o.sight.Base.Times(2).Plus(d.Tip).Min(l.MaxFee)
	if j != nil {
		for _, a := range j.prior(d.Nonce) {
			d.Tip, d.Cap = d.Tip.Max(a.Tip.Bumped()), d.Cap.Max(a.Cap.Bumped())
		}
	}
	d.Tip = d.Tip.Min(d.Cap)
	switch need := o.sight.Base.Plus(floor); {
	case l.MaxFee.Less(d.Cap):
		return nil, o.bound(d, fmt.Sprintf("a replacement must offer %s gwei, and %s is the highest allowed", d.Cap.Gwei(), l.MaxFee.Gwei()), "wait until the price of gas falls, or raise the highest price")
	case d.Cap.Less(need):
		return nil, o.bound(d, fmt.Sprintf("gas costs %s gwei with the least tip, and %s is the highest allowed", need.Gwei(), l.MaxFee.Gwei()), "wait until the price of gas falls, or raise the highest price")
	}
	return o.affordable(d, j)
}

// affordable asks the bounds on what is paid, and the account's balance.
func (o *Outbox) affordable(d Draft, j *job) (*Draft, *Held) {
	cost := d.Cap.Times(d.Gas)
	if o.limits.MaxCost.Less(cost) {
		return nil, o.bound(d, fmt.Sprintf("it could cost %s POL, and %s is the most for one transaction", cost.Coins(), o.limits.MaxCost.Coins()), "wait until the price of gas falls, split the work, or raise the bound")
	}
	worst := cost
	if j != nil {
		worst = worst.Max(j.worst())
	}
	waiting := o.reserved(j)
	if sum := o.spent(o.observed).Plus(waiting).Plus(worst); o.limits.MaxDay.Less(sum) {
		return nil, o.bound(d, fmt.Sprintf("with it the last 24 hours could cost %s POL, and %s is the most", sum.Coins(), o.limits.MaxDay.Coins()), "wait until earlier costs are a day old, or raise the bound")
	}
	if need := waiting.Plus(cost); o.sight.Balance.Less(need) {
		return nil, o.bound(d, fmt.Sprintf("the account has %s POL, and nodes want %s before they take it", o.sight.Balance.Coins(), need.Coins()), "send POL to the account")
	}
	return &d, nil
}

func (o *Outbox) bound(d Draft, cause, fix string) *Held {
	return &Held{d.ID, fmt.Sprintf("nonce %d: %s", d.Nonce, cause), fix}
}

// check is what the last function before a signature asks again, without trusting who made the draft.
func (l Limits) check(d Draft) error {
	switch cost := d.Cap.Times(d.Gas); {
	case d.Cap.Less(d.Tip):
		return fmt.Errorf("the tip of %s gwei is above the cap of %s", d.Tip.Gwei(), d.Cap.Gwei())
	case l.MaxFee.Less(d.Cap):
		return fmt.Errorf("%s gwei is above the highest price of %s", d.Cap.Gwei(), l.MaxFee.Gwei())
	case l.MaxCost.Less(cost):
		return fmt.Errorf("it could cost %s POL, more than the %s for one transaction", cost.Coins(), l.MaxCost.Coins())
	case d.Void && (len(d.Data) > 0 || d.Gas != transferGas):
		return fmt.Errorf("a void transaction has neither data nor more than %d gas", transferGas)
	}
	return nil
}

// Low reports whether the account runs out of what gas is paid with.
func (o *Outbox) Low() *Held {
	if o.observed.IsZero() || !o.sight.Balance.Less(o.limits.LowBalance) {
		return nil
	}
	return &Held{"", fmt.Sprintf("the account has %s POL left for gas, below %s", o.sight.Balance.Coins(), o.limits.LowBalance.Coins()), "send POL to the account"}
}
