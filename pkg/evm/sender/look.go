package sender

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
)

// maxBatch bounds the calls in one request; public endpoints take about as many.
const maxBatch = 40

// look asks every endpoint that is up to date for its sight, all of it from the one endpoint, and makes one of them.
func look(ctx context.Context, pool *evm.Pool, account common.Address, hashes []common.Hash) (Sight, error) {
	var mu sync.Mutex
	var all []Sight
	errs := pool.Each(ctx, func(ctx context.Context, n *evm.Node) error {
		s, err := lookAt(ctx, n, account, hashes)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, s)
		}
		return err
	})
	if ctx.Err() != nil {
		return Sight{}, ctx.Err()
	}
	if len(all) == 0 {
		return Sight{}, fmt.Errorf("look at the chain: %w", &evm.UnavailableError{Causes: errs})
	}
	return Agree(all), nil
}

// receipt is what is needed of one.
type receipt struct {
	Block     hexutil.Uint64 `json:"blockNumber"`
	BlockHash common.Hash    `json:"blockHash"`
	Status    hexutil.Uint64 `json:"status"`
	GasUsed   hexutil.Uint64 `json:"gasUsed"`
	Price     *hexutil.Big   `json:"effectiveGasPrice"`
}

// lookAt makes the sight of one endpoint. A question that is not answered fails all of it: a receipt that could not be
// asked for must not look like one that does not exist.
func lookAt(ctx context.Context, n *evm.Node, account common.Address, hashes []common.Hash) (Sight, error) {
	var latest, final *evm.Header
	var nonce, finalNonce hexutil.Uint64
	var tip, balance hexutil.Big
	receipts := make([]*receipt, len(hashes))
	questions := []rpc.BatchElem{
		{Method: "eth_getBlockByNumber", Args: []any{"finalized", false}, Result: &final},
		{Method: "eth_getTransactionCount", Args: []any{account, "finalized"}, Result: &finalNonce},
		{Method: "eth_getTransactionCount", Args: []any{account, "latest"}, Result: &nonce},
		{Method: "eth_getBalance", Args: []any{account, "latest"}, Result: &balance},
		{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &latest},
	}
	for i, h := range hashes {
		questions = append(questions, rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{h}, Result: &receipts[i]})
	}
	if err := ask(ctx, n, questions); err != nil {
		return Sight{}, err
	}
	if latest == nil || final == nil || latest.BaseFee == nil {
		return Sight{}, errors.New("it has no latest block with a base fee, or no finalized one")
	}
	// Some endpoints do not know this method; what we offer at least is enough then.
	if err := n.Client.Client().CallContext(ctx, &tip, "eth_maxPriorityFeePerGas"); err != nil && ctx.Err() != nil {
		return Sight{}, err
	}
	s := Sight{
		Head: uint64(latest.Number), HeadAt: latest.At(), Nonce: uint64(nonce), FinalNonce: uint64(finalNonce),
		Base: evm.WeiFrom(latest.BaseFee.ToInt()), Tip: evm.WeiFrom(tip.ToInt()), Balance: evm.WeiFrom(balance.ToInt()), Mined: map[common.Hash]Inclusion{},
	}
	return s, canonical(ctx, n, s, uint64(final.Number), hashes, receipts)
}

// canonical puts the receipts into s whose block is the chain's at its height.
func canonical(ctx context.Context, n *evm.Node, s Sight, final uint64, hashes []common.Hash, receipts []*receipt) error {
	var questions []rpc.BatchElem
	blocks := make([]*evm.Header, len(hashes))
	for i, r := range receipts {
		if r != nil {
			questions = append(questions, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{r.Block, false}, Result: &blocks[i]})
		}
	}
	if err := ask(ctx, n, questions); err != nil {
		return err
	}
	for i, r := range receipts {
		if r == nil || blocks[i] == nil || blocks[i].Hash != r.BlockHash {
			continue
		}
		s.Mined[hashes[i]] = Inclusion{
			Block: uint64(r.Block), BlockHash: r.BlockHash, Status: r.Status == 1, GasUsed: uint64(r.GasUsed),
			Price: evm.WeiFrom(r.Price.ToInt()), Final: uint64(r.Block) <= final,
		}
	}
	return nil
}

// ask puts questions, so many at once; the first that is not answered is the error.
func ask(ctx context.Context, n *evm.Node, questions []rpc.BatchElem) error {
	for len(questions) > 0 {
		some := questions[:min(len(questions), maxBatch)]
		questions = questions[len(some):]
		if err := n.Client.Client().BatchCallContext(ctx, some); err != nil {
			return err
		}
		for _, q := range some {
			if q.Error != nil {
				return q.Error
			}
		}
	}
	return nil
}
