package ingest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/nats-io/nats.go"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// replica is one of several ingests that follow the same account, with ways of its own to the venue and to NATS.
type replica struct {
	svc   *Service
	venue *wire
	bus   *wire
	nc    *nats.Conn
	end   context.CancelFunc
	ended sync.WaitGroup
}

// busWire leads a NATS client over a wire.
type busWire struct {
	wire   *wire
	server nats.InProcessConnProvider
}

func (w busWire) InProcessConn() (net.Conn, error) {
	c, err := w.server.InProcessConn()
	if err != nil {
		return nil, err
	}
	return w.wire.take(c), nil
}

// replica starts one more ingest, which does everything over wires of its own.
func (p *plant) replica() *replica {
	p.t.Helper()
	r := &replica{venue: &wire{dialer: p.cfg.Dialer, client: p.cfg.HTTP}, bus: &wire{}}
	r.nc = p.b.Connect(nats.InProcessServer(busWire{r.bus, p.b.Server}))
	cfg := p.cfg
	cfg.NATS, cfg.Dialer, cfg.HTTP = r.nc, &websocket.Dialer{NetDialContext: r.venue.dial}, &http.Client{Transport: r.venue}
	var err error
	if r.svc, err = New(cfg); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	r.ended.Go(func() { _ = r.svc.Run(ctx) }) // of one that is killed it is an error
	p.t.Cleanup(r.stop)
	return r
}

func (r *replica) stop() {
	r.end()
	r.ended.Wait()
}

// kill ends a replica as a power cut does: nothing of what it has in hand arrives anywhere.
func (r *replica) kill() {
	r.venue.set(true)
	r.venue.halve()
	r.bus.halve()
	r.nc.Close()
	r.stop()
}

// TestConnectionsOfReplicasAreNamedOnce starts three ingests within one instant, and one more after the first has ended: no two
// books of a token, and no two of its raw frames, bear the same conn and seq.
func TestConnectionsOfReplicasAreNamedOnce(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		nc := p.b.Connect()
		books := hear[msgs.Book](t, nc, msgs.MDSubject(venue, "book", "*"))
		raws := hear[msgs.Raw](t, nc, msgs.MDSubject(venue, "raw", "*"))
		first := p.replica()
		p.replica()
		p.replica()
		p.pass(5 * time.Second)
		first.stop()
		p.replica()
		p.pass(5 * time.Second)
		p.order("second", coin().Tokens[0], polymarket.Buy, "0.45", "9", polymarket.GTC)
		p.pass(time.Second)
		seen, conns := map[string]int{}, map[string]bool{}
		for _, b := range books() {
			seen[fmt.Sprintf("book %s of %s/%d", b.TokenID, b.Conn, b.Seq)]++
			conns[b.Conn] = true
		}
		for _, r := range raws() {
			seen[fmt.Sprintf("raw frame %s of %s/%d", r.TokenID, r.Conn, r.Seq)]++
		}
		for what, n := range seen {
			if n > 1 {
				t.Errorf("%s was said %d times", what, n)
			}
		}
		if len(conns) != 4 {
			t.Errorf("four ingests had the connections %v", conns)
		}
	})
}

// TestBookThatOneReplicaWithdrawsIsShownByTheOther lets two replicas follow a market in which nothing happens. One of them stops,
// or loses its way to the venue: it withdraws its books, the other one still has them, and soon the last values say so.
func TestBookThatOneReplicaWithdrawsIsShownByTheOther(t *testing.T) {
	for name, trouble := range map[string]func(r *replica){
		"stopped": func(r *replica) { r.stop() },
		"cut off from the venue": func(r *replica) {
			r.venue.set(true)
			r.venue.cut()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, nil, func(t *testing.T, p *plant) {
				p.ready()
				r := p.replica()
				p.pass(5 * time.Second)
				books := hear[msgs.Book](t, p.b.Connect(), msgs.MDSubject(venue, "book", "*"))
				trouble(r)
				p.pass(5 * time.Second)
				withdrawn := map[msgs.TokenID]bool{}
				for _, b := range books() {
					withdrawn[b.TokenID] = withdrawn[b.TokenID] || !b.Fresh
				}
				for _, m := range sandbox.Markets() {
					for _, token := range m.Tokens {
						if !withdrawn[msgs.TokenID(token)] {
							t.Errorf("the book of %s was not withdrawn by anybody: this shows nothing", token)
						}
						p.requireVenueBook(token)
					}
				}
			})
		})
	}
}

// TestBookThatNoReplicaHasIsNotFresh: when both replicas lose the venue, neither speaks for the other, and the last values stay
// withdrawn until one of them has the books again.
func TestBookThatNoReplicaHasIsNotFresh(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		a, b := p.replica(), p.replica()
		p.pass(5 * time.Second)
		for _, r := range []*replica{a, b} {
			r.venue.set(true)
			r.venue.cut()
		}
		p.pass(5 * time.Second)
		for _, m := range sandbox.Markets() {
			if b := p.lastBook(m.Tokens[0]); b.Fresh {
				t.Errorf("book of %s is fresh by %s/%d although nobody hears the venue", m.Slug, b.Conn, b.Seq)
			}
		}
		b.venue.set(false)
		p.pass(2 * time.Minute)
		for _, m := range sandbox.Markets() {
			p.requireVenueBook(m.Tokens[0])
		}
	})
}
