package msgs

import "sluice/pkg/money"

// Check wants the ids and a positive amount.
func (c *Split) Check() *Error {
	if err := filled([]string{"request_id", "condition_id"}, string(c.RequestID), string(c.ConditionID)); err != nil {
		return err
	}
	return positive(c.Amount)
}

// Check wants the ids and a positive amount, or everything.
func (c *Merge) Check() *Error {
	if err := filled([]string{"request_id", "condition_id"}, string(c.RequestID), string(c.ConditionID)); err != nil {
		return err
	}
	return c.Amount.check()
}

// Check wants the ids.
func (c *Redeem) Check() *Error {
	return filled([]string{"request_id", "condition_id"}, string(c.RequestID), string(c.ConditionID))
}

// Check wants the ids and a positive amount, or everything.
func (c *Convert) Check() *Error {
	if err := filled([]string{"request_id", "condition_id"}, string(c.RequestID), string(c.ConditionID)); err != nil {
		return err
	}
	return c.Amount.check()
}

// Check wants the id and a positive amount, or everything.
func (c *Wrap) Check() *Error {
	if err := filled([]string{"request_id"}, string(c.RequestID)); err != nil {
		return err
	}
	return c.Amount.check()
}

// Check wants the id and a positive amount, or everything.
func (c *Unwrap) Check() *Error {
	if err := filled([]string{"request_id"}, string(c.RequestID)); err != nil {
		return err
	}
	return c.Amount.check()
}

// Check wants the id and the set of spenders.
func (c *Approve) Check() *Error {
	return filled([]string{"request_id", "set"}, string(c.RequestID), c.Set)
}

// Check wants the id.
func (c *Deploy) Check() *Error { return filled([]string{"request_id"}, string(c.RequestID)) }

// Check wants either an asset or a token, a positive amount or everything, and an address. Whether the address is listed
// is asked last before a signature, not here.
func (c *Transfer) Check() *Error {
	if err := filled([]string{"request_id", "to"}, string(c.RequestID), c.To); err != nil {
		return err
	}
	switch {
	case c.Asset != "" && c.TokenID != "":
		return excludes("asset", "token_id")
	case c.Asset == "" && c.TokenID == "":
		return newError(MissingField, "asset", "nothing says what to transfer").fix("give asset (pUSD or USDC.e) or token_id")
	}
	return c.Amount.check()
}

// Check wants two different ids: its own, and that of the request it takes back.
func (c *TxCancel) Check() *Error {
	if err := filled([]string{"request_id", "cancels"}, string(c.RequestID), string(c.Cancels)); err != nil {
		return err
	}
	if c.RequestID == c.Cancels {
		return newError(BadValue, "cancels", "the cancel has the id of the request it takes back").fix("choose a new request_id; each is used once")
	}
	return nil
}

func (a AmountOrMax) check() *Error {
	if a.Max {
		return nil
	}
	return positive(a.Amount)
}

func positive(v money.Cash) *Error {
	if v <= 0 {
		return newError(BadValue, "amount", "amount is %s", v).fix("give more than 0")
	}
	return nil
}
