package executor

import (
	"log/slog"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// BenchmarkHearSubmit is the way from a stored submit to what is decided on, each time another record.
func BenchmarkHearSubmit(b *testing.B) {
	shown := &facts{}
	shown.shown.Store(NewFacts())
	h := &ear{account: "main", facts: shown, copies: copies{actor.NewCopies(nil, msgs.Sandbox, slog.New(slog.DiscardHandler))}, count: newCounters(),
		log: slog.New(slog.DiscardHandler), room: func() actor.Room { return actor.Room{} }}
	r := actor.Record{Lane: laneSubmit, Stream: msgs.AskStream("main"), Subject: msgs.CmdSubject(msgs.FamilyOrder, "main", msgs.VerbSubmit), Stored: time.UnixMilli(1763800000000),
		Data: []byte(`{"client_order_id":"mm1-01JD7Z2M4N","token_id":"71321045679252212594626385532706912750332728571942532289631379312455583992563",` +
			`"side":"BUY","type":"GTC","price":"0.5","size":"10.25","sent_ms":1763800000123}`)}
	b.ReportAllocs()
	for b.Loop() {
		r.Seq++
		if a := h.hear(r).(*Asked); a.Err != nil || a.Hash == "" {
			b.Fatalf("heard as %+v", a)
		}
	}
}
