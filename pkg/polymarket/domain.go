package polymarket

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// Versions of the exchange's signing domain.
const (
	VersionCLOB     = "2" // every market observed in trading
	VersionProtocol = "3" // markets whose catalogue entry says version "v2"
)

// Domain says for which exchange an order is signed. It is comparable and costs nothing to make: the separators of all
// known domains are constants.
type Domain struct {
	ChainID uint64 // Polygon or Amoy
	Version string // VersionCLOB or VersionProtocol
	NegRisk bool   // without meaning in VersionProtocol
}

// ErrUnknownDomain reports a chain or version for which this package knows no exchange. Nothing is signed for it.
var ErrUnknownDomain = errors.New("unknown signing domain")

// Exchange is the contract that verifies the order. The error is ErrUnknownDomain.
func (d Domain) Exchange() (Address, error) {
	e, err := d.entry()
	return common.HexToAddress(e.exchange), err
}

// Separator is the EIP-712 domain separator. The error is ErrUnknownDomain.
func (d Domain) Separator() (Hash, error) {
	e, err := d.entry()
	if err != nil {
		return Hash{}, err
	}
	return Hash([]byte(e.separator)), nil
}

type domainEntry struct{ exchange, separator string }

// exchangeName is the domain's name in every version.
const exchangeName = "Polymarket CTF Exchange"

// entry is the table of known domains. A test recomputes every separator from name, version, chain and contract.
func (d Domain) entry() (domainEntry, error) {
	type row struct {
		chain   uint64
		version string
		neg     bool
	}
	switch (row{d.ChainID, d.Version, d.NegRisk && d.Version != VersionProtocol}) {
	case row{Polygon, VersionCLOB, false}:
		return domainEntry{"0xE111180000d2663C0091e4f400237545B87B996B",
			"\x32\x64\xe1\x59\x34\x62\x53\xe2\x6a\x64\xe0\x0b\x69\x03\x2d\xb0\xe7\xd3\x2f\x94\x62\x8d\xe3\xe6\xee\xcb\x50\x30\x4d\x7a\xf3\xd2"}, nil
	case row{Polygon, VersionCLOB, true}:
		return domainEntry{"0xe2222d279d744050d28e00520010520000310F59",
			"\x9b\x85\x8f\x53\x32\x7b\x0b\xd1\x3a\xf8\xec\x14\xcf\xb3\x52\x34\xfb\x9e\xb7\xb0\x50\x4d\x1a\x4e\x61\xf4\x33\x84\x0d\x30\xe8\x1a"}, nil
	case row{Polygon, VersionProtocol, false}:
		return domainEntry{"0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
			"\x46\x6c\x63\x91\x01\x85\xbb\xd5\x5e\x86\x79\x26\x42\x00\xc4\xe0\xab\xdc\xbb\x0c\x62\x64\xeb\x3d\x41\xd1\x33\x26\x02\x2e\x09\x5b"}, nil
	case row{Amoy, VersionCLOB, false}:
		return domainEntry{"0xE111180000d2663C0091e4f400237545B87B996B",
			"\xa4\x40\xcb\xd8\x65\xbc\x0c\x62\x43\xd7\xa8\xdf\x9a\x8b\xf4\x8a\x88\x27\xb0\xa4\xab\xbb\x61\xc3\x0e\x96\xd3\x05\x42\x3a\xf1\x48"}, nil
	case row{Amoy, VersionCLOB, true}:
		return domainEntry{"0xe2222d279d744050d28e00520010520000310F59",
			"\x14\x68\xe3\x98\x41\xf0\xa0\xe0\x5d\x37\x62\xb2\x35\xcb\x7a\xce\xca\xbf\x8c\xd7\xb6\xd3\xa6\x72\x96\x5a\x5d\x41\x5b\xf9\x37\x8e"}, nil
	case row{Amoy, VersionProtocol, false}:
		return domainEntry{"0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",
			"\xdf\x8b\x5f\xd2\x04\x13\x4b\x8d\x56\x26\x77\xd7\xfc\x93\x46\x88\x4e\x8f\x02\xef\x2f\xd4\x33\x58\x23\x93\x93\x72\x3e\x88\x33\xe6"}, nil
	}
	return domainEntry{}, fmt.Errorf("%w: chain %d, version %q", ErrUnknownDomain, d.ChainID, d.Version)
}
