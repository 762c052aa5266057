package chain_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"sluice/pkg/sandbox/chain"
)

const buy, sell = 0, 1

func side(who common.Address, side uint8, token *big.Int, shares, cash, fee int64) chain.Leg {
	return chain.Leg{Maker: who, Side: side, TokenId: token, Shares: big.NewInt(shares), Cash: big.NewInt(cash), Fee: big.NewInt(fee), OrderHash: common.BigToHash(big.NewInt(shares*1000 + cash))}
}

// settle settles a match in a block of its own.
func settle(t *testing.T, c *chain.Chain, market int, taker chain.Leg, makers ...chain.Leg) *types.Receipt {
	t.Helper()
	hash, err := c.Settle(c.Conditions()[market], taker, makers)
	if err != nil {
		t.Fatal(err)
	}
	c.Mine()
	r := c.Receipt(hash)
	if r == nil {
		t.Fatal("the settlement is in no block")
	}
	return r
}

// flows are the transfers of pUSD in a receipt, in words.
func flows(r *types.Receipt, names map[common.Address]string) (out []string) {
	transfer := chain.Interface("Token").Events["Transfer"].ID
	for _, l := range r.Logs {
		if l.Address == chain.Polygon().PUSD && l.Topics[0] == transfer {
			name := func(i int) string { return names[common.BytesToAddress(l.Topics[i].Bytes())] }
			out = append(out, fmt.Sprintf("%s>%s %v", name(1), name(2), new(big.Int).SetBytes(l.Data)))
		}
	}
	return out
}

func traders(gas int64) (a, b common.Address, accounts []chain.Account) {
	for _, who := range []string{"bob", "eve"} {
		accounts = append(accounts, chain.Account{Owner: addressOf(who), Kind: chain.Safe, PUSD: 100_000_000, Shares: 100_000_000, Gas: gas})
	}
	return chain.WalletOf(addressOf("bob"), chain.Safe), chain.WalletOf(addressOf("eve"), chain.Safe), accounts
}

// The fee is visible where the venue shows it: as a transfer of its own for a taker who buys from a seller, inside the price's
// transfer for a buying maker, and netted from what a seller gets.
func TestSettlementMovesMoneyAsTheVenueDoes(t *testing.T) {
	bob, eve, accounts := traders(1)
	p := chain.Polygon()
	names := map[common.Address]string{bob: "bob", eve: "eve", p.Exchange: "x", p.NegRiskExchange: "x", chain.FeeReceiver(): "fee", p.PUSD: "pusd", {}: "0"}
	for market := range 2 {
		c, _ := start(t, chain.Config{Accounts: accounts})
		yes, no := c.Conditions()[market].Tokens[0], c.Conditions()[market].Tokens[1]
		for _, v := range []struct {
			name         string
			taker, maker chain.Leg
			want         string
			yes, no      [2]int64 // of bob and eve, beyond what they had
		}{
			{"taker buys", side(bob, buy, yes, 10_000_000, 5_200_000, 30_000), side(eve, sell, yes, 10_000_000, 5_200_000, 0),
				"[bob>eve 5200000 bob>fee 30000]", [2]int64{10_000_000, -10_000_000}, [2]int64{}},
			{"taker sells", side(bob, sell, yes, 7_000_000, 4_270_000, 30_000), side(eve, buy, yes, 7_000_000, 4_270_000, 10_000),
				"[eve>x 4280000 x>fee 10000 x>fee 30000 x>bob 4240000]", [2]int64{-7_000_000, 7_000_000}, [2]int64{}},
			{"mint", side(bob, buy, yes, 5_000_000, 2_750_000, 0), side(eve, buy, no, 5_000_000, 2_250_000, 10_000),
				"[eve>x 2260000 bob>x 2750000 x>fee 10000 x>pusd 5000000 pusd>0 5000000]", [2]int64{5_000_000, 0}, [2]int64{0, 5_000_000}},
			{"merge", side(bob, sell, yes, 5_000_000, 2_750_000, 20_000), side(eve, sell, no, 5_000_000, 2_250_000, 0),
				"[0>x 5000000 x>eve 2250000 x>fee 20000 x>bob 2730000]", [2]int64{-5_000_000, 0}, [2]int64{0, -5_000_000}},
		} {
			before := [4]*big.Int{c.Shares(bob, yes), c.Shares(eve, yes), c.Shares(bob, no), c.Shares(eve, no)}
			r := settle(t, c, market, v.taker, v.maker)
			if r.Status != 1 {
				t.Fatalf("%s: failed", v.name)
			}
			if got := fmt.Sprint(flows(r, names)); got != v.want {
				t.Errorf("%s: %s, want %s", v.name, got, v.want)
			}
			after := [4]*big.Int{c.Shares(bob, yes), c.Shares(eve, yes), c.Shares(bob, no), c.Shares(eve, no)}
			for i, want := range [4]int64{v.yes[0], v.yes[1], v.no[0], v.no[1]} {
				equal(t, fmt.Sprintf("%s: change %d", v.name, i), new(big.Int).Sub(after[i], before[i]), want)
			}
			last := r.Logs[len(r.Logs)-1]
			if chain.Interface("Exchange").Events["OrdersMatched"].ID != last.Topics[0] || last.Topics[1] != v.taker.OrderHash {
				t.Errorf("%s: last log %v", v.name, last.Topics)
			}
		}
	}
}

// A wallet that took back its approval, or has not what it sold, makes the settlement fail, and nothing moves.
func TestSettlementFailsWithoutApprovalOrBalance(t *testing.T) {
	bob, eve, accounts := traders(1)
	accounts[1].Bare = true
	c, _ := start(t, chain.Config{Accounts: accounts})
	yes := c.Conditions()[0].Tokens[0]
	if r := settle(t, c, 0, side(bob, buy, yes, 10, 5, 0), side(eve, sell, yes, 10, 5, 0)); r.Status != 0 || len(r.Logs) != 0 {
		t.Errorf("a seller without approval: %+v", r)
	}
	if r := settle(t, c, 0, side(bob, buy, yes, 1_000_000_000, 500_000_000, 0), side(eve, sell, yes, 1_000_000_000, 500_000_000, 0)); r.Status != 0 {
		t.Error("a trade of more than there is settled")
	}
	equal(t, "bob's pUSD", c.PUSD(bob), 100_000_000)
	if _, err := c.Settle(c.Conditions()[0], side(bob, buy, yes, 1, 1, 0), nil); err == nil {
		t.Error("a settlement without makers was sent")
	}
	data := pack(t, "Exchange", "settle", c.Conditions()[0].ID, side(bob, buy, yes, 10, 5, 0), []chain.Leg{side(bob, sell, yes, 10, 5, 0)})
	if _, err := c.Call(chain.Call{From: bob, To: new(chain.Polygon().Exchange), Data: data}); err == nil {
		t.Error("somebody beside the operator settled")
	}
}

// Whatever is traded, split, merged and redeemed: no dollar comes from nowhere. All USDC.e there is lies under pUSD, under
// positions or in wallets, and in the end pays everybody out to the last unit.
func TestNothingComesFromNowhere(t *testing.T) {
	bob, eve, accounts := traders(1)
	c, _ := start(t, chain.Config{Accounts: accounts})
	who := [2]common.Address{bob, eve}
	r := rand.New(rand.NewPCG(7, 7))
	failed := 0
	for range 150 {
		market := r.IntN(2)
		m := c.Conditions()[market]
		shares := 1 + r.Int64N(30_000_000)
		cash := 1 + r.Int64N(shares)
		token, taker := r.IntN(2), r.IntN(2)
		var a, b chain.Leg
		switch r.IntN(4) {
		case 0:
			a, b = side(who[taker], buy, m.Tokens[token], shares, cash, cash/50), side(who[1-taker], sell, m.Tokens[token], shares, cash, 0)
		case 1:
			a, b = side(who[taker], sell, m.Tokens[token], shares, cash, cash/50), side(who[1-taker], buy, m.Tokens[token], shares, cash, 0)
		case 2:
			a, b = side(who[taker], buy, m.Tokens[token], shares, cash, 0), side(who[1-taker], buy, m.Tokens[1-token], shares, shares-cash, 0)
		case 3:
			a, b = side(who[taker], sell, m.Tokens[token], shares, cash, cash/50), side(who[1-taker], sell, m.Tokens[1-token], shares, shares-cash, 0)
		}
		if settle(t, c, market, a, b).Status == 0 {
			failed++ // the random books have run dry on that side
		}
	}
	if failed > 100 {
		t.Fatalf("%d of 150 settlements failed: the test shows little", failed)
	}
	p := chain.Polygon()
	total := new(big.Int)
	for _, holder := range []common.Address{p.PUSD, p.CTF, p.NegRiskCollateral} {
		total.Add(total, c.USDCe(holder))
	}
	equal(t, "USDC.e under pUSD and positions", total, 2*(100_000_000+2*100_000_000)+1_000_000_000+2*5_000_000)

	for i, m := range c.Conditions() {
		if _, err := c.Resolve(m, int64(1-i), int64(i)); err != nil { // yes in the first, no in the second
			t.Fatal(err)
		}
	}
	c.Mine()
	cash := new(big.Int).Add(c.PUSD(chain.FeeReceiver()), new(big.Int).Add(c.PUSD(bob), c.PUSD(eve)))
	for i, m := range c.Conditions() {
		for _, w := range who {
			cash.Add(cash, c.Shares(w, m.Tokens[i]))
		}
	}
	equal(t, "what everybody has and gets", cash, 2*(100_000_000+2*100_000_000))
}
