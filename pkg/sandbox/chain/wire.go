package chain

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// blockJSON is a block as nodes show it, with its transactions or their hashes.
func (c *Chain) blockJSON(s *sealed, full bool) map[string]any {
	out := headerJSON(s.block.Header())
	out["size"] = hexutil.Uint64(s.block.Size())
	out["totalDifficulty"] = hexutil.Uint64(0)
	out["uncles"] = []common.Hash{}
	txs := []any{}
	for i, tx := range s.block.Transactions() {
		if full {
			txs = append(txs, c.txJSON(tx, &place{s, i}))
		} else {
			txs = append(txs, tx.Hash())
		}
	}
	out["transactions"] = txs
	return out
}

// txJSON is a transaction as nodes show it; one that waits has no place.
func (c *Chain) txJSON(tx *types.Transaction, at *place) map[string]any {
	out := map[string]any{}
	b, err := tx.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("transaction to JSON: %v", err)) // the type's own encoding, read back
	}
	out["from"] = c.sender(tx)
	out["blockHash"], out["blockNumber"], out["transactionIndex"] = nil, nil, nil
	if out["gasPrice"] == nil {
		out["gasPrice"] = (*hexutil.Big)(tx.GasFeeCap())
	}
	if at != nil {
		out["blockHash"], out["blockNumber"] = at.in.hash(), hexutil.Uint64(at.in.number())
		out["transactionIndex"] = hexutil.Uint64(at.index)
		out["gasPrice"] = (*hexutil.Big)(at.in.receipts[at.index].EffectiveGasPrice)
	}
	return out
}

func (c *Chain) sender(tx *types.Transaction) common.Address {
	from, err := types.Sender(c.signer, tx)
	if err != nil {
		panic(fmt.Sprintf("sender of %s: %v", tx.Hash(), err)) // checked when it was taken
	}
	return from
}

// receiptJSON is a receipt as nodes show it.
func (c *Chain) receiptJSON(s *sealed, i int) map[string]any {
	tx, r := s.block.Transactions()[i], s.receipts[i]
	logs := r.Logs
	if logs == nil {
		logs = []*types.Log{}
	}
	out := map[string]any{
		"blockHash": s.hash(), "blockNumber": hexutil.Uint64(s.number()), "transactionHash": tx.Hash(), "transactionIndex": hexutil.Uint64(i),
		"from": c.sender(tx), "to": tx.To(), "contractAddress": nil, "type": hexutil.Uint64(tx.Type()), "status": hexutil.Uint64(r.Status),
		"gasUsed": hexutil.Uint64(r.GasUsed), "cumulativeGasUsed": hexutil.Uint64(r.CumulativeGasUsed), "logsBloom": r.Bloom, "logs": logs,
		"effectiveGasPrice": (*hexutil.Big)(new(big.Int).Set(r.EffectiveGasPrice)),
	}
	if r.ContractAddress != (common.Address{}) {
		out["contractAddress"] = r.ContractAddress
	}
	return out
}
