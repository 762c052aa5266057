package ledger

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// purge removes what a subject of a stream has below a sequence; 0 for all.
func (w *world) purge(stream, subject string, below uint64) {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), stream)
	if err == nil {
		err = s.Purge(w.t.Context(), jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(below))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// executor answers for its open orders, as far as event n.
func (w *world) executor(n uint64, orders ...msgs.Order) func() {
	w.t.Helper()
	sub, err := w.b.NATS().Subscribe("svc.executor.main.orders", func(m *nats.Msg) {
		var q msgs.OrdersQuestion
		if json.Unmarshal(m.Data, &q) != nil || !q.Open {
			return
		}
		a := msgs.OrdersAnswer{N: n, Orders: orders}
		if len(orders) > 1 && q.After == "" {
			a.Orders, a.Next = orders[:1], "more"
		} else if q.After == "more" {
			a.Orders = orders[1:]
		}
		b, _ := json.Marshal(a)
		_ = m.Respond(b)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = sub.Unsubscribe() }
}

// discrepancies are what the log tells of them, by subject.
func (w *world) discrepancies() (out []string) {
	for _, e := range w.told() {
		if e, ok := e.(*msgs.LedgerReconciled); ok && !e.Match {
			out = append(out, e.Subject)
		}
	}
	return out
}

// New books of an account whose log was purged know nothing of the orders that were opened in the removed part. They say
// so, are not ready, and take them from the executor, across a restart, and only from an answer that is not older than what
// they have read themselves.
func TestNewBooksOfAPurgedLogTakeTheOpenOrders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := plot()
		a, b := s.placed("a", msgs.Buy, msgs.GTC, 500_000, 10*whole), s.placed("b", msgs.Buy, msgs.GTC, 500_000, 20*whole)
		c := s.placed("c", msgs.Buy, msgs.GTC, 500_000, 40*whole)
		a.State, b.State = msgs.Open, msgs.Open
		c.State, c.Final = msgs.Cancelled, true
		s.event(&msgs.OrderCancelled{Order: c, Reason: msgs.Requested}, msgs.KindCancelled)
		s.event(&msgs.OrderAccepted{Order: b, VenueStatus: "live"}, msgs.KindAccepted)
		for _, in := range s.all {
			w.tell(in)
		}
		w.purge("LOG_main", "evt.order.main", s.n-1) // all but the last two
		l := w.start(nil)
		pass := func(d time.Duration) { time.Sleep(d); w.b.Wait() }
		held := func() int64 { return int64(ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{}).Cash.Held) }
		pass(5 * time.Second)
		l.lacking("while no executor answers", "open orders of main: events were removed unread")
		if got := w.discrepancies(); len(got) != 1 || got[0] != "log" {
			t.Errorf("told %q", got)
		}
		l.end()

		l = w.start(nil)
		c.State, c.Final = msgs.Open, false
		silence := w.executor(s.n-2, a, b, c) // an answer of before c was cancelled
		pass(5 * time.Second)
		l.lacking("while its answer is old", "open orders of main")
		if held() != 10*whole {
			t.Errorf("held %d, want what the rest of the log tells", held())
		}
		silence()
		w.executor(s.n, a, b)
		pass(5 * time.Second)
		l.lacking("with the open orders")
		if held() != 15*whole {
			t.Errorf("held %d, want both orders'", held())
		}
		l.end()
		l = w.start(nil)
		pass(5 * time.Second)
		l.lacking("after a restart")
		if got := w.discrepancies(); held() != 15*whole || len(got) != 1 {
			t.Errorf("after a restart: held %d, told %q", held(), got)
		}
		l.end()
	})
}

// Trades that were removed because other books of the account had them are told as a discrepancy; commands that were
// removed are nobody's loss.
func TestRemovedTradesAreTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lived(5, 8)
		w.purge("ASK_main", "feed.main.trade", 0)
		w.put("feed.main.trade", msgs.FeedTrade{V: 1, Account: "main", Env: msgs.Sandbox, TradeID: "next", Status: msgs.Matched})
		again := func() {
			l := w.start(nil)
			time.Sleep(5 * time.Second)
			w.b.Wait()
			l.end()
		}
		again()
		if got := strings.Join(w.discrepancies(), " "); strings.Contains(got, "feed") {
			t.Errorf("books that have them tell %q", got)
		}
		w.path = filepath.Join(t.TempDir(), "new.db")
		again()
		again()
		if got := strings.Join(w.discrepancies(), " "); strings.Count(got, "feed") != 1 {
			t.Errorf("new books tell %q, want the feed once", got)
		}
	})
}
