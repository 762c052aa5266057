package relay

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"sluice/pkg/sandbox/chain"
)

// Batch is what a deposit wallet's owner signs.
type Batch struct {
	Wallet          common.Address
	Nonce, Deadline *big.Int
	Calls           []Call
}

// digest hashes typed data. The types are ours and the values of their types, so it cannot fail.
func digest(primary string, domain apitypes.TypedDataDomain, types apitypes.Types, message apitypes.TypedDataMessage) common.Hash {
	domain.ChainId = math.NewHexOrDecimal256(chain.ID)
	h, _, err := apitypes.TypedDataAndHash(apitypes.TypedData{Types: types, PrimaryType: primary, Domain: domain, Message: message})
	if err != nil {
		panic(fmt.Sprintf("hash %s: %v", primary, err))
	}
	return common.BytesToHash(h)
}

func number(n *big.Int) *math.HexOrDecimal256 { return (*math.HexOrDecimal256)(n) }

// digestSafe is the hash of a Safe's transaction without refunds and without value.
func digestSafe(wallet, to common.Address, data []byte, operation, nonce *big.Int) common.Hash {
	zero, none := common.Address{}.Hex(), number(new(big.Int))
	return digest("SafeTx", apitypes.TypedDataDomain{VerifyingContract: wallet.Hex()}, apitypes.Types{
		"EIP712Domain": {{Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
		"SafeTx": {{Name: "to", Type: "address"}, {Name: "value", Type: "uint256"}, {Name: "data", Type: "bytes"}, {Name: "operation", Type: "uint8"},
			{Name: "safeTxGas", Type: "uint256"}, {Name: "baseGas", Type: "uint256"}, {Name: "gasPrice", Type: "uint256"},
			{Name: "gasToken", Type: "address"}, {Name: "refundReceiver", Type: "address"}, {Name: "nonce", Type: "uint256"}},
	}, apitypes.TypedDataMessage{"to": to.Hex(), "value": none, "data": data, "operation": number(operation), "safeTxGas": none, "baseGas": none,
		"gasPrice": none, "gasToken": zero, "refundReceiver": zero, "nonce": number(nonce)})
}

// digestCreate is what the owner of a Safe that is to be created signs.
func digestCreate(factory common.Address) common.Hash {
	return digest("CreateProxy", apitypes.TypedDataDomain{Name: "Polymarket Contract Proxy Factory", VerifyingContract: factory.Hex()}, apitypes.Types{
		"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
		"CreateProxy":  {{Name: "paymentToken", Type: "address"}, {Name: "payment", Type: "uint256"}, {Name: "paymentReceiver", Type: "address"}},
	}, apitypes.TypedDataMessage{"paymentToken": common.Address{}.Hex(), "payment": number(new(big.Int)), "paymentReceiver": common.Address{}.Hex()})
}

// digestBatch is what a deposit wallet's owner signs.
func digestBatch(b Batch) common.Hash {
	calls := make([]any, len(b.Calls))
	for i, c := range b.Calls {
		calls[i] = map[string]any{"target": c.Target.Hex(), "value": number(c.Value), "data": c.Data}
	}
	return digest("Batch", apitypes.TypedDataDomain{Name: "DepositWallet", Version: "1", VerifyingContract: b.Wallet.Hex()}, apitypes.Types{
		"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"}},
		"Call":         {{Name: "target", Type: "address"}, {Name: "value", Type: "uint256"}, {Name: "data", Type: "bytes"}},
		"Batch":        {{Name: "wallet", Type: "address"}, {Name: "nonce", Type: "uint256"}, {Name: "deadline", Type: "uint256"}, {Name: "calls", Type: "Call[]"}},
	}, apitypes.TypedDataMessage{"wallet": b.Wallet.Hex(), "nonce": number(b.Nonce), "deadline": number(b.Deadline), "calls": calls})
}

// relayedCall is what the owner of a proxy wallet signs for one relay.
type relayedCall struct {
	from, to                        common.Address
	data                            []byte
	fee, gasPrice, gasLimit, number *big.Int
	hub, relay                      common.Address
}

func digestRelayed(c relayedCall) common.Hash {
	word := func(n *big.Int) []byte { return common.BigToHash(n).Bytes() }
	return crypto.Keccak256Hash([]byte("rlx:"), c.from.Bytes(), c.to.Bytes(), c.data, word(c.fee), word(c.gasPrice), word(c.gasLimit), word(c.number),
		c.hub.Bytes(), c.relay.Bytes())
}

// keyOfWallet names a wallet's creation.
func keyOfWallet(wallet common.Address) common.Hash {
	return crypto.Keccak256Hash([]byte("create "), wallet.Bytes())
}

// keyOfDirect names calls that a proxy wallet's owner sent without the relayer. Nothing but its transaction tells two apart.
func keyOfDirect(tx common.Hash) common.Hash {
	return crypto.Keccak256Hash([]byte("direct "), tx.Bytes())
}

// personal is what a wallet signs when it is shown these bytes as a message.
func personal(message []byte) common.Hash { return common.BytesToHash(accounts.TextHash(message)) }

// signedSafe takes both forms that the contract takes of an owner: over the digest shown as a message, v 31 or 32, and over
// the digest itself, v 27 or 28.
func signedSafe(d common.Hash, sig []byte, owner common.Address) bool {
	if len(sig) != crypto.SignatureLength {
		return false
	}
	const shown = 4 // what is added to v of a signature over a message
	if v := sig[64]; v == 27+shown || v == 28+shown {
		plain := bytes.Clone(sig)
		plain[64] -= shown
		return signed(personal(d.Bytes()), plain, owner)
	}
	return signed(d, sig, owner)
}

// signed says whether sig (r, s, v 27 or 28) over d is owner's.
func signed(d common.Hash, sig []byte, owner common.Address) bool {
	const offset = 27
	if len(sig) != crypto.SignatureLength || sig[64] != offset && sig[64] != offset+1 {
		return false
	}
	plain := bytes.Clone(sig)
	plain[64] -= offset
	pub, err := crypto.SigToPub(d.Bytes(), plain)
	return err == nil && crypto.PubkeyToAddress(*pub) == owner
}

func walletOfProxy(owner common.Address) common.Address { return chain.WalletOf(owner, chain.Proxy) }
func walletOfDeposit(owner common.Address) common.Address {
	return chain.WalletOf(owner, chain.Deposit)
}
