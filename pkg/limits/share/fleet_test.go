package share

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/referee"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// figures are what the venue of a test documents.
type figures struct {
	place, cancel []catalogue.Layer
	orders        catalogue.Layer // of a signer
	cancels       catalogue.Layer
}

func window(n int, per time.Duration) catalogue.Layer { return catalogue.Layer{N: n, Per: per} }

// tight are windows that a few accounts fill within seconds.
func tight() figures {
	return figures{
		place:  []catalogue.Layer{window(60, time.Second), window(200, 10*time.Second), window(900, time.Minute)},
		cancel: []catalogue.Layer{window(100, 10*time.Second)},
		orders: catalogue.Layer{Rate: 10, Burst: 30}, cancels: catalogue.Layer{Rate: 20, Burst: 40, Negative: true},
	}
}

func (f figures) profile(t testing.TB) catalogue.Profile {
	p, err := catalogue.Build(catalogue.Profile{Name: "test", Date: "2026-11-15", Source: "a test", API: "clob", Rules: []catalogue.Rule{
		{Name: "place", Scope: catalogue.IP, Class: catalogue.Order, For: []string{"POST /order"}, Layers: f.place},
		{Name: "cancel", Scope: catalogue.IP, Class: catalogue.Cancel, For: []string{"DELETE /order"}, Layers: f.cancel},
		{Name: "orders", Scope: catalogue.Signer, Class: catalogue.Order, Layers: []catalogue.Layer{f.orders}, Charges: []catalogue.Charge{{To: "POST /order", Item: 1}}},
		{Name: "cancels", Scope: catalogue.Signer, Class: catalogue.Cancel, Layers: []catalogue.Layer{f.cancels}, Charges: []catalogue.Charge{{To: "DELETE /order", Item: 1}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// court counts what arrives at the venue, by figures of its own.
type court struct {
	mu     sync.Mutex
	began  time.Time
	f      figures
	of     map[string]*referee.Server
	took   map[string]int // by account and endpoint
	refuse int
}

func server(layers ...catalogue.Layer) *referee.Server {
	s := &referee.Server{}
	for _, l := range layers {
		if l.N > 0 {
			s.Windows = append(s.Windows, &referee.Window{N: l.N, Per: l.Per})
		} else {
			s.Buckets = append(s.Buckets, &referee.Bucket{Rate: l.Rate, Burst: l.Burst, Per: time.Second, Negative: l.Negative})
		}
	}
	return s
}

// allowed is the most that anybody could send in a span.
func allowed(span time.Duration, layers ...catalogue.Layer) (n int) {
	s := server(layers...)
	for at := s.Next(0, 1); at < span; at = s.Next(at, 1) {
		s.Arrive(at, 1)
		n++
	}
	return n
}

func newCourt(f figures) *court {
	return &court{began: time.Now(), f: f, of: map[string]*referee.Server{"POST /order": server(f.place...), "DELETE /order": server(f.cancel...)}, took: map[string]int{}}
}

func (c *court) arrive(q limits.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := q.Endpoint + " " + q.Account
	if c.of[own] == nil {
		c.of[own] = server(map[string]catalogue.Layer{"POST /order": c.f.orders, "DELETE /order": c.f.cancels}[q.Endpoint])
	}
	at := time.Since(c.began)
	ip, signer := c.of[q.Endpoint].Arrive(at, 1), c.of[own].Arrive(at, 1)
	c.took[own]++
	c.took[q.Endpoint]++
	if !ip || !signer {
		c.refuse++
	}
}

func (c *court) counts() (refused int, took map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took = map[string]int{}
	for k, n := range c.took {
		took[k] = n
	}
	return c.refuse, took
}

// link is a connection to the bus that can be cut.
type link struct {
	server nats.InProcessConnProvider
	mu     sync.Mutex
	down   bool
	conns  []net.Conn
}

func (l *link) InProcessConn() (net.Conn, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, errors.New("cut by the test")
	}
	c, err := l.server.InProcessConn()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *link) cut(down bool) {
	l.mu.Lock()
	l.down = down
	conns := l.conns
	if down {
		l.conns = nil
	} else {
		conns = nil
	}
	l.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// replica is a process with a limiter of its own.
type replica struct {
	name    string
	limiter *limits.Limiter
	node    *Node
	nc      *nats.Conn
	link    *link
	life    context.Context
	stop    context.CancelFunc
	ended   chan error
}

// fleet is several of them, and the venue.
type fleet struct {
	t     *testing.T
	b     *actortest.Bubble
	f     figures
	court *court
	delay func() time.Duration
	work  sync.WaitGroup
	made  int
}

func inFleet(t *testing.T, f figures, test func(x *fleet)) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		x := &fleet{t: t, b: b, f: f, court: newCourt(f), delay: func() time.Duration { return 20 * time.Millisecond }}
		test(x)
		x.work.Wait()
		if refused, took := x.court.counts(); refused > 0 {
			t.Errorf("%d requests were more than is allowed; arrived: %v", refused, took)
		}
	})
}

func (x *fleet) start(keep ...limits.Request) *replica {
	x.t.Helper()
	x.made++
	r := &replica{name: fmt.Sprintf("r%d", x.made), link: &link{server: x.b.Server}, ended: make(chan error, 1)}
	r.nc = x.b.Connect(nats.InProcessServer(r.link))
	js, err := jetstream.New(r.nc)
	if err != nil {
		x.t.Fatal(err)
	}
	o := budget.Options{Factor: budget.Permille}
	r.limiter, err = limits.Open(x.f.profile(x.t), o)
	if err != nil {
		x.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(x.t.Output(), nil)).With("replica", r.name)
	}
	r.node = New(r.limiter, Config{Name: "venue", Owner: r.name, Profile: x.f.profile(x.t), Options: o, NATS: r.nc, JS: js, Log: log, Keep: keep})
	r.life, r.stop = context.WithCancel(context.Background())
	go func() { r.ended <- r.node.Run(r.life) }()
	x.t.Cleanup(func() { r.kill() })
	return r
}

// kill ends a replica as a power cut does.
func (r *replica) kill() {
	r.link.cut(true)
	r.nc.Close()
	r.end()
}

// end stops a replica in good order.
func (r *replica) end() {
	r.stop()
	if r.ended != nil {
		<-r.ended
		r.ended = nil
	}
}

// flood sends requests of an account as fast as they may leave, until its replica ends or for so long.
func (x *fleet) flood(r *replica, q limits.Request, for_ time.Duration) {
	ctx, cancel := context.WithTimeout(r.life, for_)
	x.work.Go(func() {
		defer cancel()
		for {
			p, err := r.limiter.Acquire(ctx, q)
			if err != nil {
				return
			}
			x.work.Go(func() { x.send(r, q, p) })
			runtime.Gosched() // a process does something for its other accounts in between
		}
	})
}

// send lets a request arrive after a while, and its answer after another. Who is dead hears no answer.
func (x *fleet) send(r *replica, q limits.Request, p limits.Permit) {
	time.Sleep(x.delay())
	x.court.arrive(q)
	time.Sleep(x.delay())
	if r.life.Err() == nil {
		p.Answered()
	}
}

func post(account string) limits.Request { return limits.Posting(account, 1) }

func cancelOf(account string) limits.Request {
	return limits.Request{Endpoint: string(limits.DeleteOrder), Account: account, Items: 1}
}

// jitter is a delay that differs each time.
func jitter(seed uint64) func() time.Duration {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 9))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(rng.IntN(100)) * time.Millisecond
	}
}
