package executor

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// TestWaitingSubmitIsCountedOnce hears the head of the submit lane again and again, as the loop does while it waits for a permit:
// it is decoded and counted once, and each time the world is seen as it is then. What has its sequence and is another record, or
// another's sequence, is heard anew.
func TestWaitingSubmitIsCountedOnce(t *testing.T) {
	l, err := Limits{}.limiter()
	if err != nil {
		t.Fatal(err)
	}
	registry, count, room := prometheus.NewRegistry(), newCounters(), actor.Room{}
	if err := count.register(registry, l); err != nil {
		t.Fatal(err)
	}
	shown := &facts{}
	shown.shown.Store(NewFacts())
	h := &ear{account: "main", facts: shown, copies: copies{actor.NewCopies(nil, msgs.Sandbox, slog.New(slog.DiscardHandler))}, count: count,
		log: slog.New(slog.DiscardHandler), room: func() actor.Room { return room }}
	stored := time.UnixMilli(1763800000000)
	submit := func(seq uint64, at time.Time, id string) *Asked {
		return h.hear(actor.Record{Lane: laneSubmit, Stream: msgs.AskStream("main"), Subject: msgs.CmdSubject(msgs.FamilyOrder, "main", msgs.VerbSubmit), Seq: seq, Stored: at,
			Data: []byte(`{"v":1,"client_order_id":"` + id + `","token_id":"7","side":"BUY","type":"GTC","price":"0.5","size":"10","valid_until_ms":1763900000000}`)}).(*Asked)
	}
	first := submit(7, stored, "a")
	for range 100 {
		if again := submit(7, stored, "a"); again.Command != first.Command || again.Hash != first.Hash || again.Salt != first.Salt || again.Client != "a" || again.Full != "" {
			t.Fatalf("heard again as %+v, first as %+v", again, first)
		}
	}
	known := NewFacts(&Market{msgs.Market{ConditionID: "0x1"}})
	shown.shown.Store(known)
	room = actor.Room{Place: "LOG_main", Percent: actor.RefuseAt}
	if now := submit(7, stored, "a"); now.Facts != known || now.Full == "" || first.Facts == known {
		t.Errorf("the world as it is now is not seen: %+v", now)
	}
	if other := submit(7, stored.Add(time.Hour), "b"); other.Client != "b" {
		t.Errorf("what has the sequence in a stream made anew is taken for what was there: %+v", other)
	}
	if next := submit(8, stored, "c"); next.Client != "c" {
		t.Errorf("the next one is heard as %+v", next)
	}
	if n := gathered(t, registry)["sluice_executor_commands_total{verb=submit}"]; n != 3 {
		t.Errorf("%v submits are counted, want 3", n)
	}
}
