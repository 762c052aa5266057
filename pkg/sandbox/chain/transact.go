package chain

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// message is what is run: a transaction, or a call that pays nothing.
type message struct {
	from  common.Address
	to    *common.Address // nil creates a contract
	data  []byte
	value *uint256.Int
	gas   uint64
	price *uint256.Int // for each unit of gas, base fee included; nil pays nothing
	list  types.AccessList
}

// outcome is what running a message gave.
type outcome struct {
	gas uint64 // used, after refunds
	out []byte
	err error // of the machine; the message counts all the same
}

// run runs a message on a state and settles its gas. It returns an error when the message cannot be run at all.
func (c *Chain) run(st *state.StateDB, h *types.Header, m message) (outcome, error) {
	rules := c.rulesAt(h)
	intrinsic, floor := gasBefore(m)
	if m.gas < max(intrinsic, floor) {
		return outcome{}, fmt.Errorf("intrinsic gas too low: gas %d, minimum needed %d", m.gas, max(intrinsic, floor))
	}
	if m.to == nil {
		if err := vm.CheckMaxInitCodeSize(&rules, uint64(len(m.data))); err != nil {
			return outcome{}, err
		}
	}
	price := m.price
	if price == nil {
		price = new(uint256.Int)
	}
	st.SubBalance(m.from, new(uint256.Int).Mul(price, uint256.NewInt(m.gas)), tracing.BalanceDecreaseGasBuy)
	if st.GetBalance(m.from).Lt(m.value) {
		return outcome{}, errors.New("insufficient funds for transfer")
	}
	st.Prepare(rules, m.from, h.Coinbase, m.to, vm.ActivePrecompiles(rules), m.list)
	machine := c.evm(st, h, vm.Config{NoBaseFee: m.price == nil})
	machine.SetTxContext(vm.TxContext{Origin: m.from, GasPrice: price})
	o, left := execute(machine, st, m, m.gas-intrinsic)

	used := m.gas - left
	used -= min(st.GetRefund(), used/params.RefundQuotientEIP3529)
	o.gas = max(used, floor)
	st.AddBalance(m.from, new(uint256.Int).Mul(price, uint256.NewInt(m.gas-o.gas)), tracing.BalanceIncreaseGasReturn)
	if m.price != nil {
		tip := new(uint256.Int).Sub(price, uint256.MustFromBig(h.BaseFee))
		st.AddBalance(h.Coinbase, tip.Mul(tip, uint256.NewInt(o.gas)), tracing.BalanceIncreaseRewardTransactionFee)
	}
	return o, nil
}

func execute(machine *vm.EVM, st *state.StateDB, m message, gas uint64) (o outcome, left uint64) {
	var rest vm.GasBudget
	if m.to == nil {
		o.out, _, rest, o.err = machine.Create(m.from, m.data, vm.NewGasBudget(gas, 0), m.value)
	} else {
		st.SetNonce(m.from, st.GetNonce(m.from)+1, tracing.NonceChangeEoACall)
		o.out, rest, o.err = machine.Call(m.from, *m.to, m.data, vm.NewGasBudget(gas, 0), m.value)
	}
	return o, rest.ExecutionGas
}

// gasBefore is what a message costs before its first instruction, and what it costs at least.
func gasBefore(m message) (intrinsic, floor uint64) {
	zeros := uint64(bytes.Count(m.data, []byte{0}))
	others := uint64(len(m.data)) - zeros
	intrinsic = params.TxGas + zeros*params.TxDataZeroGas + others*params.TxDataNonZeroGasEIP2028
	if m.to == nil {
		intrinsic += params.TxGasContractCreation - params.TxGas + (uint64(len(m.data))+31)/32*params.InitCodeWordGas
	}
	intrinsic += uint64(len(m.list))*params.TxAccessListAddressGas + uint64(m.list.StorageKeys())*params.TxAccessListStorageKeyGas
	floor = params.TxGas + (zeros+others*params.TxTokenPerNonZeroByte)*params.TxCostFloorPerToken
	return intrinsic, floor
}

// apply runs a transaction in a block that is being made. It returns an error, and leaves the state as it was, when the
// transaction does not fit.
func (c *Chain) apply(st *state.StateDB, h *types.Header, tx *types.Transaction, index int) (*types.Receipt, error) {
	from, err := types.Sender(c.signer, tx)
	if err != nil {
		return nil, err
	}
	tip, err := tx.EffectiveGasTip(h.BaseFee)
	if err != nil {
		return nil, err
	}
	snapshot := st.Snapshot()
	st.SetTxContext(tx.Hash(), index, 0)
	m := message{
		from: from, to: tx.To(), data: tx.Data(), gas: tx.Gas(), list: tx.AccessList(), value: uint256.MustFromBig(tx.Value()),
		price: uint256.MustFromBig(new(big.Int).Add(tip, h.BaseFee)),
	}
	o, err := c.run(st, h, m)
	if err != nil {
		st.RevertToSnapshot(snapshot)
		return nil, err
	}
	st.Finalise(c.rulesAt(h))
	h.GasUsed += o.gas
	r := &types.Receipt{
		Type: tx.Type(), TxHash: tx.Hash(), GasUsed: o.gas, CumulativeGasUsed: h.GasUsed, EffectiveGasPrice: m.price.ToBig(),
		BlockNumber: h.Number, TransactionIndex: uint(index), Logs: st.GetLogs(tx.Hash(), h.Number.Uint64(), common.Hash{}, h.Time),
	}
	if o.err == nil {
		r.Status = types.ReceiptStatusSuccessful
	}
	if tx.To() == nil {
		r.ContractAddress = crypto.CreateAddress(from, tx.Nonce())
	}
	r.Bloom = types.CreateBloom(r)
	return r, nil
}
