package relayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"sluice/pkg/evm"
	"sluice/pkg/polymarket"
)

// Bounds of looking for what has used a nonce.
const (
	logsAtOnce = 2_000   // blocks in one question for events; more is refused by some endpoints
	logsBack   = 100_000 // blocks that are looked through: two days
	// maxMoves bounds the transactions that moved something of a deposit wallet's and are looked into: days of busy trading.
	maxMoves = 5_000
	// txsAtOnce is how many of them are asked for in one request.
	txsAtOnce = 100
)

// user finds what has used the unit's nonce.
func (a *sighting) user(ctx context.Context, now, final uint64, hints []polymarket.Hash) (fate, error) {
	for _, h := range hints {
		r, err := a.receipt(ctx, h)
		if err != nil {
			return fate{}, err
		}
		if r == nil {
			continue
		}
		if f, found := a.judge(r); found {
			f.final = uint64(r.Block) <= uint64(a.final.Number) && final > a.Unit.Nonce
			a.tx = r
			return f, nil
		}
	}
	hash, err := a.nonceUser(ctx, now-a.Unit.Nonce)
	if err != nil {
		return fate{}, err
	}
	r, err := a.receipt(ctx, hash)
	if err != nil {
		return fate{}, err
	}
	if r == nil {
		return fate{}, errors.New("the transaction that used the nonce is not in the endpoint's chain")
	}
	f, found := a.judge(r)
	if !found {
		f = fate{used: true, usedBy: a.usedBy(r)}
	}
	f.final = uint64(r.Block) <= uint64(a.final.Number) && final > a.Unit.Nonce
	a.tx = r
	return f, nil
}

// usedBy is the Safe's own name for what a transaction made it do.
func (a *sighting) usedBy(r *receipt) string {
	if a.who.Kind != polymarket.Safe {
		return ""
	}
	for _, l := range r.Logs {
		if l.Address != a.who.Wallet || len(l.Topics) == 0 || !slices.Contains(polymarket.SafeTopics(), l.Topics[0]) {
			continue
		}
		if len(l.Topics) == 2 {
			return l.Topics[1].Hex()
		}
		if len(l.Data) >= len(common.Hash{}) {
			return common.Hash(l.Data[:len(common.Hash{})]).Hex()
		}
	}
	return ""
}

// nonceUser finds the transaction that used a nonce which is the k-th last of those that are used. A Safe and the hub write
// one event for each; a deposit wallet writes none that is known, so its are found by the transactions of the factory.
func (a *sighting) nonceUser(ctx context.Context, k uint64) (common.Hash, error) {
	var address common.Address
	var topics []any
	switch a.who.Kind {
	case polymarket.Safe:
		address, topics = a.who.Wallet, []any{polymarket.SafeTopics()}
	case polymarket.Proxy:
		address, topics = a.who.Contracts.RelayHub, []any{polymarket.HubTopic(), nil, common.BytesToHash(a.who.Owner.Bytes())}
	default:
		return a.batchUser(ctx)
	}
	head := uint64(a.head.Number)
	for to, low := head, head-min(head, logsBack); ; {
		from := max(low, to-min(to, logsAtOnce-1))
		var logs []eventLog
		filter := map[string]any{"address": address, "topics": topics, "fromBlock": hexutil.Uint64(from), "toBlock": hexutil.Uint64(to)}
		if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getLogs", Args: []any{filter}, Result: &logs}); err != nil {
			return common.Hash{}, err
		}
		slices.SortFunc(logs, func(x, y eventLog) int { return cmp.Or(cmp.Compare(y.Block, x.Block), cmp.Compare(y.Index, x.Index)) })
		if uint64(len(logs)) >= k {
			return logs[k-1].TxHash, nil
		}
		k -= uint64(len(logs))
		if from == low {
			return common.Hash{}, fmt.Errorf("nothing in the last %d blocks tells what used nonce %d", head-low, a.Unit.Nonce)
		}
		to = from - 1
	}
}

// searchBack is how many blocks back every endpoint still has the state of.
const searchBack = 100

// batchUser finds the transaction of the factory in the block in which a deposit wallet's nonce passed the unit's.
func (a *sighting) batchUser(ctx context.Context) (common.Hash, error) {
	high := uint64(a.head.Number) // the nonce has passed here
	low := high - min(high, searchBack)
	passed := func(block uint64) (bool, error) {
		n, _, err := a.nonce(ctx, &evm.Header{Number: hexutil.Uint64(block)})
		return n > a.Unit.Nonce, err
	}
	switch past, err := passed(low); {
	case err != nil:
		return common.Hash{}, err
	case past:
		return a.moverOf(ctx, low)
	}
	for low+1 < high {
		mid := low + (high-low)/2
		past, err := passed(mid)
		if err != nil {
			return common.Hash{}, err
		}
		if past {
			high = mid
		} else {
			low = mid
		}
	}
	var block *struct {
		Transactions []struct {
			Hash  common.Hash   `json:"hash"`
			Input hexutil.Bytes `json:"input"`
		} `json:"transactions"`
	}
	if err := a.ask(ctx, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{hexutil.Uint64(high), true}, Result: &block}); err != nil {
		return common.Hash{}, err
	}
	if block == nil {
		return common.Hash{}, errors.New("it does not have the block in which the nonce was used")
	}
	for _, tx := range block.Transactions {
		if a.usesNonce(tx.Input) {
			return tx.Hash, nil
		}
	}
	return common.Hash{}, fmt.Errorf("no transaction of block %d shows what used nonce %d", high, a.Unit.Nonce)
}

// usesNonce reports whether a transaction's calldata is the factory's with a batch of the wallet at the unit's nonce.
func (a *sighting) usesNonce(input []byte) bool {
	m, err := polymarket.DecodeCalldata(input)
	if err != nil {
		return false
	}
	d, ok := m.(polymarket.DepositProxy)
	return ok && slices.ContainsFunc(d.Batches, func(b polymarket.WalletBatch) bool { return b.Wallet == a.who.Wallet && b.Nonce == a.Unit.Nonce })
}

// moverOf finds the transaction that used a deposit wallet's nonce up to a block of which the state may be gone, among those that moved
// or permitted something of the wallet's since the unit was sealed: a batch that did neither is not found.
func (a *sighting) moverOf(ctx context.Context, to uint64) (common.Hash, error) {
	low := max(a.Unit.Block, to-min(to, logsBack))
	looked := 0
	for from := low; from <= to; from += logsAtOnce {
		moved, err := a.moves(ctx, from, min(to, from+logsAtOnce-1))
		if err != nil {
			return common.Hash{}, err
		}
		if looked += len(moved); looked > maxMoves {
			break
		}
		for some := range slices.Chunk(moved, txsAtOnce) {
			if hash, err := a.among(ctx, some); err != nil || hash != (common.Hash{}) {
				return hash, err
			}
		}
	}
	return common.Hash{}, fmt.Errorf("none of %d transactions that moved something of the wallet's in blocks %d to %d shows what used nonce %d; only the relayer knows it", looked, low, to, a.Unit.Nonce)
}

// moves lists the transactions with an event of the money or of the positions that names the wallet, in blocks from and to.
func (a *sighting) moves(ctx context.Context, from, to uint64) ([]common.Hash, error) {
	c, wallet := a.who.Contracts, common.BytesToHash(a.who.Wallet.Bytes())
	questions := make([]rpc.BatchElem, 3) // one for each place where an event can name it
	found := make([][]eventLog, len(questions))
	for i := range questions {
		topics := make([]any, i+2)
		topics[i+1] = wallet
		filter := map[string]any{"address": []common.Address{c.Collateral, c.USDCe, c.ConditionalTokens}, "topics": topics,
			"fromBlock": hexutil.Uint64(from), "toBlock": hexutil.Uint64(to)}
		questions[i] = rpc.BatchElem{Method: "eth_getLogs", Args: []any{filter}, Result: &found[i]}
	}
	if err := a.ask(ctx, questions...); err != nil {
		return nil, err
	}
	var out []common.Hash
	seen := map[common.Hash]bool{}
	for _, l := range slices.Concat(found...) {
		if !seen[l.TxHash] {
			seen[l.TxHash] = true
			out = append(out, l.TxHash)
		}
	}
	return out, nil
}

// among is the transaction that used the unit's nonce, if it is one of these.
func (a *sighting) among(ctx context.Context, hashes []common.Hash) (common.Hash, error) {
	txs := make([]*struct {
		Input hexutil.Bytes `json:"input"`
	}, len(hashes))
	questions := make([]rpc.BatchElem, len(hashes))
	for i, h := range hashes {
		questions[i] = rpc.BatchElem{Method: "eth_getTransactionByHash", Args: []any{h}, Result: &txs[i]}
	}
	if err := a.ask(ctx, questions...); err != nil {
		return common.Hash{}, err
	}
	for i, tx := range txs {
		if tx != nil && a.usesNonce(tx.Input) {
			return hashes[i], nil
		}
	}
	return common.Hash{}, nil
}
