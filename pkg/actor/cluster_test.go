package actor_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/msgs"
)

// cluster is three servers in this process, on loopback and in real time.
type cluster struct {
	t       *testing.T
	servers []*server.Server
	js      jetstream.JetStream
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	var routes []string
	ports := make([]int, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		routes = append(routes, fmt.Sprintf("nats-route://127.0.0.1:%d", ports[i]))
		l.Close()
	}
	for i, port := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, JetStreamMaxMemory: 512 << 20, JetStreamMaxStore: 4 << 30,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port, PoolSize: -1}, Routes: server.RoutesFromStr(strings.Join(routes, ",")),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		c.servers = append(c.servers, s)
	}
	c.js = c.connect()
	c.eventually("three replicas", func() bool { return actor.EnsureStreams(t.Context(), c.js, 3, "a") == nil })
	return c
}

// connect opens a connection that knows all servers.
func (c *cluster) connect() jetstream.JetStream {
	c.t.Helper()
	var urls []string
	for _, s := range c.servers {
		c.eventually("server", func() bool { return s.ReadyForConnections(time.Second) })
		urls = append(urls, s.ClientURL())
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		c.t.Fatal(err)
	}
	return js
}

func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	for began := time.Now(); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			c.t.Fatalf("no %s after half a minute", what)
		}
	}
}

// start runs an actor on a connection of its own.
func (c *cluster) start(change func(*actor.Config)) *bench {
	return startOn(&actortest.Bubble{T: c.t}, c.connect(), change)
}

// store publishes until it is acknowledged; a repeat after a lost acknowledgement is one more command, as it is for a user.
func (c *cluster) store(js jetstream.JetStream, verb, id string) {
	c.t.Helper()
	c.eventually("acknowledgement", func() bool {
		_, err := js.Publish(c.t.Context(), msgs.CmdSubject(msgs.FamilyOrder, "a", verb), []byte(id))
		return err == nil
	})
}

func (c *cluster) stream(name string) (s jetstream.Stream) {
	c.t.Helper()
	c.eventually("stream", func() (ok bool) {
		var err error
		s, err = c.js.Stream(c.t.Context(), name)
		return err == nil
	})
	return s
}

// log reads the log, however long the broker needs.
func (c *cluster) log() (envs []msgs.Envelope) {
	c.t.Helper()
	c.eventually("answer", func() (ok bool) {
		var err error
		envs, err = readLog(c.t.Context(), c.js)
		return err == nil
	})
	return envs
}

// dense fails unless the events of the log follow each other and each id has at most one intent, and counts those of ids that were not cancelled before.
func (c *cluster) dense() (intents int) {
	c.t.Helper()
	var n uint64
	seen := map[msgs.ClientOrderID]bool{}
	for _, env := range c.log() {
		for _, e := range env.Events {
			if n++; msgs.HeadOf(e).N != n {
				c.t.Fatalf("event numbered %d where %d is next", msgs.HeadOf(e).N, n)
			}
			if s, ok := e.(*msgs.OrderSubmitting); ok {
				id := s.Orders[0].ClientOrderID
				if _, again := seen[id]; again {
					c.t.Fatalf("%s has a second intent", id)
				}
				seen[id] = !strings.HasPrefix(string(id), "dead")
			}
		}
	}
	for _, lives := range seen {
		if lives {
			intents++
		}
	}
	return intents
}

// Three replicas hold what one server does: a cancel that was stored first wins, owners that claim from each other decide
// everything once, and a leader that goes away in the middle costs neither an order nor the ownership.
func TestThreeReplicas(t *testing.T) {
	if testing.Short() && os.Getenv("SLUICE_REQUIRE_ALL") != "1" {
		t.Skip("takes some seconds of real time")
	}
	c := newCluster(t)
	all := 0

	p := c.start(nil) // which asks for one replica
	for _, name := range []string{msgs.LogStream("a"), msgs.AskStream("a")} {
		s := c.stream(name)
		if cfg := s.CachedInfo().Config; cfg.Replicas != 3 || cfg.AllowDirect {
			t.Errorf("%s has %d replicas, and any may answer: %v", name, cfg.Replicas, cfg.AllowDirect)
		}
	}
	for i := range 40 {
		id := fmt.Sprint("dead", i)
		c.store(c.js, "cancel", id)
		c.store(c.js, "submit", id)
	}
	c.eventually("killed submits", func() bool { return len(kinds(c.log())) >= 81 })
	if got := p.sent(); len(got) != 0 {
		t.Fatalf("posted %v, which had been cancelled before", got)
	}

	flood := make(chan struct{})
	go func() {
		defer close(flood)
		other := c.connect()
		for i := range 100 {
			c.store(other, "submit", fmt.Sprint("flood", i))
		}
	}()
	all += 100
	var owners []*bench
	for i := range 5 {
		owners = append(owners, c.start(func(cfg *actor.Config) { cfg.Owner = fmt.Sprint("owner", i) }))
		time.Sleep(50 * time.Millisecond)
	}
	<-flood
	c.eventually("intents for all", func() bool { return c.dense() == all })
	c.eventually("one owner", func() bool {
		for _, p := range owners {
			p.act.Tell(t.Context(), posted{"makes an append"}) // an owner that was replaced while idle finds out
		}
		owners = slices.DeleteFunc(owners, func(p *bench) bool { return errors.Is(p.over(), actor.ErrReplaced) })
		return len(owners) <= 1
	})
	if len(owners) != 1 || owners[0].over() != nil {
		t.Fatalf("%d owners are left", len(owners))
	}
	s := c.stream(msgs.LogStream("a"))
	leader := c.servers[slices.IndexFunc(c.servers, func(srv *server.Server) bool { return srv.Name() == s.CachedInfo().Cluster.Leader })]
	for i := range 20 {
		if c.store(c.js, "submit", fmt.Sprint("leaderless", i)); i == 10 {
			go leader.Shutdown()
		}
	}
	all += 20
	c.eventually("intents after the leader went", func() bool { return c.dense() == all })
	if err := owners[0].over(); err != nil {
		t.Errorf("the owner ended: %v", err)
	}
}
