package flow

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/services/executor"
	"sluice/services/ingest"
	"sluice/services/ledger"
	"sluice/services/relayer"
)

// service is one of the four.
type service interface {
	Run(context.Context) error
	Ready() error
}

// TestServicesBeginWithoutTheBroker starts every service on a connection whose server has just gone away and leaves it alone for ten
// minutes: none has ended. Told to end then, each does, without an error; when the server comes back, all are ready.
func TestServicesBeginWithoutTheBroker(t *testing.T) {
	for name, back := range map[string]bool{"the broker comes back": true, "they are told to end": false} {
		t.Run(name, func(t *testing.T) {
			actortest.RunConfig(t, natsd.Config{Stored: actor.Stored}, func(t *testing.T, b *actortest.Bubble) {
				box, err := sandbox.New(sandbox.Config{Chain: true})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(box.Close)
				p := &plant{t: t, b: b, venue: box, pipe: b.Pipe(), cfg: setup{accounts: []string{"main"}}}
				p.pipe.Serve(box.Handler())
				p.beginLate(back)
			})
		})
	}
}

// beginLate lets all services begin without a broker, which comes back or not.
func (p *plant) beginLate(back bool) {
	p.t.Helper()
	way := &actortest.Entrance{Server: p.b.Server}
	nc := p.b.Connect(nats.InProcessServer(way))
	way.Shut.Store(true)
	if err := nc.ForceReconnect(); err != nil {
		p.t.Fatal(err)
	}
	all := p.all(nc)
	ctx, stop := context.WithCancel(p.t.Context())
	defer stop()
	type end struct {
		name string
		err  error
	}
	ended := make(chan end, len(all))
	for name, s := range all {
		go func() { ended <- end{name, s.Run(ctx)} }()
	}
	p.pass(10 * time.Minute)
	if len(ended) > 0 {
		e := <-ended
		p.t.Fatalf("%s has ended without the broker: %v", e.name, e.err)
	}
	if back {
		way.Shut.Store(false)
		for name, s := range all {
			p.within(time.Minute, name+" is ready", func() bool { return s.Ready() == nil })
		}
	}
	stop()
	for range all {
		if e := <-ended; e.err != nil {
			p.t.Errorf("%s: %v", e.name, e.err)
		}
	}
}

// all makes one of each service on a connection.
func (p *plant) all(nc *nats.Conn) map[string]service {
	p.t.Helper()
	id := identityOf(p.t, "main")
	builder := sandbox.BuilderKeys()[0]
	must := func(s service, err error) service {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
		return s
	}
	in, err := ingest.New(ingest.Config{Env: msgs.Sandbox, NATS: nc, CLOB: "http://venue", WSMarket: "ws://venue/ws/market", WSUser: "ws://venue/ws/user",
		HTTP: p.pipe.Client(), Dialer: p.pipe.Dialer(), Seed: 1, Log: p.logger("ingest"), Accounts: []ingest.Account{{Name: "main", Key: id.key}}})
	all := map[string]service{"ingest": must(in, err)}
	ex, err := executor.New(executor.Config{Env: msgs.Sandbox, Owner: "executor", NATS: nc, CLOB: "http://venue", HTTP: p.pipe.Client(), Log: p.logger("executor"),
		Accounts: []executor.Account{{Name: "main", Key: id.key, Kind: polymarket.WalletKind(id.SignatureType), Funder: id.funder}}})
	all["executor"] = must(ex, err)
	le, err := ledger.New(ledger.Config{Env: msgs.Sandbox, Owner: "ledger", NATS: nc, Path: filepath.Join(p.t.TempDir(), "ledger.db"),
		Transfers: ledger.SandboxTransfers("http://venue", p.pipe.Client()), Log: p.logger("ledger"),
		Accounts: []ledger.Account{{Name: "main", Wallet: id.Funder}}})
	all["ledger"] = must(le, err)
	re, err := relayer.New(relayer.Config{Env: msgs.Sandbox, Owner: "relayer", NATS: nc, Relayer: "http://venue/relayer", HTTP: p.pipe.Client(), OwnGas: true, Log: p.logger("relayer"),
		RPC: []evm.Endpoint{{Name: "node", URL: "http://venue/rpc/1"}},
		Accounts: []relayer.Account{{Name: "main", Key: id.key, Kind: polymarket.WalletKind(id.SignatureType), Wallet: id.funder,
			Auth: polymarket.BuilderCredentials{Key: builder.Key, Secret: polymarket.Secret(builder.Secret), Passphrase: polymarket.Secret(builder.Passphrase)}}}})
	all["relayer"] = must(re, err)
	return all
}
