package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
	"sluice/services/ingest"
)

// run is one service that runs, as a process of its own: with its own connections to the bus and to the venue.
type run struct {
	p     *plant
	name  string
	owner string // as the log and the leases know it; executors only
	nc    *nats.Conn
	net   *network
	// transport leads to the venue behind the gate.
	transport http.RoundTripper
	ready     func() error
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error // of its end; read after ended
	killed    bool
}

// network is what connects one service to the venue; it can be cut as a whole.
type network struct {
	dialer func(ctx context.Context, network, addr string) (net.Conn, error)

	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := n.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		c.Close()
		return nil, net.ErrClosed
	}
	n.conns = append(n.conns, c)
	return c, nil
}

// cut closes every connection; what was written to them still arrives.
func (n *network) cut() {
	n.mu.Lock()
	conns := n.conns
	n.conns, n.down = nil, true
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// launch runs a service until it is stopped or killed.
func (p *plant) launch(r *run, body func(context.Context) error) *run {
	ctx, cancel := context.WithCancel(context.Background())
	r.p, r.cancel, r.ended = p, cancel, make(chan struct{})
	go func() {
		defer close(r.ended)
		r.err = body(ctx)
	}()
	p.t.Cleanup(func() { r.kill() })
	return r
}

// stop ends a service as a signal does.
func (r *run) stop() {
	r.p.t.Helper()
	r.cancel()
	<-r.ended
	r.net.cut()
	r.nc.Close()
	if r.err != nil && !r.killed {
		r.p.t.Errorf("%s: %v", r.name, r.err)
	}
	r.killed = true
}

// fall ends a service as a power cut does: from this moment on nothing more of it reaches the bus or the venue. It may be
// called from within the service, at the gate.
func (r *run) fall() {
	r.net.cut()
	r.nc.Close()
	r.cancel()
}

// kill lets a service fall and waits for the end of it.
func (r *run) kill() {
	if r.killed {
		return
	}
	r.killed = true
	r.fall()
	<-r.ended
}

func (p *plant) startIngest() *run {
	p.t.Helper()
	r := &run{name: "ingest", nc: p.b.Connect(), net: &network{dialer: p.pipe.DialContext}}
	cfg := ingest.Config{Env: msgs.Sandbox, NATS: r.nc, CLOB: "http://venue", WSMarket: "ws://venue/ws/market", WSUser: "ws://venue/ws/user",
		HTTP: p.pipe.Client(), Dialer: p.pipe.Dialer(), Seed: 1, Log: p.logger("ingest")}
	for _, name := range p.cfg.accounts {
		cfg.Accounts = append(cfg.Accounts, ingest.Account{Name: msgs.Account(name), Key: identityOf(p.t, name).key})
	}
	s, err := ingest.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	r.ready = s.Ready
	return p.launch(r, s.Run)
}

// maxIdle keeps the connections of a burst.
const maxIdle = 32

// start runs one more executor, behind the gate.
func (p *plant) start(owner string) *run {
	p.t.Helper()
	r := &run{name: "executor " + owner, owner: owner, nc: p.b.Connect(), net: &network{dialer: p.pipe.DialContext}}
	transport := &http.Transport{DialContext: r.net.dial, MaxIdleConnsPerHost: maxIdle}
	r.transport = transport
	p.t.Cleanup(transport.CloseIdleConnections)
	cfg := executor.Config{Env: msgs.Sandbox, Owner: owner, NATS: r.nc, CLOB: "http://venue", Log: p.logger("executor " + owner),
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
	return p.launch(r, s.Run)
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
	p.executor().stop()
	p.start(p.successor())
	p.ready()
}

// crash kills the executor and starts another one.
func (p *plant) crash() {
	p.t.Helper()
	p.executor().kill()
	p.start(p.successor())
	p.ready()
}

// stopAll ends every service.
func (p *plant) stopAll() {
	p.t.Helper()
	for _, r := range append(p.executors, p.ingest, p.ledger) {
		if !r.killed {
			r.stop()
		}
	}
}
