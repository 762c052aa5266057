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

// made is the order that an intent describes and the domain it is signed for, from when the intent was made.
type made struct {
	order  polymarket.Order
	domain polymarket.Domain
}

// envelope signs the order of a post, or takes the signature that came with it. What is signed has the id that is on the log.
func (s signer) envelope(p *Post) (polymarket.Envelope, error) {
	in := &p.Intent
	m := p.made
	if m == nil {
		var err error
		if m, err = s.read(in); err != nil {
			return polymarket.Envelope{}, err
		}
	}
	signed, err := s.sign(m.order, m.domain, in)
	if err == nil && msgs.OrderID(signed.ID.Hex()) != in.OrderID {
		err = fmt.Errorf("sign intent %s: %w", in.OrderID, errNotThatOrder)
	}
	return polymarket.Envelope{Order: signed, Type: polymarket.OrderType(in.OrderType), PostOnly: in.PostOnly, DeferExec: in.DeferExec}, err
}

// read makes the order out of an intent. The signing domain is the one in which the order has the id that is on the log.
func (s signer) read(in *msgs.Intent) (*made, error) {
	o, err := orderFrom(in)
	if err != nil {
		return nil, fmt.Errorf("read intent %s: %w", in.OrderID, err)
	}
	d, ok := domainFor(in, s.chain)
	if !ok {
		return nil, fmt.Errorf("sign intent %s: %w", in.OrderID, errNotThatOrder)
	}
	return &made{o, d}, nil
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
