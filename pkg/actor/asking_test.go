package actor_test

import (
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
)

// deaf is a server whose connections hear nothing any more once they are made so; what they say arrives.
type deaf struct {
	nats.InProcessConnProvider
	now atomic.Bool
}

func (d *deaf) InProcessConn() (net.Conn, error) {
	c, err := d.InProcessConnProvider.InProcessConn()
	return &deafConn{c, d}, err
}

type deafConn struct {
	net.Conn
	of *deaf
}

func (c *deafConn) Read(b []byte) (int, error) {
	for {
		if n, err := c.Conn.Read(b); err != nil || !c.of.now.Load() {
			return n, err
		}
	}
}

// Questions for the barrier have a connection of their own, and nothing but speed depends on it: when it is closed, or its answers
// are lost, orders leave all the same, and a cancel that was stored before still wins.
func TestOrdersLeaveAlsoWithoutTheConnectionForQuestions(t *testing.T) {
	for name, breaks := range map[string]func(*nats.Conn, *deaf){
		"kept":   func(*nats.Conn, *deaf) {},
		"closed": func(c *nats.Conn, _ *deaf) { c.Close() },
		"deaf":   func(_ *nats.Conn, d *deaf) { d.now.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				d := &deaf{InProcessConnProvider: b.NATS().Opts.InProcessServer}
				conn := b.Connect(nats.InProcessServer(d))
				p := start(b, func(c *actor.Config) { c.Ask = conn })
				p.ask("submit", "before")
				time.Sleep(time.Second)
				synctest.Wait()
				asked := conn.Stats().OutMsgs
				if got := p.sent(); asked == 0 || !slices.Equal(got, ids("before")) {
					t.Fatalf("posted %v after %d questions", got, asked)
				}
				breaks(conn, d)
				p.ask("cancel", "one")
				p.ask("submit", "one")
				p.ask("submit", "two")
				time.Sleep(5 * time.Second) // a question is given up after one, at a tick
				synctest.Wait()
				if got := p.sent(); !slices.Equal(got, ids("before", "two")) {
					t.Errorf("posted %v, want what nobody had cancelled", got)
				}
				if name == "kept" && conn.Stats().OutMsgs == asked {
					t.Error("nothing was asked on the connection for questions")
				}
			})
		})
	}
}
