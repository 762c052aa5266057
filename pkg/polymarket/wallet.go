package polymarket

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
)

// WalletKind says which wallet holds the funds; it is the venue's signatureType.
type WalletKind uint8

// The four kinds with the numbers of the wire.
const (
	EOA     WalletKind = iota // the key's own account
	Proxy                     // proxy wallet of an e-mail account
	Safe                      // Gnosis Safe of a browser-wallet account
	Deposit                   // deposit wallet (POLY_1271), accounts since May 2026
)

// ParseWalletKind reads a word or a number: eoa, proxy, poly_proxy, safe, gnosis_safe, poly_gnosis_safe, deposit,
// deposit_wallet, poly_1271, or 0 to 3, in any case, with - or _.
func ParseWalletKind(s string) (WalletKind, error) {
	switch strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), "-", "_") {
	case "0", "eoa":
		return EOA, nil
	case "1", "proxy", "poly_proxy":
		return Proxy, nil
	case "2", "safe", "gnosis_safe", "poly_gnosis_safe":
		return Safe, nil
	case "3", "deposit", "deposit_wallet", "poly_1271":
		return Deposit, nil
	}
	return 0, fmt.Errorf("parse wallet kind %q: want eoa, proxy, safe, deposit or 0 to 3", s)
}

// String is the short word: eoa, proxy, safe, deposit.
func (k WalletKind) String() string {
	switch k {
	case EOA:
		return "eoa"
	case Proxy:
		return "proxy"
	case Safe:
		return "safe"
	case Deposit:
		return "deposit"
	}
	return fmt.Sprintf("wallet-kind-%d", uint8(k))
}

// MarshalText writes the short word.
func (k WalletKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what ParseWalletKind reads.
func (k *WalletKind) UnmarshalText(b []byte) (err error) {
	*k, err = ParseWalletKind(string(b))
	return err
}

// Hashes of the wallets' creation code, fixed by their factories.
const (
	safeInitCodeHash  = "\x2b\xce\x21\x27\xff\x07\xfb\x63\x2d\x16\xc8\x34\x7c\x4e\xbf\x50\x1f\x48\x41\x16\x8b\xed\x00\xd9\xe6\xef\x71\x5d\xdb\x6f\xce\xcf"
	proxyInitCodeHash = "\xd2\x1d\xf8\xdc\x65\x88\x0a\x86\x06\xf0\x9f\xe0\xce\x3d\xf9\xb8\x86\x92\x87\xab\x0b\x05\x8b\xe0\x5a\xa9\xe8\xaf\x63\x30\xa0\x0b"
)

// Creation code of deposit wallets around the implementation or beacon address, and the prefix whose length field the
// arguments are added to.
const (
	uupsPrefix   = "\x61\x00\x3d\x3d\x81\x60\x23\x3d\x39\x73"
	uupsSuffix   = "\x60\x09\x51\x55\xf3\x36\x3d\x3d\x37\x3d\x3d\x36\x3d\x7f\x36\x08\x94\xa1\x3b\xa1\xa3\x21\x06\x67\xc8\x28\x49\x2d\xb9\x8d\xca\x3e\x20\x76\xcc\x37\x35\xa9\x20\xa3\xca\x50\x5d\x38\x2b\xbc\x54\x5a\xf4\x3d\x60\x00\x80\x3e\x60\x38\x57\x3d\x60\x00\xfd\x5b\x3d\x60\x00\xf3"
	beaconPrefix = "\x61\x00\x52\x3d\x81\x60\x23\x3d\x39\x73"
	beaconSuffix = "\x60\x19\x51\x55\xf3\x36\x3d\x3d\x37\x3d\x3d\x36\x3d\x60\x20\x36\x60\x04\x36\x63\x5c\x60\xda\x1b\x60\xe0\x1b\x36\x52\x7f\xa3\xf0\xad\x74\xe5\x42\x3a\xeb\xfd\x80\xd3\xef\x43\x46\x57\x83\x35\xa9\xa7\x2a\xea\xee\x59\xff\x6c\xb3\x58\x2b\x35\x13\x3d\x50\x54\x5a\xfa\x50\x36\x51\x5a\xf4\x3d\x60\x00\x80\x3e\x60\x4d\x57\x3d\x60\x00\xfd\x5b\x3d\x60\x00\xf3"
)

// SafeWallet is the address of owner's Safe on the chain. Whether it is deployed is not known here.
func (c Contracts) SafeWallet(owner Address) Address {
	var padded [32]byte
	copy(padded[12:], owner[:])
	return create2(c.SafeFactory, crypto.Keccak256Hash(padded[:]), []byte(safeInitCodeHash))
}

// ProxyWallet is the address of owner's proxy wallet; these exist on Polygon only (ok false elsewhere).
func (c Contracts) ProxyWallet(owner Address) (_ Address, ok bool) {
	if c.ProxyFactory == (Address{}) {
		return Address{}, false
	}
	return create2(c.ProxyFactory, crypto.Keccak256Hash(owner[:]), []byte(proxyInitCodeHash)), true
}

// DepositWallets are the two addresses at which owner's deposit wallet can live: wallets deployed before about
// 2026-06-29 are UUPS proxies, newer ones beacon proxies (zero where the chain has no beacon). Only the chain knows which:
// if the first has code it is that one. Never guess, funds sent to the other one are stranded.
func (c Contracts) DepositWallets(owner Address) (uups, beacon Address) {
	var args [64]byte
	copy(args[12:32], c.DepositFactory[:])
	copy(args[44:64], owner[:])
	salt := crypto.Keccak256Hash(args[:])
	at := func(prefix string, middle Address, suffix string) Address {
		head := []byte(prefix)
		// The length of the appended arguments is added into bytes 1 and 2, the size operand of the first push.
		binary.BigEndian.PutUint16(head[1:3], binary.BigEndian.Uint16(head[1:3])+uint16(len(args)))
		code := crypto.Keccak256(head, middle[:], []byte(suffix), args[:])
		return create2(c.DepositFactory, salt, code)
	}
	uups = at(uupsPrefix, c.DepositImplementation, uupsSuffix)
	if c.DepositBeacon != (Address{}) {
		beacon = at(beaconPrefix, c.DepositBeacon, beaconSuffix)
	}
	return uups, beacon
}

func create2(factory Address, salt Hash, initCodeHash []byte) Address {
	return Address(crypto.Keccak256([]byte{0xff}, factory[:], salt[:], initCodeHash)[12:])
}
