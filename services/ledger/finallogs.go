package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
)

const (
	// lookEvery is how often the chain is asked for a new final block: Polygon has one in two seconds.
	lookEvery = time.Second
	// hashAhead is up to how many blocks are read one by one, each by its hash and held against its parent; more are read by
	// their range, which a node answers at once.
	hashAhead = 16
	// rangeMost and rangeLeast bound how many blocks one such question is about: half as many after one that failed.
	rangeMost, rangeLeast = 1000, 1
	// txBits are the lower bits of a transaction's number, for its place in its block; the block's number stands above.
	txBits = 20
)

// Onchain says what of a chain concerns the books.
type Onchain struct {
	Pool      *evm.Pool
	Cash      common.Address   // the collateral, an ERC-20 of six decimals
	Positions common.Address   // the outcome tokens, an ERC-1155 of six decimals
	Exchanges []common.Address // that tell OrderFilled
	Wallets   []common.Address
	From      uint64 // the first block: not after the first transaction of any wallet
	// Local is a chain that begins anew with its program, and on which wallets have something from the start. It is told from
	// others by its first block; From is the one after it, and what wallets have there of the collateral and of Held is told as
	// the first transaction. The endpoints must still know the first block's state when a file of books begins.
	Local bool
	Held  []*big.Int
}

// finalLogs reads the final blocks of a chain by their logs. What is final is not taken back, so that nothing it tells is ever
// undone: until then a settlement is leaving and coming. A transaction's number is its block's and its place in it, so that it
// can go on from any without a memory.
type finalLogs struct {
	cfg   Onchain
	chain string // empty: a local one that was not asked yet
	given *Tx    // what wallets of a local chain had from the start

	next uint64 // first block that was not read
	last common.Hash
	told uint64 // number of the last transaction that was told
	span uint64
}

// FinalLogs follows a chain through its RPC endpoints. One question is put at a time.
func FinalLogs(cfg Onchain) Transfers {
	f := &finalLogs{cfg: cfg, span: rangeMost}
	if !cfg.Local {
		f.chain = "evm " + strconv.FormatUint(cfg.Pool.ChainID(), 10)
	}
	return f
}

// ForkError reports a final block that stands on another than the final one before it.
type ForkError struct {
	Number       uint64
	Parent, Have common.Hash
}

func (e *ForkError) Error() string { return e.Cause() + "; " + e.Fix() }

// Cause says what is wrong.
func (e *ForkError) Cause() string {
	return fmt.Sprintf("the final block %d stands on %s, and the final block before it was %s: a final part of the chain was replaced, or an endpoint lies", e.Number, e.Parent, e.Have)
}

// Fix says what to do.
func (e *ForkError) Fix() string {
	return "compare the RPC endpoints with another source; when the chain was replaced, begin a new file with --db"
}

// After reads on from a transaction.
func (f *finalLogs) After(ctx context.Context, chain string, seq uint64, wait time.Duration) (Page, error) {
	if f.chain == "" {
		if err := f.begin(ctx); err != nil {
			return Page{Chain: chain}, err
		}
	}
	p := Page{Chain: f.chain}
	if chain != "" && chain != f.chain {
		return p, nil
	}
	if f.given != nil && seq == 0 {
		given := *f.given
		f.given, p.Txs = nil, []Tx{given}
		f.next, f.told = f.cfg.From, given.Seq
		return p, nil
	}
	if f.next == 0 || seq != f.told {
		// The block of seq may have been taken in part.
		f.next, f.last, f.told = max(f.cfg.From, seq>>txBits), common.Hash{}, seq
	}
	for end := time.Now().Add(wait); ; {
		final := f.cfg.Pool.Finalized(ctx)
		for f.next <= final && len(p.Txs) == 0 {
			txs, err := f.read(ctx, final)
			if _, forked := errors.AsType[*ForkError](err); forked && f.cfg.Local {
				f.chain, f.next = "", 0 // it has begun anew
			}
			if err != nil {
				return p, err
			}
			for _, x := range txs {
				if x.Seq > seq {
					p.Txs = append(p.Txs, x)
				}
			}
		}
		if n := len(p.Txs); n > 0 {
			f.told = p.Txs[n-1].Seq
		}
		if len(p.Txs) > 0 || !time.Now().Before(end) {
			if final == 0 {
				return p, errors.New("no RPC endpoint tells a final block")
			}
			return p, nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return p, err
		}
	}
}

// read reads the next blocks up to final, at one endpoint, and goes past them.
func (f *finalLogs) read(ctx context.Context, final uint64) (txs []Tx, err error) {
	from, to := f.next, min(final, f.next+f.span-1)
	byHash := final-from < hashAhead
	if byHash {
		to = from
	}
	var head *evm.Header
	var logs []types.Log
	err = f.cfg.Pool.Read(ctx, func(ctx context.Context, n *evm.Node) (err error) {
		if head, err = headerAt(ctx, n, to); err != nil {
			return err
		}
		where := map[string]any{"fromBlock": hexutil.EncodeUint64(from), "toBlock": hexutil.EncodeUint64(to)}
		if byHash {
			where = map[string]any{"blockHash": head.Hash}
		}
		logs, err = f.logs(ctx, n, where)
		return err
	})
	switch {
	case err != nil && !byHash && f.span > rangeLeast && ctx.Err() == nil:
		f.span /= 2 // it may have been too much for a node
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read block %d: %w", to, err)
	case byHash && f.last != (common.Hash{}) && head.Parent != f.last:
		return nil, &ForkError{Number: to, Parent: head.Parent, Have: f.last}
	}
	if txs, err = f.gather(logs, from, to, head); err != nil {
		return nil, err
	}
	f.next, f.last, f.span = to+1, head.Hash, min(rangeMost, f.span+f.span/2+1)
	return txs, nil
}

func headerAt(ctx context.Context, n *evm.Node, number uint64) (h *evm.Header, err error) {
	if err := n.Client.Client().CallContext(ctx, &h, "eth_getBlockByNumber", hexutil.EncodeUint64(number), false); err != nil {
		return nil, err
	}
	if h == nil || uint64(h.Number) != number {
		return nil, fmt.Errorf("block %d: %w", number, errNoBlock)
	}
	return h, nil
}

var errNoBlock = errors.New("header not found")

// logs asks for everything that concerns the wallets: one batch, because topics are ANDed by their place.
func (f *finalLogs) logs(ctx context.Context, n *evm.Node, where map[string]any) (out []types.Log, err error) {
	var who []common.Hash
	for _, w := range f.cfg.Wallets {
		who = append(who, common.BytesToHash(w.Bytes()))
	}
	moves := []string{topicSingle, topicBatch}
	var batch []rpc.BatchElem
	for _, q := range []struct {
		address []common.Address
		topics  []any
	}{
		{[]common.Address{f.cfg.Cash}, []any{topicTransfer, who}},
		{[]common.Address{f.cfg.Cash}, []any{topicTransfer, nil, who}},
		{[]common.Address{f.cfg.Positions}, []any{moves, nil, who}},
		{[]common.Address{f.cfg.Positions}, []any{moves, nil, nil, who}},
		{f.cfg.Exchanges, []any{topicFilled, nil, who}},
	} {
		arg := map[string]any{"address": q.address, "topics": q.topics}
		for k, v := range where {
			arg[k] = v
		}
		batch = append(batch, rpc.BatchElem{Method: "eth_getLogs", Args: []any{arg}, Result: new([]types.Log)})
	}
	if err := n.Client.Client().BatchCallContext(ctx, batch); err != nil {
		return nil, err
	}
	for _, b := range batch {
		if b.Error != nil {
			return nil, b.Error
		}
		out = append(out, *b.Result.(*[]types.Log)...)
	}
	return out, nil
}

// gather puts logs into their transactions, in the order of the chain. What moved between two own wallets was found twice.
func (f *finalLogs) gather(logs []types.Log, from, to uint64, head *evm.Header) (out []Tx, err error) {
	slices.SortFunc(logs, func(a, b types.Log) int {
		return cmp.Or(cmp.Compare(a.BlockNumber, b.BlockNumber), cmp.Compare(a.TxIndex, b.TxIndex), cmp.Compare(a.Index, b.Index))
	})
	logs = slices.CompactFunc(logs, func(a, b types.Log) bool { return a.BlockHash == b.BlockHash && a.Index == b.Index })
	for _, l := range logs {
		if l.Removed || l.BlockNumber < from || l.BlockNumber > to || from == to && l.BlockHash != head.Hash || l.TxIndex >= 1<<txBits {
			return nil, fmt.Errorf("a log of block %d %s was answered for blocks %d to %d", l.BlockNumber, l.BlockHash, from, to)
		}
		seq := l.BlockNumber<<txBits | uint64(l.TxIndex)
		if n := len(out); n == 0 || out[n-1].Seq != seq {
			out = append(out, Tx{Seq: seq, Block: l.BlockNumber, AtMS: int64(l.BlockTimestamp) * 1000, Hash: msgs.TxHash(l.TxHash.Hex()), Final: true})
		}
		x := &out[len(out)-1]
		more, err := f.cfg.decode(&l)
		if err != nil {
			return nil, fmt.Errorf("read log %d of transaction %s: %w", l.Index, l.TxHash, err)
		}
		x.Logs = append(x.Logs, more...)
	}
	return out, nil
}

// number is an amount of 256 bits; what cannot be counted is −1.
func number(b []byte) int64 {
	if n := new(big.Int).SetBytes(b); n.IsInt64() {
		return n.Int64()
	}
	return -1
}
