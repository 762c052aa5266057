package sandbox

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	evm "sluice/pkg/sandbox/chain"
)

// checkOnChain holds every wallet's books against what a stranger reads from the contracts.
func checkOnChain(t *testing.T, s *Sandbox) {
	t.Helper()
	c := s.OnChain()
	for address, w := range s.wallets {
		if got := c.PUSD(address); got.Cmp(big.NewInt(w.cash)) != 0 {
			t.Errorf("%s (%s) has %d in the books and %v pUSD on chain", w.name, address, w.cash, got)
		}
		for token, h := range w.shares {
			id, _ := new(big.Int).SetString(token, 10)
			if got := c.Shares(address, id); got.Cmp(big.NewInt(h.have)) != 0 {
				t.Errorf("%s has %d of %s in the books and %v on chain", w.name, h.have, token, got)
			}
		}
	}
}

// Random orders of every wallet kind on every market settle on chain: swaps, mints and merges, with fees. In the end each
// balance of the books is that of the contracts, and the transfers told are those of the contracts' logs.
func TestTradesSettleOnChain(t *testing.T) {
	fees := map[string]int64{"sandbox-coin": 70_000, "sandbox-election": 40_000}
	inBubble(t, Config{Chain: true, FeeRates: fees}, func(w *world) {
		r := rand.New(rand.NewPCG(3, 3))
		traders := []*trader{w.trader("main"), w.trader("eoa"), w.trader("proxy"), w.trader("deposit"), w.trader("second")}
		for i := range 120 {
			tr := traders[r.IntN(len(traders))]
			slug, tick := "sandbox-coin", 0.01
			if r.IntN(2) == 0 {
				slug = "sandbox-election"
			}
			price := fmt.Sprintf("%.2f", tick*float64(20+r.IntN(60)))
			size := fmt.Sprint(5 + r.IntN(60))
			tr.call("POST", "/order", tr.limit(slug, r.IntN(2), []string{"BUY", "SELL"}[r.IntN(2)], price, size).json())
			if i%10 == 0 {
				time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		confirmed := 0
		for i := range w.settlements() {
			tr := w.settlement(i)
			if tr.status != statusConfirmed {
				t.Errorf("trade %s is %s: %s", tr.id, tr.status, tr.errMsg)
				continue
			}
			confirmed++
			receipt := w.s.OnChain().Receipt(common.HexToHash(tr.txHash))
			if receipt == nil || receipt.Status != 1 {
				t.Errorf("trade %s: receipt %v", tr.id, receipt)
			}
		}
		if confirmed < 50 {
			t.Errorf("only %d trades settled: the test shows little", confirmed)
		}
		checkOnChain(t, w.s)
		checkChain(t, w.s)
	})
}

// sendRaw sends a transaction of an account's owner as a stranger would, over /rpc, and waits for its block.
func (w *world) sendRaw(a Account, to common.Address, data []byte) {
	w.t.Helper()
	hash := w.sendLater(a, to, data)
	time.Sleep(blockEvery + time.Second)
	if r := w.s.OnChain().Receipt(hash); r == nil || r.Status != 1 {
		w.t.Fatalf("transaction: %+v", r)
	}
}

// sendLater sends one that waits for the next block.
func (w *world) sendLater(a Account, to common.Address, data []byte) common.Hash {
	w.t.Helper()
	key, err := crypto.HexToECDSA(strings.TrimPrefix(a.PrivateKey, "0x"))
	if err != nil {
		w.t.Fatal(err)
	}
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(evm.ID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(evm.ID), Nonce: w.s.OnChain().Nonce(common.HexToAddress(a.Address)), To: &to, Data: data, Gas: 1_000_000,
		GasTipCap: big.NewInt(evm.MinTip), GasFeeCap: big.NewInt(10 * evm.MinTip),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": []any{hexutil.Bytes(raw)}})
	res, err := w.client.Post("http://sandbox/rpc", "application/json", strings.NewReader(string(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	return tx.Hash()
}

// A wallet that takes back its approval makes its next trade fail on chain: tried twice, then FAILED, and all is given back.
func TestRevokedApprovalFailsTheTradeOnChain(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		tr := w.trader("eoa")
		before := w.s.Holdings(tr.account.Funder)
		data, err := evm.Interface("Token").Pack("approve", evm.Polygon().Exchange, new(big.Int))
		if err != nil {
			t.Fatal(err)
		}
		w.sendRaw(tr.account, evm.Polygon().PUSD, data)
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		time.Sleep(defaultMineAfter + time.Millisecond)
		if got := w.settlement(0).status; got != statusRetrying {
			t.Errorf("after the first try the trade is %s", got)
		}
		time.Sleep(time.Minute)
		last := w.settlement(0)
		if last.status != statusFailed || last.errMsg != "execution reverted" {
			t.Errorf("the trade is %s (%s)", last.status, last.errMsg)
		}
		if r := w.s.OnChain().Receipt(common.HexToHash(last.txHash)); r == nil || r.Status != 0 {
			t.Errorf("the receipt of the failed settlement: %+v", r)
		}
		for asset, n := range w.s.Holdings(tr.account.Funder) {
			if n != before[asset] {
				t.Errorf("%s was %d and is %d", asset, before[asset], n)
			}
		}
		checkOnChain(t, w.s)
		checkChain(t, w.s)
	})
}

// What a wallet does by itself on chain is in its books a block later, and orders it no longer covers are cancelled.
func TestBooksFollowTheChain(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		tr := w.trader("eoa")
		me := common.HexToAddress(tr.account.Funder)
		tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.10", "5000"), "live")
		p := evm.Polygon()
		m := evm.ConditionOf(marketOf("sandbox-election").onChain(), 0)
		split, err := evm.Interface("CtfCollateralAdapter").Pack("splitPosition", p.PUSD, common.Hash{}, m.ID, []*big.Int{big.NewInt(1), big.NewInt(2)}, big.NewInt(25_000_000))
		if err != nil {
			t.Fatal(err)
		}
		w.sendRaw(tr.account, p.NegRiskCollateralAdapter, split)
		have := w.s.Holdings(me.Hex())
		if have[assetCash] != int64(fundedCash)-25_000_000 || have[m.Tokens[0].String()] != int64(fundedShares)+25_000_000 {
			t.Errorf("after a split of 25: %d pUSD, %d Yes", have[assetCash], have[m.Tokens[0].String()])
		}
		other := common.HexToAddress(w.trader("main").account.Funder)
		pay, err := evm.Interface("Token").Pack("transfer", other, big.NewInt(int64(fundedCash)-26_000_000))
		if err != nil {
			t.Fatal(err)
		}
		w.sendRaw(tr.account, p.PUSD, pay)
		if have := w.s.Holdings(other.Hex()); have[assetCash] != 2*int64(fundedCash)-26_000_000 {
			t.Errorf("the other wallet has %d", have[assetCash])
		}
		if open := w.resting(func(o *order) bool { return o.wallet.address == me }); len(open) != 0 {
			t.Errorf("%d orders rest that the wallet does not cover", len(open))
		}
		checkOnChain(t, w.s)
		checkChain(t, w.s)
	})
}

// settlement is a trade as it stands.
func (w *world) settlement(i int) trade {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return *w.s.trades[i]
}

func (w *world) settlements() int {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return len(w.s.trades)
}
