package relayer

import (
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// receipt is a transaction in a block, as endpoints show it.
type receipt struct {
	Hash      common.Hash     `json:"transactionHash"`
	Block     hexutil.Uint64  `json:"blockNumber"`
	BlockHash common.Hash     `json:"blockHash"`
	From      common.Address  `json:"from"`
	To        *common.Address `json:"to"`
	Status    hexutil.Uint64  `json:"status"`
	GasUsed   hexutil.Uint64  `json:"gasUsed"`
	Price     *hexutil.Big    `json:"effectiveGasPrice"`
	Logs      []eventLog      `json:"logs"`
	input     []byte
}

type eventLog struct {
	Address common.Address `json:"address"`
	Topics  []common.Hash  `json:"topics"`
	Data    hexutil.Bytes  `json:"data"`
	TxHash  common.Hash    `json:"transactionHash"`
	Block   hexutil.Uint64 `json:"blockNumber"`
	Index   hexutil.Uint64 `json:"logIndex"`
}

func (r *receipt) logs() []polymarket.Log {
	out := make([]polymarket.Log, len(r.Logs))
	for i, l := range r.Logs {
		out[i] = polymarket.Log{Address: l.Address, Topics: l.Topics, Data: l.Data}
	}
	return out
}

func (r *receipt) cost() evm.Wei {
	if r.Price == nil {
		return evm.Wei{}
	}
	return evm.WeiFrom((*big.Int)(r.Price)).Times(uint64(r.GasUsed))
}

// effectOf is what a transaction did to the wallet, by its events.
func effectOf(who Identity, logs []polymarket.Log) msgs.Effect {
	flows, _ := who.Contracts.Flows(logs, who.Wallet)
	out := msgs.Effect{}
	for _, f := range flows {
		name := f.ID.String()
		switch f.Token {
		case who.Contracts.Collateral:
			name = "pUSD"
		case who.Contracts.USDCe:
			name = "USDC.e"
		}
		if change := units(f.In) - units(f.Out); change != 0 {
			out[name] = money.Cash(change)
		}
	}
	return out
}

// payoutsOf is what a transaction's redemptions brought, by condition.
func payoutsOf(who Identity, logs []polymarket.Log) map[msgs.ConditionID]money.Cash {
	out := map[msgs.ConditionID]money.Cash{}
	for condition, payout := range who.Contracts.Payouts(logs) {
		out[msgs.ConditionID(condition.Hex())] = money.Cash(units(payout))
	}
	return out
}

// nonce is the wallet's at a block; there is false where nothing stands at its address.
func (a *sighting) nonce(ctx context.Context, at *evm.Header) (n uint64, there bool, err error) {
	q, ok := nonceOf(a.who)
	if !ok {
		return 0, true, nil
	}
	var said hexutil.Bytes
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_call", Args: []any{q.Object(), at.Number}, Result: &said}); err != nil {
		return 0, false, err
	}
	in := answers{left: [][]byte{said}}
	n, there = in.nonce()
	return n, there, in.err
}

// receipt is a transaction with its input, nil when it is not in the endpoint's chain.
func (a *sighting) receipt(ctx context.Context, hash common.Hash) (*receipt, error) {
	var r *receipt
	var tx *struct {
		Input hexutil.Bytes `json:"input"`
	}
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{hash}, Result: &r},
		rpc.BatchElem{Method: "eth_getTransactionByHash", Args: []any{hash}, Result: &tx}); err != nil || r == nil || tx == nil {
		return nil, err
	}
	var block *evm.Header
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{r.Block, false}, Result: &block}); err != nil {
		return nil, err
	}
	if block == nil || block.Hash != r.BlockHash {
		return nil, nil // of a block that was abandoned
	}
	r.input = tx.Input
	return r, nil
}

// ask puts questions; the first that is not answered is the error.
func (a *sighting) ask(ctx context.Context, questions ...rpc.BatchElem) error {
	if err := a.n.Client.Client().BatchCallContext(ctx, questions); err != nil {
		return err
	}
	for _, q := range questions {
		if q.Error != nil {
			return q.Error
		}
	}
	return nil
}
