package sandbox

import (
	"net/http"
	"testing"
)

// The README's order fills at once, for every wallet kind.
func TestEveryWalletKindTrades(t *testing.T) {
	t.Run("S1-29 a venue of our own", func(t *testing.T) {
		_, base := venue(t, Config{})
		for _, a := range Accounts() {
			tr := newTrader(t, base, http.DefaultClient, a.Name)
			cash, shares := tr.balance(""), tr.balance(marketOf("sandbox-coin").Tokens[0])
			p := tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.52", "10"), "matched")
			if p.MakingAmount != "5.2" || p.TakingAmount != "10" || len(p.TradeIDs) != 1 {
				t.Errorf("%s: %+v", a.Name, p)
			}
			if got := tr.balance(""); got != cash-5_200_000 {
				t.Errorf("%s: cash %d after %d", a.Name, got, cash)
			}
			if got := tr.balance(marketOf("sandbox-coin").Tokens[0]); got != shares+10_000_000 {
				t.Errorf("%s: shares %d after %d", a.Name, got, shares)
			}
			tr.must(tr.limit("sandbox-coin", 0, "BUY", "0.5", "10"), "live")
		}
	})
}
