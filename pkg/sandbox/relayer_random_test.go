package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

// Whatever goes wrong with the relayer, its answers and the chain, and whoever else brings the same payload: what was signed
// is executed at most once, the journal says so by the hash that was signed, and the books are what the contracts have. The
// requests are told as the journal has them; the judge then finds nothing wrong, and as many executions as there were.
func TestNothingIsExecutedTwiceWhateverFails(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, Config{Chain: true, Seed: seed + 1, MineAfter: time.Second, ConfirmAfter: 3 * time.Second}, func(w *world) {
				r := rand.New(rand.NewPCG(seed, 7))
				lost := Fault{PerMille: 100, On: "POST /relayer/submit"}
				w.s.SetFaults(func(f *Faults) {
					f.DropAnswer, f.LoseRequest = lost, lost
					f.RelayLate.PerMille, f.RelayForget.PerMille, f.RelaySilent.PerMille, f.RelayFailed.PerMille = 100, 80, 50, 80
					f.RelayLateMS, f.WalletBusy.PerMille, f.StaleNonce.PerMille = 20_000, 50, 100
				})
				all := []*customer{w.customer("main"), w.customer("second"), w.customer("proxy")}
				sent := 0
				for range 40 {
					c := all[r.IntN(len(all))]
					body := c.one(1 + r.Int64N(5))
					if _, _, err := c.try("POST", "/relayer/submit", body, c.by.headers("POST", "/submit", body)); err == nil {
						sent++
					}
					w.s.SetFaults(func(f *Faults) { f.SkipPrecheck = r.IntN(2) == 0 })
					if c.account.SignatureType == KindSafe && r.IntN(3) == 0 {
						w.race(c, body)
					}
					if r.IntN(8) == 0 {
						w.command(fmt.Sprintf(`{"reorg":{"depth":%d}}`, 1+r.IntN(3)))
					}
					time.Sleep(time.Duration(r.IntN(6000)) * time.Millisecond)
				}
				time.Sleep(5 * time.Minute)
				checkOnChain(t, w.s)
				checkChain(t, w.s)

				told := w.tellAll()
				good, bad := w.executed()
				if v := w.judgeWork(told); !v.Content() || v.ByRelayer+v.ByOwnGas != good || v.LostRaces != bad || v.Confirmed != good {
					t.Errorf("%d good and %d bad executions, judged %+v", good, bad, v)
				}
				if good < 12 || bad < 2 || sent < 20 {
					t.Errorf("%d sent, %d good and %d bad executions: the test shows little", sent, good, bad)
				}
			})
		})
	}
}

// one is a payment of some units by the account's wallet, with the nonce that the relayer tells.
func (c *customer) one(units int64) string {
	c.t.Helper()
	to, pay := evm.Polygon().PUSD, c.w.customer("eoa").pay(units)
	if c.account.SignatureType == KindProxy {
		return c.proxy(to, pay, c.nonce("PROXY"))
	}
	return c.safe(to, pay, c.nonce("SAFE"))
}

// race lets the owner send a payload on his own, whether or not it can still be executed.
func (w *world) race(c *customer, body string) {
	w.sendLater(c.account, common.HexToAddress(c.account.Funder), c.ownCall(body))
}

// tellAll tells of each good execution what it moved, as an honest service would.
func (w *world) tellAll() *told {
	r := &told{}
	paid := map[string]int64{}
	for _, l := range w.s.Transfers(0, 0) {
		if l.Kind == logTransfer && l.Asset == assetCash {
			n, _ := strconv.ParseInt(l.Amount, 10, 64)
			paid[l.TxHash+l.From] += n
			paid[l.TxHash+l.To] -= n
		}
	}
	for i, l := range w.journalled("execution") {
		if tx := l["tx_hash"].(string); l["ok"] == true {
			r.paid(l["account"].(string), fmt.Sprint("request-", i), paid[tx+l["wallet"].(string)], tx)
		}
	}
	return r
}
