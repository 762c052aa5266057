package chain

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Head is the newest block's header.
func (c *Chain) Head() *types.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head().block.Header()
}

// Hash is that of a block of the present chain; zero for one that it does not have.
func (c *Chain) Hash(n uint64) common.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.at(n); s != nil {
		return s.hash()
	}
	return common.Hash{}
}

// Receipt is that of a transaction in the present chain; nil when it is in no block.
func (c *Chain) Receipt(hash common.Hash) *types.Receipt {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.included[hash]
	if !ok {
		return nil
	}
	return p.in.receipts[p.index]
}

// Receipts are those of a block of the present chain, in order; nil for a block that it does not have.
func (c *Chain) Receipts(n uint64) types.Receipts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.at(n); s != nil {
		return s.receipts
	}
	return nil
}

// Logs are those of the present chain from block from to block to, both taken in.
func (c *Chain) Logs(from, to uint64, f Filter) ([]*types.Log, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view(0).logs(from, to, f)
}

// Call runs a call on the newest state. The error of a contract that refuses is a *RevertError.
func (c *Chain) Call(call Call) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, err := c.view(0).callAt(c.head(), call)
	return o.out, err
}

// Nonce is an account's in the newest block, waiting transactions not counted.
func (c *Chain) Nonce(of common.Address) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := c.stateOf(c.head())
	if err != nil {
		panic(fmt.Sprintf("state of the head: %v", err)) // it is always kept
	}
	return st.GetNonce(of)
}

// Balance is an account's POL in wei.
func (c *Chain) Balance(of common.Address) *big.Int {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := c.stateOf(c.head())
	if err != nil {
		panic(fmt.Sprintf("state of the head: %v", err))
	}
	return st.GetBalance(of).ToBig()
}

// PUSD is a wallet's pUSD in millionths.
func (c *Chain) PUSD(of common.Address) *big.Int {
	return c.number(Polygon().PUSD, selBalance, of.Bytes())
}

// USDCe is a wallet's USDC.e in millionths.
func (c *Chain) USDCe(of common.Address) *big.Int {
	return c.number(Polygon().USDCe, selBalance, of.Bytes())
}

// Shares are a wallet's of an outcome token in millionths.
func (c *Chain) Shares(of common.Address, token *big.Int) *big.Int {
	return c.number(Polygon().CTF, selShares, of.Bytes(), token.Bytes())
}

// SafeNonce is the next one of a Safe; that of an account without code is zero.
func (c *Chain) SafeNonce(of common.Address) *big.Int { return c.number(of, selNonce) }

// DepositNonce is the next one of a deposit wallet; that of an account without code is zero.
func (c *Chain) DepositNonce(of common.Address) *big.Int { return c.number(of, selNonce) }

// HubNonce is the next one of what an owner has relayed to a proxy wallet.
func (c *Chain) HubNonce(owner common.Address) *big.Int {
	return c.number(Polygon().RelayHub, selHubNonce, owner.Bytes())
}

// HasCode says whether a contract stands at an address in the newest block.
func (c *Chain) HasCode(at common.Address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := c.stateOf(c.head())
	if err != nil {
		panic(fmt.Sprintf("state of the head: %v", err))
	}
	return st.GetCodeSize(at) > 0
}

// Transaction is one of the present chain, in a block or waiting; nil when it is unknown.
func (c *Chain) Transaction(hash common.Hash) *types.Transaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.included[hash]; ok {
		return p.in.block.Transactions()[p.index]
	}
	return c.pool.all[hash]
}

// Selectors of the views that are asked all the time.
const (
	selBalance = "0x70a08231" // balanceOf(address)
	selShares  = "0x00fdd58e" // balanceOf(address,uint256)
	selNonce   = "0xaffed0e0" // nonce()

	selHubNonce = "0x2d0335ab" // getNonce(address)
)

func (c *Chain) number(at common.Address, selector string, words ...[]byte) *big.Int {
	data := common.FromHex(selector)
	for _, w := range words {
		data = append(data, word(w)...)
	}
	out, err := c.Call(Call{To: &at, Data: data})
	if err != nil {
		panic(fmt.Sprintf("read %s of %s: %v", selector, at, err)) // views of our own contracts do not fail
	}
	return new(big.Int).SetBytes(out)
}
