package msgs

import (
	"fmt"
	"strings"

	"sluice/pkg/money"
)

// SizeDecimals is how fine the venue takes sizes and amounts to spend.
const SizeDecimals = 2

// Check judges the fields against each other. Ticks, books, balances, ages and clocks are the executor's to judge.
func (c *Submit) Check() *Error {
	if err := filled(c.required(), string(c.ClientOrderID), string(c.Type)); err != nil {
		return err
	}
	if err := c.checkToken(); err != nil {
		return err
	}
	if err := c.checkLife(); err != nil {
		return err
	}
	if c.Signed != nil {
		return c.checkSigned()
	}
	if c.Side == "" {
		return missing("side")
	}
	if err := c.checkPrice(); err != nil {
		return err
	}
	return c.checkSize()
}

func (c *Submit) checkToken() *Error {
	switch {
	case c.TokenID != "" && (c.Market != "" || c.Outcome != ""):
		return excludes("token_id", "market and outcome")
	case c.Market != "" && c.Outcome == "":
		return newError(MissingField, "outcome", "market is given without outcome").fix(`say which side of the market is meant, as in "outcome":"Yes"`)
	case c.Outcome != "" && c.Market == "":
		return newError(MissingField, "market", "outcome is given without market").fix("give the market's slug or condition id, or token_id alone")
	case c.TokenID == "" && c.Market == "" && c.Signed == nil:
		return newError(MissingField, "token_id", "nothing says which token is meant").fix("give token_id, or market and outcome")
	}
	return nil
}

// checkLife judges how long the order wants to live.
func (c *Submit) checkLife() *Error {
	switch {
	case c.Type == GTD && c.ExpiresMS == 0 && c.Expiration == 0:
		return newError(MissingField, "expires_ms", "a GTD order does not say when it shall stop resting").fix("give expires_ms, at least 180 s ahead, or use GTC")
	case c.Type != GTD && (c.ExpiresMS != 0 || c.Expiration != 0):
		return newError(BadValue, "expires_ms", "an expiry is given, but the type is %s", c.Type).fix("use GTD for an order that expires, or leave the expiry out")
	case c.ExpiresMS != 0 && c.Expiration != 0 && c.ExpiresMS/1000 != c.Expiration:
		return newError(BadValue, "expiration", "expiration is %d s and expires_ms is %d ms, which is another second", c.Expiration, c.ExpiresMS).
			fix("give one of them, or expiration = expires_ms / 1000")
	case c.PostOnly && !c.Type.Rests():
		return newError(BadValue, "post_only", "a post-only %s order could never trade", c.Type).fix("use post_only with GTC or GTD only")
	case c.MaxSlippage != nil && c.Type.Rests():
		return newError(BadValue, "max_slippage", "max_slippage is given for a %s order, which rests at its price", c.Type).fix("give a price, or use FOK or FAK")
	case c.Amount != nil && (c.Type.Rests() || c.Side == Sell):
		return newError(BadValue, "amount", "amount is for a BUY with FOK or FAK only").fix("give size, in shares")
	}
	return nil
}

func (c *Submit) checkSigned() *Error {
	given := []struct {
		name string
		set  bool
	}{
		{"price", c.Price != nil}, {"size", c.Size != nil}, {"side", c.Side != ""}, {"amount", c.Amount != nil},
		{"max_slippage", c.MaxSlippage != nil}, {"builder", c.Builder != ""},
	}
	for _, g := range given {
		if g.set {
			return newError(BadValue, g.name, "%s is given beside signed, which already says it", g.name).fix("leave " + g.name + " out: only what was signed can be sent")
		}
	}
	if c.TokenID != "" && c.TokenID != c.Signed.TokenID {
		return newError(BadValue, "token_id", "token_id is not the token that was signed").fix("leave token_id out, or give the signed order's")
	}
	return nil
}

func (c *Submit) checkPrice() *Error {
	switch {
	case c.Price != nil && c.MaxSlippage != nil:
		return excludes("price", "max_slippage")
	case c.MaxSlippage != nil:
		return between("max_slippage", c.MaxSlippage)
	case c.Price == nil && c.Type.Rests():
		return missing("price")
	case c.Price == nil:
		return newError(MissingField, "price", "nothing says the worst price").fix("give price (the worst you accept) or max_slippage")
	}
	return between("price", c.Price)
}

func (c *Submit) checkSize() *Error {
	switch {
	case c.Size != nil && c.Amount != nil:
		return excludes("size", "amount")
	case c.Size != nil:
		return fine("size", c.Size)
	case c.Amount != nil:
		return fine("amount", c.Amount)
	}
	return newError(MissingField, "size", "nothing says how much").fix("give size in shares, or amount in pUSD for a BUY with FOK or FAK")
}

// Check wants exactly one of the four ways to name orders.
func (c *Cancel) Check() *Error {
	var given []string
	for _, g := range []struct {
		name string
		set  bool
	}{
		{"client_order_id", c.ClientOrderID != ""}, {"order_id", c.OrderID != ""},
		{"client_order_ids", len(c.ClientOrderIDs) > 0}, {"order_ids", len(c.OrderIDs) > 0},
	} {
		if g.set {
			given = append(given, g.name)
		}
	}
	const all = "give exactly one of client_order_id, order_id, client_order_ids, order_ids"
	switch {
	case len(given) == 0:
		return newError(MissingField, "client_order_id", "nothing says which order is meant").fix(all + "; to cancel everything there is cancel_all")
	case len(given) > 1:
		return newError(BadValue, given[1], "%s are given together", strings.Join(given, " and ")).fix(all)
	case len(c.ClientOrderIDs) > MaxCancelIDs || len(c.OrderIDs) > MaxCancelIDs:
		return newError(BadValue, given[0], "more than %d ids are given", MaxCancelIDs).fix("send several commands")
	}
	return nil
}

// Check has nothing to judge but the id: every combination of filters means something.
func (c *CancelAll) Check() *Error { return filled(c.required(), string(c.RequestID)) }

// Check judges what is given; what is inherited is the executor's to judge.
func (c *Replace) Check() *Error {
	if err := filled(c.required(), string(c.ClientOrderID), string(c.Replaces)); err != nil {
		return err
	}
	switch {
	case c.ClientOrderID == c.Replaces:
		return newError(BadValue, "replaces", "the new order has the id of the old one").fix("choose a new client_order_id; each is used once")
	case c.ExpiresMS != 0 && c.Type != "" && c.Type != GTD:
		return newError(BadValue, "expires_ms", "an expiry is given, but the type is %s", c.Type).fix("use GTD, or leave expires_ms out")
	case c.PostOnly != nil && *c.PostOnly && c.Type != "" && !c.Type.Rests():
		return newError(BadValue, "post_only", "a post-only %s order could never trade", c.Type).fix("use post_only with GTC or GTD only")
	}
	if c.Price != nil {
		if err := between("price", c.Price); err != nil {
			return err
		}
	}
	if c.Size != nil {
		return fine("size", c.Size)
	}
	return nil
}

// Check has nothing to judge but the id.
func (c *Halt) Check() *Error { return filled(c.required(), string(c.RequestID)) }

// Check has nothing to judge but the id.
func (c *Resume) Check() *Error { return filled(c.required(), string(c.RequestID)) }

// filled finds the first required field whose value is empty; decoding has refused it already, a Go sender has not.
func filled(names []string, values ...string) *Error {
	for i, v := range values {
		if v == "" {
			return missing(names[i])
		}
	}
	return nil
}

func excludes(one, other string) *Error {
	return newError(BadValue, one, "%s and %s are given together", one, other).fix("give one of them")
}

// between wants 0 < v < 1.
func between(name string, v *money.Price) *Error {
	if *v > 0 && *v < money.Unit {
		return nil
	}
	return newError(BadValue, name, "%s is %s", name, v).fix("give a value above 0 and below 1, in pUSD for one share")
}

// fine wants a positive quantity of at most SizeDecimals decimals. The venue would cut the rest off, and the sender
// would get something else than was asked for.
func fine[T money.Micro](name string, v *T) *Error {
	if *v <= 0 {
		return newError(BadValue, name, "%s is %s", name, money.Format(*v)).fix("give more than 0")
	}
	if money.Places(*v) > SizeDecimals {
		return newError(TooManyDecimals, name, "%s is %s, and the venue takes at most %d decimals", name, money.Format(*v), SizeDecimals).
			fix(fmt.Sprintf("round %s to %d decimals", name, SizeDecimals))
	}
	return nil
}
