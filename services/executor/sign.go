package executor

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// signer turns intents into what the venue takes. The same intent gives the same bytes, for ever.
type signer struct {
	key   *polymarket.Key
	chain uint64
}

// errNotThatOrder reports an intent whose fields do not make the id that was written. Nothing is sent then.
var errNotThatOrder = errors.New("the intent's fields do not make its order id")

// envelope signs an intent, or takes the signature that came with it. The signing domain is the one in which the order
// has the id that is on the log.
func (s signer) envelope(in *msgs.Intent) (polymarket.Envelope, error) {
	o, err := orderFrom(in)
	if err != nil {
		return polymarket.Envelope{}, fmt.Errorf("read intent %s: %w", in.OrderID, err)
	}
	d, ok := domainFor(in, s.chain)
	if !ok {
		return polymarket.Envelope{}, fmt.Errorf("sign intent %s: %w", in.OrderID, errNotThatOrder)
	}
	signed, err := s.sign(o, d, in)
	return polymarket.Envelope{Order: signed, Type: polymarket.OrderType(in.OrderType), PostOnly: in.PostOnly, DeferExec: in.DeferExec}, err
}

func (s signer) sign(o polymarket.Order, d polymarket.Domain, in *msgs.Intent) (polymarket.SignedOrder, error) {
	if in.Signature == "" {
		return polymarket.Sign(s.key, o, d)
	}
	signed := polymarket.SignedOrder{Order: o}
	var err error
	if signed.ID, err = polymarket.ParseHash(string(in.OrderID)); err != nil {
		return signed, err
	}
	signed.Signature, err = hex.DecodeString(strings.TrimPrefix(in.Signature, "0x"))
	return signed, err
}
