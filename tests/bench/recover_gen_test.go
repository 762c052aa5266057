package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

// history is a past to be recovered from.
type history struct {
	events  int // on the log
	behind  int // of them after the snapshot
	open    int // orders that rest
	intents int // orders whose posts were never answered
}

// perSecond is how many orders come and go in a second of the history: what one key may place for ever.
const perSecond = 40

// life is the past being lived: the order actor with its real core, loop, log and snapshots, and a venue that answers at
// once.
type life struct {
	t     *testing.T
	core  *executor.Orders
	act   *actor.Actor
	facts *executor.Facts
	seq   uint64
	mute  atomic.Bool // the venue answers no posts any more
}

// live makes the data directory of a plant with that past in virtual time, and leaves two images of it as a SIGKILL would:
// with the snapshot, and without any. It returns what rests at the venue.
func (h history) live(t *testing.T, dir, image, bare string) (resting []msgs.Order) {
	t.Helper()
	now := time.Now()
	synctest.Test(t, func(t *testing.T) {
		orders := (h.events + 2*h.open) / 4
		time.Sleep(time.Until(now) - time.Duration(orders/perSecond)*time.Second - time.Minute)
		srv, err := natsd.Start(t.Context(), natsd.Config{Dir: dir, Env: string(msgs.Sandbox), Stored: actor.Stored})
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Shutdown()
		nc, err := srv.Connect()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		l := &life{t: t, facts: executor.NewFacts(&executor.Market{Market: fact()})}
		l.core = executor.NewOrders(identity(t), executor.Rules{})
		stop := l.start(js, uint64(h.events-h.behind))
		l.pass(h, orders)
		stop()
		l.leave(js)
		copyTo(t, dir, image)
		if err := js.DeleteObjectStore(t.Context(), "SNAPSHOTS"); err != nil {
			t.Fatal(err)
		}
		copyTo(t, dir, bare)
		for after := ""; ; {
			page, next, fail := l.core.AnswerOrders(msgs.OrdersQuestion{Open: true, After: after})
			if fail != nil {
				t.Fatal(fail)
			}
			resting = append(resting, page...)
			if after = next; after == "" {
				return
			}
		}
	})
	return resting
}

func identity(t *testing.T) executor.Identity {
	key, err := polymarket.ParseKey(benchKey)
	if err != nil {
		t.Fatal(err)
	}
	a := key.Address()
	return executor.Identity{Account: "main", Owner: a, Maker: a, Signer: a, ChainID: polymarket.Polygon}
}

func fact() msgs.Market {
	return msgs.Market{V: 1, ConditionID: condition, Slug: "bench", TickSize: "0.01", MinSize: 5 * money.Unit, Domain: "2", Accepting: true,
		AtMS: time.Now().UnixMilli(), Tokens: []msgs.MarketToken{{TokenID: token, Outcome: "Yes"}}}
}

func (l *life) start(js jetstream.JetStream, snapshotAt uint64) (stop func()) {
	t := l.t
	if err := actor.EnsureStreams(t.Context(), js, 1, "main"); err != nil {
		t.Fatal(err)
	}
	store, err := actor.Snapshots(t.Context(), js, 1)
	if err != nil {
		t.Fatal(err)
	}
	ask := msgs.AskStream("main")
	l.act = actor.New(actor.Config{
		Account: "main", Env: msgs.Sandbox, Family: msgs.FamilyOrder, Owner: "past", JS: js, Core: l.core, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Express: []actor.Lane{
			{Name: "express", Stream: ask, Subjects: []string{msgs.CmdSubject(msgs.FamilyOrder, "main", msgs.VerbCancel)}},
			{Name: "all", Stream: msgs.AskAllStream, Subjects: []string{msgs.CmdSubject(msgs.FamilyControl, msgs.AllAccounts, msgs.VerbHalt)}},
		},
		Submit:  &actor.Lane{Name: "submit", Stream: ask, Subjects: []string{msgs.CmdSubject(msgs.FamilyOrder, "main", msgs.VerbSubmit)}},
		Hear:    func(actor.Record) any { return nil },
		Perform: l.perform, Snapshots: store, SnapshotEvery: snapshotAt,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.act.Run(ctx) }()
	time.Sleep(time.Second) // to compare with the venue, as every start does
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// perform is the venue: it takes every order and every cancel.
func (l *life) perform(ctx context.Context, job actor.Job) {
	for _, d := range job.Deeds {
		switch d := d.(type) {
		case executor.Post:
			if l.mute.Load() {
				<-ctx.Done()
				return
			}
			job.Deliver(executor.Posted{OrderID: d.Intent.OrderID, Outcome: polymarket.Accepted{ID: string(d.Intent.OrderID), Status: polymarket.StatusLive}})
		case executor.CancelOrders:
			job.Deliver(executor.CancelAnswer{Cancelled: d.OrderIDs})
		case executor.Compare:
			job.Deliver(executor.Comparison{Started: d.Started, Open: executor.OpenOrders{AsOfMS: time.Now().UnixMilli()}, Ledger: executor.Booked{Said: "absent"}})
		}
	}
}

func (l *life) tell(verb string, cmd msgs.Command, id msgs.ClientOrderID) {
	l.seq++
	l.act.Tell(l.t.Context(), &executor.Asked{Seq: l.seq, Stored: time.Now(), Verb: verb, Command: cmd, Client: id, Hash: msgs.ContentHash(cmd), Salt: l.seq, Facts: l.facts})
}

func submit(id msgs.ClientOrderID, n int) *msgs.Submit {
	return &msgs.Submit{ClientOrderID: id, TokenID: token, Side: msgs.Buy, Type: msgs.GTC, Price: new(money.Price(100_000 + 10_000*(n%30))),
		Size: new(money.Size(10+n%90) * money.Unit), ValidUntilMS: new(int64)}
}

// pass places orders and cancels each a second later, but for those that are to rest, and for the last, whose posts are not
// answered.
func (l *life) pass(h history, orders int) {
	var resting, before []msgs.ClientOrderID
	for n := 0; n < orders; {
		var batch []msgs.ClientOrderID
		for ; len(batch) < perSecond && n < orders; n++ {
			id := msgs.ClientOrderID(fmt.Sprintf("past-%07d", n))
			l.tell(msgs.VerbSubmit, submit(id, n), id)
			if batch = append(batch, id); len(resting) < h.open && n%3 == 0 {
				resting, batch = append(resting, id), batch[:len(batch)-1]
				n++
				break
			}
		}
		for _, id := range before {
			l.tell(msgs.VerbCancel, &msgs.Cancel{ClientOrderID: id}, id)
		}
		before = batch
		time.Sleep(time.Second)
	}
	for _, id := range before {
		l.tell(msgs.VerbCancel, &msgs.Cancel{ClientOrderID: id}, id)
	}
	time.Sleep(10 * time.Second)
	l.mute.Store(true)
	for i := range h.intents {
		id := msgs.ClientOrderID(fmt.Sprintf("open-%d", i))
		l.tell(msgs.VerbSubmit, submit(id, i), id)
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

// leave stores the order that nobody has read yet.
func (l *life) leave(js jetstream.JetStream) {
	b, err := json.Marshal(submit("next", 1))
	if err == nil {
		_, err = js.Publish(l.t.Context(), msgs.CmdSubject(msgs.FamilyOrder, "main", msgs.VerbSubmit), b)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// copyTo copies a directory on which a broker runs: again when a file goes away meanwhile.
func copyTo(t *testing.T, dir, to string) {
	t.Helper()
	var err error
	for range 5 {
		if err = os.CopyFS(to, os.DirFS(dir)); err == nil {
			return
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal(err)
}
