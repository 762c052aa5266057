package flow

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/services/executor"
)

// trade gives the account a past: an order that rests, one that has traded, one that was cancelled, one of a backlog.
func (p *plant) past() {
	p.t.Helper()
	p.submit("rests", "BUY", "GTC", "0.10", "10", always)
	p.submit("traded", "BUY", "GTC", "0.52", "10", always)
	p.submit("gone", "BUY", "GTC", "0.11", "10", always)
	p.is("rests", "open")
	p.has("traded", "settled")
	p.is("gone", "open")
	p.send("cancel", "{'client_order_id':'gone'}")
	p.final("gone")
	p.pass(2 * time.Minute) // beyond every age that is forgiven
}

// down stops every service, as a machine that is switched off.
func (p *plant) down() {
	p.t.Helper()
	for _, r := range append(p.executors, p.ingest, p.ledger) {
		r.Stop()
	}
}

// up starts every service again.
func (p *plant) up() {
	p.t.Helper()
	p.ingest = p.startIngest()
	if !p.cfg.bookless {
		p.ledger = p.startLedger()
		p.until("the ledger answers", func() bool { return p.ledger.ready() == nil })
	}
	p.start(p.successor())
	p.ready()
}

// moves lets everything go on, from its next start, on another server with another directory.
func (p *plant) moves(dir string) {
	p.t.Helper()
	p.b = p.b.Another(natsd.Config{Dir: dir, Stored: actor.Stored})
	p.forget()
	if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, "main"); err != nil {
		p.t.Fatal(err)
	}
	p.bus = p.connectAs(natsd.User{})
	p.ears = p.listen()
}

// forget lets go of what was read of the logs.
func (p *plant) forget() {
	p.handles.Clear()
	p.logs = map[string]*stream{}
}

// copied is a copy of a server's directory as of now, without its lock.
func (p *plant) copied(dir string) string {
	p.t.Helper()
	p.pass(time.Second)
	to := filepath.Join(p.t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		p.t.Fatal(err)
	}
	return to
}

// doubts waits until main is held or compared, and lists why it is held.
func (p *plant) doubts() (codes []msgs.Code) {
	p.t.Helper()
	var status msgs.StatusAnswer
	var said []event
	p.until("the log is compared", func() bool {
		said = said[:0]
		for _, e := range p.log("main") {
			switch e.Type {
			case "order.owner":
				said = said[:0]
			case "order.compared", "order.held":
				said = append(said, e)
			}
		}
		return len(said) > 0
	})
	r, err := p.b.NATS().Request(msgs.SvcSubject("executor", "main", "status"), nil, patience)
	if err == nil {
		err = json.Unmarshal(r.Data, &status)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range status.Doubts {
		codes = append(codes, d.Code)
		if d.Cause == "" || !strings.Contains(d.Fix, "sluice") {
			p.t.Errorf("%s says %q and advises %q", d.Code, d.Cause, d.Fix)
		}
	}
	if (said[0].Type == "order.held") != (len(codes) > 0) {
		p.t.Errorf("the log says %s, and the status doubts %v", said[0].raw, codes)
	}
	return codes
}

// wantHeld checks that main is held for these reasons among others, that no order leaves, that cancels work, and that an
// operator ends it. Orders that are known to rest are ended by the cancel_all.
func (p *plant) wantHeld(codes ...msgs.Code) {
	p.t.Helper()
	got := p.doubts()
	for _, c := range codes {
		if !slices.Contains(got, c) {
			p.t.Errorf("held for %v, want %s", got, c)
		}
	}
	if len(got) == 0 {
		p.t.Fatal("not held")
	}
	sent := len(p.posts())
	p.submit("new", "BUY", "GTC", "0.12", "10", always)
	p.submit("rests", "BUY", "GTC", "0.10", "10", always) // a strategy that tries again
	p.final("new")
	if s := p.story("main", "new"); s != "rejected:log_in_doubt." {
		p.t.Errorf("new: %s", s)
	}
	p.crash()
	if again := p.doubts(); len(again) == 0 {
		p.t.Error("a restart has ended the hold")
	}
	p.send("resume", "{'request_id':'plain'}")
	p.submit("newer", "BUY", "GTC", "0.12", "10", always)
	p.final("newer")
	p.send("cancel_all", "{'request_id':'sweep'}")
	p.until("the sweep is done", func() bool { return len(p.ofType("main", "order.cancel_all_done")) > 0 })
	p.pass(20 * time.Second)
	if open := p.open("main"); len(open) != 0 {
		p.t.Errorf("%d orders rest after a cancel_all", len(open))
	}
	if n := len(p.posts()); n != sent {
		p.t.Errorf("%d orders left while the account was held", n-sent)
	}
	p.send("resume", "{'request_id':'accepted','accept':true}")
	p.submit("after", "BUY", "GTC", "0.13", "10", always)
	p.is("after", "open")
	p.crash()
	if again := p.doubts(); len(again) != 0 {
		p.t.Errorf("held again for %v after the log was accepted", again)
	}
	p.pass(20 * time.Second)
	if n := len(p.posts()); n != sent+1 {
		p.t.Errorf("%d orders left, want the one after the log was accepted", n-sent)
	}
}

// loss is a way in which streams are lost between two starts, and why the account is held then.
type loss struct {
	name  string
	how   func(p *plant) error
	codes []msgs.Code
}

func losses() []loss {
	return []loss{
		{"log removed", func(p *plant) error { return p.b.JetStream().DeleteStream(p.t.Context(), "LOG_main") }, []msgs.Code{msgs.LogLost, msgs.UnknownOrders, msgs.UnknownTrades}},
		{"log emptied", func(p *plant) error { return p.stream("LOG_main").Purge(p.t.Context()) }, []msgs.Code{msgs.LogLost, msgs.UnknownOrders}},
		{"asked removed", func(p *plant) error { return p.b.JetStream().DeleteStream(p.t.Context(), "ASK_main") }, []msgs.Code{msgs.LaneLost}},
		{"both removed", func(p *plant) error {
			if err := p.b.JetStream().DeleteStream(p.t.Context(), "ASK_main"); err != nil {
				return err
			}
			return p.b.JetStream().DeleteStream(p.t.Context(), "LOG_main")
		}, []msgs.Code{msgs.UnknownOrders, msgs.UnknownTrades}},
	}
}

// loses has a loss happen while nothing runs.
func (p *plant) loses(l loss) {
	p.t.Helper()
	p.down()
	if err := l.how(p); err != nil {
		p.t.Fatal(err)
	}
	p.forget()
	if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, "main"); err != nil {
		p.t.Fatal(err)
	}
}

// TestLostStreamsHoldTheAccount removes, empties and makes anew what an account is kept in, between two starts: the log
// alone, what was asked alone, both. The backlog of before is read again, and nothing of it leaves.
func TestLostStreamsHoldTheAccount(t *testing.T) {
	for _, l := range losses() {
		t.Run(l.name, func(t *testing.T) {
			inPlant(t, setup{lost: true, bookless: true}, func(p *plant) {
				p.past()
				p.loses(l)
				p.up()
				p.wantHeld(l.codes...)
			})
		})
	}
}

// TestStreamsLostUnderARunningExecutor removes a stream while the executor uses it: it starts again by itself, and holds.
func TestStreamsLostUnderARunningExecutor(t *testing.T) {
	for _, name := range []string{"LOG_main", "ASK_main"} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, setup{lost: true, bookless: true}, func(p *plant) {
				p.past()
				p.ingest.Stop()
				if err := p.b.JetStream().DeleteStream(p.t.Context(), name); err != nil {
					t.Fatal(err)
				}
				p.forget()
				if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, "main"); err != nil {
					t.Fatal(err)
				}
				p.ingest = p.startIngest()
				p.submit("provokes", "BUY", "GTC", "0.14", "10", always)
				p.until("the executor says what it has found", func() bool { return len(p.ofType("main", "order.held")) > 0 })
				p.wantHeld()
				p.never("provokes")
			})
		})
	}
}

// TestLogRestoredFromYesterdayHoldsTheAccount goes on with a copy of the data directory while the venue has gone on: once
// with orders at the venue that the copy does not know, and once with nothing that the venue could tell, when only the
// ledger, whose books are kept elsewhere, knows that there was more.
func TestLogRestoredFromYesterdayHoldsTheAccount(t *testing.T) {
	t.Run("by the venue", func(t *testing.T) {
		dir := t.TempDir()
		inPlant(t, setup{lost: true, bookless: true, dir: dir}, func(p *plant) {
			p.submit("yesterday", "BUY", "GTC", "0.09", "10", always)
			p.is("yesterday", "open")
			yesterday := p.copied(dir)
			p.past()
			p.down()
			p.moves(yesterday)
			p.up()
			p.wantHeld(msgs.UnknownOrders, msgs.UnknownTrades)
		})
	})
	t.Run("by the ledger", func(t *testing.T) {
		dir := t.TempDir()
		inPlant(t, setup{lost: true, dir: dir}, func(p *plant) {
			p.submit("yesterday", "BUY", "GTC", "0.09", "10", always)
			p.is("yesterday", "open")
			yesterday := p.copied(dir)
			for _, id := range []string{"a", "b", "c", "d", "e"} {
				p.submit(id, "BUY", "GTC", "0.11", "10", always)
				p.is(id, "open")
				p.send("cancel", "{'client_order_id':'%s'}", id)
				p.final(id)
			}
			p.pass(10 * time.Second)
			p.down()
			p.moves(yesterday)
			p.up()
			p.wantHeld(msgs.LogRolledBack)
		})
	})
}

// TestWhatWasAskedRestoredAloneHoldsTheAccount puts yesterday's copy of what was asked beside today's log. What is asked before
// the executor starts gets sequences that the log has decided already, and is answered all the same; what was decided is not
// decided again.
func TestWhatWasAskedRestoredAloneHoldsTheAccount(t *testing.T) {
	for _, many := range []int{1, 100} {
		t.Run(fmt.Sprint(many), func(t *testing.T) { askedRestoredAlone(t, many) })
	}
}

func askedRestoredAlone(t *testing.T, many int) {
	dir := t.TempDir()
	inPlant(t, setup{lost: true, bookless: true, dir: dir}, func(p *plant) {
		p.submit("yesterday", "BUY", "GTC", "0.09", "10", always)
		p.is("yesterday", "open")
		yesterday := p.copied(dir)
		p.past()
		p.down()
		today := p.copied(dir)
		stream := func(dir string) string {
			found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "ASK_main"))
			if err != nil || len(found) != 1 {
				t.Fatalf("stream in %s: %v, %v", dir, found, err)
			}
			return found[0]
		}
		at := stream(today)
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(at, os.DirFS(stream(yesterday))); err != nil {
			t.Fatal(err)
		}
		p.moves(today)
		for i := range many {
			p.submit(fmt.Sprintf("fresh-%d", i), "BUY", "GTC", "0.15", "10", always)
		}
		p.up()
		for i := range many {
			p.final(fmt.Sprintf("fresh-%d", i))
			p.tells(fmt.Sprintf("fresh-%d", i), "rejected:log_in_doubt.")
		}
		p.tells("yesterday", "submitting accepted")
		p.wantHeld(msgs.LaneLost)
	})
}

// TestSecondServerHoldsTheAccount starts everything once more, on an empty directory of its own, for the same account of the
// same venue, while the first goes on: the second one does not trade.
func TestSecondServerHoldsTheAccount(t *testing.T) {
	inPlant(t, setup{lost: true, bookless: true}, func(p *plant) {
		p.past()
		p.moves(t.TempDir())
		p.ingest.Stop()
		p.ingest = p.startIngest()
		p.start("second-server")
		p.ready()
		if got := p.doubts(); !slices.Contains(got, msgs.UnknownOrders) {
			t.Errorf("held for %v, want the orders that the first one placed", got)
		}
		sent := len(p.posts())
		p.submit("twice", "BUY", "GTC", "0.12", "10", always)
		p.final("twice")
		p.tells("twice", "rejected:log_in_doubt.")
		p.pass(20 * time.Second)
		if n := len(p.posts()); n != sent {
			t.Errorf("the second one has sent %d orders", n-sent)
		}
	})
}

// TestSnapshotNewerThanTheLogHoldsTheAccount empties the log and leaves the snapshot that was made of it.
func TestSnapshotNewerThanTheLogHoldsTheAccount(t *testing.T) {
	frequent := func(c *executor.Config) { c.SnapshotEvery = 10 }
	inPlant(t, setup{lost: true, bookless: true, executor: frequent}, func(p *plant) {
		for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
			p.submit(id, "BUY", "GTC", "0.11", "10", always)
			p.is(id, "open")
			p.send("cancel", "{'client_order_id':'%s'}", id)
			p.final(id)
		}
		p.pass(2 * time.Minute)
		p.down()
		for _, name := range []string{"LOG_main", "ASK_main"} {
			if err := p.b.JetStream().DeleteStream(p.t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		p.forget()
		if err := actor.EnsureStreams(p.t.Context(), p.b.JetStream(), 1, "main"); err != nil {
			t.Fatal(err)
		}
		p.up()
		p.wantHeld(msgs.LogRolledBack)
	})
}

// TestOrdersOfOthersHoldNothingWhereTheFeedExplainsThem places orders in the venue's own page while Sluice runs, and while
// only its executor is away: they are foreign. What was placed while nobody listened is a reason to ask.
func TestOrdersOfOthersHoldNothingWhereTheFeedExplainsThem(t *testing.T) {
	inPlant(t, setup{}, func(p *plant) {
		p.submit("own", "BUY", "GTC", "0.10", "10")
		p.is("own", "open")
		p.byHand("main", coin, polymarket.Buy, "0.11", "10")
		p.until("the order of others is seen", func() bool { return len(p.ofType("main", "order.foreign")) == 1 })
		p.executor().Stop()
		p.byHand("main", coin, polymarket.Buy, "0.12", "10")
		p.byHand("main", coin, polymarket.Buy, "0.52", "10")
		p.pass(time.Minute)
		p.start(p.successor())
		p.ready()
		if got := p.doubts(); len(got) != 0 {
			t.Errorf("held for %v", got)
		}
		p.submit("more", "BUY", "GTC", "0.13", "10")
		p.is("more", "open")
		for _, e := range p.ofType("main", "order.foreign") {
			if e.Unexplained && p.doubtful(e.OrderID) {
				t.Errorf("%s", e.raw)
			}
		}
		p.executor().Stop()
		p.ingest.Stop()
		p.byHand("main", coin, polymarket.Buy, "0.14", "10")
		p.pass(time.Minute)
		p.ingest = p.startIngest()
		p.start(p.successor())
		p.ready()
		if got := p.doubts(); !slices.Equal(got, []msgs.Code{msgs.UnknownOrders}) {
			t.Errorf("held for %v, want the order that nobody told of", got)
		}
		p.send("resume", "{'request_id':'mine','accept':true}")
		p.submit("last", "BUY", "GTC", "0.15", "10")
		p.is("last", "open")
	})
}

// doubtful reports whether the account was held because of an order.
func (p *plant) doubtful(id string) bool {
	for _, e := range p.ofType("main", "order.held") {
		for _, d := range e.Doubts {
			if strings.Contains(d.Cause, id) {
				return true
			}
		}
	}
	return false
}

// TestPolicyDecidesAboutUnknownOrders starts on an empty log, with two orders at the venue, under each policy.
func TestPolicyDecidesAboutUnknownOrders(t *testing.T) {
	for policy, open := range map[executor.Policy]int{executor.Adopt: 3, executor.CancelUnknown: 1, executor.Accept: 3} {
		t.Run(string(policy), func(t *testing.T) {
			decided := func(c *executor.Config) { c.UnknownOrders = policy }
			inPlant(t, setup{lost: true, bookless: true, idle: true, executor: decided}, func(p *plant) {
				p.byHand("main", coin, polymarket.Buy, "0.11", "10")
				p.byHand("main", coin, polymarket.Buy, "0.12", "10")
				p.ingest.Stop()
				p.moves(t.TempDir())
				p.ingest = p.startIngest()
				p.start("first")
				p.ready()
				if got := p.doubts(); len(got) != 0 {
					t.Errorf("held for %v", got)
				}
				if e := p.ofType("main", "order.compared"); len(e) != 1 || len(e[0].Doubts) != 1 || e[0].Doubts[0].Code != msgs.UnknownOrders {
					t.Errorf("it does not say what has passed: %v", e)
				}
				p.submit("own", "BUY", "GTC", "0.10", "10")
				p.is("own", "open")
				p.pass(5 * time.Second)
				if n := len(p.open("main")); n != open {
					t.Errorf("%d orders rest, want %d", n, open)
				}
				if n := len(p.ofType("main", "order.foreign")); n != 2 {
					t.Errorf("%d orders are told as foreign, want 2", n)
				}
			})
		})
	}
}
