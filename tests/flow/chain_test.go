package flow

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
	"sluice/pkg/sandbox"
)

// Trades of the plant settle on an EVM, fees included, and the ledger, which reads the transfers, has to the unit what the
// contracts have.
func TestLedgerHasWhatTheContractsHave(t *testing.T) {
	inPlant(t, setup{sandbox: sandbox.Config{Chain: true, FeeRates: map[string]int64{coin: 70_000}}}, func(p *plant) {
		p.submit("buys", "BUY", "GTC", "0.60", "10")
		p.submit("sells", "SELL", "GTC", "0.40", "25")
		p.submit("rests", "BUY", "GTC", "0.20", "10")
		for _, id := range []string{"buys", "sells"} {
			p.has(id, "settled")
		}
		p.pass(rest)
		wallet, c := common.HexToAddress(identityOf(t, "main").Funder), p.venue.OnChain()
		b := p.balances("main")
		if got := c.PUSD(wallet); got.Cmp(big.NewInt(int64(b.Cash.Total))) != 0 || int64(b.Cash.Total) == 100_000*money.Unit {
			t.Errorf("the ledger has %s, the contract %v millionths", b.Cash.Total, got)
		}
		found := false
		for _, x := range b.Positions {
			token, _ := new(big.Int).SetString(string(x.TokenID), 10)
			if got := c.Shares(wallet, token); got.Cmp(big.NewInt(int64(x.Total))) != 0 {
				t.Errorf("the ledger has %s of %s, the contract %v millionths", x.Total, x.TokenID, got)
			}
			found = found || x.Total == 9985*money.Unit
		}
		if !found {
			t.Error("no position shows the sale of 25 after the purchase of 10")
		}
	})
}
