package relay

import (
	"bytes"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Execution is what a transaction of the chain did for a wallet, whoever brought it.
type Execution struct {
	Type   string
	Wallet common.Address
	// Key is that of the Job with the same content; zero when nothing tells, as with a Safe's transaction that reverted.
	Key common.Hash
	OK  bool
}

// Topics of the wallets' events.
const (
	topicSuccess = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e" // ExecutionSuccess(bytes32,uint256)
	topicFailure = "0x23428b18acfb3ea64b08dc0c1d296ea9c09702c09083ca5272e64d115b687d23" // ExecutionFailure(bytes32,uint256)
)

// Executions reads what a transaction did for wallets, in the order in which it did so. Its sender is from.
func (r *Reader) Executions(from common.Address, tx *types.Transaction, receipt *types.Receipt) (out []Execution) {
	for _, l := range receipt.Logs {
		if len(l.Topics) != 1 || len(l.Data) != 64 {
			continue
		}
		if t := l.Topics[0]; t == common.HexToHash(topicSuccess) || t == common.HexToHash(topicFailure) {
			out = append(out, Execution{Safe, l.Address, common.BytesToHash(l.Data[:32]), t == common.HexToHash(topicSuccess)})
		}
	}
	if tx.To() == nil || len(tx.Data()) < 4 {
		return out
	}
	to, ok := *tx.To(), receipt.Status == types.ReceiptStatusSuccessful
	switch {
	case to == r.at.RelayHub:
		return append(out, r.hubExecution(from, tx.Data(), receipt)...)
	case to == r.at.ProxyFactory && calls(r.proxy, "proxy", tx.Data()):
		return append(out, Execution{Proxy, walletOfProxy(from), keyOfDirect(tx.Hash()), ok})
	case to == r.at.DepositFactory:
		return append(out, r.depositExecutions(tx.Data(), ok)...)
	case to == r.at.SafeFactory && calls(r.safeFactory, "createProxy", tx.Data()):
		return append(out, r.creation(receipt)...)
	case calls(r.safe, "execTransaction", tx.Data()) && !ok:
		return append(out, Execution{Type: Safe, Wallet: to})
	}
	return out
}

// hubExecution reads a relayed call. The hub's receipt looks well when the call failed: its event tells.
func (r *Reader) hubExecution(from common.Address, data []byte, receipt *types.Receipt) []Execution {
	args := unpack(r.hub, "relayCall", data)
	if args == nil {
		return nil
	}
	number := func(i int) *big.Int { return args[i].(*big.Int) }
	c := relayedCall{args[0].(common.Address), args[1].(common.Address), args[2].([]byte), number(3), number(4), number(5), number(6), r.at.RelayHub, from}
	e := Execution{Type: Proxy, Wallet: walletOfProxy(c.from), Key: digestRelayed(c)}
	for _, l := range receipt.Logs {
		if l.Address == r.at.RelayHub && len(l.Data) == 96 {
			e.OK = l.Data[63] == 0
		}
	}
	return []Execution{e}
}

// depositExecutions reads batches and creations of deposit wallets.
func (r *Reader) depositExecutions(data []byte, ok bool) (out []Execution) {
	if args := unpack(r.deposits, "proxy", data); args != nil {
		for _, b := range *abi.ConvertType(args[0], new([]Batch)).(*[]Batch) {
			out = append(out, Execution{Wallet, b.Wallet, digestBatch(b), ok})
		}
	}
	if args := unpack(r.deposits, "deploy", data); args != nil {
		for _, owner := range args[0].([]common.Address) {
			w := walletOfDeposit(owner)
			out = append(out, Execution{WalletCreate, w, keyOfWallet(w), ok})
		}
	}
	return out
}

// creation reads which Safe was created.
func (r *Reader) creation(receipt *types.Receipt) (out []Execution) {
	for _, l := range receipt.Logs {
		if l.Address == r.at.SafeFactory && len(l.Data) == 64 {
			w := common.BytesToAddress(l.Data[:32])
			out = append(out, Execution{SafeCreate, w, keyOfWallet(w), true})
		}
	}
	if len(out) == 0 {
		out = []Execution{{Type: SafeCreate}}
	}
	return out
}

func calls(contract abi.ABI, function string, data []byte) bool {
	return bytes.HasPrefix(data, contract.Methods[function].ID)
}

// unpack reads the arguments of a call of function; nil when it is another one or cannot be read.
func unpack(contract abi.ABI, function string, data []byte) []any {
	if !calls(contract, function, data) {
		return nil
	}
	args, err := contract.Methods[function].Inputs.Unpack(data[4:])
	if err != nil {
		return nil
	}
	return args
}
