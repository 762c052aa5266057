package relay

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/sandbox/chain"
)

// The types of submissions.
const (
	Safe         = "SAFE"
	SafeCreate   = "SAFE-CREATE"
	Proxy        = "PROXY"
	Wallet       = "WALLET"
	WalletCreate = "WALLET-CREATE"
)

// Job is a submission that is in order.
type Job struct {
	Type          string
	Owner, Wallet common.Address
	// To, Data, Signature and Metadata are as submitted.
	To        common.Address
	Data      []byte
	Signature []byte
	Metadata  string
	// Nonce is the wallet's; nil for creations.
	Nonce *big.Int
	// Deadline is the last second in which a deposit wallet performs it; nil for all else.
	Deadline *big.Int
	// Key names what was signed; for creations, the wallet.
	Key common.Hash
	// Calls are what the wallet is to do.
	Calls []Call
	// Target, Payload and Gas are the worker's transaction.
	Target  common.Address
	Payload []byte
	Gas     uint64
}

// Call is one call of a wallet.
type Call struct {
	Target common.Address
	Value  *big.Int
	Data   []byte
}

// Refusal is an answer to a submission that is not in order.
type Refusal string

// Error gives the venue's words.
func (r Refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

const (
	errSignature = Refusal("invalid signature")
	errRegistry  = Refusal("wallet registry validation failed")
)

const (
	// maxMetadata is the venue's bound on the free text, in characters.
	maxMetadata = 500
	// maxCalls bounds a batch: what fits into a transaction's 128 KiB.
	maxCalls = 1_000
	// walletGas is what the worker lets a wallet use: a batch of ten legs takes a tenth of it.
	walletGas = 8_000_000
	// createGas is for a creation, three times what one takes.
	createGas = 1_000_000
	// maxRelayGas and hubGas bound a relayed call: what it may use, and what the hub adds.
	maxRelayGas, hubGas = 20_000_000, 500_000
)

// Reader reads submissions and executions. Use NewReader; it is never changed, so any number may use it at once.
type Reader struct {
	worker                                             common.Address
	at                                                 chain.Contracts
	known                                              map[common.Address]bool
	safe, safeFactory, multiSend, proxy, hub, deposits abi.ABI
}

// NewReader makes a reader for the relayer whose worker is given.
func NewReader(worker common.Address) *Reader {
	all := chain.Interfaces("Safe", "SafeFactory", "MultiSend", "ProxyWalletFactory", "RelayHub", "DepositWalletFactory")
	r := &Reader{
		worker: worker, at: chain.Polygon(), known: map[common.Address]bool{},
		safe: all[0], safeFactory: all[1], multiSend: all[2], proxy: all[3], hub: all[4], deposits: all[5],
	}
	p := r.at
	for _, a := range []common.Address{p.USDCe, p.PUSD, p.Onramp, p.Offramp, p.CTF, p.CollateralAdapter, p.NegRiskCollateralAdapter, p.NegRiskAdapter, p.Exchange, p.NegRiskExchange} {
		r.known[a] = true
	}
	return r
}

// submission is what is on the wire.
type submission struct {
	Type        string `json:"type"`
	From        string `json:"from"`
	To          string `json:"to"`
	ProxyWallet string `json:"proxyWallet"`
	Data        string `json:"data"`
	Nonce       string `json:"nonce"`
	Signature   string `json:"signature"`
	Metadata    string `json:"metadata"`
	Params      struct {
		GasPrice       string `json:"gasPrice"`
		Operation      string `json:"operation"`
		SafeTxnGas     string `json:"safeTxnGas"`
		BaseGas        string `json:"baseGas"`
		GasToken       string `json:"gasToken"`
		RefundReceiver string `json:"refundReceiver"`
		RelayerFee     string `json:"relayerFee"`
		GasLimit       string `json:"gasLimit"`
		RelayHub       string `json:"relayHub"`
		Relay          string `json:"relay"`
		PaymentToken   string `json:"paymentToken"`
		Payment        string `json:"payment"`
		PaymentTo      string `json:"paymentReceiver"`
	} `json:"signatureParams"`
	Deposit struct {
		Wallet   string `json:"depositWallet"`
		Deadline string `json:"deadline"`
		Calls    []struct {
			Target string `json:"target"`
			Value  string `json:"value"`
			Data   string `json:"data"`
		} `json:"calls"`
	} `json:"depositWalletParams"`
}

// Read reads the body of a submission and checks it against itself; what depends on the chain's state is not looked at.
func (r *Reader) Read(body []byte) (*Job, error) {
	var s submission
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, refusef("invalid request body: %v", err)
	}
	f := fields{}
	j := &Job{Type: s.Type, Owner: f.address("from", s.From), To: f.address("to", s.To), Metadata: s.Metadata}
	if s.Signature != "" || s.Type != WalletCreate {
		j.Signature = f.bytes("signature", s.Signature)
	}
	if len([]rune(s.Metadata)) > maxMetadata {
		return nil, refusef("metadata is longer than %d characters", maxMetadata)
	}
	kinds := map[string]struct {
		read func(*Job, *submission, *fields) error
		kind chain.Kind
	}{
		Safe: {r.safeTx, chain.Safe}, SafeCreate: {r.safeCreate, chain.Safe}, Proxy: {r.relayed, chain.Proxy},
		Wallet: {r.batch, chain.Deposit}, WalletCreate: {r.walletCreate, chain.Deposit},
	}
	k, known := kinds[s.Type]
	if !known {
		return nil, refusef("invalid transaction type %q", s.Type)
	}
	j.Wallet = chain.WalletOf(j.Owner, k.kind)
	if err := k.read(j, &s, &f); err != nil {
		return nil, err
	}
	return j, r.allow(j)
}

// safeTx is a Safe's transaction: one call, or a delegate call to MultiSend.
func (r *Reader) safeTx(j *Job, s *submission, f *fields) error {
	j.Data, j.Nonce = f.bytes("data", s.Data), f.number("nonce", s.Nonce)
	operation := f.number("operation", s.Params.Operation)
	for name, text := range map[string]string{"gasPrice": s.Params.GasPrice, "safeTxnGas": s.Params.SafeTxnGas, "baseGas": s.Params.BaseGas} {
		if f.number(name, text).Sign() != 0 {
			return refusef("%s must be 0", name)
		}
	}
	token, refund := f.address("gasToken", s.Params.GasToken), f.address("refundReceiver", s.Params.RefundReceiver)
	switch {
	case f.err != nil:
		return f.err
	case f.address("proxyWallet", s.ProxyWallet) != j.Wallet:
		return refusef("proxyWallet %s is not the Safe of %s", s.ProxyWallet, s.From)
	case token != common.Address{} || refund != common.Address{}:
		return Refusal("gasToken and refundReceiver must be zero")
	case operation.Cmp(big.NewInt(1)) > 0:
		return refusef("operation %s is unknown", operation)
	}
	j.Key = digestSafe(j.Wallet, j.To, j.Data, operation, j.Nonce)
	if !signedSafe(j.Key, j.Signature, j.Owner) {
		return errSignature
	}
	j.Calls = []Call{{j.To, new(big.Int), j.Data}}
	if operation.Sign() > 0 {
		calls, err := r.unpackMultiSend(j.To, j.Data)
		if err != nil {
			return err
		}
		j.Calls = calls
	}
	zero, none := common.Address{}, new(big.Int)
	return j.send(j.Wallet, walletGas, r.safe, "execTransaction", j.To, none, j.Data, uint8(operation.Uint64()), none, none, none, zero, zero, j.Signature)
}

// safeCreate is the creation of a Safe.
func (r *Reader) safeCreate(j *Job, s *submission, f *fields) error {
	payment := f.number("payment", s.Params.Payment)
	token, to := f.address("paymentToken", s.Params.PaymentToken), f.address("paymentReceiver", s.Params.PaymentTo)
	switch {
	case f.err != nil:
		return f.err
	case j.To != r.at.SafeFactory:
		return refusef("call blocked: %s is not the Safe factory", s.To)
	case f.address("proxyWallet", s.ProxyWallet) != j.Wallet:
		return refusef("proxyWallet %s is not the Safe of %s", s.ProxyWallet, s.From)
	case payment.Sign() != 0 || token != common.Address{} || to != common.Address{}:
		return Refusal("payments must be zero")
	case !signed(digestCreate(r.at.SafeFactory), j.Signature, j.Owner):
		return errSignature
	}
	j.Key = keyOfWallet(j.Wallet)
	type sig struct {
		V    uint8
		R, S common.Hash
	}
	b := j.Signature
	return j.send(r.at.SafeFactory, createGas, r.safeFactory, "createProxy", token, payment, to, sig{b[64], common.BytesToHash(b[:32]), common.BytesToHash(b[32:64])})
}

// relayed is a proxy wallet's: calls of the factory that the hub brings.
func (r *Reader) relayed(j *Job, s *submission, f *fields) error {
	j.Data, j.Nonce = f.bytes("data", s.Data), f.number("nonce", s.Nonce)
	fee, price, limit := f.number("relayerFee", s.Params.RelayerFee), f.number("gasPrice", s.Params.GasPrice), f.number("gasLimit", s.Params.GasLimit)
	hub, worker := f.address("relayHub", s.Params.RelayHub), f.address("relay", s.Params.Relay)
	switch {
	case f.err != nil:
		return f.err
	case j.To != r.at.ProxyFactory:
		return refusef("call blocked: %s is not the proxy factory", s.To)
	case f.address("proxyWallet", s.ProxyWallet) != j.Wallet:
		return refusef("proxyWallet %s is not the proxy wallet of %s", s.ProxyWallet, s.From)
	case fee.Sign() != 0 || price.Sign() != 0:
		return Refusal("relayerFee and gasPrice must be 0")
	case limit.Cmp(big.NewInt(maxRelayGas)) > 0:
		return refusef("gasLimit %s is above %d", limit, maxRelayGas)
	case hub != r.at.RelayHub || worker != r.worker:
		return Refusal("signed for another relay")
	}
	j.Key = digestRelayed(relayedCall{j.Owner, j.To, j.Data, fee, price, limit, j.Nonce, hub, worker})
	if !signed(personal(j.Key.Bytes()), j.Signature, j.Owner) {
		return errSignature
	}
	calls, err := r.unpackProxy(j.Data)
	if err != nil {
		return err
	}
	j.Calls = calls
	return j.send(hub, limit.Uint64()+hubGas, r.hub, "relayCall", j.Owner, j.To, j.Data, fee, price, limit, j.Nonce, j.Signature, []byte{})
}

// batch is a deposit wallet's.
func (r *Reader) batch(j *Job, s *submission, f *fields) error {
	b := Batch{Wallet: f.address("depositWallet", s.Deposit.Wallet), Nonce: f.number("nonce", s.Nonce), Deadline: f.number("deadline", s.Deposit.Deadline)}
	if len(s.Deposit.Calls) == 0 || len(s.Deposit.Calls) > maxCalls {
		return refusef("calls: want 1 to %d", maxCalls)
	}
	for _, c := range s.Deposit.Calls {
		b.Calls = append(b.Calls, Call{f.address("target", c.Target), f.number("value", c.Value), f.bytes("data", c.Data)})
	}
	switch {
	case f.err != nil:
		return f.err
	case j.To != r.at.DepositFactory:
		return refusef("call blocked: %s is not the deposit wallet factory", s.To)
	case b.Wallet != j.Wallet:
		return errRegistry
	}
	j.Key, j.Nonce, j.Deadline, j.Calls = digestBatch(b), b.Nonce, b.Deadline, b.Calls
	if !signed(j.Key, j.Signature, j.Owner) {
		return errSignature
	}
	return j.send(r.at.DepositFactory, walletGas, r.deposits, "proxy", []Batch{b}, [][]byte{j.Signature})
}

// walletCreate is the creation of a deposit wallet, which nobody signs.
func (r *Reader) walletCreate(j *Job, s *submission, f *fields) error {
	switch {
	case f.err != nil:
		return f.err
	case j.To != r.at.DepositFactory:
		return refusef("call blocked: %s is not the deposit wallet factory", s.To)
	}
	j.Key = keyOfWallet(j.Wallet)
	return j.send(r.at.DepositFactory, createGas, r.deposits, "deploy", []common.Address{j.Owner}, []common.Hash{common.BytesToHash(j.Owner.Bytes())})
}

// send makes the worker's transaction.
func (j *Job) send(to common.Address, gas uint64, contract abi.ABI, function string, args ...any) error {
	data, err := contract.Pack(function, args...)
	if err != nil {
		return refusef("invalid request: %v", err)
	}
	j.Target, j.Payload, j.Gas = to, data, gas
	return nil
}

// fields reads values out of texts and remembers the first that is wrong.
type fields struct{ err error }

func (f *fields) wrong(name, text string) {
	if f.err == nil {
		const longest = 80
		f.err = refusef("invalid %s %q", name, text[:min(len(text), longest)])
	}
}

func (f *fields) address(name, text string) common.Address {
	if !common.IsHexAddress(text) || !strings.HasPrefix(text, "0x") {
		f.wrong(name, text)
		return common.Address{}
	}
	return common.HexToAddress(text)
}

func (f *fields) bytes(name, text string) []byte {
	b, err := hexutil.Decode(text)
	if err != nil {
		f.wrong(name, text)
	}
	return b
}

// number reads a decimal uint256.
func (f *fields) number(name, text string) *big.Int {
	const digits, bits = 78, 256
	n, good := new(big.Int).SetString(text, 10)
	if !good || len(text) > digits || n.Sign() < 0 || n.BitLen() > bits || strings.HasPrefix(text, "+") {
		f.wrong(name, text)
		return new(big.Int)
	}
	return n
}
