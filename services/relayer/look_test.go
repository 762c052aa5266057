package relayer

import (
	"math/big"
	"testing"

	"sluice/pkg/polymarket"
)

// What a look says of balances is what the contracts have, in base units, for every kind of wallet.
func TestBalancesAreWhatTheContractsHave(t *testing.T) {
	for _, account := range []string{"main", "proxy", "deposit", "eoa"} {
		t.Run("S0-38 "+account, func(t *testing.T) {
			onBench(t, account, func(b *bench) {
				l, on, wallet := b.look(), b.venue.OnChain(), b.p.who.Wallet
				c := b.p.who.Contracts
				for name, x := range map[string]struct {
					got  int64
					want *big.Int
				}{
					"pUSD":   {l.Cash[c.Collateral].Have, on.PUSD(wallet)},
					"USDC.e": {l.Cash[c.USDCe].Have, on.USDCe(wallet)},
					"Yes":    {l.Positions[b.tokens()[0]].Have, shares(b, 0)},
					"No":     {l.Positions[b.tokens()[1]].Have, shares(b, 1)},
				} {
					if x.want.Sign() == 0 || !x.want.IsInt64() || x.got != x.want.Int64() {
						b.Errorf("%d of %s, the contract has %s", x.got, name, x.want)
					}
				}
				if l.Cash[polymarket.Address{}] != (Amounts{}) || len(l.Cash) != 2 {
					b.Errorf("money besides pUSD and USDC.e: %+v", l.Cash)
				}
			})
		})
	}
}

func shares(b *bench, outcome int) *big.Int {
	id := b.tokens()[outcome]
	return b.venue.OnChain().Shares(b.p.who.Wallet, new(big.Int).SetBytes(id[:]))
}
