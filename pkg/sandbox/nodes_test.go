package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

// ask asks a node; the answer is its result or error as text, or the HTTP status.
func (w *world) ask(node int, method string) string {
	w.t.Helper()
	res, err := w.client.Post(fmt.Sprintf("http://sandbox/rpc/%d", node), "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":[]}`))
	if err != nil {
		return "cut"
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		return res.Status
	}
	var a struct{ Result string }
	if err := json.Unmarshal(text, &a); err != nil {
		return string(text)
	}
	return a.Result
}

// Each node of the chain lags, refuses and cuts for itself, as it was told from outside.
func TestNodesFailEachForItself(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		time.Sleep(time.Minute)
		head := w.ask(1, "eth_blockNumber")
		if status, text := w.command(`{"stale_rpc":{"node":2,"blocks":5},"refuse_rpc":{"node":3,"status":503,"next":1}}`); status != 200 {
			t.Fatal(text)
		}
		n, _ := new(big.Int).SetString(head[2:], 16)
		if got := w.ask(2, "eth_blockNumber"); got != fmt.Sprintf("0x%x", n.Int64()-5) || w.ask(1, "eth_blockNumber") != head {
			t.Errorf("node 2 is at %s of %s", got, head)
		}
		if first, second := w.ask(3, "eth_blockNumber"), w.ask(3, "eth_blockNumber"); !strings.HasPrefix(first, "503") || second != head {
			t.Errorf("node 3 said %s, then %s", first, second)
		}
		if got := w.ask(4, "eth_blockNumber"); !strings.HasPrefix(got, "404") {
			t.Errorf("a node that does not exist: %s", got)
		}
		w.command(`{"cut_rpc":{"next":1}}`)
		if first, second := w.ask(1, "eth_chainId"), w.ask(1, "eth_chainId"); first != "cut" || second != "0x89" {
			t.Errorf("node 1 said %s, then %s", first, second)
		}
		for _, bad := range []string{`{"stale_rpc":{"node":9,"blocks":5}}`, `{"forget_tx":{"hash":"0x1100000000000000000000000000000000000000000000000000000000000000"}}`} {
			if status, _ := w.command(bad); status != 400 {
				t.Errorf("%s: %d", bad, status)
			}
		}
	})
}

// A transaction that a node lost, and one that was dropped while it waited, never happen; the next with the same nonce does.
func TestTransactionsGetLost(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		a := w.trader("eoa").account
		pay, err := evm.Interface("Token").Pack("transfer", common.HexToAddress(w.trader("main").account.Funder), big.NewInt(1_000_000))
		if err != nil {
			t.Fatal(err)
		}
		w.command(`{"lose_txs":{"next":1}}`)
		lost := w.sendLater(a, evm.Polygon().PUSD, pay)
		time.Sleep(time.Minute)
		if w.s.OnChain().Receipt(lost) != nil || w.s.OnChain().Transaction(lost) != nil {
			t.Error("a lost transaction is there")
		}
		waiting := w.sendLater(a, evm.Polygon().PUSD, pay)
		if waiting != lost || w.s.OnChain().Transaction(waiting) == nil {
			t.Error("the same again was not taken")
		}
		if status, text := w.command(`{"forget_tx":{"hash":"` + waiting.Hex() + `"}}`); status != 200 {
			t.Fatal(text)
		}
		time.Sleep(time.Minute)
		if w.s.OnChain().Nonce(common.HexToAddress(a.Address)) != 0 {
			t.Error("a dropped transaction was mined")
		}
		w.sendRaw(a, evm.Polygon().PUSD, pay)
		checkOnChain(t, w.s)
	})
}

// Who asked for custom features and watches the market hears how it ended, in the venue's frame; others do not.
func TestResolutionIsTold(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		coin := marketOf("sandbox-coin")
		custom := w.listen("/ws/market", map[string]any{"type": "market", "assets_ids": []string{coin.Tokens[1]}, "custom_feature_enabled": true})
		plain := w.listen("/ws/market", map[string]any{"type": "market", "assets_ids": []string{coin.Tokens[1]}})
		other := w.listen("/ws/market", map[string]any{"type": "market", "assets_ids": []string{marketOf("sandbox-dime").Tokens[0]}, "custom_feature_enabled": true})
		if err := w.s.Resolve("sandbox-coin", "No"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := custom.take("market_resolved")
		if len(got) != 1 || got[0]["winning_asset_id"] != coin.Tokens[1] || got[0]["winning_outcome"] != "No" || got[0]["market"] != coin.ConditionID {
			t.Errorf("told: %v", got)
		}
		if len(plain.take("market_resolved"))+len(other.take("market_resolved")) != 0 {
			t.Error("told to somebody who did not ask")
		}
	})
}
