package relay

import (
	"fmt"
	"net/http"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/relayer"
)

// nodes is how many endpoints of the chain a service has.
const nodes = 3

// start runs one more service.
func (p *plant) start() *service { p.t.Helper(); return p.startWith(nil) }

// startWith runs one more service, with a configuration that is changed first.
func (p *plant) startWith(change func(*relayer.Config)) *service {
	p.t.Helper()
	owner := fmt.Sprintf("relayer-%d", len(p.services)+1)
	s := &service{Process: p.b.Process(owner, p.pipe)}
	cfg := relayer.Config{Env: msgs.Sandbox, Owner: owner, NATS: s.NATS(), Relayer: "http://venue/relayer", HTTP: &http.Client{Transport: s.Transport()}, OwnGas: true,
		SnapshotEvery: 40, Log: p.logger(owner)}
	for n := range nodes {
		cfg.RPC = append(cfg.RPC, evm.Endpoint{Name: fmt.Sprintf("node-%d", n+1), URL: evm.URL(fmt.Sprintf("http://venue/rpc/%d", n+1)), Priority: n})
	}
	builder := sandbox.BuilderKeys()[0]
	for _, name := range p.cfg.accounts {
		a := accountOf(p.t, name)
		wallet, err := polymarket.ParseAddress(a.Funder)
		if err != nil {
			p.t.Fatal(err)
		}
		cfg.Accounts = append(cfg.Accounts, relayer.Account{Name: msgs.Account(name), Key: p.key(name), Kind: polymarket.WalletKind(a.SignatureType), Wallet: wallet,
			Auth:   polymarket.BuilderCredentials{Key: builder.Key, Secret: polymarket.Secret(builder.Secret), Passphrase: polymarket.Secret(builder.Passphrase)},
			SendTo: []polymarket.Address{friend()}})
	}
	if p.cfg.relayer != nil {
		p.cfg.relayer(&cfg)
	}
	if change != nil {
		change(&cfg)
	}
	svc, err := relayer.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	s.ready = svc.Ready
	s.Start(svc.Run)
	p.services = append(p.services, s)
	return s
}

func withoutCredentials(c *relayer.Config) {
	for i := range c.Accounts {
		c.Accounts[i].Auth = nil
	}
}

func withoutEndpoints(c *relayer.Config) { c.RPC = nil }
