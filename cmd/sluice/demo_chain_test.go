package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// TestDemoSettlesOnTheChain: what the demonstration trades is settled by the contracts, as in `sluice up`: each trade that is
// confirmed is a transaction in a block.
func TestDemoSettlesOnTheChain(t *testing.T) {
	t.Parallel()
	var out, errs tape
	a := &app{ctx: t.Context(), out: &out, err: &errs, getenv: func(string) string { return "" }, cli: &cli{Output: "json", Env: "sandbox"}, config: &file{}}
	c := &demoCmd{For: time.Second, Seed: 1, limitFlags: limitFlags{Profile: "polymarket", Factor: "0.8", Ceiling: "1"}}
	dir := t.TempDir()
	d, _, err := c.play(a, dir)
	if err != nil {
		t.Fatal(err)
	}
	chain, confirmed := d.box.OnChain(), 0
	if chain == nil {
		t.Fatal("the demonstration's venue has no chain")
	}
	for _, l := range demoLinesOf(t, filepath.Join(dir, "journal.jsonl")) {
		if l.Kind != "trade" || l.Status != "CONFIRMED" {
			continue
		}
		confirmed++
		if r := chain.Receipt(common.HexToHash(l.TxHash)); r == nil || r.Status != types.ReceiptStatusSuccessful {
			t.Errorf("a confirmed trade is in transaction %s, which is %+v on the chain", l.TxHash, r)
		}
	}
	if confirmed == 0 {
		t.Error("no trade was confirmed: nothing is shown")
	}
}
