package sandbox

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// The venue's wallet factories and the hashes of what they deploy.
const (
	safeFactory    = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
	safeInitHash   = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
	proxyFactory   = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
	proxyInitHash  = "0xd21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b"
	depositFactory = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
	depositBeacon  = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"
)

// The deposit wallet's creation code around its beacon; the argument length is added to the head at its eighth byte.
const (
	beaconHead  = "0x6100523d8160233d3973"
	beaconTailA = "0x60195155f3363d3d373d3d363d602036600436635c60da"
	beaconTailB = "0x1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
	beaconTailC = "0xb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)

// funderOf is the wallet that holds the money of owner for a wallet kind. An unknown kind has none.
func funderOf(owner common.Address, kind int) common.Address {
	switch kind {
	case KindEOA:
		return owner
	case KindProxy:
		return create2(proxyFactory, crypto.Keccak256(owner.Bytes()), common.FromHex(proxyInitHash))
	case KindSafe:
		return create2(safeFactory, crypto.Keccak256(word(owner.Bytes())), common.FromHex(safeInitHash))
	case KindDeposit:
		args := append(word(common.FromHex(depositFactory)), word(owner.Bytes())...)
		return create2(depositFactory, crypto.Keccak256(args), crypto.Keccak256(beaconInitCode(args)))
	}
	return common.Address{}
}

func beaconInitCode(args []byte) []byte {
	head := new(big.Int).SetBytes(common.FromHex(beaconHead))
	head.Add(head, new(big.Int).Lsh(big.NewInt(int64(len(args))), 56))
	code := head.FillBytes(make([]byte, 10))
	for _, part := range []string{depositBeacon, beaconTailA, beaconTailB, beaconTailC} {
		code = append(code, common.FromHex(part)...)
	}
	return append(code, args...)
}

func create2(factory string, salt, initHash []byte) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte{0xff}, common.FromHex(factory), salt, initHash)[12:])
}

func word(b []byte) []byte { return common.LeftPadBytes(b, 32) }
