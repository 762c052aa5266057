package sandbox

import (
	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

// funderOf is the wallet that holds the money of owner for a wallet kind. An unknown kind has none.
func funderOf(owner common.Address, kind int) common.Address {
	return evm.WalletOf(owner, evm.Kind(kind))
}
