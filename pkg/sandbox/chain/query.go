package chain

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/holiman/uint256"
)

// Call is what eth_call and eth_estimateGas are asked to run.
type Call struct {
	From  common.Address
	To    *common.Address // nil creates a contract
	Data  []byte
	Value *big.Int
	Gas   uint64 // 0 means a block's

	replaced map[common.Address]replaced // state overrides; nil: none
}

// RevertError is a contract's refusal.
type RevertError struct {
	// Data is what the contract said; often a text.
	Data []byte
}

// Error gives the text when there is one.
func (e *RevertError) Error() string {
	if r := reason(e.Data); r != "" {
		return "execution reverted: " + r
	}
	return "execution reverted"
}

// reason is the text in what a contract said on failing.
func reason(data []byte) string {
	text, err := abi.UnpackRevert(data)
	if err != nil {
		return ""
	}
	return text
}

// Height names a block: by number, or one of the heights relative to the head.
type Height int64

// The relative heights.
const (
	Latest    Height = -1
	Pending   Height = -2 // the head here: nobody knows what the next block holds
	Finalized Height = -3
	Safest    Height = -4 // "safe" on the wire
	Earliest  Height = -5
)

// view is the chain as it was when its head was a certain block. All reads go through one.
type view struct {
	c   *Chain
	top uint64

	overrides Overrides
}

// view is called under the lock. It lags behind the head by so many blocks.
func (c *Chain) view(lag uint64) view {
	top := c.head().number()
	return view{c: c, top: max(c.blocks[0].number(), top-min(lag, top))}
}

func (v view) head() *sealed { return v.c.at(v.top) }

// block finds a block by height; nil when there is none (yet).
func (v view) block(h Height) *sealed {
	first := v.c.blocks[0].number()
	switch h {
	case Latest, Pending:
		return v.head()
	case Finalized, Safest:
		return v.c.at(max(first, v.top-min(v.c.cfg.FinalDepth, v.top)))
	case Earliest:
		return v.c.blocks[0]
	}
	if h < 0 || uint64(h) > v.top {
		return nil
	}
	return v.c.at(uint64(h))
}

// byHash finds a block by its hash, an abandoned one too; nil when it is unknown or above the view.
func (v view) byHash(hash common.Hash) *sealed {
	if s := v.c.byHash[hash]; s != nil && s.number() <= v.top {
		return s
	}
	return nil
}

// found is where a transaction stands in this view.
func (v view) found(hash common.Hash) (place, bool) {
	p, ok := v.c.included[hash]
	return p, ok && p.in.number() <= v.top
}

// callAt runs a call on the state behind a block. The error of a contract that refuses is a *RevertError.
func (v view) callAt(s *sealed, call Call) (outcome, error) {
	st, err := v.c.stateOf(s)
	if err != nil {
		return outcome{}, err
	}
	if err := override(st, call.replaced); err != nil {
		return outcome{}, err
	}
	return v.c.try(st, s, call)
}

func (c *Chain) try(st *state.StateDB, s *sealed, call Call) (outcome, error) {
	value := new(uint256.Int)
	if call.Value != nil && value.SetFromBig(call.Value) {
		return outcome{}, errors.New("value exceeds 256 bits")
	}
	gas := call.Gas
	if gas == 0 || gas > gasLimit {
		gas = gasLimit
	}
	o, err := c.run(st, s.block.Header(), message{from: call.From, to: call.To, data: call.Data, value: value, gas: gas})
	if err != nil {
		return o, err
	}
	if errors.Is(o.err, vm.ErrExecutionReverted) {
		return o, &RevertError{o.out}
	}
	return o, o.err
}

// estimate finds the least gas with which a call succeeds: more than it uses, because an inner call gets at most 63/64.
func (v view) estimate(s *sealed, call Call) (uint64, error) {
	high := call.Gas
	if high == 0 || high > gasLimit {
		high = gasLimit
	}
	at := func(gas uint64) (outcome, error) {
		call.Gas = gas
		return v.callAt(s, call)
	}
	o, err := at(high)
	if err != nil {
		return 0, err
	}
	low := o.gas - 1
	for low+1 < high {
		if high-low < high*15/1000 { // a node stops searching there too
			break
		}
		mid := (low + high) / 2
		if mid > low*2 {
			mid = low * 2
		}
		if _, err := at(mid); err != nil {
			low = mid
		} else {
			high = mid
		}
	}
	return high, nil
}

// Filter chooses logs. Topics are ANDed by position, and each position is an OR; an empty one takes everything.
type Filter struct {
	Addresses []common.Address
	Topics    [][]common.Hash
}

func (f Filter) takes(l *types.Log) bool {
	if len(f.Addresses) > 0 && !holds(f.Addresses, l.Address) || len(f.Topics) > len(l.Topics) {
		return false
	}
	for i, any := range f.Topics {
		if len(any) > 0 && !holds(any, l.Topics[i]) {
			return false
		}
	}
	return true
}

func holds[T comparable](all []T, one T) bool {
	for _, x := range all {
		if x == one {
			return true
		}
	}
	return false
}

func (s *sealed) logs(f Filter) []*types.Log {
	out := []*types.Log{}
	for _, r := range s.receipts {
		for _, l := range r.Logs {
			if f.takes(l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// maxLogRange and maxLogs bound one question for logs, as public nodes do.
const (
	maxLogRange = 10_000
	maxLogs     = 10_000
)

// logs are those of the blocks from one number to another, both taken in. Blocks above the view have none, which is what a
// node that lags says too: that is the trap to test against.
func (v view) logs(from, to uint64, f Filter) ([]*types.Log, error) {
	if from > to {
		return nil, errors.New("invalid block range params")
	}
	if to-from >= maxLogRange {
		return nil, fmt.Errorf("block range too large, range: %d, max: %d", to-from, maxLogRange)
	}
	out := []*types.Log{}
	for n := max(from, v.c.blocks[0].number()); n <= min(to, v.top); n++ {
		if out = append(out, v.c.at(n).logs(f)...); len(out) > maxLogs {
			return nil, fmt.Errorf("query returned more than %d results", maxLogs)
		}
	}
	return out, nil
}
