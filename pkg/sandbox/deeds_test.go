package sandbox

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

// command posts to /_sandbox/faults.
func (w *world) command(text string) (int, string) {
	w.t.Helper()
	tr := &trader{t: w.t, base: "http://sandbox", client: w.client}
	return tr.send("POST", "/_sandbox/faults", text, nil)
}

// Reorganisations between and below settlements change blocks and leave the books: what waited in the pool is booked when it
// comes into a block in the middle of them, and nothing is booked twice.
func TestBooksOutliveReorganisations(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		tr := w.trader("eoa")
		for i := range 8 {
			tr.must(tr.limit("sandbox-coin", 0, []string{"BUY", "SELL"}[i%2], []string{"0.60", "0.40"}[i%2], "10"), "matched")
			time.Sleep(time.Second)
			before := w.s.OnChain().Head().Hash()
			if status, text := w.command(fmt.Sprintf(`{"reorg":{"depth":%d}}`, 1+i%3)); status != 200 {
				t.Fatalf("reorg: %d %s", status, text)
			}
			if w.s.OnChain().Head().ParentHash == before {
				t.Error("no block was replaced")
			}
		}
		pay, err := evm.Interface("Token").Pack("transfer", common.HexToAddress(w.trader("main").account.Funder), big.NewInt(1_000_000))
		if err != nil {
			t.Fatal(err)
		}
		w.sendLater(tr.account, evm.Polygon().PUSD, pay)
		if err := w.s.Reorganise(3); err != nil { // the payment comes in with the first of the new blocks
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := w.s.OnChain().Nonce(common.HexToAddress(tr.account.Address)); n != 1 {
			t.Errorf("nonce %d after the payment", n)
		}
		checkOnChain(t, w.s)
		checkChain(t, w.s)
		if status, text := w.command(`{"reorg":{"depth":5000}}`); status != 400 || !strings.Contains(text, "at most 256") {
			t.Errorf("a reorganisation too deep: %d %s", status, text)
		}
	})
}

// A market that is resolved has no book and takes no orders, its outcome is shown, and winning shares pay on chain.
func TestResolvedMarketPaysItsWinners(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		tr := w.trader("eoa")
		for _, slug := range []string{"sandbox-coin", "sandbox-election"} {
			tr.must(tr.limit(slug, 0, "BUY", "0.10", "50"), "live")
			if status, text := w.command(`{"resolve":{"market":"` + slug + `","outcome":"No"}}`); status != 200 {
				t.Fatalf("resolve: %d %s", status, text)
			}
			if open := w.resting(func(o *order) bool { return o.market.Slug == slug }); len(open) != 0 {
				t.Errorf("%d orders rest in a resolved market", len(open))
			}
			o := tr.limit(slug, 0, "BUY", "0.10", "50")
			if status, text := tr.call("POST", "/order", o.json()); status == 200 || !strings.Contains(text, "No orderbook exists") {
				t.Errorf("an order in a resolved market: %d %s", status, text)
			}
			if _, text := tr.send("GET", "/markets/"+marketOf(slug).ConditionID, "", nil); !strings.Contains(text, `"closed":true`) || !strings.Contains(text, `"outcome":"No"`) || strings.Count(text, `"winner":true`) != 1 {
				t.Errorf("market: %s", text)
			}
			before := w.s.Holdings(tr.account.Funder)[assetCash]
			m := evm.ConditionOf(marketOf(slug).onChain(), 0)
			redeem, err := evm.Interface("CtfCollateralAdapter").Pack("redeemPositions", evm.Polygon().PUSD, common.Hash{}, m.ID, []*big.Int{big.NewInt(1), big.NewInt(2)})
			if err != nil {
				t.Fatal(err)
			}
			adapter := evm.Polygon().CollateralAdapter
			if m.NegRisk {
				adapter = evm.Polygon().NegRiskCollateralAdapter
			}
			w.sendRaw(tr.account, adapter, redeem)
			if got := w.s.Holdings(tr.account.Funder)[assetCash] - before; got != int64(fundedShares) {
				t.Errorf("%s: redeemed %d, want %d", slug, got, fundedShares)
			}
			if status, text := w.command(`{"resolve":{"market":"` + slug + `","outcome":"Yes"}}`); status != 400 {
				t.Errorf("resolved twice: %d %s", status, text)
			}
		}
		time.Sleep(time.Minute)
		checkOnChain(t, w.s)
		checkChain(t, w.s)
	})
}

// A game that starts clears the book; the liquidity maker comes back, others must come again.
func TestGameStartClearsTheBook(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		tr := w.trader("main")
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.10", "50"), "live")
		if status, text := w.command(`{"game_start":{"market":"sandbox-coin"},"base_fee":{"gwei":300}}`); status != 200 {
			t.Fatalf("game start: %d %s", status, text)
		}
		if open := w.resting(func(o *order) bool { return o.market.Slug == "sandbox-coin" }); len(open) != 0 {
			t.Errorf("%d orders rest when the game has started", len(open))
		}
		time.Sleep(10 * time.Second)
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.60", "10"), "matched")
		if fee := w.s.OnChain().Head().BaseFee.Int64(); fee != 300_000_000_000 {
			t.Errorf("base fee %d", fee)
		}
		for _, bad := range []string{`{"base_fee":{"gwei":0}}`, `{"resolve":{"market":"sandbox-coin","outcome":"Maybe"}}`, `{"game_start":{"market":"none"}}`} {
			if status, _ := w.command(bad); status != 400 {
				t.Errorf("%s: %d", bad, status)
			}
		}
		time.Sleep(time.Minute)
		checkOnChain(t, w.s)
	})
}

// Blocks are made when they are asked for, with what waits in the first of them.
func TestBlocksAreMadeOnDemand(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c, tr := w.s.OnChain(), w.trader("eoa")
		pay, err := evm.Interface("Token").Pack("transfer", common.Address{9}, big.NewInt(1))
		if err != nil {
			t.Fatal(err)
		}
		w.sendLater(tr.account, evm.Polygon().PUSD, pay)
		waiting, before := c.Waiting(), c.Head().Number.Uint64()
		if len(waiting) != 1 {
			t.Fatalf("%d transactions wait, want 1", len(waiting))
		}
		if status, text := w.command(`{"mine":{"blocks":5}}`); status != 200 {
			t.Fatalf("mine: %d %s", status, text)
		}
		r := c.Receipt(waiting[0].Hash())
		if r == nil || r.BlockNumber.Uint64() != before+1 || c.Head().Number.Uint64() != before+5 || len(c.Waiting()) != 0 {
			t.Errorf("receipt %v, head %v after %d, %d wait", r, c.Head().Number, before, len(c.Waiting()))
		}
		checkOnChain(t, w.s)
		if status, _ := w.command(`{"mine":{"blocks":100000}}`); status != 400 {
			t.Errorf("too many blocks: %d", status)
		}
	})
}
