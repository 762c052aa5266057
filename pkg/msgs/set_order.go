package msgs

import "math"

func (c *Common) set(f field) (bool, *Error) {
	switch f.name {
	case "v":
		v := int64(0)
		if f.whole(&v, 0, 1) != nil {
			return true, f.bad("a version that is known", "write 1, or leave v out")
		}
		c.V = int(v)
		return true, nil
	case "sent_ms":
		return true, f.time(&c.SentMS, 1)
	case "meta":
		return true, f.object(&c.Meta)
	}
	return false, nil
}

func (c *Submit) required() []string { return []string{"client_order_id", "type"} }

func (c *Submit) set(f field) (bool, *Error) {
	switch f.name {
	case "client_order_id":
		return true, idField(f, &c.ClientOrderID)
	case "token_id":
		return true, f.token(&c.TokenID)
	case "market":
		return true, f.words(&c.Market)
	case "outcome":
		return true, f.words(&c.Outcome)
	case "side":
		return true, oneOf(f, &c.Side, Buy, Sell)
	case "type":
		return true, oneOf(f, &c.Type, GTC, GTD, FOK, FAK)
	case "price":
		return true, quantity(f, &c.Price)
	case "max_slippage":
		return true, quantity(f, &c.MaxSlippage)
	case "size":
		return true, quantity(f, &c.Size)
	case "amount":
		return true, quantity(f, &c.Amount)
	}
	return c.setRest(f)
}

func (c *Submit) setRest(f field) (bool, *Error) {
	switch f.name {
	case "expires_ms":
		return true, f.time(&c.ExpiresMS, 1)
	case "post_only":
		return true, f.flag(&c.PostOnly)
	case "defer_exec":
		return true, f.flag(&c.DeferExec)
	case "valid_until_ms":
		c.ValidUntilMS = new(int64)
		return true, f.time(c.ValidUntilMS, 0)
	case "builder":
		return true, f.hex32(&c.Builder)
	case "signed":
		return true, f.signed(&c.Signed)
	case "fee_rate_bps":
		c.FeeRateBPS = new(int64)
		return true, f.whole(c.FeeRateBPS, 0, math.MaxInt64)
	case "nonce":
		c.Nonce = new(int64)
		return true, f.whole(c.Nonce, 0, math.MaxInt64)
	case "expiration":
		return true, f.whole(&c.Expiration, 0, MaxTimeMS/1000)
	}
	return c.Common.set(f)
}

// signed reads an order signed elsewhere, closed like a command.
func (f field) signed(dst **SignedOrder) *Error {
	if f.raw[0] != '{' {
		return f.bad("an object", "write "+f.name+" as the venue's order object, owner left out")
	}
	s := new(SignedOrder)
	required := []string{"salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "signatureType", "timestamp", "metadata", "builder", "signature"}
	if err := decodeFields(s, f.name+".", members(f.raw), s.set, required); err != nil {
		return err
	}
	*dst = s
	return nil
}

func (s *SignedOrder) set(f field) (bool, *Error) {
	const (
		digits    = "a string of 1 to 18 decimal digits without leading zeros"
		baseUnits = digits + ", above 0"
	)
	switch f.name {
	case "signed.salt":
		return true, f.unsigned(&s.Salt)
	case "signed.maker":
		return true, f.address(&s.Maker)
	case "signed.signer":
		return true, f.address(&s.Signer)
	case "signed.tokenId":
		return true, f.token(&s.TokenID)
	case "signed.makerAmount":
		return true, shaped(f, &s.MakerAmount, validUnits, baseUnits)
	case "signed.takerAmount":
		return true, shaped(f, &s.TakerAmount, validUnits, baseUnits)
	case "signed.side":
		return true, oneOf(f, &s.Side, Buy, Sell)
	case "signed.signatureType":
		v := int64(0)
		if f.whole(&v, 0, 3) != nil {
			return true, f.bad("a kind of wallet", "write 0 (EOA), 1 (proxy), 2 (Safe) or 3 (deposit wallet)")
		}
		s.SignatureType = int(v)
		return true, nil
	case "signed.timestamp":
		return true, shaped(f, &s.Timestamp, validDigits, digits)
	case "signed.expiration":
		return true, shaped(f, &s.Expiration, validDigits, digits)
	case "signed.metadata":
		return true, f.hex32(&s.Metadata)
	case "signed.builder":
		return true, f.hex32(&s.Builder)
	case "signed.signature":
		return true, shaped(f, &s.Signature, validSignature, "0x and an even number of hex digits, of at most 4098 characters")
	}
	return false, nil
}

// MaxSignature bounds a signature's text: 2 KiB in hex leave room for the wrapped signatures of contract wallets.
const MaxSignature = 2 + 4096

func validSignature(s string) bool {
	return len(s) >= 4 && len(s) <= MaxSignature && len(s)%2 == 0 && s[:2] == "0x" && isHex(s[2:])
}

func (c *Cancel) required() []string { return nil }

func (c *Cancel) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "client_order_id":
		return true, idField(f, &c.ClientOrderID)
	case "order_id":
		return true, hashField(f, &c.OrderID)
	case "client_order_ids":
		return true, idList(f, &c.ClientOrderIDs, idField[ClientOrderID])
	case "order_ids":
		return true, idList(f, &c.OrderIDs, hashField[OrderID])
	}
	return c.Common.set(f)
}

func (c *CancelAll) required() []string { return []string{"request_id"} }

func (c *CancelAll) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "market":
		return true, f.words(&c.Market)
	case "token_id":
		return true, f.token(&c.TokenID)
	case "side":
		return true, oneOf(f, &c.Side, Buy, Sell)
	case "prefix":
		return true, f.prefix(&c.Prefix)
	}
	return c.Common.set(f)
}

func (c *Replace) required() []string { return []string{"client_order_id", "replaces"} }

func (c *Replace) set(f field) (bool, *Error) {
	switch f.name {
	case "client_order_id":
		return true, idField(f, &c.ClientOrderID)
	case "replaces":
		return true, idField(f, &c.Replaces)
	case "price":
		return true, quantity(f, &c.Price)
	case "size":
		return true, quantity(f, &c.Size)
	case "size_is":
		return true, oneOf(f, &c.SizeIs, TotalSize, NewSize)
	case "type":
		return true, oneOf(f, &c.Type, GTC, GTD, FOK, FAK)
	case "expires_ms":
		return true, f.time(&c.ExpiresMS, 1)
	case "post_only":
		c.PostOnly = new(bool)
		return true, f.flag(c.PostOnly)
	case "valid_until_ms":
		c.ValidUntilMS = new(int64)
		return true, f.time(c.ValidUntilMS, 0)
	}
	return c.Common.set(f)
}

func (c *Halt) required() []string { return []string{"request_id"} }

func (c *Halt) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "reason":
		return true, f.words(&c.Reason)
	case "cancel":
		return true, f.flag(&c.Cancel)
	}
	return c.Common.set(f)
}

func (c *Resume) required() []string { return []string{"request_id"} }

func (c *Resume) set(f field) (bool, *Error) {
	switch f.name {
	case "request_id":
		return true, idField(f, &c.RequestID)
	case "accept":
		return true, f.flag(&c.Accept)
	}
	return c.Common.set(f)
}
