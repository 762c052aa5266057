package chain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// rulesConfig is every fork up to Prague from the first block on, and none after it: later ones price state differently,
// and Polygon does not have them.
func rulesConfig() *params.ChainConfig {
	zero, now := big.NewInt(0), uint64(0)
	return &params.ChainConfig{
		ChainID: big.NewInt(ID), HomesteadBlock: zero, EIP150Block: zero, EIP155Block: zero, EIP158Block: zero, ByzantiumBlock: zero,
		ConstantinopleBlock: zero, PetersburgBlock: zero, IstanbulBlock: zero, MuirGlacierBlock: zero, BerlinBlock: zero, LondonBlock: zero,
		ArrowGlacierBlock: zero, GrayGlacierBlock: zero, TerminalTotalDifficulty: zero, ShanghaiTime: &now, CancunTime: &now, PragueTime: &now,
	}
}

// rulesAt are the rules in force in a block.
func (c *Chain) rulesAt(h *types.Header) params.Rules { return c.config.Rules(h.Number, true, h.Time) }

// evm makes a machine that runs in block h over st. Placing wallets is part of it.
func (c *Chain) evm(st vm.StateDB, h *types.Header, cfg vm.Config) *vm.EVM {
	m := vm.NewEVM(vm.BlockContext{
		CanTransfer: func(db vm.StateDB, a common.Address, v *uint256.Int) bool { return db.GetBalance(a).Cmp(v) >= 0 },
		Transfer: func(db vm.StateDB, from, to common.Address, v *uint256.Int, _ *params.Rules) {
			db.SubBalance(from, v, tracing.BalanceChangeTransfer)
			db.AddBalance(to, v, tracing.BalanceChangeTransfer)
		},
		GetHash:  func(n uint64) common.Hash { return c.ancestor(h, n) },
		Coinbase: h.Coinbase, GasLimit: h.GasLimit, BlockNumber: h.Number, Time: h.Time, Difficulty: new(big.Int),
		BaseFee: h.BaseFee, BlobBaseFee: big.NewInt(1), Random: &h.MixDigest,
	}, st, c.config, cfg)
	all := vm.ActivePrecompiledContracts(c.rulesAt(h))
	all[common.HexToAddress(placerAddress)] = placement{st: st, proxies: c.proxies}
	m.SetPrecompiles(all)
	return m
}
