package sender

import (
	"cmp"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

// Sight is what one endpoint shows of the chain and of the account, or what several agree on.
type Sight struct {
	Head   uint64
	HeadAt time.Time // the newest block's own time
	// Nonce is the account's next at the newest block, FinalNonce at the newest final one.
	Nonce, FinalNonce uint64
	Base, Tip         evm.Wei // of the newest block; suggested
	Balance           evm.Wei
	// Mined are those of the transactions asked for that are in the endpoint's chain.
	Mined map[common.Hash]Inclusion
}

// Inclusion is where a transaction stands.
type Inclusion struct {
	Block     uint64
	BlockHash common.Hash
	Status    bool // the contract did not refuse
	GasUsed   uint64
	Price     evm.Wei // paid for each unit of gas
	// Final says that the block is final and its hash is the chain's at that height.
	Final bool
}

// Agree makes one sight of several: of every figure what more than half reach. A transaction is mined when one says so,
// because then it is not to be sent again for now; it is final when more than half say so of the same block.
func Agree(all []Sight) Sight {
	pick := func(of func(Sight) uint64) uint64 {
		return evm.Agreed(each(all, of), cmp.Compare)
	}
	wei := func(of func(Sight) evm.Wei) evm.Wei {
		return evm.Agreed(each(all, of), evm.Wei.Cmp)
	}
	out := Sight{
		Head: pick(func(s Sight) uint64 { return s.Head }), Nonce: pick(func(s Sight) uint64 { return s.Nonce }),
		FinalNonce: pick(func(s Sight) uint64 { return s.FinalNonce }), HeadAt: evm.Agreed(each(all, func(s Sight) time.Time { return s.HeadAt }), time.Time.Compare),
		Base: wei(func(s Sight) evm.Wei { return s.Base }), Tip: wei(func(s Sight) evm.Wei { return s.Tip }), Balance: wei(func(s Sight) evm.Wei { return s.Balance }),
		Mined: map[common.Hash]Inclusion{},
	}
	for _, s := range all {
		for hash, in := range s.Mined {
			have, found := out.Mined[hash]
			in.Final = in.Final && finalFor(all, hash, in)
			if !found || in.Final || !have.Final && in.Block > have.Block {
				out.Mined[hash] = in
			}
		}
	}
	return out
}

// finalFor reports whether more than half see exactly this as final.
func finalFor(all []Sight, hash common.Hash, in Inclusion) bool {
	in.Final = true
	votes := 0
	for _, s := range all {
		if s.Mined[hash] == in {
			votes++
		}
	}
	return 2*votes > len(all)
}

func each[T any](all []Sight, of func(Sight) T) []T {
	out := make([]T, len(all))
	for i, s := range all {
		out[i] = of(s)
	}
	return out
}
