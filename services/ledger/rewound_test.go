package ledger

import (
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// remake removes the log of main and makes it anew, with some of what it held.
func (w *world) remake(kept []Input) {
	w.t.Helper()
	if err := w.js.DeleteStream(w.t.Context(), "LOG_main"); err != nil {
		w.t.Fatal(err)
	}
	if err := actor.EnsureStreams(w.t.Context(), w.js, 1, "main"); err != nil {
		w.t.Fatal(err)
	}
	for _, in := range kept {
		w.tell(in)
	}
}

func (w *world) position() msgs.OrderPosition {
	w.t.Helper()
	return ask[msgs.LedgerPosition](w, "position", msgs.Empty{}).Order
}

// said is an event of the executor that a test words itself.
func said(e msgs.Event, kind msgs.Type, incarnation string, n uint64, atMS int64) Input {
	h := msgs.HeadOf(e)
	h.V, h.Type, h.Account, h.Env, h.N, h.AtMS = 1, kind, "main", msgs.Sandbox, n, atMS
	return Ordered{Event: e, Incarnation: incarnation}
}

// A log that was wiped, or restored from yesterday, is read again. What was booked of the lost part is still told to the
// executor that asks, and the orders of that part hold what they held, until the executor says that it has compared the
// log with the venue; whether the ledger was running or not.
func TestLostLogIsToldUntilItIsCompared(t *testing.T) {
	for name, c := range map[string]struct {
		kept        int // events of the old log
		incarnation string
		down        bool
	}{
		"wiped":                         {0, "B", false},
		"wiped while it was down":       {0, "B", true},
		"rolled back":                   {3, "B", false}, // to the first order
		"rolled back while it was down": {3, "B", true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				s := plot()
				s.placed("a", msgs.Buy, msgs.GTC, 500_000, 10*whole)
				s.event(&msgs.OrderCompared{Ledger: "absent"}, msgs.KindCompared)
				s.placed("b", msgs.Buy, msgs.GTC, 500_000, 20*whole)
				for _, in := range s.all {
					w.tell(in)
				}
				l := w.start(nil)
				pass := func(d time.Duration) { time.Sleep(d); w.b.Wait() }
				pass(3 * time.Second)
				last := msgs.OrderPosition{Incarnation: "A", N: s.n, Seq: w.position().Seq}
				held := func() int64 { return int64(ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{}).Cash.Held) }
				if got := w.position(); got != last || held() != 15*whole {
					t.Fatalf("position %+v, held %d", got, held())
				}
				if c.down {
					l.end()
				}
				w.remake(s.orders[:c.kept])
				n := uint64(c.kept)
				before := "A"
				if c.kept == 0 {
					before = c.incarnation // a log that begins draws one
				}
				w.tell(said(&msgs.OrderOwner{Incarnation: before}, msgs.KindOwner, before, n+1, 1000))
				if c.down {
					l = w.start(nil)
				}
				pass(30 * time.Second)
				if got := w.position(); got.N != last.N || got.Incarnation != last.Incarnation || held() != 15*whole {
					t.Errorf("before the comparison: position %+v, want %+v; held %d", got, last, held())
				}
				// What rests at the venue is told as foreign, then the log is accepted.
				w.tell(said(&msgs.OrderForeign{Order: msgs.Order{OrderID: "0xa", TokenID: yes, Side: msgs.Buy, Price: 500_000, Size: 10 * whole, State: msgs.Open}},
					msgs.KindForeign, before, n+2, 1001))
				w.tell(said(&msgs.OrderResumed{Accepted: true, Incarnation: c.incarnation}, msgs.KindResumed, c.incarnation, n+3, 1002))
				pass(3 * time.Second)
				if got := w.position(); got.N != n+3 || got.Incarnation != c.incarnation || held() != 5*whole {
					t.Errorf("after it: position %+v, held %d; want %d of %s, and the order that rests", got, held(), n+3, c.incarnation)
				}
				l.end()
				l = w.start(nil)
				pass(3 * time.Second)
				if got := w.position(); got.N != n+3 || held() != 5*whole {
					t.Errorf("after a restart: position %+v, held %d", got, held())
				}
				l.end()
			})
		})
	}
}
