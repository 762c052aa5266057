package ledger

import (
	"encoding/json"
	"strconv"
	"testing"

	"sluice/pkg/sandbox"
)

// Whatever a line of transfers holds, it is read or refused, and no amount is negative but the −1 of one that cannot be
// counted.
func FuzzTransfers(f *testing.F) {
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		f.Fatal(err)
	}
	s.Close()
	for _, l := range s.Transfers(0, 2) {
		b, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"seq":9,"block":9,"tx_hash":"0x1","kind":"order_filled","order_id":"0x2","maker":"0x3","token_id":"4","side":"SELL","making":"5","taking":"6","fee":"7"}`))
	for _, n := range []string{"9223372036854775807", "-7", "1000000000000000000"} {
		f.Add([]byte(`{"seq":9,"tx_hash":"0x1","kind":"order_filled","order_id":"0x2","maker":"` + ourWallet + `","token_id":"4","side":"BUY","making":"` + n + `","taking":"` + n + `","fee":"` + n + `"}`))
		f.Add([]byte(`{"seq":9,"tx_hash":"0x1","kind":"transfer","asset":"pUSD","from":"` + ourWallet + `","to":"0x3","amount":"` + n + `"}`))
	}
	f.Add([]byte(`{"kind":"transfer","amount":"115792089237316195423570985008687907853269984665640564039457584007913129639935"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var p Page
		if p.read(line) != nil {
			return
		}
		for _, l := range p.Txs[0].Logs {
			for _, n := range amounts(l) {
				if n < -1 {
					t.Fatalf("%q is read as %d", line, n)
				}
			}
		}
		// The books take it: a worthless token of any amount is no reason to stop.
		sh := &shelf{keys: map[string]bool{}}
		j := NewJournal(termsOf("main"))
		sh.tell(t, j, 1, Mined{Chain: "C", Tx: p.Txs[0]})
	})
}

func amounts(l Log) (out []int64) {
	if l.Transfer != nil {
		out = append(out, l.Transfer.Amount)
	}
	if l.Fill != nil {
		out = append(out, int64(l.Fill.Size), int64(l.Fill.Cash), int64(l.Fill.Fee))
	}
	return out
}

// The largest number of 256 bits, and what follows it, are read as what cannot be counted.
func TestAmountsBeyondCountingAreMarked(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "7": 7, strconv.FormatInt(1<<62, 10): 1 << 62, "-1": -1, "-5": -1, "": -1, "1.5": -1,
		"9223372036854775808": -1, "115792089237316195423570985008687907853269984665640564039457584007913129639935": -1} {
		if got := baseUnits(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
