package polymarket

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Address is a 20-byte account address. String gives the checksummed form, JSON the lower-case one; both cases are read.
type Address = common.Address

// Hash is 32 bytes: an order id, a condition id, a builder code. It prints and marshals as lower-case 0x… hex.
type Hash = common.Hash

// signatureLen is r ‖ s ‖ v.
const signatureLen = 65

// legacyV is what Ethereum adds to the recovery id 0/1 in the last byte of a signature.
const legacyV = 27

// Key is a secp256k1 private key. It prints as [secret] under fmt, slog and JSON.
type Key struct {
	k    *ecdsa.PrivateKey
	addr Address
}

// Signer is whoever holds an owner's key: a *Key, or a device.
type Signer interface {
	// Address is the key's account.
	Address() Address
	// SignDigest signs 32 bytes: r ‖ s ‖ v with v 27 or 28. The same digest gives the same bytes, for ever.
	SignDigest(digest Hash) ([]byte, error)
}

// ErrBadKey reports text that is not a private key. It never quotes the text.
var ErrBadKey = errors.New("not a private key: want 64 hexadecimal digits, 0x optional")

// ParseKey reads 64 hexadecimal digits with or without 0x. The error is ErrBadKey and does not contain the input.
func ParseKey(hex string) (*Key, error) {
	hex = strings.TrimPrefix(strings.TrimSpace(hex), "0x")
	k, err := crypto.HexToECDSA(hex)
	if err != nil {
		return nil, ErrBadKey
	}
	return &Key{k: k, addr: crypto.PubkeyToAddress(k.PublicKey)}, nil
}

// KeyFrom wraps a key held elsewhere, for example one read from a keystore.
func KeyFrom(k *ecdsa.PrivateKey) *Key {
	return &Key{k: k, addr: crypto.PubkeyToAddress(k.PublicKey)}
}

// Address is the account of the key.
func (k *Key) Address() Address { return k.addr }

// SignDigest signs 32 bytes: r ‖ s ‖ v with v 27 or 28, nonce by RFC 6979, low s; the same bytes with and without cgo.
func (k *Key) SignDigest(digest Hash) ([]byte, error) {
	sig, err := crypto.Sign(digest[:], k.k)
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	sig[64] += legacyV
	return sig, nil
}

// String returns [secret].
func (k Key) String() string { return redacted }

// Format prints [secret] for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [secret].
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes [secret].
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ErrBadSignature reports bytes that are not a canonical signature of the expected account.
var ErrBadSignature = errors.New("bad signature")

// recoverSigner returns the account that made a 65-byte signature over digest. High-s twins and other values of v are
// refused: two encodings of one signature must not both pass.
func recoverSigner(digest Hash, sig []byte) (Address, error) {
	if len(sig) != signatureLen || sig[64] != legacyV && sig[64] != legacyV+1 {
		return Address{}, fmt.Errorf("%w: want 65 bytes ending in 27 or 28", ErrBadSignature)
	}
	raw := [signatureLen]byte(sig)
	raw[64] -= legacyV
	if !lowS(raw[32:64]) {
		return Address{}, fmt.Errorf("%w: high s", ErrBadSignature)
	}
	pub, err := crypto.SigToPub(digest[:], raw[:])
	if err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	return crypto.PubkeyToAddress(*pub), nil
}

// halfOrder is half the order of secp256k1, the largest s of a canonical signature.
const halfOrder = "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x5d\x57\x6e\x73\x57\xa4\x50\x1d\xdf\xe9\x2f\x46\x68\x1b\x20\xa0"

func lowS(s []byte) bool { return string(s) <= halfOrder }

// ParseAddress reads 0x and 40 hexadecimal digits in any case. Mixed case is not checked against the checksum, because
// users paste both spellings.
func ParseAddress(s string) (Address, error) {
	if len(s) != 42 || !common.IsHexAddress(s) {
		return Address{}, fmt.Errorf("parse address %q: want 0x and 40 hexadecimal digits", s)
	}
	return common.HexToAddress(s), nil
}

// ParseHash reads 0x and 64 hexadecimal digits in any case.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if err := h.UnmarshalText([]byte(s)); err != nil {
		return Hash{}, fmt.Errorf("parse hash %q: want 0x and 64 hexadecimal digits", s)
	}
	return h, nil
}
