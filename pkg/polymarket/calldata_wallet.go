package polymarket

import (
	"encoding/binary"

	"github.com/holiman/uint256"
)

// CreateProxy makes the Safe of whoever signed; anybody may bring it to the factory. Sig is r ‖ s ‖ v.
type CreateProxy struct {
	PaymentToken    Address
	Payment         uint256.Int
	PaymentReceiver Address
	Sig             [signatureLen]byte
}

// MultiSend performs calls in order, all or none. It must be delegatecalled by a Safe.
type MultiSend struct{ Calls []Call }

// ExecTransaction has a Safe perform Call. Whoever brings it pays.
type ExecTransaction struct {
	Call
	SafeTxGas, BaseGas, GasPrice uint256.Int
	GasToken, RefundReceiver     Address
	Signatures                   []byte
}

// ProxyCalls has the proxy-wallet factory perform calls through the sender's wallet, all or none. Nothing stops the same calls
// from being performed twice.
type ProxyCalls struct{ Calls []Call }

// DepositProxy has the deposit-wallet factory bring batches to their wallets; only the venue's operator may.
type DepositProxy struct {
	Batches    []WalletBatch // ChainID is not part of the call and 0
	Signatures [][]byte
}

// RelayCall has the relay hub perform what the owner of a proxy wallet signed; only relays bring it.
type RelayCall struct {
	From, To                       Address
	Data                           []byte
	Fee, GasPrice, GasLimit, Nonce uint256.Int
	Sig, Approval                  []byte
}

// WalletNonce asks a Safe or a deposit wallet how many transactions it has performed. The answer is read by ReadUint.
type WalletNonce struct{}

// HubNonce asks the relay hub how many transactions of From's proxy wallet it has performed. The answer is read by ReadUint.
type HubNonce struct{ From Address }

// Signature names the function.
func (CreateProxy) Signature() string {
	return "createProxy(address,uint256,address,(uint8,bytes32,bytes32))"
}

// Signature names the function.
func (MultiSend) Signature() string { return "multiSend(bytes)" }

// Signature names the function.
func (ExecTransaction) Signature() string {
	return "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
}

// Signature names the function.
func (ProxyCalls) Signature() string { return "proxy((uint8,address,uint256,bytes)[])" }

// Signature names the function.
func (DepositProxy) Signature() string {
	return "proxy((address,uint256,uint256,(address,uint256,bytes)[])[],bytes[])"
}

// Signature names the function.
func (RelayCall) Signature() string {
	return "relayCall(address,address,bytes,uint256,uint256,uint256,uint256,bytes,bytes)"
}

// Signature names the function.
func (WalletNonce) Signature() string { return "nonce()" }

// Signature names the function.
func (HubNonce) Signature() string { return "getNonce(address)" }

// Calldata encodes the call.
func (m CreateProxy) Calldata() []byte {
	w := newArgs(6)
	w.address(m.PaymentToken)
	w.uint(m.Payment)
	w.address(m.PaymentReceiver)
	w.small(uint64(m.Sig[64]))
	w.word([word]byte(m.Sig[:word]))
	w.word([word]byte(m.Sig[word : 2*word]))
	return w.call(selCreateProxy)
}

// Calldata encodes the call.
func (m MultiSend) Calldata() []byte {
	var records []byte
	for _, k := range m.Calls {
		value := k.Value.Bytes32()
		records = append(records, byte(k.Operation))
		records = append(records, k.To[:]...)
		records = append(records, value[:]...)
		records = append(records, make([]byte, word-8)...)
		records = binary.BigEndian.AppendUint64(records, uint64(len(k.Data)))
		records = append(records, k.Data...)
	}
	w := newArgs(1)
	w.blob(records)
	return w.call(selMultiSend)
}

// Calldata encodes the call.
func (m ExecTransaction) Calldata() []byte {
	w := newArgs(10)
	w.address(m.To)
	w.uint(m.Value)
	w.blob(m.Data)
	w.small(uint64(m.Operation))
	w.uint(m.SafeTxGas)
	w.uint(m.BaseGas)
	w.uint(m.GasPrice)
	w.address(m.GasToken)
	w.address(m.RefundReceiver)
	w.blob(m.Signatures)
	return w.call(selExecTransaction)
}

// The proxy factory counts operations from 1; 0 does nothing and fails.
const proxyOperation = 1

// Calldata encodes the call.
func (m ProxyCalls) Calldata() []byte {
	calls := make([][]byte, len(m.Calls))
	for i, k := range m.Calls {
		w := newArgs(4)
		w.small(uint64(k.Operation) + proxyOperation)
		w.address(k.To)
		w.uint(k.Value)
		w.blob(k.Data)
		calls[i] = w.bytes()
	}
	w := newArgs(1)
	w.dynamic(packList(calls))
	return w.call(selProxy)
}

// Calldata encodes the call.
func (m DepositProxy) Calldata() []byte {
	batches, signatures := make([][]byte, len(m.Batches)), make([][]byte, len(m.Signatures))
	for i, b := range m.Batches {
		batches[i] = b.pack()
	}
	for i, s := range m.Signatures {
		signatures[i] = packBlob(s)
	}
	w := newArgs(2)
	w.dynamic(packList(batches))
	w.dynamic(packList(signatures))
	return w.call(selDepositProxy)
}

func (b WalletBatch) pack() []byte {
	calls := make([][]byte, len(b.Calls))
	for i, k := range b.Calls {
		w := newArgs(3)
		w.address(k.To)
		w.uint(k.Value)
		w.blob(k.Data)
		calls[i] = w.bytes()
	}
	w := newArgs(4)
	w.address(b.Wallet)
	w.small(b.Nonce)
	w.small(b.Deadline)
	w.dynamic(packList(calls))
	return w.bytes()
}

// Calldata encodes the call.
func (m RelayCall) Calldata() []byte {
	w := newArgs(9)
	w.address(m.From)
	w.address(m.To)
	w.blob(m.Data)
	w.uint(m.Fee)
	w.uint(m.GasPrice)
	w.uint(m.GasLimit)
	w.uint(m.Nonce)
	w.blob(m.Sig)
	w.blob(m.Approval)
	return w.call(selRelayCall)
}

// Calldata encodes the call.
func (WalletNonce) Calldata() []byte { return []byte(selNonce) }

// Calldata encodes the call.
func (m HubNonce) Calldata() []byte {
	w := newArgs(1)
	w.address(m.From)
	return w.call(selHubNonce)
}

// readWalletMethod reads the functions of wallets and their factories; known is false for other selectors, the method nil when
// it is not spelled right.
func readWalletMethod(selector string, b []byte) (m Method, known bool) {
	switch selector {
	case selCreateProxy:
		in := readArgs(b, 6)
		m := CreateProxy{PaymentToken: in.address(), Payment: in.uint(), PaymentReceiver: in.address()}
		v, r, s := in.small(maxByte), in.word(), in.word()
		m.Sig[64] = byte(v)
		copy(m.Sig[:], r[:])
		copy(m.Sig[word:], s[:])
		return taken(in, m), true
	case selMultiSend:
		in := readArgs(b, 1)
		calls, ok := readRecords(in.blob())
		if !ok {
			return nil, true
		}
		return taken(in, MultiSend{calls}), true
	case selExecTransaction:
		in := readArgs(b, 10)
		m := ExecTransaction{Call: Call{To: in.address(), Value: in.uint(), Data: in.blob(), Operation: Operation(in.small(uint64(DelegateCall)))},
			SafeTxGas: in.uint(), BaseGas: in.uint(), GasPrice: in.uint(), GasToken: in.address(), RefundReceiver: in.address(), Signatures: in.blob()}
		return taken(in, m), true
	case selProxy:
		in, m := readArgs(b, 1), ProxyCalls{}
		in.list(4, func(in *abiReader) {
			code := in.small(uint64(DelegateCall) + proxyOperation) // 0 would be written otherwise
			m.Calls = append(m.Calls, Call{To: in.address(), Value: in.uint(), Data: in.blob(), Operation: Operation(code - proxyOperation)})
		})
		return taken(in, m), true
	case selDepositProxy:
		in, m := readArgs(b, 2), DepositProxy{}
		in.list(4, func(in *abiReader) { m.Batches = append(m.Batches, readBatch(in)) })
		m.Signatures = in.blobs()
		return taken(in, m), true
	case selRelayCall:
		in := readArgs(b, 9)
		return taken(in, RelayCall{in.address(), in.address(), in.blob(), in.uint(), in.uint(), in.uint(), in.uint(), in.blob(), in.blob()}), true
	case selNonce:
		return taken(readArgs(b, 0), WalletNonce{}), true
	case selHubNonce:
		in := readArgs(b, 1)
		return taken(in, HubNonce{in.address()}), true
	}
	return nil, false
}

const (
	maxByte   = 1<<8 - 1
	maxUint64 = 1<<64 - 1
)

func readBatch(in *abiReader) WalletBatch {
	b := WalletBatch{Wallet: in.address(), Nonce: in.small(maxUint64), Deadline: in.small(maxUint64)}
	in.list(3, func(in *abiReader) {
		b.Calls = append(b.Calls, Call{To: in.address(), Value: in.uint(), Data: in.blob()})
	})
	return b
}

// recordHead is operation, address, value and length of a MultiSend record.
const recordHead = 1 + len(Address{}) + 2*word

// readRecords takes MultiSend's argument apart. Of a length it reads the lower part; DecodeCalldata finds what stands above it.
func readRecords(b []byte) (calls []Call, ok bool) {
	for len(b) > 0 {
		if len(b) < recordHead || b[0] > byte(DelegateCall) {
			return nil, false
		}
		k := Call{Operation: Operation(b[0]), To: Address(b[1 : 1+len(Address{})])}
		k.Value.SetBytes32(b[1+len(Address{}) : recordHead-word])
		n := binary.BigEndian.Uint64(b[recordHead-8 : recordHead])
		if b = b[recordHead:]; n > uint64(len(b)) {
			return nil, false
		}
		k.Data, b = b[:n:n], b[n:]
		calls = append(calls, k)
	}
	return calls, true
}
