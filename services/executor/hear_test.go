package executor

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
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

// Each verb is counted by itself, whatever was heard before it.
func TestEachVerbIsCountedByItself(t *testing.T) {
	l, err := Limits{}.limiter()
	if err != nil {
		t.Fatal(err)
	}
	registry, count := prometheus.NewRegistry(), newCounters()
	if err := count.register(registry, l); err != nil {
		t.Fatal(err)
	}
	h := &ear{account: "main", facts: &facts{}, copies: copies{actor.NewCopies(nil, msgs.Sandbox, slog.New(slog.DiscardHandler))}, count: count,
		log: slog.New(slog.DiscardHandler), room: func() actor.Room { return actor.Room{} }}
	for i, verb := range []string{msgs.VerbSubmit, msgs.VerbSubmit, msgs.VerbCancel, msgs.VerbSubmit, msgs.VerbReplace, msgs.VerbCancel} {
		lane := laneSubmit
		if verb == msgs.VerbCancel {
			lane = laneExpress
		}
		h.hear(actor.Record{Lane: lane, Stream: msgs.AskStream("main"), Subject: msgs.CmdSubject(msgs.FamilyOrder, "main", verb), Seq: uint64(i + 1), Data: []byte(`{}`)})
	}
	shown := gathered(t, registry)
	for verb, want := range map[string]float64{msgs.VerbSubmit: 3, msgs.VerbCancel: 2, msgs.VerbReplace: 1} {
		if n := shown["sluice_executor_commands_total{verb="+verb+"}"]; n != want {
			t.Errorf("%v times %s, want %v", n, verb, want)
		}
	}
}

// The salt follows from what names the command, and two commands have two; ids of any length that can be do so.
func TestSaltBelongsToItsCommand(t *testing.T) {
	long := msgs.ClientOrderID(strings.Repeat("x", 64))
	seen := map[uint64]string{}
	for _, a := range []msgs.Account{"main", "mainx", "a2345678901234567890123456789012"} {
		for _, id := range []msgs.ClientOrderID{"a", "xa", long, long[:63]} {
			for _, seq := range []uint64{1, 256, 1 << 60} {
				name := fmt.Sprintf("%s %s %d", a, id, seq)
				salt := saltOf(a, id, seq)
				if other, there := seen[salt]; there || salt > polymarket.MaxSalt || salt != saltOf(a, id, seq) {
					t.Errorf("%s has salt %d, %q too", name, salt, other)
				}
				seen[salt] = name
			}
		}
	}
	text := append([]byte("sluice salt\x00main\x00mm1-1"), 7, 1, 0, 0, 0, 0, 0, 0)
	h := sha256.Sum256(text)
	if want := binary.LittleEndian.Uint64(h[:8]) & polymarket.MaxSalt; saltOf("main", "mm1-1", 263) != want {
		t.Errorf("salt %d, want %d", saltOf("main", "mm1-1", 263), want)
	}
}
