package ingest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// TestServiceRunsAgain runs one Service, ends it, and runs it again, as a Group does: the second Run follows everything that
// the first one did, and stores nothing twice.
func TestServiceRunsAgain(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		svc, err := New(p.cfg)
		if err != nil {
			t.Fatal(err)
		}
		p.svc = svc
		for range 3 {
			ctx, end := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				if err := svc.Run(ctx); err != nil {
					t.Errorf("run: %v", err)
				}
			})
			p.ready()
			p.requireFollowed()
			end()
			running.Wait()
			if svc.Ready() == nil {
				t.Error("a service that has ended says that it is ready")
			}
		}
		requireNoRepeats(t, p, "main")
	})
}

// requireFollowed trades, and asks for the book and for each status of the trade.
func (p *plant) requireFollowed() {
	p.t.Helper()
	id := p.order("main", coin().Tokens[0], polymarket.Buy, "0.52", "5", polymarket.GTC)
	p.pass(2 * time.Minute)
	p.requireVenueBook(coin().Tokens[0])
	if s := p.statuses("main", id); s[msgs.Matched] != 1 || s[msgs.Mined] != 1 || s[msgs.Confirmed] != 1 {
		p.t.Errorf("the trade has statuses %v", s)
	}
}

// falling is a JetStream of which one question meets a broker that restarts, once everything else of ingest works.
type falling struct {
	jetstream.JetStream
	meanwhile func()
}

func (f falling) Stream(context.Context, string) (jetstream.Stream, error) {
	f.meanwhile()
	return nil, nats.ErrTimeout
}

// TestBrokerThatRestartsInAQuestionEndsNothing: the broker restarts while ingest asks it for the facts that are there already.
// That Run ends, the group begins another, and nobody else in the process notices.
func TestBrokerThatRestartsInAQuestionEndsNothing(t *testing.T) {
	inPlant(t, nil, func(t *testing.T, p *plant) {
		p.stop()
		svc, err := New(p.cfg)
		if err != nil {
			t.Fatal(err)
		}
		p.svc = svc
		runs, fell := 0, false
		g := actor.Group{Log: svc.cfg.Log}
		g.Add("ingest", func(ctx context.Context) error {
			l := svc.begin()
			if runs++; runs == 1 {
				l.questions.js = falling{l.js, func() {
					<-l.catalogue.loaded
					p.b.Restart()
					fell = true
				}}
			}
			return l.run(ctx)
		})
		g.Add("neighbour", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := g.Run(ctx); err != nil {
				t.Errorf("the group gave up: %v", err)
			}
		})
		p.pass(5 * time.Second)
		p.ready()
		p.requireFollowed()
		requireNoRepeats(t, p, "main")
		end()
		running.Wait()
		if runs != 2 || !fell {
			t.Errorf("%d runs, the broker fell: %v", runs, fell)
		}
	})
}
