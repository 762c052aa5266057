package executor

import (
	"encoding/hex"
	"strconv"
	"strings"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// takeSigned makes the intent of an order that was signed elsewhere. The signature is checked before anything else: only
// what the account's own key has signed can be sent, and it is sent as it is.
func (p *proposal) takeSigned(t *turn, s *msgs.SignedOrder) *msgs.Error {
	bad := func(why string) *msgs.Error {
		return &msgs.Error{Code: msgs.BadValue, Field: "signed", Cause: why, Fix: "sign the order with the account's key, for the market's exchange, and send it unchanged"}
	}
	var err error
	number := func(text string) int64 {
		n, e := strconv.ParseInt(text, 10, 64)
		if e != nil || n < 0 {
			err = strconv.ErrSyntax
		}
		return n
	}
	salt, e := strconv.ParseUint(string(s.Salt), 10, 64)
	if e != nil {
		return bad("salt is not a whole number")
	}
	p.Salt, p.Maker, p.Signer, p.SignatureType = salt, s.Maker, s.Signer, s.SignatureType
	p.MakerAmount, p.TakerAmount, p.TimestampMS = number(s.MakerAmount), number(s.TakerAmount), number(s.Timestamp)
	if s.Expiration != "" {
		p.ExpirationS = number(s.Expiration)
	}
	if err != nil || s.SignatureType < 0 || s.SignatureType > int(polymarket.Deposit) {
		return bad("an amount, the timestamp, the expiration or the signature type is not a number in range")
	}
	p.Metadata, p.Builder, p.Signature = s.Metadata, s.Builder, s.Signature
	o, err := orderFrom(&p.Intent)
	if err != nil {
		return bad(err.Error())
	}
	sig, err := hex.DecodeString(strings.TrimPrefix(s.Signature, "0x"))
	if err != nil {
		return bad("signature is not hexadecimal")
	}
	if o.Maker != t.id.Maker {
		return bad("maker is not the wallet of this account")
	}
	id, err := polymarket.VerifyOrder(o, sig, p.domain(t.id.ChainID), t.id.Owner)
	if err != nil {
		return bad(err.Error())
	}
	p.OrderID = msgs.OrderID(id.Hex())
	if t.find(p.OrderID, "") != nil || t.isSpent(spentOrder, string(p.OrderID)) {
		return failure(msgs.DuplicateID, "this very order was submitted before, under another id", "sign a new order, with another salt")
	}
	cash, shares := money.Cash(p.MakerAmount), money.Size(p.TakerAmount)
	if p.Side == msgs.Sell {
		cash, shares = money.Cash(p.TakerAmount), money.Size(p.MakerAmount)
	}
	price, err := money.PriceOf(cash, shares, money.HalfUp)
	if err != nil || price <= 0 || price >= money.Unit {
		return bad("the amounts make no price between 0 and 1")
	}
	p.Price, p.Size = price, shares
	return nil
}
