package sandbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// checkChain holds the chain against the venue's own balances, once everything has settled: what came into each wallet
// less what left it is what it has, the exchanges keep nothing, every full set is backed, and every transaction names
// the fills that it settles.
func checkChain(t *testing.T, s *Sandbox) {
	t.Helper()
	have := map[string]map[string]int64{}
	move := func(who, what string, amount int64) {
		if have[who] == nil {
			have[who] = map[string]int64{}
		}
		have[who][what] += amount
	}
	fills := map[string]int{}
	for after := int64(0); ; {
		page := s.Transfers(after, 7)
		if len(page) == 0 {
			break
		}
		for _, l := range page {
			if l.Seq != after && l.Seq != after+1 {
				t.Fatalf("transaction %d after %d", l.Seq, after)
			}
			after = l.Seq
			sign := int64(1)
			if l.Undone {
				sign = -1
			}
			if l.Kind == logFilled {
				fills[l.OrderID] += int(sign)
				continue
			}
			n, err := strconv.ParseInt(l.Amount, 10, 64)
			if err != nil || n <= 0 {
				t.Fatalf("amount %q: %v", l.Amount, err)
			}
			move(l.From, l.Asset+l.TokenID, -sign*n)
			move(l.To, l.Asset+l.TokenID, sign*n)
		}
	}
	for address := range s.wallets {
		want, got := s.Holdings(address.Hex()), have[lower(address)]
		for asset := range want {
			if want[asset] != got[asset] {
				t.Errorf("wallet %s has %d of %s, and its transfers come to %d", address, want[asset], asset, got[asset])
			}
		}
	}
	for _, x := range []string{exchangeRegular, exchangeNegRisk} {
		for asset, n := range have[strings.ToLower(x)] {
			if n != 0 {
				t.Errorf("exchange %s keeps %d of %s", x, n, asset)
			}
		}
	}
	for _, tr := range s.trades {
		if tr.status != statusConfirmed {
			continue
		}
		for _, l := range tr.legs {
			if fills[l.order.id]--; fills[l.order.id] < 0 {
				t.Errorf("trade %s: no fill of order %s on chain", tr.id, l.order.id)
			}
		}
	}
	for id, n := range fills {
		if n != 0 {
			t.Errorf("order %s has %d fills on chain that no trade explains", id, n)
		}
	}
}

// A settlement is one transaction; a trade that fails leaves none. The answer waits for the first, whole transactions
// only, and says which chain it is.
func TestTransfersTellEachSettlementOnce(t *testing.T) {
	inBubble(t, Config{FeeRates: map[string]int64{"sandbox-coin": 70_000}}, func(w *world) {
		read := func(query string) (chain string, logs []ChainLog) {
			r, err := w.client.Get("http://sandbox/_sandbox/transfers?" + query)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			if r.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d", query, r.StatusCode)
			}
			for sc := bufio.NewScanner(r.Body); sc.Scan(); {
				var l ChainLog
				if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
					t.Fatal(err)
				}
				logs = append(logs, l)
			}
			return r.Header.Get(chainHeader), logs
		}
		chain, funds := read("")
		end := funds[len(funds)-1].Seq
		if end != int64(len(Accounts())+1) || len(funds) != int(end)*(1+2*len(Markets())) {
			t.Errorf("%d transactions with %d logs give the funds", end, len(funds))
		}
		if _, page := read("limit=2&after=1"); len(page) != 2*(1+2*len(Markets())) || page[0].Seq != 2 {
			t.Errorf("a page of two transactions has %d logs from %d on", len(page), page[0].Seq)
		}

		main := w.trader("main")
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			main.must(main.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
		}()
		again, logs := read(fmt.Sprintf("after=%d&wait_ms=30000", end))
		if waited := time.Since(began); waited != time.Second+defaultMineAfter || again != chain {
			t.Errorf("the settlement was told after %s, of chain %s, want it when mined, of %s", waited, again, chain)
		}
		wallet := lower(common.HexToAddress(main.account.Funder))
		cash, fee := int64(0), ""
		for _, l := range logs {
			if l.TxHash != logs[0].TxHash {
				t.Errorf("one trade in two transactions")
			}
			n, _ := strconv.ParseInt(l.Amount, 10, 64)
			if l.Asset == assetCash && l.From == wallet {
				cash += n
			}
			if l.Maker == wallet {
				fee = l.Fee
			}
		}
		// 10 × 0.07 × 0.52 × 0.48 is 0.17472.
		if cash != 5_200_000+174_720 || fee != "174720" {
			t.Errorf("the purchase took %d and says a fee of %s", cash, fee)
		}

		w.s.SetFaults(func(f *Faults) { f.FailSettlement.Next = 1 })
		main.must(main.limit("sandbox-coin", 0, "BUY", "0.53", "10"), "matched")
		began = time.Now()
		if _, none := read(fmt.Sprintf("after=%d&wait_ms=30000", end+1)); len(none) != 0 || time.Since(began) != 30*time.Second {
			t.Errorf("a failed trade left %d logs after %s", len(none), time.Since(began))
		}
		began = time.Now()
		if again, _ := read(fmt.Sprintf("after=%d&wait_ms=30000&chain=0xother", end+1)); again != chain || time.Since(began) != 0 {
			t.Errorf("who follows another chain waits %s to be told", time.Since(began))
		}
		synctest.Wait()
		checkChain(t, w.s)
	})
}
