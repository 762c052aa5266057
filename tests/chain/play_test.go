package chain

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/sandbox/chain"
)

// happened is one step of the scenario and what it led to; only gas may differ between contracts.
type happened struct {
	step string
	what string // status, logs, answers, in text
	gas  uint64 // 0 when the step is no transaction
}

// play runs the scenario on one target.
type play struct {
	t      *testing.T
	to     target
	at     chain.Contracts
	wallet common.Address
	list   []happened
}

func ownerKey() *ecdsa.PrivateKey { return keyOf("owner") }
func relayKey() *ecdsa.PrivateKey { return keyOf("relay") }

func keyOf(seed string) *ecdsa.PrivateKey {
	k, err := crypto.ToECDSA(crypto.Keccak256([]byte("sluice truth " + seed)))
	if err != nil {
		panic(err)
	}
	return k
}

func newPlay(t *testing.T, to target) *play {
	return &play{t: t, to: to, at: chain.Polygon(), wallet: chain.WalletOf(crypto.PubkeyToAddress(ownerKey().PublicKey), chain.Safe)}
}

func (p *play) note(step, what string, gas uint64) {
	p.list = append(p.list, happened{step, what, gas})
}

// pack encodes a call in the words of one of our interfaces, which are the real contracts' too.
func (p *play) pack(contract, function string, args ...any) []byte {
	p.t.Helper()
	data, err := chain.Interface(contract).Pack(function, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

// call asks without a transaction; a refusal is part of the answer.
func (p *play) call(from, to common.Address, data []byte) ([]byte, error) {
	return p.to.client.CallContract(p.t.Context(), ethereum.CallMsg{From: from, To: &to, Data: data}, nil)
}

// ask notes the answer of a view.
func (p *play) ask(step string, to common.Address, contract, function string, args ...any) []byte {
	p.t.Helper()
	out, err := p.call(common.Address{}, to, p.pack(contract, function, args...))
	p.note(step, said(out, err), 0)
	return out
}

// said is an answer in text. What a contract says on refusing is compared, not the node's way of telling it.
func said(out []byte, err error) string {
	if err == nil {
		return hex.EncodeToString(out)
	}
	text := err.Error()
	if i := strings.Index(text, "execution reverted"); i >= 0 {
		text = strings.TrimSuffix(strings.TrimPrefix(text[i+len("execution reverted"):], ": "), ", data: \"0x\"")
		if i := strings.Index(text, ", data:"); i >= 0 {
			text = text[:i]
		}
		return "refused: " + text
	}
	return "error: " + text
}

// one is a transaction signed by key with the account's next nonce.
func (p *play) one(key *ecdsa.PrivateKey, to common.Address, data []byte) *types.Transaction {
	p.t.Helper()
	from := crypto.PubkeyToAddress(key.PublicKey)
	nonce, err := p.to.client.PendingNonceAt(p.t.Context(), from)
	if err != nil {
		p.t.Fatal(err)
	}
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(chain.ID), Nonce: nonce, GasTipCap: gwei(30), GasFeeCap: gwei(500), Gas: 3_000_000, To: &to, Data: data,
	})
	if err == nil {
		err = p.to.client.SendTransaction(p.t.Context(), tx)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return tx
}

// end makes a block and notes what became of a transaction.
func (p *play) end(step string, txs ...*types.Transaction) {
	p.t.Helper()
	p.to.mine()
	for _, tx := range txs {
		r, err := p.to.client.TransactionReceipt(p.t.Context(), tx.Hash())
		if err != nil {
			p.t.Fatalf("%s on %s: %v", step, p.to.name, err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "status %d", r.Status)
		for _, l := range r.Logs {
			fmt.Fprintf(&b, "\n  %s %v %x", l.Address, l.Topics, l.Data)
		}
		p.note(step, b.String(), r.GasUsed)
	}
}

// direct is a transaction of the owner's own account.
func (p *play) direct(step string, key *ecdsa.PrivateKey, to common.Address, data []byte) {
	p.t.Helper()
	p.end(step, p.one(key, to, data))
}

// safeTx is a transaction of the wallet.
type safeTx struct {
	to        common.Address
	data      []byte
	operation uint8
	gas       int64 // safeTxGas
	nonce     *big.Int
	sign      func(digest []byte) []byte
}

// leg is one call of a batch.
type leg struct {
	to   common.Address
	data []byte
}

// batch packs legs for MultiSend.
func (p *play) batch(legs ...leg) safeTx {
	p.t.Helper()
	var packed []byte
	for _, l := range legs {
		packed = append(append(packed, 0), l.to.Bytes()...)
		packed = append(packed, make([]byte, 32)...)
		packed = append(packed, common.BigToHash(big.NewInt(int64(len(l.data)))).Bytes()...)
		packed = append(packed, l.data...)
	}
	return safeTx{to: p.at.MultiSend, data: p.pack("MultiSend", "multiSend", packed), operation: 1}
}

func (p *play) nonce() *big.Int {
	p.t.Helper()
	out, err := p.call(common.Address{}, p.wallet, p.pack("Safe", "nonce"))
	if err != nil {
		p.t.Fatal(err)
	}
	return new(big.Int).SetBytes(out)
}

// payload is the call of execTransaction with the owner's signature.
func (p *play) payload(s safeTx) []byte {
	p.t.Helper()
	if s.nonce == nil {
		s.nonce = p.nonce()
	}
	zero, none := common.Address{}, new(big.Int)
	digest, err := p.call(zero, p.wallet, p.pack("Safe", "getTransactionHash", s.to, none, s.data, s.operation, big.NewInt(s.gas), none, none, zero, zero, s.nonce))
	if err != nil {
		p.t.Fatal(err)
	}
	if s.sign == nil {
		s.sign = personal(ownerKey())
	}
	return p.pack("Safe", "execTransaction", s.to, none, s.data, s.operation, big.NewInt(s.gas), none, none, zero, zero, s.sign(digest))
}

// safe runs a transaction of the wallet, brought and paid by the relay.
func (p *play) safe(step string, s safeTx) {
	p.t.Helper()
	p.direct(step, relayKey(), p.wallet, p.payload(s))
}

// tryLeg notes what the wallet would be told if it made one call; nothing is spent.
func (p *play) tryLeg(step string, to common.Address, data []byte) {
	p.t.Helper()
	_, err := p.call(p.wallet, to, data)
	p.note(step, said(nil, err), 0)
}

// personal signs as the venue's client does: the digest as a personal message, v raised by four.
func personal(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(digest []byte) []byte {
		return signature(key, crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), digest), 31)
	}
}

// typed signs the digest itself.
func typed(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(digest []byte) []byte { return signature(key, digest, 27) }
}

func signature(key *ecdsa.PrivateKey, digest []byte, v byte) []byte {
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		panic(err)
	}
	sig[64] += v
	return sig
}

// approvedBySender is the signature that is bound to nothing.
func approvedBySender(owner common.Address) func([]byte) []byte {
	return func([]byte) []byte {
		return append(bytes.Join([][]byte{make([]byte, 12), owner.Bytes(), make([]byte, 32)}, nil), 1)
	}
}
