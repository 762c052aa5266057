package chain

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// Mine makes a block of what waits, also of nothing, and returns its header. A closed chain returns its last.
func (c *Chain) Mine() *types.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine()
}

func (c *Chain) mine() *types.Header {
	if c.closed {
		return c.head().block.Header()
	}
	s, err := c.seal()
	if err != nil {
		// The state database is in memory and the block was made by us: only a defect leads here.
		panic(fmt.Sprintf("make block %d: %v", c.head().number()+1, err))
	}
	c.push(s)
	c.tell(s)
	return s.block.Header()
}

// seal makes the next block without making it the head.
func (c *Chain) seal() (*sealed, error) {
	parent := c.head().block
	st, err := c.stateOf(c.head())
	if err != nil {
		return nil, err
	}
	h := &types.Header{
		ParentHash: parent.Hash(), Number: new(big.Int).Add(parent.Number(), big.NewInt(1)), GasLimit: gasLimit,
		Time: max(parent.Time(), uint64(time.Now().Unix())), BaseFee: new(big.Int).Set(c.baseFee), Difficulty: new(big.Int),
		UncleHash: types.EmptyUncleHash, Extra: binary.BigEndian.AppendUint64(nil, c.fork),
	}
	var txs types.Transactions
	var receipts types.Receipts
	for _, tx := range c.ready(st, h.BaseFee) {
		if h.GasUsed+tx.Gas() > h.GasLimit {
			continue
		}
		r, err := c.apply(st, h, tx, len(txs))
		if err != nil {
			c.log.Info("transaction waits", "tx", tx.Hash(), "reason", err.Error())
			continue
		}
		txs, receipts = append(txs, tx), append(receipts, r)
	}
	for _, tx := range txs {
		c.pool.drop(tx)
	}
	c.sweep(st)
	if h.Root, err = c.commit(st, h); err != nil {
		return nil, err
	}
	block := types.NewBlock(h, &types.Body{Transactions: txs}, receipts, trie.NewStackTrie(nil))
	index := uint(0)
	for _, r := range receipts {
		r.BlockHash = block.Hash()
		for _, l := range r.Logs {
			l.BlockHash, l.Index = r.BlockHash, index
			index++
		}
	}
	return &sealed{block: block, receipts: receipts}, nil
}

// Reorg replaces the last depth blocks by depth+1 others, so that the new branch is the longer one. The transactions of the
// old branch are put into the new one again, where what they find may differ; those that drop names are forgotten, which
// a nil drop never does. It returns the new head.
func (c *Chain) Reorg(depth int, drop func(*types.Transaction) bool) (*types.Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if depth < 1 || depth >= min(len(c.blocks), keepStates) {
		return nil, fmt.Errorf("reorganise %d blocks: there are %d that can be replaced", depth, min(len(c.blocks), keepStates)-1)
	}
	cut := len(c.blocks) - depth
	old := c.blocks[cut:]
	c.blocks = c.blocks[:cut:cut]
	c.fork++
	for i := len(old) - 1; i >= 0; i-- {
		c.untell(old[i])
		old[i].orphan = true
		c.release(old[i])
		for _, tx := range old[i].block.Transactions() {
			delete(c.included, tx.Hash())
			if from, err := types.Sender(c.signer, tx); err == nil && (drop == nil || !drop(tx)) && c.pool.by[from][tx.Nonce()] == nil {
				c.pool.put(from, tx)
			}
		}
	}
	for range depth + 1 {
		c.mine()
	}
	return c.head().block.Header(), nil
}

// SetBaseFee changes the base fee from the next block on, in gwei.
func (c *Chain) SetBaseFee(fee int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.baseFee = new(big.Int).Mul(big.NewInt(fee), big.NewInt(gwei))
}

// Forget drops a waiting transaction, as nodes do with cheap ones when they are full. It says whether there was one.
func (c *Chain) Forget(hash common.Hash) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx := c.pool.all[hash]
	if tx != nil {
		c.pool.drop(tx)
	}
	return tx != nil
}
