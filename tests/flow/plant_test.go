package flow

import (
	"context"
	"flag"
	"log/slog"
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
	"sluice/services/executor"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// talk shows the services' logs of failing and verbose tests.
var talk = flag.Bool("talk", false, "log what the services say")

// schemas are compiled once: they are the same for every test, and nothing of a bubble gets into them.
var schemas = sync.OnceValues(msgstest.New)

const (
	// step is how far waiting looks ahead at once: below every delay of the plant that a test tells apart.
	step = 20 * time.Millisecond
	// patience is how long anything may take that has no bound of its own, in virtual time.
	patience = 2 * time.Minute
	// rest is how long a plant is left alone before it is judged: fills settle within a second.
	rest = 3 * time.Second
)

// plant is a whole Sluice in one bubble.
type plant struct {
	t     *testing.T
	b     *actortest.Bubble
	venue *sandbox.Sandbox
	pipe  *actortest.Pipe
	valid *msgstest.Validator

	cfg  setup
	ears *ears
	bus  *nats.Conn // of a strategy for all accounts

	ingest    *run
	ledger    *run
	executors []*run
	gate      *gate // between every executor and the venue

	handles sync.Map // of streams, by name

	reading chan struct{} // held by who reads the logs
	logs    map[string]*stream
	lines   []line // of the journal, as far as read
	raws    int
	bad     map[string]bool // commands that no schema shall accept, by stream and sequence
	want    wrongs
	books   string // file of the ledger
}

// setup is what a test can choose.
type setup struct {
	accounts []string // main when empty
	sandbox  sandbox.Config
	users    []natsd.User
	executor func(*executor.Config) // changes each executor's configuration; may be nil
	idle     bool                   // no executor is started
	rest     time.Duration          // before the judgement; rest when zero
	judge    judge.Options
	dir      string // of the server; a temporary one when empty
	bookless bool   // no ledger runs
	lost     bool   // the test loses a log: the judge, who reads logs, is not asked
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
	actortest.RunConfig(t, natsd.Config{Dir: cfg.dir, Stored: actor.Stored, Users: cfg.users}, func(t *testing.T, b *actortest.Bubble) {
		box, err := sandbox.New(cfg.sandbox)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(box.Close)
		p := &plant{t: t, b: b, venue: box, pipe: b.Pipe(), valid: v, cfg: cfg, gate: &gate{}, reading: make(chan struct{}, 1), logs: map[string]*stream{}, bad: map[string]bool{}}
		p.pipe.Serve(box.Handler())
		if len(cfg.accounts) == 0 {
			p.cfg.accounts = []string{"main"}
		}
		p.prepare()
		test(p)
		if !t.Failed() {
			p.pass(max(p.cfg.rest, rest))
			if !cfg.lost {
				p.balance()
			}
		}
		p.stopAll()
		if cfg.lost {
			p.validate(p.record())
			return
		}
		p.check()
	})
}

// prepare makes the streams, connects the strategy, and starts the services.
func (p *plant) prepare() {
	p.t.Helper()
	var names []msgs.Account
	for _, a := range p.cfg.accounts {
		names = append(names, msgs.Account(a))
	}
	if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, names...); err != nil {
		p.t.Fatal(err)
	}
	p.ears = p.listen()
	if len(p.cfg.users) == 0 {
		p.bus = p.connectAs(natsd.User{})
	}
	p.ingest = p.startIngest()
	if p.ledger = p.startLedger(); p.cfg.bookless {
		p.ledger.Kill()
	}
	if !p.cfg.idle {
		p.start("first")
		p.ready()
	}
}

// connectAs opens a connection of a strategy, closed at the end.
func (p *plant) connectAs(u natsd.User, opts ...nats.Option) *nats.Conn {
	p.t.Helper()
	nc, err := p.b.Server.ConnectAs(u, opts...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(nc.Close)
	return nc
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
	for end := time.Now().Add(most); ; p.pass(step) {
		p.b.Wait()
		if so() {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("after %s still not: %s", most, what)
		}
	}
}

// logger is where a service talks to.
func (p *plant) logger(name string) *slog.Logger {
	if !*talk {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("service", name)
}

// identity is a sandbox account with its parsed key.
type identity struct {
	sandbox.Account
	key    *polymarket.Key
	funder polymarket.Address
}

func identityOf(t testing.TB, name string) identity {
	t.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name != name {
			continue
		}
		key, err := polymarket.ParseKey(a.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		funder, err := polymarket.ParseAddress(a.Funder)
		if err != nil {
			t.Fatal(err)
		}
		return identity{a, key, funder}
	}
	t.Fatalf("no account %s", name)
	return identity{}
}

// market is a sandbox market by its slug.
func market(t testing.TB, slug string) sandbox.Market {
	t.Helper()
	for _, m := range sandbox.Markets() {
		if m.Slug == slug {
			return m
		}
	}
	t.Fatalf("no market %s", slug)
	return sandbox.Market{}
}

// coin is the market that most tests trade: a tick of a cent, Yes at 0.51 to 0.52.
const coin = "sandbox-coin"

// deadline is a context for one call of the test itself.
func (p *plant) deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.t.Context(), patience)
}
