package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
)

// bus is an embedded server that syncs every append, and a connection to it.
func bus(b *testing.B) (*nats.Conn, jetstream.JetStream) {
	b.Helper()
	s, err := natsd.Start(b.Context(), natsd.Config{Dir: b.TempDir(), Stored: actor.Stored})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Shutdown() })
	nc, err := s.Connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	return nc, js
}

// What one synced write of 1 KiB costs here: the floor under every append.
func BenchmarkRawSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1024)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

// Fenced appends, one in flight per account, as the actor makes them.
func BenchmarkAppend(b *testing.B) {
	event := `{"v":1,"type":"order.accepted","account":"main","env":"sandbox","n":1841,"at_ms":1763800000190,"cmd_seq":412,` +
		`"client_order_id":"mm1-01JD7Z2M4N","order_id":"0x06bc3f0e5f1c5f0d9a1e4c7b8a6d5e4f3c2b1a09876543210fedcba987654321","token_id":` +
		`"71321045679252212594626385532706912750332728571942532289631379312455583992563","side":"BUY","order_type":"GTC","price":"0.52",` +
		`"size":"100","filled":"0","remaining":"100","state":"open","final":false,"venue_status":"live"}`
	for _, accounts := range []int{1, 4, 16} {
		for _, events := range []int{1, 15} {
			b.Run(fmt.Sprintf("accounts=%d/events=%d", accounts, events), func(b *testing.B) {
				_, js := bus(b)
				names := make([]msgs.Account, accounts)
				for i := range names {
					names[i] = msgs.Account(fmt.Sprintf("a%d", i))
				}
				if err := actor.EnsureStreams(b.Context(), js, 1, names...); err != nil {
					b.Fatal(err)
				}
				payload := []byte(`{"v":1,"account":"main","env":"sandbox","events":[` + strings.Repeat(event+",", events-1) + event + `]}`)
				b.ResetTimer()
				var all sync.WaitGroup
				for i, a := range names {
					all.Go(func() { appendAll(b, js, msgs.EvtSubject(msgs.FamilyOrder, a), payload, (b.N+accounts-1-i)/accounts) })
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
				b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

func appendAll(b *testing.B, js jetstream.JetStream, subject string, payload []byte, n int) {
	var last uint64
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		ack, err := js.Publish(ctx, subject, payload, jetstream.WithExpectLastSequenceForSubject(last, subject))
		cancel()
		if err != nil {
			b.Error(err)
			return
		}
		last = ack.Sequence
	}
}
