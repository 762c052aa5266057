package sandbox

import (
	"bytes"
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
)

const (
	chainID = 137

	exchangeName    = "Polymarket CTF Exchange"
	exchangeRegular = "0xE111180000d2663C0091e4f400237545B87B996B"
	exchangeNegRisk = "0xe2222d279d744050d28e00520010520000310F59"
	exchangeV3      = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

	loginMessage = "This message attests that I control the given wallet"
	sigLen       = 65
)

// signedOrder is the part of an order that its signature covers.
type signedOrder struct {
	salt, tokenID, makerAmount, takerAmount, timestamp *big.Int
	maker, signer                                      common.Address
	side, kind                                         int
	metadata, builder                                  []byte
}

func (o signedOrder) message() apitypes.TypedDataMessage {
	number := func(n *big.Int) *math.HexOrDecimal256 { return (*math.HexOrDecimal256)(n) }
	return apitypes.TypedDataMessage{
		"salt": number(o.salt), "maker": o.maker.Hex(), "signer": o.signer.Hex(), "tokenId": number(o.tokenID),
		"makerAmount": number(o.makerAmount), "takerAmount": number(o.takerAmount),
		"side": number(big.NewInt(int64(o.side))), "signatureType": number(big.NewInt(int64(o.kind))),
		"timestamp": number(o.timestamp), "metadata": o.metadata, "builder": o.builder,
	}
}

func orderTypes() apitypes.Types {
	return apitypes.Types{
		"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"},
			{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
		"Order": {{Name: "salt", Type: "uint256"}, {Name: "maker", Type: "address"}, {Name: "signer", Type: "address"},
			{Name: "tokenId", Type: "uint256"}, {Name: "makerAmount", Type: "uint256"}, {Name: "takerAmount", Type: "uint256"},
			{Name: "side", Type: "uint8"}, {Name: "signatureType", Type: "uint8"}, {Name: "timestamp", Type: "uint256"},
			{Name: "metadata", Type: "bytes32"}, {Name: "builder", Type: "bytes32"}},
		"TypedDataSign": {{Name: "contents", Type: "Order"}, {Name: "name", Type: "string"}, {Name: "version", Type: "string"},
			{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}, {Name: "salt", Type: "bytes32"}},
	}
}

func exchangeDomain(contract, version string) apitypes.TypedDataDomain {
	return apitypes.TypedDataDomain{
		Name: exchangeName, Version: version, ChainId: math.NewHexOrDecimal256(chainID), VerifyingContract: contract,
	}
}

// exchange is a verifying contract and what is the same for every order on it.
type exchange struct {
	domain    apitypes.TypedDataDomain
	separator []byte
}

func newExchange(contract, version string) exchange {
	e := exchange{domain: exchangeDomain(contract, version)}
	data := apitypes.TypedData{Types: orderTypes(), Domain: e.domain}
	sep, err := data.HashStruct("EIP712Domain", e.domain.Map())
	if err != nil {
		panic(err)
	}
	e.separator = sep
	return e
}

// digest is the order's struct hash and its id, the EIP-712 digest.
func (e exchange) digest(o signedOrder) (structHash, id []byte, err error) {
	data := apitypes.TypedData{Types: orderTypes(), PrimaryType: "Order", Domain: e.domain, Message: o.message()}
	structHash, err = data.HashStruct("Order", data.Message)
	if err != nil {
		return nil, nil, err
	}
	return structHash, crypto.Keccak256([]byte{0x19, 0x01}, e.separator, structHash), nil
}

// check verifies that sig is owner's signature of o on this exchange, in the form that o's wallet kind asks for.
func (e exchange) check(o signedOrder, structHash, id, sig []byte, owner common.Address) error {
	if o.kind != KindDeposit {
		return checkSigner(id, sig, owner)
	}
	typed := orderTypes()
	data := apitypes.TypedData{Types: typed, PrimaryType: "TypedDataSign", Domain: e.domain, Message: apitypes.TypedDataMessage{
		"contents": map[string]any(o.message()), "name": "DepositWallet", "version": "1",
		"chainId": math.NewHexOrDecimal256(chainID), "verifyingContract": o.maker.Hex(), "salt": make([]byte, 32),
	}}
	contentsType := data.EncodeType("Order")
	want := bytes.Join([][]byte{e.separator, structHash, contentsType,
		binary.BigEndian.AppendUint16(nil, uint16(len(contentsType)))}, nil)
	if len(sig) != sigLen+len(want) || !bytes.Equal(sig[sigLen:], want) {
		return errSignature
	}
	wrapped, err := data.HashStruct("TypedDataSign", data.Message)
	if err != nil {
		return errSignature
	}
	return checkSigner(crypto.Keccak256([]byte{0x19, 0x01}, e.separator, wrapped), sig[:sigLen], owner)
}

// checkSigner accepts the 65 bytes r‖s‖v with v 27 or 28 and a low s, as the contracts do.
func checkSigner(digest, sig []byte, want common.Address) error {
	if len(sig) != sigLen || sig[64] != 27 && sig[64] != 28 {
		return errSignature
	}
	r, s, v := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64]), sig[64]-27
	if !crypto.ValidateSignatureValues(v, r, s, true) {
		return errSignature
	}
	plain := append(bytes.Clone(sig[:64]), v)
	pub, err := crypto.SigToPub(digest, plain)
	if err != nil || crypto.PubkeyToAddress(*pub) != want {
		return errSignature
	}
	return nil
}

// checkLogin verifies a level 1 signature: owner signed the fixed message at that time with that nonce.
func checkLogin(owner common.Address, timestamp string, nonce *big.Int, sig []byte) error {
	data := apitypes.TypedData{
		Types: apitypes.Types{
			"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"}},
			"ClobAuth": {{Name: "address", Type: "address"}, {Name: "timestamp", Type: "string"},
				{Name: "nonce", Type: "uint256"}, {Name: "message", Type: "string"}},
		},
		PrimaryType: "ClobAuth",
		Domain:      apitypes.TypedDataDomain{Name: "ClobAuthDomain", Version: "1", ChainId: math.NewHexOrDecimal256(chainID)},
		Message: apitypes.TypedDataMessage{"address": owner.Hex(), "timestamp": timestamp,
			"nonce": (*math.HexOrDecimal256)(nonce), "message": loginMessage},
	}
	digest, _, err := apitypes.TypedDataAndHash(data)
	if err != nil {
		return errSignature
	}
	return checkSigner(digest, sig, owner)
}
