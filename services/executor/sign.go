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
	for _, version := range []string{polymarket.VersionCLOB, polymarket.VersionProtocol} {
		d := domainOf(s.chain, version, in.NegRisk)
		id, err := o.Hash(d)
		if err != nil {
			return polymarket.Envelope{}, fmt.Errorf("hash intent %s: %w", in.OrderID, err)
		}
		if msgs.OrderID(id.Hex()) != in.OrderID {
			continue
		}
		signed, err := s.sign(o, d, id, in.Signature)
		return polymarket.Envelope{Order: signed, Type: polymarket.OrderType(in.OrderType), PostOnly: in.PostOnly, DeferExec: in.DeferExec}, err
	}
	return polymarket.Envelope{}, fmt.Errorf("sign intent %s: %w", in.OrderID, errNotThatOrder)
}

func (s signer) sign(o polymarket.Order, d polymarket.Domain, id polymarket.Hash, given string) (polymarket.SignedOrder, error) {
	if given == "" {
		return polymarket.Sign(s.key, o, d)
	}
	sig, err := hex.DecodeString(strings.TrimPrefix(given, "0x"))
	return polymarket.SignedOrder{Order: o, ID: id, Signature: sig}, err
}
