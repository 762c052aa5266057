package natslog_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/actortest"
	"sluice/pkg/evm/sender"
	"sluice/pkg/evm/sender/natslog"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// Two writers on a real broker, beside another subject of the same stream: order, position and fence.
func TestOfTwoWritersOneIsRefused(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		js := b.JetStream()
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GAS", Subjects: []string{"gas.main", "gas.spare"}}); err != nil {
			t.Fatal(err)
		}
		one, two, spare := natslog.New(js, "GAS", "gas.main"), natslog.New(js, "GAS", "gas.main"), natslog.New(js, "GAS", "gas.spare")
		if _, err := spare.Append(t.Context(), 0, []byte(`{"z":0}`)); err != nil {
			t.Fatal(err)
		}
		at := uint64(0)
		for _, r := range []string{`{"a":1}`, `{"b":2}`} {
			pos, err := one.Append(t.Context(), at, []byte(r))
			if err != nil || pos <= at {
				t.Fatalf("append behind %d: %d, %v", at, pos, err)
			}
			if _, err := two.Append(t.Context(), at, []byte(r)); !errors.Is(err, sender.ErrBehind) {
				t.Errorf("a second record behind %d: %v", at, err)
			}
			at = pos
		}
		got, err := two.Read(t.Context(), 0)
		if err != nil || len(got) != 2 || string(got[1].Record) != `{"b":2}` || got[1].At != at {
			t.Fatalf("read %v, %v", got, err)
		}
		b.Restart()
		time.Sleep(time.Second) // virtual: the connection comes back
		if got, err := one.Read(t.Context(), got[0].At); err != nil || len(got) != 1 || got[0].At != at {
			t.Errorf("after a restart of the broker: %v, %v", got, err)
		}
		if _, err := two.Append(t.Context(), at, []byte(`{"c":3}`)); err != nil {
			t.Error(err)
		}
		if _, err := natslog.New(js, "NONE", "gas.main").Append(t.Context(), at, []byte(`{}`)); err == nil || errors.Is(err, sender.ErrBehind) {
			t.Errorf("another stream: %v", err)
		}
	})
}
