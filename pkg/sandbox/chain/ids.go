package chain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// negRiskData is what the neg-risk market here is prepared with; its id follows from it and the operator.
const negRiskData = "sandbox"

// ConditionOf computes a market's ids without a chain. A neg-risk market's question follows from its place among the
// neg-risk markets, from 0; its Question is not looked at.
func ConditionOf(m Market, negRiskIndex int) Condition {
	p := Polygon()
	oracle, collateral := p.Oracle, p.USDCe
	if m.NegRisk {
		oracle, collateral = p.NegRiskAdapter, p.NegRiskCollateral
		m.Question = negRiskEvent()
		m.Question[31] = byte(negRiskIndex)
	}
	c := Condition{Question: m.Question, NegRisk: m.NegRisk}
	c.ID = crypto.Keccak256Hash(oracle.Bytes(), m.Question.Bytes(), word([]byte{2}))
	for i := range c.Tokens {
		c.Tokens[i] = new(big.Int).SetBytes(crypto.Keccak256(collateral.Bytes(), collectionOf(c.ID, byte(i+1))))
	}
	return c
}

// negRiskEvent is keccak(abi.encode(operator, fee 0, data)) with its last byte left for the question's number.
func negRiskEvent() common.Hash {
	head := append(word(Operator().Bytes()), make([]byte, 32)...)
	head = append(append(head, word([]byte{96})...), word([]byte{byte(len(negRiskData))})...)
	id := crypto.Keccak256Hash(head, common.RightPadBytes([]byte(negRiskData), 32))
	id[31] = 0
	return id
}

// collectionOf is the id of an outcome of a condition: the first x from the hash of both on that is on the curve, with the
// parity of y in bit 254.
func collectionOf(condition common.Hash, set byte) []byte {
	p, _ := new(big.Int).SetString("21888242871839275222246405745257275088696311157297823662689037894645226208583", 10)
	x := new(big.Int).SetBytes(crypto.Keccak256(condition.Bytes(), word([]byte{set})))
	odd := x.Bit(255)
	for {
		x.Add(x, big.NewInt(1)).Mod(x, p)
		square := new(big.Int).Exp(x, big.NewInt(3), p)
		square.Add(square, big.NewInt(3)).Mod(square, p)
		if y := new(big.Int).ModSqrt(square, p); y != nil {
			if y.Bit(0) != odd {
				y.Sub(p, y)
			}
			if y.Bit(0) == 1 {
				x.SetBit(x, 254, x.Bit(254)^1)
			}
			return word(x.Bytes())
		}
	}
}
