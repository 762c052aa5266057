package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	evm "sluice/pkg/sandbox/chain"
	"sluice/pkg/sandbox/judge"
)

// told is a made-up record of main's and eoa's relayers: what was asked, and how it ended.
type told struct{ lines []string }

func (r *told) add(account, subject string, body any) {
	stream := "ASK_" + account
	if strings.HasPrefix(subject, "evt.") {
		stream = "LOG_" + account
	}
	n := 1 + strings.Count(strings.Join(r.lines, ""), stream)
	r.lines = append(r.lines, string(mustJSON(map[string]any{"stream": stream, "subject": subject, "seq": n, "stored_us": time.Now().UnixMicro(), "data": string(mustJSON(body))}))+"\n")
}

// paid says that a payment of some pUSD millions was asked for and confirmed by a transaction.
func (r *told) paid(account, id string, units int64, tx string) {
	amount := fmt.Sprintf("%d.%06d", units/1_000_000, units%1_000_000)
	r.add(account, "cmd.tx."+account+".transfer", map[string]any{"request_id": id, "asset": "pUSD", "amount": amount, "to": "0x1"})
	r.add(account, "evt.tx."+account, map[string]any{"events": []any{map[string]any{"type": "tx.confirmed", "request_id": id, "tx_hash": tx, "effect": map[string]string{"pUSD": "-" + amount}}}})
}

func (w *world) judgeWork(r *told) judge.Work {
	w.t.Helper()
	var transfers bytes.Buffer
	for _, l := range w.s.Transfers(0, 0) {
		if err := json.NewEncoder(&transfers).Encode(l); err != nil {
			w.t.Fatal(err)
		}
	}
	v, err := judge.JudgeWork(bytes.NewReader(bytes.Join(w.s.Journal(0), nil)), &transfers, strings.NewReader(strings.Join(r.lines, "")), judge.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// What the sandbox writes is what the judge reads: payments by the relayer, by the owner with the relayer's payload, and by
// a wallet that is its owner are counted as what they were; a payment that is made again under another nonce, or that nobody
// told, is found.
func TestJudgeCountsWhatTheRelayerDid(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c, r := w.customer("main"), &told{}
		p := evm.Polygon()
		hashOf := func(id string) string {
			_, hash, _ := c.shown(id)
			return hash
		}
		first := c.must(c.safe(p.PUSD, c.pay(1_000_000), "0"))
		w.wantEnd(first, stateConfirmed)
		r.paid("main", "a", 1_000_000, hashOf(first))

		w.s.SetFaults(func(f *Faults) { f.RelayForget.Next = 1 })
		body := c.safe(p.PUSD, c.pay(2_000_000), "1")
		c.must(body)
		r.paid("main", "b", 2_000_000, w.bringOwn(c, body).Hex())
		eoa := w.trader("eoa").account
		w.sendRaw(eoa, p.PUSD, c.pay(3_000_000))
		lines := w.journalled("execution")
		r.paid("eoa", "c", 3_000_000, lines[len(lines)-1]["tx_hash"].(string))

		c.by = BuilderKeys()[1]
		c.submit("{}") // refused, and charged
		v := w.judgeWork(r)
		if !v.Content() || v.ByRelayer != 1 || v.ByOwnGas != 2 || v.Confirmed != 3 || v.LostRaces != 0 || !maps.Equal(v.Units, map[string]int{"builder-1": 2, "builder-2": 1}) {
			t.Errorf("judged %+v", v)
		}

		again := c.must(c.safe(p.PUSD, c.pay(1_000_000), "2"))
		w.wantEnd(again, stateConfirmed)
		if v := w.judgeWork(r); v.Wrong[judge.Untold] != 1 || len(v.Wrong) != 1 {
			t.Errorf("a payment made again: %+v", v)
		}
		r.paid("main", "d", 1_000_000, hashOf(again))
		if v := w.judgeWork(r); !v.Content() || v.ByRelayer != 2 {
			t.Errorf("told after all: %+v", v)
		}
		for range 97 {
			c.submit("{}")
		}
		if v := w.judgeWork(r); !v.Content() || v.Units["builder-2"] != 99 {
			t.Errorf("ninety-nine units of a day: %+v", v)
		}
		c.submit("{}")
		if status, _ := c.submit("{}"); status != 429 {
			t.Errorf("the unit too many: %d", status)
		}
		if v := w.judgeWork(r); v.Wrong[judge.UnitsOver] != 1 || len(v.Wrong) != 1 || v.Units["builder-2"] != 100 {
			t.Errorf("a unit too many: %+v", v)
		}
	})
}

// bringOwn lets the owner send the payload of a Safe's submission.
func (w *world) bringOwn(c *customer, body string) common.Hash {
	w.t.Helper()
	w.sendRaw(c.account, common.HexToAddress(c.account.Funder), c.ownCall(body))
	lines := w.journalled("execution")
	return common.HexToHash(lines[len(lines)-1]["tx_hash"].(string))
}

// A transaction that a reorganisation has dropped has not done what it did for its wallet, although nothing of it was a transfer:
// the journal takes it back, and the judge does not count it.
func TestWhatAReorganisationDropsWasNotExecuted(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c, eoa, r := w.customer("main"), w.trader("eoa").account, &told{}
		first := w.s.evm.Head().Number.Int64()
		allow := c.call("Token", "approve", evm.Polygon().CTF, big.NewInt(7))
		w.sendRaw(eoa, evm.Polygon().PUSD, allow)
		lines := w.journalled("execution")
		hash := lines[len(lines)-1]["tx_hash"].(string)
		r.add("eoa", "cmd.tx.eoa.approve", map[string]any{"request_id": "a", "set": "trading"})
		r.add("eoa", "evt.tx.eoa", map[string]any{"events": []any{map[string]any{"type": "tx.confirmed", "request_id": "a", "tx_hash": hash, "effect": map[string]string{}}}})
		if v := w.judgeWork(r); !v.Content() || v.ByOwnGas != 1 {
			t.Errorf("executed: %+v", v)
		}
		time.Sleep(4 * blockEvery)
		reorganise := func(drop bool) {
			w.s.mu.Lock()
			defer w.s.mu.Unlock()
			if _, err := w.s.evm.Reorg(int(w.s.evm.Head().Number.Int64()-first), func(x *types.Transaction) bool { return drop && x.Hash().Hex() == hash }); err != nil {
				t.Fatal(err)
			}
			w.s.follow()
		}
		reorganise(false)
		if v := w.judgeWork(r); !v.Content() || v.ByOwnGas != 1 || len(w.journalled("execution")) != len(lines) {
			t.Errorf("in another block: %+v", v)
		}
		reorganise(true)
		if v := w.judgeWork(r); v.Wrong[judge.NotExecuted] != 1 || len(v.Wrong) != 1 || v.ByOwnGas != 0 {
			t.Errorf("dropped: %+v", v)
		}
		w.sendRaw(eoa, evm.Polygon().PUSD, allow)
		if v := w.judgeWork(r); !v.Content() || v.ByOwnGas != 1 {
			t.Errorf("sent again: %+v", v)
		}
	})
}
