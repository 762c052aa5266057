package polymarket

import (
	"math/big"

	"github.com/ethereum/go-ethereum/crypto"
)

// Index sets of a binary market's outcomes.
const (
	IndexYes = 1 // outcome 0
	IndexNo  = 2 // outcome 1
)

// ConditionID is the id of the question an oracle will answer with one of slots outcomes.
func ConditionID(oracle Address, questionID Hash, slots uint64) Hash {
	var n [word]byte
	putUint(n[:], slots)
	return crypto.Keccak256Hash(oracle[:], questionID[:], n[:])
}

// fieldPrime is the prime of the curve (alt_bn128) on which collections are points.
const fieldPrime = "21888242871839275222246405745257275088696311157297823662689037894645226208583"

// CollectionID is the id of a set of outcomes of a condition without parent: the first point on the curve at or after the
// hash of both, with the sign of y in bit 254.
func CollectionID(condition Hash, indexSet uint64) Hash {
	var n [word]byte
	putUint(n[:], indexSet)
	x := new(big.Int).SetBytes(crypto.Keccak256(condition[:], n[:]))
	odd := x.Bit(255)
	p, _ := new(big.Int).SetString(fieldPrime, 10)
	one, three := big.NewInt(1), big.NewInt(3)
	root := new(big.Int).Add(p, one)
	root.Rsh(root, 2) // p ≡ 3 (mod 4), so yy^((p+1)/4) is a root if there is one
	yy, y := new(big.Int), new(big.Int)
	for {
		x.Add(x, one).Mod(x, p)
		yy.Exp(x, three, p).Add(yy, three).Mod(yy, p)
		y.Exp(yy, root, p)
		if new(big.Int).Exp(y, big.NewInt(2), p).Cmp(yy) == 0 {
			break
		}
	}
	if y.Bit(0) != odd {
		y.Sub(p, y)
	}
	if y.Bit(0) == 1 {
		x.SetBit(x, 254, x.Bit(254)^1)
	}
	return Hash(x.FillBytes(n[:]))
}

// PositionID is the token of a collection in a collateral. Existing markets use the CTF's own collateral, USDC.e or the
// neg-risk wrapper (Contracts.USDCe, Contracts.NegRiskCollateral), not pUSD.
func PositionID(collateral Address, collection Hash) TokenID {
	return TokenID(crypto.Keccak256(collateral[:], collection[:]))
}
