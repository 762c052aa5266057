package chain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// ID is Polygon's.
const ID = 137

// Contracts are production's addresses, of which each has code on the chain.
type Contracts struct {
	USDCe, PUSD, Onramp, Offramp        common.Address
	CTF, CollateralAdapter              common.Address
	NegRiskCollateralAdapter            common.Address
	NegRiskAdapter, NegRiskCollateral   common.Address
	Oracle                              common.Address // of ordinary markets
	Exchange, NegRiskExchange           common.Address
	SafeFactory, SafeMaster, MultiSend  common.Address
	SafeFallback                        common.Address // has code only beside the real Safe, ours needs none
	ProxyFactory, ProxyMaster, RelayHub common.Address
	DepositFactory, DepositMaster       common.Address
	DepositBeacon                       common.Address // has no code: the wallets here do not ask it
	Multicall3                          common.Address
}

// Polygon returns the addresses.
func Polygon() Contracts {
	hex := common.HexToAddress
	return Contracts{
		USDCe:  hex("0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"),
		PUSD:   hex("0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"),
		Onramp: hex("0x93070a847efEf7F70739046A929D47a521F5B8ee"), Offramp: hex("0x2957922Eb93258b93368531d39fAcCA3B4dC5854"),
		CTF:                      hex("0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"),
		CollateralAdapter:        hex("0xAdA100Db00Ca00073811820692005400218FcE1f"),
		NegRiskCollateralAdapter: hex("0xadA2005600Dec949baf300f4C6120000bDB6eAab"),
		NegRiskAdapter:           hex("0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"),
		NegRiskCollateral:        hex("0x3A3BD7bb9528E159577F7C2e685CC81A765002E2"),
		Oracle:                   hex("0x6A9D222616C90FcA5754cd1333cFD9b7fb6a4F74"),
		Exchange:                 hex("0xE111180000d2663C0091e4f400237545B87B996B"), NegRiskExchange: hex("0xe2222d279d744050d28e00520010520000310F59"),
		SafeFactory: hex("0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"), SafeMaster: hex("0xE51abdf814f8854941b9Fe8e3A4F65CAB4e7A4a8"),
		SafeFallback: hex("0xf48f2B2d2a534e402487b3ee7C18c33Aec0Fe5e4"),
		MultiSend:    hex("0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"),
		ProxyFactory: hex("0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"), ProxyMaster: hex("0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"),
		RelayHub:       hex("0xD216153c06E857cD7f72665E0aF1d7D82172F494"),
		DepositFactory: hex("0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"), DepositMaster: hex("0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"),
		DepositBeacon: hex("0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"),
		Multicall3:    hex("0xcA11bde05977b3631167028862bE2a173976CA11"),
	}
}

// Kind is the venue's number of a wallet kind.
type Kind int

// The wallet kinds.
const (
	EOA     Kind = 0
	Proxy   Kind = 1
	Safe    Kind = 2
	Deposit Kind = 3
)

// Hashes of the creation code that production's factories use.
const (
	safeInitHash  = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
	proxyInitHash = "0xd21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b"
)

// The deposit wallet's creation code around its beacon; the argument length is added to the head at its eighth byte.
const (
	beaconHead  = "0x6100523d8160233d3973"
	beaconTailA = "0x60195155f3363d3d373d3d363d602036600436635c60da"
	beaconTailB = "0x1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
	beaconTailC = "0xb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)

// WalletOf is where production puts owner's wallet of a kind. An unknown kind has none.
func WalletOf(owner common.Address, kind Kind) common.Address {
	p := Polygon()
	switch kind {
	case EOA:
		return owner
	case Proxy:
		return create2(p.ProxyFactory, crypto.Keccak256(owner.Bytes()), common.FromHex(proxyInitHash))
	case Safe:
		return create2(p.SafeFactory, crypto.Keccak256(word(owner.Bytes())), common.FromHex(safeInitHash))
	case Deposit:
		args := append(word(p.DepositFactory.Bytes()), word(owner.Bytes())...)
		return create2(p.DepositFactory, crypto.Keccak256(args), crypto.Keccak256(beaconInitCode(p.DepositBeacon, args)))
	}
	return common.Address{}
}

func beaconInitCode(beacon common.Address, args []byte) []byte {
	head := new(big.Int).SetBytes(common.FromHex(beaconHead))
	head.Add(head, new(big.Int).Lsh(big.NewInt(int64(len(args))), 56))
	code := append(head.FillBytes(make([]byte, 10)), beacon.Bytes()...)
	for _, part := range []string{beaconTailA, beaconTailB, beaconTailC} {
		code = append(code, common.FromHex(part)...)
	}
	return append(code, args...)
}

func create2(factory common.Address, salt, initHash []byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte{0xff}, factory.Bytes(), salt, initHash)[12:])
}

func word(b []byte) []byte { return common.LeftPadBytes(b, 32) }
