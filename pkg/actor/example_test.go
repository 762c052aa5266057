package actor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
)

// Sent is the outcome of posting an order.
type Sent struct{ ID msgs.ClientOrderID }

// Desk is a core: it sends each order once. Its state is what its own events say.
type Desk struct {
	Waits []msgs.ClientOrderID // sent, and not known to have arrived
	Done  map[msgs.ClientOrderID]bool
}

// Decide turns a command into an intent and an outcome into an event. A repeat leads to nothing.
func (d *Desk) Decide(_ time.Time, m any) actor.Decision {
	switch m := m.(type) {
	case *msgs.Submit:
		if id := m.ClientOrderID; !d.Done[id] && !slices.Contains(d.Waits, id) {
			e := &msgs.OrderSubmitting{Head: msgs.Head{Type: msgs.KindSubmitting}, Orders: []msgs.Intent{{ClientOrderID: id}}}
			return actor.Decision{Events: []msgs.Event{e}, Deeds: []actor.Deed{id}, Uses: 1}
		}
	case Sent:
		e := &msgs.OrderAccepted{Head: msgs.Head{Type: msgs.KindAccepted}, Order: msgs.Order{ClientOrderID: m.ID}}
		return actor.Decision{Events: []msgs.Event{e}}
	}
	return actor.Decision{}
}

// Apply is the only place where the state changes.
func (d *Desk) Apply(e msgs.Event) {
	switch e := e.(type) {
	case *msgs.OrderSubmitting:
		d.Waits = append(d.Waits, e.Orders[0].ClientOrderID)
	case *msgs.OrderAccepted:
		d.Waits = slices.DeleteFunc(d.Waits, func(id msgs.ClientOrderID) bool { return id == e.ClientOrderID })
		d.Done[e.ClientOrderID] = true
	}
}

// Stands is always true: nothing takes an order back here.
func (d *Desk) Stands(actor.Deed) bool { return true }

// Open yields what a crash may have cut short. A real desk would have it looked up before it is sent again.
func (d *Desk) Open() iter.Seq[actor.Deed] {
	return func(yield func(actor.Deed) bool) {
		for _, id := range d.Waits {
			if !yield(id) {
				return
			}
		}
	}
}

func (d *Desk) Snapshot() ([]byte, error) { return json.Marshal(d) }
func (d *Desk) Restore(b []byte) error    { return json.Unmarshal(b, d) }

// A command is published, becomes an intent on disk, is performed, and its outcome becomes an event.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	dir, err := os.MkdirTemp("", "actor")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	bus, err := natsd.Start(ctx, natsd.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	defer bus.Shutdown()
	nc, err := bus.Connect()
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	if err := actor.EnsureStreams(ctx, js, 1, "main"); err != nil {
		panic(err)
	}

	done := make(chan struct{})
	a := actor.New(actor.Config{
		Account: "main", Env: msgs.Sandbox, Family: msgs.FamilyOrder, Owner: "example", JS: js,
		Core:   &Desk{Done: map[msgs.ClientOrderID]bool{}},
		Submit: &actor.Lane{Name: "submit", Stream: msgs.AskStream("main"), Subjects: []string{"cmd.order.main.submit"}},
		Hear: func(r actor.Record) any {
			c, err := msgs.DecodeCommand(r.Subject, r.Data)
			if err != nil {
				return err
			}
			return c
		},
		Perform: func(_ context.Context, job actor.Job) {
			for _, deed := range job.Deeds {
				fmt.Println("posting", deed)
				job.Deliver(Sent{deed.(msgs.ClientOrderID)})
			}
		},
		Published: func(events []msgs.Event, _ [][]byte) {
			for _, e := range events {
				fmt.Println("on disk:", e.Kind())
				if e.Kind() == msgs.KindAccepted {
					close(done)
				}
			}
		},
		Log: slog.New(slog.DiscardHandler),
	})
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	for range 2 { // the second is a repeat
		if _, err := js.Publish(ctx, "cmd.order.main.submit", []byte(`{"client_order_id":"one","market":"rain","outcome":"Yes","side":"BUY","type":"GTC","price":"0.5","size":"10"}`)); err != nil {
			panic(err)
		}
	}
	<-done
	stop()
	fmt.Println("stopped:", <-ended)
	// Unordered output:
	// on disk: order.submitting
	// posting one
	// on disk: order.accepted
	// stopped: <nil>
}
