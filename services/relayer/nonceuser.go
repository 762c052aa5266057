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
	if past, err := passed(low); err != nil || past {
		return common.Hash{}, errors.Join(err, fmt.Errorf("what used nonce %d is more than %d blocks old, and only the relayer knows it", a.Unit.Nonce, searchBack))
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
		if m, err := polymarket.DecodeCalldata(tx.Input); err == nil {
			if d, ok := m.(polymarket.DepositProxy); ok && slices.ContainsFunc(d.Batches, func(b polymarket.WalletBatch) bool { return b.Wallet == a.who.Wallet && b.Nonce == a.Unit.Nonce }) {
				return tx.Hash, nil
			}
		}
	}
	return common.Hash{}, fmt.Errorf("no transaction of block %d shows what used nonce %d", high, a.Unit.Nonce)
}
