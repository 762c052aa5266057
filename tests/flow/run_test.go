package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
	"sluice/services/ingest"
)

// run is one service that runs, as a process of its own.
type run struct {
	*actortest.Process
	name  string
	owner string // as the log and the leases know it; executors only
	// transport leads to the venue behind the gate.
	transport http.RoundTripper
	ready     func() error
}

func (p *plant) startIngest() *run {
	p.t.Helper()
	r := &run{name: "ingest", Process: p.b.Process("ingest", p.pipe)}
	cfg := ingest.Config{Env: msgs.Sandbox, NATS: r.NATS(), CLOB: "http://venue", WSMarket: "ws://venue/ws/market", WSUser: "ws://venue/ws/user",
		HTTP: p.pipe.Client(), Dialer: p.pipe.Dialer(), Seed: 1, Log: p.logger("ingest")}
	for _, name := range p.cfg.accounts {
		cfg.Accounts = append(cfg.Accounts, ingest.Account{Name: msgs.Account(name), Key: identityOf(p.t, name).key})
	}
	s, err := ingest.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	r.ready = s.Ready
	r.Start(s.Run)
	return r
}

// maxIdle keeps the connections of a burst.
const maxIdle = 32

// start runs one more executor, behind the gate.
func (p *plant) start(owner string) *run {
	p.t.Helper()
	name := "executor " + owner
	r := &run{name: name, owner: owner, Process: p.b.Process(name, p.pipe)}
	transport := r.Transport()
	transport.MaxIdleConnsPerHost = maxIdle
	r.transport = transport
	cfg := executor.Config{Env: msgs.Sandbox, Owner: owner, NATS: r.NATS(), CLOB: "http://venue", Log: p.logger(name),
		HTTP: &http.Client{Transport: passage{p.gate, transport}}}
	for _, name := range p.cfg.accounts {
		id := identityOf(p.t, name)
		cfg.Accounts = append(cfg.Accounts, executor.Account{Name: msgs.Account(name), Key: id.key, Kind: polymarket.WalletKind(id.SignatureType), Funder: id.funder})
	}
	if p.cfg.executor != nil {
		p.cfg.executor(&cfg)
	}
	s, err := executor.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	r.ready = s.Ready
	p.executors = append(p.executors, r)
	r.Start(s.Run)
	return r
}

// executor is the one that was started last.
func (p *plant) executor() *run { return p.executors[len(p.executors)-1] }

// ready waits until ingest is, and the last executor owns every account: after a crash that is when the lease of the fallen
// one has run out.
// After many crashes within seconds the first calls also wait until what those may have on the way has lapsed.
func (p *plant) ready() {
	p.t.Helper()
	r := p.executor()
	p.within(time.Minute, r.name+" owns every account", func() bool {
		if p.ingest.ready() != nil || r.ready() != nil {
			return false
		}
		for _, a := range p.cfg.accounts {
			if owners := p.owners(a); len(owners) != 1 || owners[0] != r.owner {
				return false
			}
		}
		return true
	})
}

// owners lists who answers for an account.
func (p *plant) owners(account string) (names []string) {
	p.t.Helper()
	inbox := p.b.NATS().NewInbox()
	sub, err := p.b.NATS().SubscribeSync(inbox)
	if err != nil {
		p.t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := p.b.NATS().PublishRequest(msgs.SvcSubject("executor", msgs.Account(account), "status"), inbox, nil); err != nil {
		p.t.Fatal(err)
	}
	for {
		m, err := sub.NextMsg(step)
		if err != nil || len(m.Data) == 0 {
			return names
		}
		var status struct{ Owner string }
		if err := json.Unmarshal(m.Data, &status); err != nil {
			p.t.Fatal(err)
		}
		names = append(names, status.Owner)
	}
}

// loseLease takes the lease of an account from its owner, who does not know it before the next renewal.
func (p *plant) loseLease(account string) {
	p.t.Helper()
	ctx, cancel := p.deadline()
	defer cancel()
	kv, err := p.b.JetStream().KeyValue(ctx, "OWNERS")
	if err == nil {
		err = kv.Delete(ctx, "order."+account)
	}
	if err != nil && !errors.Is(err, jetstream.ErrBucketNotFound) { // a bus that has just begun anew has forgotten it
		p.t.Fatal(err)
	}
}

// successor is a name that no executor has had yet.
func (p *plant) successor() string { return fmt.Sprintf("number-%d", len(p.executors)+1) }

// restart stops the executor and starts another one.
func (p *plant) restart() {
	p.t.Helper()
	p.executor().Stop()
	p.start(p.successor())
	p.ready()
}

// crash kills the executor and starts another one.
func (p *plant) crash() {
	p.t.Helper()
	p.executor().Kill()
	p.start(p.successor())
	p.ready()
}

// stopAll ends every service.
func (p *plant) stopAll() {
	p.t.Helper()
	for _, r := range append(p.executors, p.ingest, p.ledger) {
		r.Stop()
	}
}
