package polymarket

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ReadEnvelope reads an order that was signed elsewhere, in the form of POST /order; owner may be left out, and so may the
// flags. It is strict: a field it does not know is an error, since it might have changed what the order means. The order's
// ID is left zero; VerifyOrder computes it. The error is ErrBadOrder.
func ReadEnvelope(raw []byte) (Envelope, error) {
	v, ok := readJSON(raw)
	if !ok || !v.isObject() {
		return Envelope{}, fmt.Errorf("%w: not a JSON object", ErrBadOrder)
	}
	var e Envelope
	var errs []error
	found := false
	for k, f := range v.fields() {
		switch string(k) {
		case "order":
			o, err := readOrder(f)
			e.Order, found, errs = o, true, append(errs, err)
		case "owner":
			e.Owner = f.text()
		case "orderType":
			if e.Type = OrderType(f.text()); !e.Type.Known() {
				errs = append(errs, badField(k, f))
			}
		case "postOnly":
			e.PostOnly, errs = f.bool(), append(errs, mustBool(k, f))
		case "deferExec":
			e.DeferExec, errs = f.bool(), append(errs, mustBool(k, f))
		default:
			errs = append(errs, fmt.Errorf("%w: unknown field %.40q", ErrBadOrder, k))
		}
	}
	if !found || e.Type == "" {
		errs = append(errs, fmt.Errorf("%w: order or orderType is missing", ErrBadOrder))
	}
	return e, errors.Join(errs...)
}

// readOrder reads the "order" object; every field but expiration, metadata and builder must be there.
func readOrder(v value) (SignedOrder, error) {
	var o SignedOrder
	var errs []error
	seen := 0
	for k, f := range v.fields() {
		seen++
		ok := true
		switch string(k) {
		case "salt":
			var n int64
			n, ok = f.exact()
			o.Salt, ok = uint64(n), ok && n >= 0
		case "maker":
			ok = readInto(&o.Maker, ParseAddress, f)
		case "signer":
			ok = readInto(&o.Signer, ParseAddress, f)
		case "tokenId":
			ok = readInto(&o.TokenID, ParseTokenID, f)
		case "makerAmount":
			o.MakerAmount, ok = f.exact()
		case "takerAmount":
			o.TakerAmount, ok = f.exact()
		case "side":
			o.Side = Side(f.text())
		case "signatureType":
			ok = readInto(&o.SignatureType, ParseWalletKind, f)
		case "timestamp":
			o.TimestampMS, ok = f.exact()
		case "signature":
			var err error
			o.Signature, err = hex.DecodeString(strings.TrimPrefix(f.text(), "0x"))
			ok = err == nil
		case "expiration":
			o.Expiration, ok = f.exact()
			seen--
		case "metadata":
			ok = readInto(&o.Metadata, ParseHash, f)
			seen--
		case "builder":
			ok = readInto(&o.Builder, ParseHash, f)
			seen--
		default:
			ok = false
		}
		if !ok {
			errs = append(errs, badField(k, f))
		}
	}
	const required = 10
	if seen < required {
		errs = append(errs, fmt.Errorf("%w: a field of the order is missing", ErrBadOrder))
	}
	return o, errors.Join(errs...)
}

// exact reads a whole number without a fraction.
func (v value) exact() (int64, bool) { return whole(v.raw()) }

func readInto[T any](dst *T, parse func(string) (T, error), v value) bool {
	x, err := parse(v.text())
	*dst = x
	return err == nil
}

func mustBool(name []byte, v value) error {
	if s := string(v); s != "true" && s != "false" {
		return badField(name, v)
	}
	return nil
}

func badField(name []byte, v value) error {
	return fmt.Errorf("%w: %.40s is %s", ErrBadOrder, name, quoteBody(v))
}
