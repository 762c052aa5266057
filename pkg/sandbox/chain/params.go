package chain

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

type hexBytes = hexutil.Bytes

func invalid(format string, args ...any) error {
	return &rpcError{Code: codeParams, Message: fmt.Sprintf(format, args...)}
}

// param reads a parameter that must be there.
func param[T any](all []json.RawMessage, i int, name string) (T, error) {
	var v T
	if i >= len(all) || string(all[i]) == "null" {
		return v, invalid("missing value for required argument %d", i)
	}
	if err := json.Unmarshal(all[i], &v); err != nil {
		return v, invalid("invalid argument %d (%s): %v", i, name, err)
	}
	return v, nil
}

// optional reads a parameter that may be missing or null.
func optional[T any](all []json.RawMessage, i int) (T, error) {
	if i >= len(all) || string(all[i]) == "null" {
		var v T
		return v, nil
	}
	return param[T](all, i, "option")
}

// blockTag names a block in the ways of the wire: a word, a number, or an object with a hash or a number.
type blockTag struct {
	height Height
	hash   *common.Hash
	set    bool
}

// UnmarshalJSON reads a tag.
func (t *blockTag) UnmarshalJSON(b []byte) error {
	t.set = true
	var object struct {
		Hash   *common.Hash    `json:"blockHash"`
		Number *hexutil.Uint64 `json:"blockNumber"`
	}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &object); err != nil {
			return err
		}
		if object.Number != nil {
			t.height = Height(*object.Number)
			return nil
		}
		t.hash = object.Hash
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	switch text {
	case "latest":
		t.height = Latest
	case "pending":
		t.height = Pending
	case "finalized":
		t.height = Finalized
	case "safe":
		t.height = Safest
	case "earliest":
		t.height = Earliest
	default:
		n, err := hexutil.DecodeUint64(text)
		if err != nil {
			return err
		}
		t.height = Height(n)
	}
	return nil
}

// find finds the block that a tag names; a tag that was left out names the latest.
func (v view) find(t blockTag) (*sealed, error) {
	var s *sealed
	switch {
	case t.hash != nil:
		s = v.byHash(*t.hash)
	case !t.set:
		s = v.head()
	default:
		s = v.block(t.height)
	}
	if s == nil {
		return nil, &rpcError{Code: codeServer, Message: "header not found"}
	}
	return s, nil
}

// callObject is the first parameter of eth_call and eth_estimateGas. Prices are read and left aside: such calls are free.
type callObject struct {
	From  common.Address  `json:"from"`
	To    *common.Address `json:"to"`
	Gas   hexutil.Uint64  `json:"gas"`
	Value *hexutil.Big    `json:"value"`
	Data  hexutil.Bytes   `json:"data"`
	Input hexutil.Bytes   `json:"input"`
}

func (o callObject) call() Call {
	c := Call{From: o.From, To: o.To, Gas: uint64(o.Gas), Data: o.Data}
	if len(o.Input) > 0 {
		c.Data = o.Input
	}
	if o.Value != nil {
		c.Value = (*big.Int)(o.Value)
	}
	return c
}

// logQuery is the parameter of eth_getLogs and of a subscription to logs.
type logQuery struct {
	Hash    *common.Hash      `json:"blockHash"`
	From    blockTag          `json:"fromBlock"`
	To      blockTag          `json:"toBlock"`
	Address json.RawMessage   `json:"address"`
	Topics  []json.RawMessage `json:"topics"`
}

func (q logQuery) filter() (Filter, error) {
	var f Filter
	var err error
	if f.Addresses, err = oneOrMany[common.Address](q.Address); err != nil {
		return f, invalid("invalid address in filter: %v", err)
	}
	for _, raw := range q.Topics {
		t, err := oneOrMany[common.Hash](raw)
		if err != nil {
			return f, invalid("invalid topic(s): %v", err)
		}
		f.Topics = append(f.Topics, t)
	}
	return f, nil
}

// oneOrMany reads a value, a list of values, or nothing.
func oneOrMany[T any](raw json.RawMessage) ([]T, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] == '[' {
		var many []T
		err := json.Unmarshal(raw, &many)
		return many, err
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, err
	}
	return []T{one}, nil
}
