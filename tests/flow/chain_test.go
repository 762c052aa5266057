package flow

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
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
		b := p.contracts("main")
		if int64(b.Cash.Total) == 100_000*money.Unit {
			t.Error("nothing was paid")
		}
		found := false
		for _, x := range b.Positions {
			found = found || x.Total == 9985*money.Unit
		}
		if !found {
			t.Error("no position shows the sale of 25 after the purchase of 10")
		}
	})
}

// contracts holds an account's books against the contracts, to the unit.
func (p *plant) contracts(account string) msgs.BalancesAnswer {
	p.t.Helper()
	wallet, c := common.HexToAddress(identityOf(p.t, account).Funder), p.venue.OnChain()
	b := p.balances(account)
	if got := c.PUSD(wallet); got.Cmp(big.NewInt(int64(b.Cash.Total))) != 0 {
		p.t.Errorf("the ledger has %s, the contract %v millionths", b.Cash.Total, got)
	}
	for _, x := range b.Positions {
		token, _ := new(big.Int).SetString(string(x.TokenID), 10)
		if got := c.Shares(wallet, token); got.Cmp(big.NewInt(int64(x.Total))) != 0 {
			p.t.Errorf("the ledger has %s of %s, the contract %v millionths", x.Total, x.TokenID, got)
		}
	}
	return b
}

// A reorganisation drops settlements that the books have. They are taken back, by entries of their own; what they had settled
// is leaving again; and when they come into a later block the books have them again. Each time the ledger has what the
// contracts have, also when it was away meanwhile.
func TestLedgerHasWhatTheContractsHaveAfterAReorganisation(t *testing.T) {
	inPlant(t, setup{sandbox: sandbox.Config{Chain: true, FeeRates: map[string]int64{coin: 70_000}}}, func(p *plant) {
		p.submit("buys", "BUY", "GTC", "0.60", "10")
		p.submit("sells", "SELL", "GTC", "0.40", "25")
		for _, id := range []string{"buys", "sells"} {
			p.has(id, "settled")
		}
		p.pass(rest)
		before := p.contracts("main")
		for _, away := range []bool{false, true} {
			if away {
				p.ledger.Kill()
			}
			c, lost := p.venue.OnChain(), []*types.Transaction(nil)
			depth := int(c.Head().Number.Uint64() - 1_000_000) // every block but the first
			if _, err := c.Reorg(depth, func(tx *types.Transaction) bool { lost = append(lost, tx); return true }); err != nil {
				t.Fatal(err)
			}
			p.pass(rest)
			if away {
				p.ledger = p.startLedger()
				p.pass(rest)
			}
			if b := p.contracts("main"); len(lost) == 0 || b.Cash.Total == before.Cash.Total || b.Cash.UnsettledOut == 0 {
				t.Errorf("%d transactions were dropped, and the books have %+v", len(lost), b.Cash)
			}
			for i := len(lost) - 1; i >= 0; i-- {
				if err := c.Send(lost[i]); err != nil {
					t.Fatal(err)
				}
			}
			p.pass(rest)
			if b := p.contracts("main"); b.Cash.Total != before.Cash.Total || b.Cash.UnsettledOut != 0 {
				t.Errorf("with them again the books have %+v, before %+v", b.Cash, before.Cash)
			}
		}
		undone := 0
		for _, e := range p.booked("main") {
			var b msgs.LedgerBalance
			if json.Unmarshal(e.raw, &b) == nil && b.Reason == "reorganised" {
				undone++
			}
		}
		if undone < 4 {
			t.Errorf("%d changes are told as reorganised", undone)
		}
	})
}
