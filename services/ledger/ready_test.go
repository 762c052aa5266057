package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/msgs"
)

// lacking checks what a ledger says that it lacks; nothing asks that it is ready.
func (l *life) lacking(when string, parts ...string) {
	l.w.t.Helper()
	l.w.b.Wait()
	err := l.s.Ready()
	if (err == nil) != (len(parts) == 0) {
		l.w.t.Errorf("%s: ready says %v", when, err)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			l.w.t.Errorf("%s: ready says %q, which does not name %q", when, err, p)
		}
	}
}

// figure is a metric of a part.
func (l *life) figure(name, part string) float64 {
	l.w.t.Helper()
	r := prometheus.NewRegistry()
	if err := l.s.count.register(r); err != nil {
		l.w.t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		l.w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == part {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// A ledger that was away is not ready before what came meanwhile is on disk: each part that is missing is named, and when
// it is ready its answers hold all of it.
func TestReadyWhenWhatWasStoredIsBooked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.lived(4, 10)
		o := s.placed("late", msgs.Buy, msgs.GTC, 500_000, 10*whole)
		s.word(o, "lt", 500_000, 4*whole, msgs.Matched, "")
		s.mine("0xlate", transfer(Cash, someone, ourWallet, 7))
		for _, in := range s.all[len(s.all)-3:] {
			w.tell(in)
		}
		w.chain.fail(errors.New("no route"))
		slow := make(chan struct{})
		l := w.start(func(_ *life, point string) {
			if point == PointDecided {
				<-slow
			}
		})
		time.Sleep(time.Second)
		l.lacking("before anything is on disk", "orders of main", "trades of main", "chain: no route")
		close(slow)
		time.Sleep(time.Second)
		l.lacking("without the chain", "chain: no route")
		w.chain.fail(nil)
		time.Sleep(3 * time.Second)
		l.lacking("with the chain")
		a := ask[msgs.BalancesAnswer](w, "balances", msgs.Empty{})
		if a.Includes.OrderN != s.n || a.Includes.Block != s.seq || a.Cash.UnsettledOut != 2*whole {
			t.Errorf("ready, and the answer is %+v", a)
		}
		l.end()
	})
}

// A ledger that cannot hear the chain, or whose events are not taken, is not ready, and figures count it.
func TestNotReadyWhileTheChainFailsOrEventsAreRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := w.start(nil)
		time.Sleep(time.Second)
		l.lacking("after the start")
		w.chain.fail(errors.New("no route"))
		time.Sleep(10 * time.Second)
		l.lacking("while the chain fails", "chain: no route")
		if n := l.figure("sluice_ledger_failures_total", partChain); n < 3 {
			t.Errorf("%v failures of the chain are counted", n)
		}
		if n := l.figure("sluice_ledger_missing", partChain); n != 1 {
			t.Errorf("%v chains are missing", n)
		}
		w.chain.fail(nil)
		time.Sleep(5 * time.Second)
		l.lacking("the chain answers again")

		w.logTakes(1)
		w.chain.mine(Tx{Seq: 1, Block: 1, Hash: "0xfunds", Logs: []Log{transfer(Cash, zeroAddress, ourWallet, 5)}})
		time.Sleep(10 * time.Second)
		l.lacking("while no event is taken", "events of main")
		if n := l.figure("sluice_ledger_failures_total", partEvents); n < 3 {
			t.Errorf("%v refusals are counted", n)
		}
		w.logTakes(-1)
		time.Sleep(5 * time.Second)
		l.lacking("events are taken again")
		if n := l.figure("sluice_ledger_missing", partEvents); n != 0 {
			t.Errorf("%v logs are missing", n)
		}
		w.once()
		l.end()
	})
}

// logTakes bounds what a message of main's log may have; −1 for no bound.
func (w *world) logTakes(bytes int32) {
	w.t.Helper()
	log, err := w.js.Stream(w.t.Context(), "LOG_main")
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := log.CachedInfo().Config
	cfg.MaxMsgSize = bytes
	if _, err := w.js.UpdateStream(w.t.Context(), cfg); err != nil {
		w.t.Fatal(err)
	}
}
