package flow

import (
	"encoding/json"
	"path/filepath"

	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/services/ledger"
)

// startLedger keeps the books of every account of the plant.
func (p *plant) startLedger() *run {
	p.t.Helper()
	r := &run{name: "ledger", nc: p.b.Connect(), net: &network{dialer: p.pipe.DialContext}}
	if p.books == "" {
		p.books = filepath.Join(p.t.TempDir(), "ledger.db")
	}
	cfg := ledger.Config{Env: msgs.Sandbox, Owner: "ledger", NATS: r.nc, Path: p.books, Transfers: ledger.SandboxTransfers("http://venue", p.pipe.Client()),
		Log: p.logger("ledger")}
	for _, name := range p.cfg.accounts {
		cfg.Accounts = append(cfg.Accounts, ledger.Account{Name: msgs.Account(name), Wallet: identityOf(p.t, name).Funder})
	}
	s, err := ledger.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	r.ready = s.Ready
	return p.launch(r, s.Run)
}

// balances is what the ledger says of an account.
func (p *plant) balances(account string) msgs.BalancesAnswer {
	p.t.Helper()
	var a msgs.BalancesAnswer
	r, err := p.b.NATS().Request(msgs.SvcSubject("ledger", msgs.Account(account), "balances"), nil, patience)
	if err == nil {
		err = json.Unmarshal(r.Data, &a)
	}
	if err != nil {
		p.t.Fatalf("balances of %s: %v", account, err)
	}
	return a
}

// balance holds the books against the venue when everything has settled: tolerance 0.
func (p *plant) balance() {
	p.t.Helper()
	if p.ledger.killed {
		return
	}
	for _, name := range p.cfg.accounts {
		want, a := p.venue.Holdings(identityOf(p.t, name).Funder), p.balances(name)
		got := map[string]int64{a.Cash.Asset: int64(a.Cash.Total)}
		for _, x := range a.Positions {
			got[string(x.TokenID)] = int64(x.Total)
		}
		for asset, n := range want {
			if got[asset] != n {
				p.t.Errorf("%s: the ledger has %s of %s, the venue %s", name, money.Cash(got[asset]), asset, money.Cash(n))
			}
		}
		if a.Cash.UnsettledIn != 0 || a.Cash.UnsettledOut != 0 {
			p.t.Errorf("%s: %s coming and %s leaving are still not settled", name, a.Cash.UnsettledIn, a.Cash.UnsettledOut)
		}
		for _, e := range p.booked(name) {
			if e.Type == string(msgs.KindDiscrepancy) {
				p.t.Errorf("%s: %s", name, e.raw)
			}
		}
	}
}

// booked is every event of an account's ledger, in order.
func (p *plant) booked(account string) []event {
	p.t.Helper()
	p.log(account)
	return p.logs[account].books
}
