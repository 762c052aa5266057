package chain

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the measured gas to docs/chain.md")

const (
	gasPage  = "../../docs/chain.md"
	gasBegin = "<!-- gas: measured by tests/chain, written by go test ./tests/chain -update -->\n"
	gasEnd   = "<!-- end of gas -->\n"
)

// gasTable is what every transaction of the scenario took, ours beside the real ones.
func gasTable(ours, theirs []happened) string {
	var b strings.Builder
	b.WriteString("| step | ours | real | ours / real |\n|---|---:|---:|---:|\n")
	for i := range ours {
		if ours[i].gas > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d | %d.%02d |\n", ours[i].step, ours[i].gas, theirs[i].gas, ours[i].gas/theirs[i].gas, ours[i].gas*100/theirs[i].gas%100)
		}
	}
	return b.String()
}

// checkGasPage compares the table with the one in the documentation, or writes it there.
func checkGasPage(t *testing.T, table string) {
	t.Helper()
	page, err := os.ReadFile(gasPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), gasBegin)
	old, tail, closed := strings.Cut(rest, gasEnd)
	if !found || !closed {
		t.Fatalf("%s has no place for the gas table", gasPage)
	}
	if *update {
		if err := os.WriteFile(gasPage, []byte(head+gasBegin+table+gasEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if old != table {
		t.Errorf("%s does not say what was measured (go test ./tests/chain -update writes it):\n%s", gasPage, table)
	}
}
