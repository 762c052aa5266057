package relay

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
)

// Permissions, a wrap, a split and a merge that are asked for one by one within the linger are one unit and one transaction.
func TestManyRequestsAreOneUnit(t *testing.T) { t.Run("S2-35 one unit", manyRequestsAreOneUnit) }

func manyRequestsAreOneUnit(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.ask("split", "split", "'condition_id':'coin','amount':'50'")
		p.pass(2 * time.Second)
		p.ask("approve", "approve-1", "'set':'trading'")
		p.ask("approve", "approve-2", "'set':'trading'")
		p.pass(5 * time.Second)
		p.ask("wrap", "wrap", "'amount':'100'")
		p.pass(5 * time.Second)
		p.ask("merge", "merge", "'condition_id':'election','amount':'20'")
		all := []string{"split", "approve-1", "approve-2", "wrap", "merge"}
		last := p.confirmed(all...)
		for _, id := range all {
			if e := p.end("main", id); e.TxHash != last.TxHash || e.Unit != last.Unit || e.Carrier != "relayer" {
				t.Errorf("%s is confirmed by %s", id, e.Raw)
			}
		}
		if n := p.units(); n != 1 || p.submits() != 1 {
			t.Errorf("%d units for %d submissions, want one", n, p.submits())
		}
		if !p.mayTake("main", chain.Polygon().USDCe, chain.Polygon().Onramp) || !p.mayTake("main", chain.Polygon().PUSD, chain.Polygon().Offramp) {
			t.Error("a permission that trading needs is missing")
		}
		coin, election := market(t, coin), market(t, election)
		want := map[string]int64{"pUSD": 70 * dollar, "USDC.e": -100 * dollar, coin.Tokens[0]: 50 * dollar, coin.Tokens[1]: 50 * dollar,
			election.Tokens[0]: -20 * dollar, election.Tokens[1]: -20 * dollar}
		if got := p.changed("main"); !maps.Equal(got, want) {
			t.Errorf("the wallet has changed by %v, want %v", got, want)
		}
	})
}

// mayTake asks by eth_call whether a spender has been given an unlimited permission.
func (p *plant) mayTake(account string, token, spender common.Address) bool {
	p.t.Helper()
	data, err := chain.Interface("Token").Pack("allowance", common.HexToAddress(accountOf(p.t, account).Funder), spender)
	if err != nil {
		p.t.Fatal(err)
	}
	client := p.stranger()
	defer client.Close()
	answer, err := client.CallContract(p.t.Context(), ethereum.CallMsg{To: &token, Data: data}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return new(big.Int).SetBytes(answer).BitLen() > 128
}

// coins is an amount of the chain as events spell it.
func coins(n *big.Int) string { return money.Cash(n.Int64()).String() }

// A wallet of each kind does everything that can be asked for, in ordinary and in neg-risk markets.
func TestEveryVerbOfEveryWallet(t *testing.T) {
	for _, account := range []string{"main", "proxy", "deposit", "eoa"} {
		t.Run(account, func(t *testing.T) {
			inPlant(t, setup{accounts: []string{account}}, func(p *plant) {
				coin, election := market(t, coin), market(t, election)
				do := func(verb, format string, args ...any) string {
					id := fmt.Sprintf("%s-%d", verb, len(p.fetch("ASK_"+account)))
					p.askAs(account, verb, id, format, args...)
					return id
				}
				ids := []string{
					do("approve", "'set':'trading'"),
					do("wrap", "'amount':'500'"),
					do("split", "'condition_id':'coin','amount':'100'"),
					do("split", "'condition_id':'election','amount':'100'"),
				}
				p.confirmedAs(account, ids...)
				ids = []string{
					do("merge", "'condition_id':'coin','amount':'30'"),
					do("merge", "'condition_id':'election','amount':'20'"),
					do("unwrap", "'amount':'50'"),
					do("convert", "'condition_id':'election','amount':'10'"),
					do("transfer", "'asset':'pUSD','amount':'7','to':'%s'", friend().Hex()),
					do("transfer", "'asset':'USDC.e','amount':'3','to':'%s'", friend().Hex()),
					do("transfer", "'token_id':'%s','amount':'5','to':'%s'", coin.Tokens[0], friend().Hex()),
				}
				p.confirmedAs(account, ids...)
				got := p.changed(account)
				for asset, want := range map[string]int64{"pUSD": 500 - 200 + 30 + 20 - 50 - 7, "USDC.e": -500 + 50 - 3,
					coin.Tokens[0]: 100 - 30 - 5, coin.Tokens[1]: 100 - 30, election.Tokens[0]: 100 - 20, election.Tokens[1]: 100 - 20 - 10} {
					if got[asset] != want*dollar {
						t.Errorf("%s has changed by %d, want %d", asset, got[asset], want*dollar)
					}
				}
				if n := len(slices.Collect(maps.Keys(p.told(account)))); n < 6 {
					t.Errorf("%d assets were told of", n)
				}
				for _, slug := range []string{coin.Slug, election.Slug} {
					if err := p.venue.Resolve(slug, "Yes"); err != nil {
						t.Fatal(err)
					}
				}
				p.pass(10 * time.Second)
				had := p.holds(account)
				ids = []string{do("redeem", "'condition_id':'coin'"), do("redeem", "'condition_id':'election'")}
				p.confirmedAs(account, ids...)
				for i, m := range []sandbox.Market{coin, election} {
					e := p.end(account, ids[i])
					want := map[string]string{}
					for j, token := range m.Tokens {
						if n := had[token]; n.Sign() > 0 {
							want[token] = "-" + coins(n)
							if j == 0 {
								want["pUSD"] = coins(n) // Yes has won
							}
						}
					}
					if !maps.Equal(e.Effect, want) {
						t.Errorf("redeeming %s has the effect %v, want %v", m.Slug, e.Effect, want)
					}
				}
				for _, token := range append(coin.Tokens[:], election.Tokens[:]...) {
					if left := p.holds(account)[token]; left.Sign() != 0 {
						t.Errorf("after redeeming %s of %s are left", left, token)
					}
				}
			})
		})
	}
}
