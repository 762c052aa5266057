package chain

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
)

const (
	// maxPool bounds the waiting transactions; a node's default is of this order.
	maxPool = 5_000
	// maxTxSize is a node's bound on one transaction, in bytes.
	maxTxSize = 128 << 10
	// priceBump is by how many percent both prices of a replacement must exceed those of the replaced.
	priceBump = 10
)

// pool are the transactions that wait, by sender and nonce.
type pool struct {
	by   map[common.Address]map[uint64]*types.Transaction
	all  map[common.Hash]*types.Transaction
	from map[common.Hash]common.Address
}

func newPool() pool {
	return pool{map[common.Address]map[uint64]*types.Transaction{}, map[common.Hash]*types.Transaction{}, map[common.Hash]common.Address{}}
}

func (p pool) put(from common.Address, tx *types.Transaction) {
	if p.by[from] == nil {
		p.by[from] = map[uint64]*types.Transaction{}
	}
	if old := p.by[from][tx.Nonce()]; old != nil {
		p.drop(old)
		p.put(from, tx)
		return
	}
	p.by[from][tx.Nonce()], p.all[tx.Hash()], p.from[tx.Hash()] = tx, tx, from
}

func (p pool) drop(tx *types.Transaction) {
	from := p.from[tx.Hash()]
	delete(p.by[from], tx.Nonce())
	if len(p.by[from]) == 0 {
		delete(p.by, from)
	}
	delete(p.all, tx.Hash())
	delete(p.from, tx.Hash())
}

// Waiting are the transactions that are in no block, by hash.
func (c *Chain) Waiting() []*types.Transaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.pool.all), func(a, b *types.Transaction) int { return a.Hash().Cmp(b.Hash()) })
}

// Send takes a signed transaction as a node does: it answers at once, in a node's words when it refuses, and the block
// comes later (or, with Config.Instant, now).
func (c *Chain) Send(tx *types.Transaction) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.take(tx); err != nil {
		return err
	}
	if c.cfg.Instant {
		c.mine()
	}
	return nil
}

// lose takes a transaction as Send does, and forgets it.
func (c *Chain) lose(tx *types.Transaction) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.take(tx)
	if err == nil {
		c.pool.drop(tx)
	}
	return err
}

func (c *Chain) take(tx *types.Transaction) error {
	if c.closed {
		return errors.New("the chain is closed")
	}
	if tx.Type() > types.DynamicFeeTxType {
		return fmt.Errorf("transaction type not supported: type %d rejected", tx.Type())
	}
	from, err := types.Sender(c.signer, tx)
	if err != nil {
		return fmt.Errorf("invalid sender: %w", err)
	}
	if c.pool.all[tx.Hash()] != nil {
		return errors.New("already known")
	}
	if err := checkForm(tx); err != nil {
		return err
	}
	st, err := c.stateOf(c.head())
	if err != nil {
		return err
	}
	if n := st.GetNonce(from); tx.Nonce() < n {
		return fmt.Errorf("nonce too low: next nonce %d, tx nonce %d", n, tx.Nonce())
	}
	if err := c.checkFunds(st, from, tx); err != nil {
		return err
	}
	if old := c.pool.by[from][tx.Nonce()]; old != nil && !bumped(old, tx) {
		return errors.New("replacement transaction underpriced")
	} else if old == nil && len(c.pool.all) >= maxPool {
		return errors.New("txpool is full")
	}
	c.pool.put(from, tx)
	return nil
}

func checkForm(tx *types.Transaction) error {
	if tx.Size() > maxTxSize {
		return fmt.Errorf("oversized data: transaction size %d, limit %d", tx.Size(), maxTxSize)
	}
	if tx.Gas() > gasLimit {
		return errors.New("exceeds block gas limit")
	}
	if tx.GasFeeCap().Cmp(tx.GasTipCap()) < 0 {
		return errors.New("max priority fee per gas higher than max fee per gas")
	}
	if tx.GasTipCap().Cmp(big.NewInt(MinTip)) < 0 {
		return fmt.Errorf("transaction underpriced: gas tip cap %v, minimum needed %d", tx.GasTipCap(), MinTip)
	}
	intrinsic, floor := gasBefore(message{to: tx.To(), data: tx.Data(), list: tx.AccessList()})
	if tx.Gas() < max(intrinsic, floor) {
		return fmt.Errorf("intrinsic gas too low: gas %d, minimum needed %d", tx.Gas(), max(intrinsic, floor))
	}
	return nil
}

// checkFunds asks for the cost of a transaction and of all that wait before and after it.
func (c *Chain) checkFunds(st *state.StateDB, from common.Address, tx *types.Transaction) error {
	balance, cost := st.GetBalance(from).ToBig(), tx.Cost()
	if balance.Cmp(cost) < 0 {
		return fmt.Errorf("insufficient funds for gas * price + value: balance %v, tx cost %v, overshot %v", balance, cost, new(big.Int).Sub(cost, balance))
	}
	queued := new(big.Int)
	for nonce, waiting := range c.pool.by[from] {
		if nonce != tx.Nonce() {
			queued.Add(queued, waiting.Cost())
		}
	}
	if need := new(big.Int).Add(queued, cost); balance.Cmp(need) < 0 {
		return fmt.Errorf("insufficient funds for gas * price + value: balance %v, queued cost %v, tx cost %v, overshot %v", balance, queued, cost, need.Sub(need, balance))
	}
	return nil
}

// bumped says whether a replacement pays enough more, in both prices.
func bumped(old, tx *types.Transaction) bool {
	more := func(a, b *big.Int) bool {
		least := new(big.Int).Mul(a, big.NewInt(100+priceBump))
		return new(big.Int).Mul(b, big.NewInt(100)).Cmp(least) >= 0
	}
	return more(old.GasFeeCap(), tx.GasFeeCap()) && more(old.GasTipCap(), tx.GasTipCap())
}

// ready are the transactions that a block with this base fee can take, dearest first as far as nonces allow.
func (c *Chain) ready(st *state.StateDB, baseFee *big.Int) []*types.Transaction {
	var queues [][]*types.Transaction
	for from, by := range c.pool.by {
		var queue []*types.Transaction
		for n := st.GetNonce(from); by[n] != nil && by[n].GasFeeCap().Cmp(baseFee) >= 0; n++ {
			queue = append(queue, by[n])
		}
		if len(queue) > 0 {
			queues = append(queues, queue)
		}
	}
	var out []*types.Transaction
	for len(queues) > 0 {
		best := slices.MaxFunc(queues, func(a, b []*types.Transaction) int { return dearer(a[0], b[0], baseFee) })
		out = append(out, best[0])
		i := slices.IndexFunc(queues, func(q []*types.Transaction) bool { return q[0] == best[0] })
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	return out
}

// dearer orders by tip; equal tips by hash, so that blocks do not depend on the order of a map.
func dearer(a, b *types.Transaction, baseFee *big.Int) int {
	if c := a.EffectiveGasTipValue(baseFee).Cmp(b.EffectiveGasTipValue(baseFee)); c != 0 {
		return c
	}
	return a.Hash().Cmp(b.Hash())
}

// sweep drops what can never run any more.
func (c *Chain) sweep(st *state.StateDB) {
	for from, by := range c.pool.by {
		n := st.GetNonce(from)
		for nonce, tx := range by {
			if nonce < n {
				c.pool.drop(tx)
			}
		}
	}
}
