package polymarket

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"github.com/holiman/uint256"
)

// wrapABI describes the functions that the vectors do not have, for another encoder.
const wrapABI = `[
{"type":"function","name":"safeTransferFrom","inputs":[{"type":"address","name":"a"},{"type":"address","name":"b"},{"type":"uint256","name":"c"},{"type":"uint256","name":"d"},{"type":"bytes","name":"e"}]},
{"type":"function","name":"safeBatchTransferFrom","inputs":[{"type":"address","name":"a"},{"type":"address","name":"b"},{"type":"uint256[]","name":"c"},{"type":"uint256[]","name":"d"},{"type":"bytes","name":"e"}]},
{"type":"function","name":"balanceOfBatch","inputs":[{"type":"address[]","name":"a"},{"type":"uint256[]","name":"b"}]},
{"type":"function","name":"createProxy","inputs":[{"type":"address","name":"a"},{"type":"uint256","name":"b"},{"type":"address","name":"c"},{"type":"tuple","name":"d","components":[{"type":"uint8","name":"v"},{"type":"bytes32","name":"r"},{"type":"bytes32","name":"s"}]}]},
{"type":"function","name":"execTransaction","inputs":[{"type":"address","name":"a"},{"type":"uint256","name":"b"},{"type":"bytes","name":"c"},{"type":"uint8","name":"d"},{"type":"uint256","name":"e"},{"type":"uint256","name":"f"},{"type":"uint256","name":"g"},{"type":"address","name":"h"},{"type":"address","name":"i"},{"type":"bytes","name":"j"}]},
{"type":"function","name":"relayCall","inputs":[{"type":"address","name":"a"},{"type":"address","name":"b"},{"type":"bytes","name":"c"},{"type":"uint256","name":"d"},{"type":"uint256","name":"e"},{"type":"uint256","name":"f"},{"type":"uint256","name":"g"},{"type":"bytes","name":"h"},{"type":"bytes","name":"i"}]},
{"type":"function","name":"proxy","inputs":[{"type":"tuple[]","name":"a","components":[{"type":"address","name":"wallet"},{"type":"uint256","name":"nonce"},{"type":"uint256","name":"deadline"},{"type":"tuple[]","name":"calls","components":[{"type":"address","name":"target"},{"type":"uint256","name":"value"},{"type":"bytes","name":"data"}]}]},{"type":"bytes[]","name":"b"}]}
]`

// TestWrappingsAgreeWithAnotherEncoder compares the functions that no vector shows with go-ethereum's encoder.
func TestWrappingsAgreeWithAnotherEncoder(t *testing.T) {
	other, err := abi.JSON(strings.NewReader(wrapABI))
	if err != nil {
		t.Fatal(err)
	}
	wide := func(v uint256.Int) *big.Int { return v.ToBig() }
	many := func(vs []uint256.Int) (out []*big.Int) {
		for _, v := range vs {
			out = append(out, wide(v))
		}
		return out
	}
	type plain struct {
		Target Address
		Value  *big.Int
		Data   []byte
	}
	type batch struct {
		Wallet          Address
		Nonce, Deadline *big.Int
		Calls           []plain
	}
	seen := map[string]bool{}
	for _, m := range specimens() {
		var want []byte
		var err error
		switch m := m.(type) {
		case TransferToken:
			want, err = other.Pack("safeTransferFrom", m.From, m.To, wide(m.ID.number()), wide(m.Amount), m.Data)
		case TransferTokens:
			want, err = other.Pack("safeBatchTransferFrom", m.From, m.To, many(numbers(m.IDs)), many(m.Amounts), m.Data)
		case TokenBalances:
			want, err = other.Pack("balanceOfBatch", m.Owners, many(numbers(m.IDs)))
		case CreateProxy:
			want, err = other.Pack("createProxy", m.PaymentToken, wide(m.Payment), m.PaymentReceiver, struct {
				V    uint8
				R, S [32]byte
			}{m.Sig[64], [32]byte(m.Sig[:32]), [32]byte(m.Sig[32:64])})
		case ExecTransaction:
			want, err = other.Pack("execTransaction", m.To, wide(m.Value), m.Data, uint8(m.Operation), wide(m.SafeTxGas), wide(m.BaseGas), wide(m.GasPrice),
				m.GasToken, m.RefundReceiver, m.Signatures)
		case RelayCall:
			want, err = other.Pack("relayCall", m.From, m.To, m.Data, wide(m.Fee), wide(m.GasPrice), wide(m.GasLimit), wide(m.Nonce), m.Sig, m.Approval)
		case DepositProxy:
			var batches []batch
			for _, b := range m.Batches {
				to := batch{b.Wallet, new(big.Int).SetUint64(b.Nonce), new(big.Int).SetUint64(b.Deadline), nil}
				for _, k := range b.Calls {
					to.Calls = append(to.Calls, plain{k.To, wide(k.Value), k.Data})
				}
				batches = append(batches, to)
			}
			want, err = other.Pack("proxy", batches, m.Signatures)
		default:
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", m.Signature(), err)
		}
		seen[m.Signature()] = true
		if !bytes.Equal(m.Calldata(), want) {
			t.Errorf("%s\n%x, want\n%x", m.Signature(), m.Calldata(), want)
		}
	}
	if len(seen) != len(other.Methods) {
		t.Errorf("compared %v", seen)
	}
}

// typed is the digest by go-ethereum's typed-data package.
func typed(t *testing.T, d apitypes.TypedData) Hash {
	t.Helper()
	h, _, err := apitypes.TypedDataAndHash(d)
	if err != nil {
		t.Fatal(err)
	}
	return Hash(h)
}

// TestWalletDigestsAgreeWithTypedData compares digests with values that no vector has: amounts, nonces, empty data, other chains.
func TestWalletDigestsAgreeWithTypedData(t *testing.T) {
	text := func(name, kind string) apitypes.Type { return apitypes.Type{Name: name, Type: kind} }
	chain := func(id uint64) *math.HexOrDecimal256 { return (*math.HexOrDecimal256)(new(big.Int).SetUint64(id)) }
	calls := []Call{{To: Address{1}, Value: MaxAllowance(), Data: []byte{}, Operation: DelegateCall}, {To: Address{2}, Data: bytes.Repeat([]byte{7}, 100)}, {}}
	for i, k := range calls {
		tx := SafeTx{Polygon + uint64(i), Address{9, byte(i)}, k, uint64(i) << 60}
		want := typed(t, apitypes.TypedData{PrimaryType: "SafeTx", Domain: apitypes.TypedDataDomain{ChainId: chain(tx.ChainID), VerifyingContract: tx.Safe.Hex()},
			Types: apitypes.Types{"EIP712Domain": {text("chainId", "uint256"), text("verifyingContract", "address")},
				"SafeTx": {text("to", "address"), text("value", "uint256"), text("data", "bytes"), text("operation", "uint8"), text("safeTxGas", "uint256"), text("baseGas", "uint256"),
					text("gasPrice", "uint256"), text("gasToken", "address"), text("refundReceiver", "address"), text("nonce", "uint256")}},
			Message: apitypes.TypedDataMessage{"to": k.To.Hex(), "value": k.Value.Dec(), "data": hexutil.Encode(k.Data), "operation": hexutil.EncodeUint64(uint64(k.Operation)),
				"safeTxGas": "0", "baseGas": "0", "gasPrice": "0", "gasToken": Address{}.Hex(), "refundReceiver": Address{}.Hex(), "nonce": new(big.Int).SetUint64(tx.Nonce).String()}})
		if got := tx.Hash(); got != want {
			t.Errorf("SafeTx %d: %s, want %s", i, got, want)
		}
	}
	for n := range calls {
		b := WalletBatch{Amoy, Address{byte(n)}, uint64(n) << 50, 1 << 45, calls[:n]}
		list := []any{}
		for _, k := range b.Calls {
			list = append(list, map[string]any{"target": k.To.Hex(), "value": k.Value.Dec(), "data": hexutil.Encode(k.Data)})
		}
		want := typed(t, apitypes.TypedData{PrimaryType: "Batch",
			Domain: apitypes.TypedDataDomain{Name: "DepositWallet", Version: "1", ChainId: chain(b.ChainID), VerifyingContract: b.Wallet.Hex()},
			Types: apitypes.Types{"EIP712Domain": {text("name", "string"), text("version", "string"), text("chainId", "uint256"), text("verifyingContract", "address")},
				"Batch": {text("wallet", "address"), text("nonce", "uint256"), text("deadline", "uint256"), text("calls", "Call[]")},
				"Call":  {text("target", "address"), text("value", "uint256"), text("data", "bytes")}},
			Message: apitypes.TypedDataMessage{"wallet": b.Wallet.Hex(), "nonce": new(big.Int).SetUint64(b.Nonce).String(), "deadline": new(big.Int).SetUint64(b.Deadline).String(), "calls": list}})
		if got := b.Hash(); got != want {
			t.Errorf("batch of %d: %s, want %s", n, got, want)
		}
	}
}

// TestKnownSafeSignature is a transaction of the official relayer client with another key than the vectors'.
func TestKnownSafeSignature(t *testing.T) {
	c, key := polygonContracts(t), mustKey(t, "5fe7f977e71dba2ea1a68e21057beebb9be2ac30c6410aa38d4f3fbe41dcffd2") // keccak256(0x01)
	uups, _ := c.DepositWallets(key.Address())
	proxy, _ := c.ProxyWallet(key.Address())
	for got, want := range map[Address]string{key.Address(): "0x3Eea25034397B249a3eD8614BB4d0533e5b03594", c.SafeWallet(key.Address()): "0xb1eA39CBCEd57Bbf241bc209F1E208e6FC67B962",
		proxy: "0x2e4c49cBad55a62FaD14358627597A3CC775c0F2", uups: "0x610fc6B448521B074EEe2b58419B93b74578223e"} {
		if got.Hex() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	approve := CallOf(c.USDCe, ApproveERC20{c.ConditionalTokens, MaxAllowance()})
	s, err := SignSafeTx(key, SafeTx{Polygon, c.SafeWallet(key.Address()), approve, 7}, allowAll)
	if want := "0xe49cabc3ab30516e7c50360f10e1b23dd57388bb2a3dd0823617633bd5f8deb44e5a4bbed2da5db99b9b7fba3d8fa25e5bdef899398490cb977bff2156f6642c20"; err != nil || hex0x(s.Signature) != want {
		t.Errorf("%x, %v, want %s", s.Signature, err, want)
	}
}
