package chain

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// Leg is one order's part in a trade, in millionths. Cash is without the fee.
type Leg struct {
	OrderHash common.Hash
	Maker     common.Address // the wallet
	Side      uint8          // 0 buys, 1 sells
	TokenId   *big.Int
	Shares    *big.Int
	Cash      *big.Int
	Fee       *big.Int
	Builder   common.Hash
	Metadata  common.Hash
}

const (
	// operatorCap is what the operator pays for gas at most, in gwei: more than any spike of a test.
	operatorCap = 100_000
	// settleGas and settleMakerGas are what a settlement may use, by itself and for each maker: twice what was measured for
	// the dearest kind, a mint in a neg-risk market.
	settleGas, settleMakerGas = 400_000, 1_500_000
	// operateGas is what any other call of the operator may use.
	operateGas = 1_000_000
	// MaxMakers is how many makers fit into one settlement.
	MaxMakers = (gasLimit - settleGas) / settleMakerGas
)

// Settle sends the settlement of a match and returns its transaction; it is done when that is in a block. Whether it
// succeeds is known only then: a wallet may have taken back its approval, or spent what it sold.
func (c *Chain) Settle(condition Condition, taker Leg, makers []Leg) (common.Hash, error) {
	if len(makers) == 0 || len(makers) > MaxMakers {
		return common.Hash{}, fmt.Errorf("settle: %d makers, want 1 to %d", len(makers), MaxMakers)
	}
	data, err := c.exchange.Pack("settle", condition.ID, taker, makers)
	if err != nil {
		return common.Hash{}, fmt.Errorf("settle: %w", err)
	}
	to := Polygon().Exchange
	if condition.NegRisk {
		to = Polygon().NegRiskExchange
	}
	return c.operate(to, data, settleGas+settleMakerGas*uint64(len(makers)))
}

// Resolve sends the answer to a market's question: the outcomes' shares of the payout. A neg-risk question is answered
// by yes or no alone.
func (c *Chain) Resolve(condition Condition, yes, no int64) (common.Hash, error) {
	if yes < 0 || no < 0 || yes+no == 0 || condition.NegRisk && yes != 0 && no != 0 {
		return common.Hash{}, fmt.Errorf("resolve: payouts %d and %d", yes, no)
	}
	to, contract, function := Polygon().Oracle, "Oracle", "resolve"
	args := []any{condition.Question, []*big.Int{big.NewInt(yes), big.NewInt(no)}}
	if condition.NegRisk {
		to, contract, function, args = Polygon().NegRiskAdapter, "NegRiskAdapter", "reportOutcome", []any{condition.Question, yes > 0}
	}
	data, err := Interface(contract).Pack(function, args...)
	if err != nil {
		return common.Hash{}, fmt.Errorf("resolve: %w", err)
	}
	return c.operate(to, data, operateGas)
}

// Operate sends a call of the operator: what only the venue may do.
func (c *Chain) Operate(to common.Address, data []byte, gas uint64) (common.Hash, error) {
	return c.operate(to, data, gas)
}

func (c *Chain) operate(to common.Address, data []byte, gas uint64) (common.Hash, error) {
	return c.pay(OperatorKey(), to, data, gas)
}

// Carry sends a call of the relayer's worker: it pays for what a wallet's owner has signed.
func (c *Chain) Carry(to common.Address, data []byte, gas uint64) (common.Hash, error) {
	return c.pay(WorkerKey(), to, data, gas)
}

// pay signs a call with one of the venue's own keys and sends it.
func (c *Chain) pay(key *ecdsa.PrivateKey, to common.Address, data []byte, gas uint64) (common.Hash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return common.Hash{}, errors.New("operate: the chain is closed")
	}
	st, err := c.stateOf(c.head())
	if err != nil {
		return common.Hash{}, err
	}
	from := crypto.PubkeyToAddress(key.PublicKey)
	tx, err := types.SignNewTx(key, c.signer, &types.DynamicFeeTx{
		ChainID: c.config.ChainID, Nonce: c.view(0).nonce(st, from, blockTag{set: true, height: Pending}), To: &to, Data: data, Gas: gas,
		GasTipCap: big.NewInt(MinTip), GasFeeCap: new(big.Int).Mul(big.NewInt(operatorCap), big.NewInt(gwei)),
	})
	if err != nil {
		return common.Hash{}, fmt.Errorf("operate: %w", err)
	}
	if err := c.take(tx); err != nil {
		return common.Hash{}, fmt.Errorf("operate: %w", err)
	}
	if c.cfg.Instant {
		c.mine()
	}
	return tx.Hash(), nil
}
