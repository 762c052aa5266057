package polymarket

import (
	"bytes"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// ProxyTx is what a proxy wallet is asked to do through the relay hub.
type ProxyTx struct {
	ChainID  uint64 // Polygon
	Owner    Address
	Calls    []Call
	Nonce    uint64 // the hub's for the owner, from Relayer.RelayPayload
	Relay    string // the relay worker's address as RelayPayload spelled it
	GasLimit uint64 // 0 is DefaultProxyGas
}

// DefaultProxyGas is what the venue's client asks for when it cannot estimate.
const DefaultProxyGas = 10_000_000

// SignedProxyTx is a ProxyTx with the owner's signature.
type SignedProxyTx struct {
	ProxyTx
	Wallet    Address
	Data      []byte // calldata for the factory
	Signature []byte // 65 bytes, v 27 or 28
}

// Hash is what the owner signs as a message. Errors: ErrBadTransaction for a relay that is no address or a chain without proxy
// wallets, ErrBadBatch.
func (t ProxyTx) Hash() (Hash, error) {
	contracts, data, err := t.check()
	if err != nil {
		return Hash{}, err
	}
	relay, err := ParseAddress(t.Relay)
	if err != nil {
		return Hash{}, fmt.Errorf("%w: relay: %w", ErrBadTransaction, err)
	}
	w := newArgs(4) // relayer fee and gas price are zero
	w.small(0)
	w.small(0)
	w.small(t.gasLimit())
	w.small(t.Nonce)
	return crypto.Keccak256Hash([]byte("rlx:"), t.Owner[:], contracts.ProxyFactory[:], data, w.head, contracts.RelayHub[:], relay[:]), nil
}

func (t ProxyTx) gasLimit() uint64 {
	if t.GasLimit == 0 {
		return DefaultProxyGas
	}
	return t.GasLimit
}

func (t ProxyTx) check() (Contracts, []byte, error) {
	contracts, err := ContractsOn(t.ChainID)
	if err != nil {
		return Contracts{}, nil, err
	}
	if contracts.ProxyFactory == (Address{}) || t.Owner == (Address{}) {
		return Contracts{}, nil, fmt.Errorf("%w: no proxy wallet of %s on chain %d", ErrBadTransaction, t.Owner, t.ChainID)
	}
	if err := checkBatch(t.Calls); err != nil {
		return Contracts{}, nil, err
	}
	data := ProxyCalls{t.Calls}.Calldata()
	if len(data) > MaxCalldata {
		return Contracts{}, nil, fmt.Errorf("%w: %d bytes of calldata, at most %d", ErrBadBatch, len(data), MaxCalldata)
	}
	return contracts, data, nil
}

// SignProxyTx signs t for the relay hub. allow is asked about every leg first. Errors: those of Hash, ErrBadCalldata,
// ErrNoPolicy, and those of allow; ErrBadTransaction also when the key is not the owner's.
func SignProxyTx(key Signer, t ProxyTx, allow Allow) (SignedProxyTx, error) {
	contracts, data, err := t.check()
	if err != nil {
		return SignedProxyTx{}, fmt.Errorf("sign proxy transaction: %w", err)
	}
	wallet, _ := contracts.ProxyWallet(t.Owner)
	if t.Owner != key.Address() {
		return SignedProxyTx{}, fmt.Errorf("sign proxy transaction: %w: wallet of %s, key of %s", ErrBadTransaction, t.Owner, key.Address())
	}
	if err := vetProxy(wallet, data, allow); err != nil {
		return SignedProxyTx{}, fmt.Errorf("sign proxy transaction: %w", err)
	}
	h, err := t.Hash()
	if err != nil {
		return SignedProxyTx{}, fmt.Errorf("sign proxy transaction: %w", err)
	}
	sig, err := signMessage(key, h)
	return SignedProxyTx{t, wallet, data, sig}, err
}

// vetProxy reads the legs out of the calldata that the factory will get.
func vetProxy(wallet Address, data []byte, allow Allow) error {
	m, err := DecodeCalldata(data)
	if err != nil {
		return err
	}
	batch, ok := m.(ProxyCalls)
	if !ok {
		return fmt.Errorf("%w: %s is not the proxy factory's function", ErrBadTransaction, m.Signature())
	}
	legs, err := readLegs(batch.Calls)
	if err != nil {
		return err
	}
	return vet(wallet, legs, allow)
}

// OwnGas is the transaction by which the owner has the same calls performed and pays for it. Nothing on chain stops the relayer's
// copy from being performed as well, so it takes the relayer's definite refusal of the only submit of this transaction;
// anything less is ErrNotRefused.
func (t SignedProxyTx) OwnGas(refusal *RelayerError) (Call, error) {
	if refusal == nil || !refusal.Refuses() {
		return Call{}, fmt.Errorf("%w: a proxy wallet would perform the same calls twice: wait until the relayer says what became of it", ErrNotRefused)
	}
	return t.ownGas()
}

// HubRun is a transaction that the chain has for good: what went to the relay hub, and what it wrote.
type HubRun struct {
	Data []byte
	Logs []Log
}

// OwnGasAfter is OwnGas for a transaction that the relayer took. What the relayer says of its end proves nothing, and a hub nonce
// that has passed may have passed by success; so it takes the final transaction that used up the nonce. It must have failed at
// the hub, or be another one of the owner's. Anything else is ErrNotRefused.
func (t SignedProxyTx) OwnGasAfter(run HubRun) (Call, error) {
	contracts, err := ContractsOn(t.ChainID)
	if err != nil {
		return Call{}, err
	}
	m, err := DecodeCalldata(run.Data)
	if err != nil {
		return Call{}, fmt.Errorf("%w: read the hub's transaction: %w", ErrNotRefused, err)
	}
	used, ok := m.(RelayCall)
	success, found := contracts.HubResult(run.Logs, t.Owner)
	ours := bytes.Equal(used.Data, t.Data)
	if !ok || !found || used.From != t.Owner || used.Nonce != *uint256.NewInt(t.Nonce) || ours && success {
		return Call{}, fmt.Errorf("%w: no transaction at the hub shows that nonce %d is used up and the calls were not performed", ErrNotRefused, t.Nonce)
	}
	return t.ownGas()
}

func (t SignedProxyTx) ownGas() (Call, error) {
	contracts, err := ContractsOn(t.ChainID)
	return Call{To: contracts.ProxyFactory, Data: t.Data}, err
}
