package polymarket

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
)

// SignedOrder is an order with its signature and the id the venue will know it by.
type SignedOrder struct {
	Order
	ID        Hash
	Signature []byte // 65 bytes; 317 for Deposit
}

// Sign signs o for the domain. The result is the same for the same arguments, always. Errors: ErrUnknownDomain,
// ErrBadOrder, also when the key is not the order's signer. A Deposit order names the wallet, not the key, so there the
// caller answers for the key being the wallet's owner.
func Sign(key *Key, o Order, d Domain) (SignedOrder, error) {
	sep, err := d.Separator()
	if err != nil {
		return SignedOrder{}, err
	}
	if err := o.Check(); err != nil {
		return SignedOrder{}, err
	}
	if o.SignatureType != Deposit && o.Signer != key.Address() {
		return SignedOrder{}, fmt.Errorf("%w: signer %s, key of %s", ErrBadOrder, o.Signer, key.Address())
	}
	contents := o.structHash()
	s := SignedOrder{Order: o, ID: typedDigest(sep, contents)}
	if o.SignatureType != Deposit {
		s.Signature, err = key.SignDigest(s.ID)
		return s, err
	}
	inner, err := key.SignDigest(nestedDigest(sep, contents, o.Signer, d.ChainID))
	s.Signature = nestedBlob(inner, sep, contents)
	return s, err
}

// A deposit wallet is a contract (ERC-1271): the owner signs the order nested in the wallet's own domain (ERC-7739), and
// the wallet is handed what it needs to rebuild that digest.
const (
	nestedType     = "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)" + orderType
	nestedTypeHash = "\x6b\xa0\x28\x56\x5c\xb3\x24\xc2\xaa\x02\xbb\x71\x4b\x98\x16\xd0\xbd\xdd\x55\x7a\x2f\x33\xbb\x36\xcf\x13\x27\x2a\x42\x56\xbd\x42"

	depositName    = "DepositWallet"
	depositVersion = "1"
	// depositNameHash and depositVersionHash are keccak256 of the two texts above; a test recomputes them.
	depositNameHash    = "\xd6\x82\xb5\x29\xa1\x7c\xda\x19\xaa\x27\x5f\x3a\x05\x06\x08\xf9\xe9\x40\x1f\xad\xd1\xb0\xd2\x33\xd8\x15\x19\x97\x22\x95\x82\x8b"
	depositVersionHash = "\xc8\x9e\xfd\xaa\x54\xc0\xf2\x0c\x7a\xdf\x61\x28\x82\xdf\x09\x50\xf5\xa9\x51\x63\x7e\x03\x07\xcd\xcb\x4c\x67\x2f\x29\x8b\x8b\xc6"
)

// nestedDigest is what the owner of a deposit wallet signs.
func nestedDigest(sep, contents Hash, wallet Address, chainID uint64) Hash {
	var b [7 * word]byte // the last word, salt, stays zero
	copy(b[0:], nestedTypeHash)
	copy(b[1*word:], contents[:])
	copy(b[2*word:], depositNameHash)
	copy(b[3*word:], depositVersionHash)
	putUint(b[4*word:], chainID)
	putAddress(b[5*word:], wallet)
	return typedDigest(sep, crypto.Keccak256Hash(b[:]))
}

// nestedBlobLen is inner signature, separator, contents hash, type string and its length.
const nestedBlobLen = signatureLen + 2*word + len(orderType) + 2

func nestedBlob(inner []byte, sep, contents Hash) []byte {
	b := make([]byte, 0, nestedBlobLen)
	b = append(b, inner...)
	b = append(b, sep[:]...)
	b = append(b, contents[:]...)
	b = append(b, orderType...)
	return binary.BigEndian.AppendUint16(b, uint16(len(orderType)))
}

// VerifyOrder reports whether sig is owner's signature of o in the domain; owner is the account of the key, never a
// wallet. It returns the order's id. Errors: ErrBadSignature, ErrBadOrder, ErrUnknownDomain. Signatures of session keys are
// not understood and refused.
func VerifyOrder(o Order, sig []byte, d Domain, owner Address) (Hash, error) {
	sep, err := d.Separator()
	if err != nil {
		return Hash{}, err
	}
	if err := o.Check(); err != nil {
		return Hash{}, err
	}
	contents := o.structHash()
	id := typedDigest(sep, contents)
	digest := id
	if o.SignatureType == Deposit {
		if len(sig) != nestedBlobLen || !bytes.Equal(sig, nestedBlob(sig[:signatureLen], sep, contents)) {
			return id, fmt.Errorf("%w: deposit wallet blob does not belong to the order", ErrBadSignature)
		}
		sig, digest = sig[:signatureLen], nestedDigest(sep, contents, o.Signer, d.ChainID)
	} else if o.Signer != owner {
		return id, fmt.Errorf("%w: signer %s is not %s", ErrBadOrder, o.Signer, owner)
	}
	by, err := recoverSigner(digest, sig)
	if err == nil && by != owner {
		err = fmt.Errorf("%w: made by %s, want %s", ErrBadSignature, by, owner)
	}
	return id, err
}
