package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// startLedger starts who keeps the books.
func (p *plant) startLedger() {
	p.t.Helper()
	p.ledger = start(p.t, "ledger", nil, false, program(p.t), "ledger", "--nats", p.serviceURL(p.port), "--http", "127.0.0.1:0",
		"--clob", p.urls.CLOB, "--db", p.db(), "--unsafe-no-sync")
}

func (p *plant) db() string { return filepath.Join(p.dir, "ledger.db") }

// balanced demands that the books have what the venue says, to the last unit, with nothing on the way, and that their chain of
// entries holds. It returns how many assets were compared.
func (p *plant) balanced() int {
	p.t.Helper()
	venue := p.holdings()
	var why string
	for end := time.Now().Add(settling); ; {
		if why = p.difference(venue); why == "" || time.Now().After(end) {
			break
		}
		pass(100 * time.Millisecond)
	}
	if why != "" {
		p.t.Errorf("the ledger does not have what the venue has: %s\n%s", why, p.ledger.said())
	}
	out, err := exec.Command(program(p.t), "ledger", "verify", "--nats", p.serviceURL(p.port), "--db", p.db()).CombinedOutput()
	if err != nil {
		p.t.Errorf("ledger verify: %v\n%s", err, out)
	}
	return len(venue)
}

// holdings is what the venue says that the account has, in millionths, "" for collateral.
func (p *plant) holdings() map[string]int64 {
	p.t.Helper()
	ctx, cancel := p.call()
	defer cancel()
	var id sandbox.Account
	for _, a := range p.urls.Accounts {
		if a.Name == account {
			id = a
		}
	}
	key, err := polymarket.ParseKey(id.PrivateKey)
	if err != nil {
		p.t.Fatal(err)
	}
	api := polymarket.CLOB{BaseURL: p.urls.CLOB, HTTP: http.DefaultClient, ChainID: polymarket.Polygon, Key: key}
	if api.Creds, err = api.CreateOrDeriveKey(ctx, 0); err != nil {
		p.t.Fatal(err)
	}
	have := map[string]int64{}
	ask := func(asset, token string) {
		b, err := api.BalanceAllowance(ctx, asset, token, polymarket.WalletKind(id.SignatureType))
		if err != nil {
			p.t.Fatal(err)
		}
		have[token] = b.BaseUnits
	}
	ask(polymarket.AssetCollateral, "")
	for _, m := range p.urls.Markets {
		ask(polymarket.AssetConditional, m.Tokens[0])
		ask(polymarket.AssetConditional, m.Tokens[1])
	}
	return have
}

// difference says where the ledger and the venue differ, "" for nowhere.
func (p *plant) difference(venue map[string]int64) string {
	m, err := p.service.Request(msgs.SvcSubject("ledger", account, "balances"), nil, time.Second)
	if err != nil {
		return err.Error()
	}
	var b msgs.BalancesAnswer
	if err := json.Unmarshal(m.Data, &b); err != nil {
		return err.Error()
	}
	books := map[string]int64{"": int64(b.Cash.Total)}
	for _, x := range b.Positions {
		books[string(x.TokenID)] = int64(x.Total)
	}
	var why []string
	for token, n := range venue {
		if books[token] != n {
			why = append(why, fmt.Sprintf("%q: books %d, venue %d", token, books[token], n))
		}
	}
	if b.Cash.UnsettledIn != 0 || b.Cash.UnsettledOut != 0 {
		why = append(why, fmt.Sprintf("%s coming, %s leaving", b.Cash.UnsettledIn, b.Cash.UnsettledOut))
	}
	return strings.Join(why, ", ")
}
