package polymarket

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// SafeTx is what a Safe is asked to do at one of its nonces. Gas fields are zero, as whoever brings it pays.
type SafeTx struct {
	ChainID uint64
	Safe    Address
	Call    Call // Contracts.Bundle of what is wanted
	Nonce   uint64
}

// Types of the Safe's typed data.
const (
	safeDomainType = "EIP712Domain(uint256 chainId,address verifyingContract)"
	safeTxType     = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)

// Hash is the Safe's own name for the transaction (safeTxHash), known before it is sent; ExecutionSuccess and
// ExecutionFailure on chain carry it.
func (t SafeTx) Hash() Hash {
	domain := newArgs(3)
	domain.word(crypto.Keccak256Hash([]byte(safeDomainType)))
	domain.small(t.ChainID)
	domain.address(t.Safe)
	w := newArgs(11) // the five words of gas stay zero
	w.word(crypto.Keccak256Hash([]byte(safeTxType)))
	w.address(t.Call.To)
	w.uint(t.Call.Value)
	w.word(crypto.Keccak256Hash(t.Call.Data))
	w.small(uint64(t.Call.Operation))
	for range 5 {
		w.small(0)
	}
	w.small(t.Nonce)
	return typedDigest(crypto.Keccak256Hash(domain.head), crypto.Keccak256Hash(w.head))
}

// VoidSafeNonce does nothing but use up a nonce, so that whatever else was signed for it can have no effect any more. The relayer
// does not carry it; the owner does, by own gas.
func VoidSafeNonce(chainID uint64, safe Address, nonce uint64) SafeTx {
	return SafeTx{ChainID: chainID, Safe: safe, Call: Call{To: safe}, Nonce: nonce}
}

// SignedSafeTx is a SafeTx with the owner's signature. Both carriers, the relayer (Request) and the owner's own gas (OwnGas),
// bring these very bytes; the Safe's nonce lets only one of them have effect.
type SignedSafeTx struct {
	SafeTx
	Owner     Address
	Signature []byte // 65 bytes, v 31 or 32
}

// messageV is what a Safe wants added to v when the hash was signed as a message.
const messageV = 4

// ErrBadTransaction reports a transaction that must not be signed.
var ErrBadTransaction = errors.New("bad transaction")

// SignSafeTx signs t as the venue's client does, as a personal message over its hash; the same arguments give the same bytes
// for ever. allow is asked about every leg first. Errors: ErrBadTransaction, ErrBadBatch, ErrBadCalldata, ErrNoPolicy, and
// those of allow.
func SignSafeTx(key Signer, t SafeTx, allow Allow) (SignedSafeTx, error) {
	contracts, err := ContractsOn(t.ChainID)
	if err != nil {
		return SignedSafeTx{}, fmt.Errorf("sign safe transaction: %w", err)
	}
	if t.Safe == (Address{}) {
		return SignedSafeTx{}, fmt.Errorf("sign safe transaction: %w: no Safe named", ErrBadTransaction)
	}
	legs, err := contracts.Legs(t.Call)
	if err != nil {
		return SignedSafeTx{}, fmt.Errorf("sign safe transaction: %w", err)
	}
	if err := vet(t.Safe, legs, allow); err != nil {
		return SignedSafeTx{}, fmt.Errorf("sign safe transaction: %w", err)
	}
	sig, err := signMessage(key, t.Hash())
	if err != nil {
		return SignedSafeTx{}, err
	}
	sig[64] += messageV
	return SignedSafeTx{t, key.Address(), sig}, nil
}

// OwnGas is the transaction by which the owner brings the same payload and pays for it.
func (t SignedSafeTx) OwnGas() Call {
	return CallOf(t.Safe, ExecTransaction{Call: t.Call, Signatures: t.Signature})
}

// SafeCreate makes the Safe of the key that signs it. It moves no money.
type SafeCreate struct {
	ChainID   uint64
	Owner     Address
	Safe      Address
	Signature []byte // 65 bytes, v 27 or 28
}

// Typed data of a Safe's creation.
const (
	createDomainType = "EIP712Domain(string name,uint256 chainId,address verifyingContract)"
	createDomainName = "Polymarket Contract Proxy Factory"
	createType       = "CreateProxy(address paymentToken,uint256 payment,address paymentReceiver)"
)

// SafeCreateHash is what an owner signs to have a Safe made; it is the same for everybody.
func (c Contracts) SafeCreateHash(chainID uint64) Hash {
	domain := newArgs(4)
	domain.word(crypto.Keccak256Hash([]byte(createDomainType)))
	domain.word(crypto.Keccak256Hash([]byte(createDomainName)))
	domain.small(chainID)
	domain.address(c.SafeFactory)
	w := newArgs(4) // nobody is paid
	w.word(crypto.Keccak256Hash([]byte(createType)))
	for range 3 {
		w.small(0)
	}
	return typedDigest(crypto.Keccak256Hash(domain.head), crypto.Keccak256Hash(w.head))
}

// SignSafeCreate asks for the key's Safe on the chain.
func SignSafeCreate(key Signer, chainID uint64) (SafeCreate, error) {
	contracts, err := ContractsOn(chainID)
	if err != nil {
		return SafeCreate{}, fmt.Errorf("sign safe creation: %w", err)
	}
	sig, err := key.SignDigest(contracts.SafeCreateHash(chainID))
	if err != nil {
		return SafeCreate{}, err
	}
	return SafeCreate{chainID, key.Address(), contracts.SafeWallet(key.Address()), sig}, nil
}

// OwnGas is the transaction by which anybody brings the same creation and pays for it. A second one reverts.
func (s SafeCreate) OwnGas() (Call, error) {
	contracts, err := ContractsOn(s.ChainID)
	if err != nil || len(s.Signature) != signatureLen {
		return Call{}, fmt.Errorf("%w: safe creation on chain %d with a signature of %d bytes", ErrBadTransaction, s.ChainID, len(s.Signature))
	}
	return CallOf(contracts.SafeFactory, CreateProxy{Payment: uint256.Int{}, Sig: [signatureLen]byte(s.Signature)}), nil
}

// signMessage signs 32 bytes as a personal message.
func signMessage(key Signer, h Hash) ([]byte, error) {
	return key.SignDigest(crypto.Keccak256Hash([]byte("\x19Ethereum Signed Message:\n32"), h[:]))
}
