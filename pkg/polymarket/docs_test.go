package polymarket

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestWalletPageSaysWhatTheTableSays holds docs/wallets.md against the data.
func TestWalletPageSaysWhatTheTableSays(t *testing.T) {
	text, err := os.ReadFile("../../docs/wallets.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, c := range Capabilities() {
		relayer := "no"
		if c.Relayer {
			relayer = "`" + string(c.Submit) + "`"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", c.Kind, relayer, c.OwnGas, c.Fence); !strings.Contains(page, row) {
			t.Errorf("the page has no row %s", row)
		}
	}
	for _, r := range relayerReasons() {
		e := &RelayerError{Method: "POST", Reason: r}
		row := ""
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "| `") && strings.Contains(line, "`"+string(r)+"`") {
				row = line
			}
		}
		cells := strings.Split(row, "|")
		if len(cells) != 6 {
			t.Errorf("the page has no row of %s", r)
			continue
		}
		if accepted, charged := strings.HasPrefix(cells[3], " yes"), strings.HasPrefix(cells[4], " yes"); accepted != e.MayBeAccepted() || charged != e.MayBeCharged() {
			t.Errorf("the page says of %s: accepted %t, charged %t", r, accepted, charged)
		}
	}
}

func relayerReasons() []RelayerReason {
	return []RelayerReason{RelayerQuota, RelayerRateLimited, RelayerWalletBusy, RelayerNonce, RelayerStranger, RelayerCallBlocked, RelayerPrecheck, RelayerUnauthorised, RelayerForbidden,
		RelayerRejected, RelayerNeverLeft, RelayerNoLogin, RelayerLost, RelayerDown, RelayerNotUnderstood}
}
