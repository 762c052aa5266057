package chain

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
)

// do runs one method. s is nil over HTTP.
func (e *Endpoint) do(r request, s *socket) (any, error) {
	var params []json.RawMessage
	if len(r.Params) > 0 && string(r.Params) != "null" {
		if err := json.Unmarshal(r.Params, &params); err != nil {
			return nil, invalid("non-array args")
		}
	}
	switch r.Method {
	case "eth_sendRawTransaction":
		return e.send(params)
	case "eth_subscribe", "eth_unsubscribe":
		if s == nil {
			return nil, &rpcError{Code: codeMethod, Message: "notifications not supported"}
		}
		if r.Method == "eth_subscribe" {
			return s.subscribe(params)
		}
		return s.unsubscribe(params)
	}
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	return e.view().read(r.Method, params)
}

func (e *Endpoint) send(params []json.RawMessage) (any, error) {
	raw, err := param[hexutil.Bytes](params, 0, "transaction")
	if err != nil {
		return nil, err
	}
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(raw); err != nil {
		return nil, &rpcError{Code: codeServer, Message: err.Error()}
	}
	send := e.c.Send
	if e.loseNow() {
		send = e.c.lose
	}
	if err := send(tx); err != nil {
		return nil, err
	}
	return tx.Hash(), nil
}

// read answers what only reads.
func (v view) read(method string, params []json.RawMessage) (any, error) {
	switch method {
	case "eth_chainId":
		return hexutil.Uint64(ID), nil
	case "net_version":
		return fmt.Sprint(ID), nil
	case "web3_clientVersion":
		return "sluice-sandbox", nil
	case "eth_syncing":
		return false, nil
	case "eth_accounts":
		return []common.Address{}, nil
	case "eth_blockNumber":
		return hexutil.Uint64(v.top), nil
	case "eth_maxPriorityFeePerGas":
		return (*hexutil.Big)(big.NewInt(MinTip)), nil
	case "eth_gasPrice":
		return (*hexutil.Big)(new(big.Int).Add(v.c.baseFee, big.NewInt(MinTip))), nil
	case "eth_feeHistory":
		return v.feeHistory(params)
	case "eth_getBalance", "eth_getCode", "eth_getTransactionCount", "eth_getStorageAt":
		return v.account(method, params)
	case "eth_call", "eth_estimateGas":
		return v.callOrEstimate(method, params)
	case "eth_getLogs":
		return v.getLogs(params)
	case "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getBlockReceipts":
		return v.getBlock(method, params)
	case "eth_getTransactionByHash", "eth_getTransactionReceipt":
		return v.getTransaction(method, params)
	}
	return nil, &rpcError{Code: codeMethod, Message: fmt.Sprintf("the method %s does not exist/is not available", method)}
}

func (v view) account(method string, params []json.RawMessage) (any, error) {
	a, err := param[common.Address](params, 0, "address")
	if err != nil {
		return nil, err
	}
	last := 1
	var slot string
	if method == "eth_getStorageAt" {
		last = 2
		if slot, err = param[string](params, 1, "slot"); err != nil {
			return nil, err
		}
	}
	tag, err := optional[blockTag](params, last)
	if err != nil {
		return nil, err
	}
	s, err := v.find(tag)
	if err != nil {
		return nil, err
	}
	st, err := v.c.stateOf(s)
	if err != nil {
		return nil, err
	}
	switch method {
	case "eth_getBalance":
		return (*hexutil.Big)(st.GetBalance(a).ToBig()), nil
	case "eth_getCode":
		return hexutil.Bytes(st.GetCode(a)), nil
	case "eth_getStorageAt":
		return st.GetState(a, common.HexToHash(slot)), nil
	}
	return hexutil.Uint64(v.nonce(st, a, tag)), nil
}

// nonce is the next one of an account; asked for "pending", behind what waits.
func (v view) nonce(st *state.StateDB, a common.Address, tag blockTag) uint64 {
	n := st.GetNonce(a)
	if tag.set && tag.height == Pending {
		for v.c.pool.by[a][n] != nil {
			n++
		}
	}
	return n
}

func (v view) callOrEstimate(method string, params []json.RawMessage) (any, error) {
	o, err := param[callObject](params, 0, "call")
	if err != nil {
		return nil, err
	}
	tag, err := optional[blockTag](params, 1)
	if err != nil {
		return nil, err
	}
	call := o.call()
	if call.replaced, err = v.overridden(params, 2); err != nil {
		return nil, err
	}
	s, err := v.find(tag)
	if err != nil {
		return nil, err
	}
	if method == "eth_estimateGas" {
		gas, err := v.estimate(s, call)
		return hexutil.Uint64(gas), err
	}
	out, err := v.callAt(s, call)
	return hexutil.Bytes(out.out), err
}

func (v view) getLogs(params []json.RawMessage) (any, error) {
	q, err := param[logQuery](params, 0, "filter")
	if err != nil {
		return nil, err
	}
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	if q.Hash != nil {
		s := v.byHash(*q.Hash)
		if s == nil {
			return nil, &rpcError{Code: codeServer, Message: "unknown block"}
		}
		return s.logs(f), nil
	}
	return v.logs(v.bound(q.From), v.bound(q.To), f)
}

// bound is the number that a tag stands for; a number beyond the head stays what it is.
func (v view) bound(t blockTag) uint64 {
	if t.set && t.height >= 0 {
		return uint64(t.height)
	}
	s, err := v.find(t)
	if err != nil {
		return v.top
	}
	return s.number()
}

func (v view) getBlock(method string, params []json.RawMessage) (any, error) {
	var s *sealed
	if method == "eth_getBlockByHash" {
		h, err := param[common.Hash](params, 0, "hash")
		if err != nil {
			return nil, err
		}
		s = v.byHash(h)
	} else {
		tag, err := param[blockTag](params, 0, "block")
		if err != nil {
			return nil, err
		}
		s, _ = v.find(tag) // an unknown block is null
	}
	if s == nil {
		return nil, nil
	}
	if method == "eth_getBlockReceipts" {
		out := []any{}
		for i := range s.receipts {
			out = append(out, v.c.receiptJSON(s, i))
		}
		return out, nil
	}
	full, err := optional[bool](params, 1)
	if err != nil {
		return nil, err
	}
	return v.c.blockJSON(s, full), nil
}

func (v view) getTransaction(method string, params []json.RawMessage) (any, error) {
	h, err := param[common.Hash](params, 0, "hash")
	if err != nil {
		return nil, err
	}
	p, ok := v.found(h)
	switch {
	case ok && method == "eth_getTransactionReceipt":
		return v.c.receiptJSON(p.in, p.index), nil
	case ok:
		return v.c.txJSON(p.in.block.Transactions()[p.index], &p), nil
	case method == "eth_getTransactionByHash" && v.c.pool.all[h] != nil:
		return v.c.txJSON(v.c.pool.all[h], nil), nil
	}
	return nil, nil
}

// maxFeeHistory is a node's bound on the blocks of one question.
const maxFeeHistory = 1024

func (v view) feeHistory(params []json.RawMessage) (any, error) {
	count, err := param[hexutil.Uint64](params, 0, "block count")
	if err != nil {
		return nil, err
	}
	tag, err := optional[blockTag](params, 1)
	if err != nil {
		return nil, err
	}
	percentiles, err := optional[[]json.Number](params, 2)
	if err != nil {
		return nil, err
	}
	last, err := v.find(tag)
	if err != nil {
		return nil, err
	}
	n := min(uint64(count), maxFeeHistory, last.number()-v.c.blocks[0].number()+1)
	out := struct {
		Oldest  hexutil.Uint64   `json:"oldestBlock"`
		BaseFee []*hexutil.Big   `json:"baseFeePerGas"`
		Used    []json.Number    `json:"gasUsedRatio"`
		Reward  [][]*hexutil.Big `json:"reward,omitempty"`
	}{Oldest: hexutil.Uint64(last.number() + 1 - n)}
	for i := range n {
		b := v.c.at(last.number() + 1 - n + i).block
		out.BaseFee = append(out.BaseFee, (*hexutil.Big)(b.BaseFee()))
		out.Used = append(out.Used, json.Number(new(big.Rat).SetFrac64(int64(b.GasUsed()), gasLimit).FloatString(6)))
		if len(percentiles) > 0 {
			out.Reward = append(out.Reward, tips(b, len(percentiles)))
		}
	}
	out.BaseFee = append(out.BaseFee, (*hexutil.Big)(v.c.baseFee))
	return out, nil
}

// tips answers every percentile with the least tip of the block: blocks here are never full, so that is what it took.
func tips(b *types.Block, n int) []*hexutil.Big {
	least := big.NewInt(MinTip)
	for i, tx := range b.Transactions() {
		if t := tx.EffectiveGasTipValue(b.BaseFee()); i == 0 || t.Cmp(least) < 0 {
			least = t
		}
	}
	out := make([]*hexutil.Big, n)
	for i := range out {
		out[i] = (*hexutil.Big)(least)
	}
	return out
}
