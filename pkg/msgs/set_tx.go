package msgs

func (c *TxCommon) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "urgency":
		return true, oneOf(f, &c.Urgency, High, Normal, Low)
	case "deadline_ms":
		return true, f.time(&c.DeadlineMS, 1)
	}
	return c.Common.set(f)
}

func (c *Split) required() []string { return []string{"request_id", "condition_id", "amount"} }

func (c *Split) set(f field) (bool, *Error) {
	switch f.name {
	case "condition_id":
		return true, hashField(f, &c.ConditionID)
	case "amount":
		return true, decimal(f, &c.Amount)
	}
	return c.TxCommon.set(f)
}

func (c *Merge) required() []string { return []string{"request_id", "condition_id", "amount"} }

func (c *Merge) set(f field) (bool, *Error) {
	switch f.name {
	case "condition_id":
		return true, hashField(f, &c.ConditionID)
	case "amount":
		return true, f.amountOrMax(&c.Amount)
	case "allow_held":
		return true, f.flag(&c.AllowHeld)
	}
	return c.TxCommon.set(f)
}

func (c *Redeem) required() []string { return []string{"request_id", "condition_id"} }

func (c *Redeem) set(f field) (bool, *Error) {
	if f.name == "condition_id" {
		return true, hashField(f, &c.ConditionID)
	}
	return c.TxCommon.set(f)
}

func (c *Convert) required() []string { return []string{"request_id", "condition_id", "amount"} }

func (c *Convert) set(f field) (bool, *Error) {
	switch f.name {
	case "condition_id":
		return true, hashField(f, &c.ConditionID)
	case "amount":
		return true, f.amountOrMax(&c.Amount)
	}
	return c.TxCommon.set(f)
}

func (c *Wrap) required() []string { return []string{"request_id", "amount"} }

func (c *Wrap) set(f field) (bool, *Error) {
	if f.name == "amount" {
		return true, f.amountOrMax(&c.Amount)
	}
	return c.TxCommon.set(f)
}

func (c *Unwrap) required() []string { return []string{"request_id", "amount"} }

func (c *Unwrap) set(f field) (bool, *Error) {
	if f.name == "amount" {
		return true, f.amountOrMax(&c.Amount)
	}
	return c.TxCommon.set(f)
}

func (c *Approve) required() []string { return []string{"request_id", "set"} }

func (c *Approve) set(f field) (bool, *Error) {
	if f.name == "set" {
		return true, oneOf(f, &c.Set, "trading")
	}
	return c.TxCommon.set(f)
}

func (c *Deploy) required() []string { return []string{"request_id"} }

func (c *Transfer) required() []string { return []string{"request_id", "amount", "to"} }

func (c *Transfer) set(f field) (bool, *Error) {
	switch f.name {
	case "asset":
		return true, oneOf(f, &c.Asset, "pUSD", "USDC.e")
	case "token_id":
		return true, f.token(&c.TokenID)
	case "amount":
		return true, f.amountOrMax(&c.Amount)
	case "to":
		return true, f.address(&c.To)
	case "allow_held":
		return true, f.flag(&c.AllowHeld)
	}
	return c.TxCommon.set(f)
}

func (c *TxCancel) required() []string { return []string{"request_id", "cancels"} }

func (c *TxCancel) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "cancels":
		return true, idField(f, &c.Cancels)
	}
	return c.Common.set(f)
}
