package polymarket

import (
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/crypto"
)

// WalletBatch is what a deposit wallet is asked to do. Only the venue's operator can bring it; after the deadline it has no
// effect any more, so planning its work again is safe then.
type WalletBatch struct {
	ChainID  uint64
	Wallet   Address
	Nonce    uint64
	Deadline uint64 // Unix seconds
	Calls    []Call
}

// BatchLife is how long the venue's client lets a batch live.
const BatchLife = 600 // seconds

// Types of a deposit wallet's typed data.
const (
	depositDomainType = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
	depositCallType   = "Call(address target,uint256 value,bytes data)"
	depositBatchType  = "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + depositCallType
)

// Hash is the digest that the owner signs.
func (b WalletBatch) Hash() Hash {
	domain := newArgs(5)
	domain.word(crypto.Keccak256Hash([]byte(depositDomainType)))
	domain.word(crypto.Keccak256Hash([]byte(depositName)))
	domain.word(crypto.Keccak256Hash([]byte(depositVersion)))
	domain.small(b.ChainID)
	domain.address(b.Wallet)
	calls := newArgs(0)
	for _, k := range b.Calls {
		c := newArgs(4)
		c.word(crypto.Keccak256Hash([]byte(depositCallType)))
		c.address(k.To)
		c.uint(k.Value)
		c.word(crypto.Keccak256Hash(k.Data))
		calls.word(crypto.Keccak256Hash(c.head))
	}
	w := newArgs(5)
	w.word(crypto.Keccak256Hash([]byte(depositBatchType)))
	w.address(b.Wallet)
	w.small(b.Nonce)
	w.small(b.Deadline)
	w.word(crypto.Keccak256Hash(calls.head))
	return typedDigest(crypto.Keccak256Hash(domain.head), crypto.Keccak256Hash(w.head))
}

// SignedWalletBatch is a WalletBatch with the owner's signature.
type SignedWalletBatch struct {
	WalletBatch
	Owner     Address
	Signature []byte // 65 bytes, v 27 or 28
}

// SignWalletBatch signs b. allow is asked about every leg first. Errors: ErrBadTransaction (a wallet that is not the key's, no
// deadline), ErrBadBatch, ErrBadCalldata, ErrNoPolicy, and those of allow.
func SignWalletBatch(key Signer, b WalletBatch, allow Allow) (SignedWalletBatch, error) {
	fail := func(err error) (SignedWalletBatch, error) {
		return SignedWalletBatch{}, fmt.Errorf("sign wallet batch: %w", err)
	}
	contracts, err := ContractsOn(b.ChainID)
	if err != nil {
		return fail(err)
	}
	uups, beacon := contracts.DepositWallets(key.Address())
	if b.Wallet == (Address{}) || !slices.Contains([]Address{uups, beacon}, b.Wallet) {
		return fail(fmt.Errorf("%w: %s is not a deposit wallet of %s", ErrBadTransaction, b.Wallet, key.Address()))
	}
	if b.Deadline == 0 {
		return fail(fmt.Errorf("%w: a batch without a deadline would live for ever", ErrBadTransaction))
	}
	legs, err := readLegs(b.Calls)
	if err != nil {
		return fail(err)
	}
	if err := vet(b.Wallet, legs, allow); err != nil {
		return fail(err)
	}
	sig, err := key.SignDigest(b.Hash())
	return SignedWalletBatch{b, key.Address(), sig}, err
}
