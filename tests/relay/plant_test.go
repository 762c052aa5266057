package relay

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/msgs/msgstest"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/judge"
	"sluice/services/ingest"
	"sluice/services/relayer"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// talk shows the services' logs of failing and verbose tests.
var talk = flag.Bool("talk", false, "log what the services say")

// everything reports whether each test shall try all that it knows, and not some of it.
func everything() bool { return os.Getenv("SLUICE_RELAY_FULL") != "" }

// schemas are compiled once: they are the same for every test, and nothing of a bubble gets into them.
var schemas = sync.OnceValues(msgstest.New)

const (
	// step is how far waiting looks ahead at first, maxStep after a while.
	step, maxStep = 500 * time.Millisecond, 10 * time.Second
	// patience is how long anything may take that has no bound of its own: linger, relayer, blocks, finality.
	patience = 10 * time.Minute
	// rest is how long a plant is left alone before it is judged: what is under way is final by then.
	rest = 30 * time.Second
)

// plant is a relayer service and all that it meets, in one bubble.
type plant struct {
	t     *testing.T
	b     *actortest.Bubble
	venue *sandbox.Sandbox
	pipe  *actortest.Pipe
	valid *msgstest.Validator
	bus   *nats.Conn // of a strategy
	cfg   setup

	desk     *desk
	services []*service
	streams  map[string]*reading
	began    map[string]holdings // by account
	unlawful map[string]bool     // commands that no schema shall accept, by stream and sequence
}

// setup is what a test can choose.
type setup struct {
	accounts []string // main when empty
	sandbox  sandbox.Config
	relayer  func(*relayer.Config) // changes each service's configuration; may be nil
	idle     bool                  // no service is started
	wrong    map[judge.Kind]int    // what the judge shall find
}

// inPlant runs a test in a plant that is ready, and judges it.
func inPlant(t *testing.T, cfg setup, test func(p *plant)) {
	t.Helper()
	v, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	// Two collections empty the NATS client's pool of timers: one that an earlier bubble has made would stop this one.
	runtime.GC()
	runtime.GC()
	actortest.RunConfig(t, natsd.Config{Stored: actor.Stored}, func(t *testing.T, b *actortest.Bubble) {
		cfg.sandbox.Chain = true
		box, err := sandbox.New(cfg.sandbox)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(box.Close)
		p := &plant{t: t, b: b, venue: box, pipe: b.Pipe(), valid: v, cfg: cfg, streams: map[string]*reading{}, began: map[string]holdings{}, unlawful: map[string]bool{}}
		p.pipe.Serve(box.Handler())
		if len(cfg.accounts) == 0 {
			p.cfg.accounts = []string{"main"}
		}
		if p.cfg.wrong == nil {
			p.cfg.wrong = map[judge.Kind]int{}
		}
		p.prepare()
		test(p)
		if !t.Failed() {
			p.pass(rest)
		}
		for _, s := range p.services {
			s.Stop()
		}
		p.check()
	})
}

// prepare makes the streams, has the market facts told, and starts a service.
func (p *plant) prepare() {
	p.t.Helper()
	var names []msgs.Account
	for _, a := range p.cfg.accounts {
		names = append(names, msgs.Account(a))
		p.began[a] = p.holds(a)
	}
	if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, names...); err != nil {
		p.t.Fatal(err)
	}
	bus, err := p.b.Server.ConnectAs(natsd.User{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(bus.Close)
	p.bus = bus
	p.tellFacts()
	p.desk = p.openDesk()
	if !p.cfg.idle {
		p.start()
	}
}

// tellFacts runs an ingest until the facts of every market stand on the bus, where they stay.
func (p *plant) tellFacts() {
	p.t.Helper()
	cfg := ingest.Config{Env: msgs.Sandbox, NATS: p.b.Connect(), CLOB: "http://venue", WSMarket: "ws://venue/ws/market", WSUser: "ws://venue/ws/user",
		HTTP: p.pipe.Client(), Dialer: p.pipe.Dialer(), Seed: 1, Log: p.logger("ingest")}
	for _, name := range p.cfg.accounts {
		cfg.Accounts = append(cfg.Accounts, ingest.Account{Name: msgs.Account(name), Key: p.key(name)})
	}
	s, err := ingest.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	p.until("the markets are known", func() bool { return s.Ready() == nil })
	stop()
	if err := <-ended; err != nil {
		p.t.Error(err)
	}
}

// desk answers for the executors what rests: nothing, unless a test says so.
type desk struct {
	mu     sync.Mutex
	orders map[string][]msgs.Order // by account
	silent bool
}

// openDesk has the questions about orders answered.
func (p *plant) openDesk() *desk {
	p.t.Helper()
	d := &desk{orders: map[string][]msgs.Order{}}
	nc := p.b.Connect()
	for _, a := range p.cfg.accounts {
		_, err := nc.Subscribe(msgs.SvcSubject("executor", msgs.Account(a), "orders"), func(m *nats.Msg) {
			d.mu.Lock()
			orders, silent := d.orders[a], d.silent
			d.mu.Unlock()
			if silent {
				return
			}
			b, err := json.Marshal(msgs.OrdersAnswer{Orders: orders})
			if err == nil {
				err = m.Respond(b)
			}
			if err != nil && nc.IsConnected() {
				p.t.Error(err)
			}
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return d
}

// rest sets what rests for an account.
func (d *desk) rest(account string, orders ...msgs.Order) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders[account] = orders
}

// hush makes it answer nothing, or answer again.
func (d *desk) hush(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = on
}

// pass lets time go by, and everything happen that is due then.
func (p *plant) pass(d time.Duration) {
	time.Sleep(d)
	p.b.Wait()
}

// until lets time go by until something is so, at most for patience.
func (p *plant) until(what string, so func() bool) { p.t.Helper(); p.within(patience, what, so) }

// within is until with a bound of its own.
func (p *plant) within(most time.Duration, what string, so func() bool) {
	p.t.Helper()
	ahead := step
	for end := time.Now().Add(most); ; p.pass(ahead) {
		ahead = min(ahead+ahead/50, maxStep)
		p.b.Wait()
		if so() {
			return
		}
		if time.Now().After(end) {
			for _, a := range p.cfg.accounts {
				for _, e := range p.log(a) {
					p.t.Logf("%s %s %.600s", e.Stored.Format("15:04:05"), a, e.Raw)
				}
			}
			p.t.Fatalf("after %s still not: %s", most, what)
		}
	}
}

// deadline is a context for one call of the test itself.
func (p *plant) deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.t.Context(), patience)
}

// logger is where a service talks to.
func (p *plant) logger(name string) *slog.Logger {
	if !*talk {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("service", name)
}

// accountOf is a sandbox account.
func accountOf(t testing.TB, name string) sandbox.Account {
	t.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("no account %s", name)
	return sandbox.Account{}
}

func (p *plant) key(account string) *polymarket.Key {
	p.t.Helper()
	key, err := polymarket.ParseKey(accountOf(p.t, account).PrivateKey)
	if err != nil {
		p.t.Fatal(err)
	}
	return key
}

// friend may be sent money by every account.
func friend() polymarket.Address { return polymarket.Address{0xf7} }

// service is one relayer service that runs, as a process of its own.
type service struct {
	*actortest.Process
	ready func() error
}

// last is the service that was started last.
func (p *plant) last() *service { return p.services[len(p.services)-1] }
