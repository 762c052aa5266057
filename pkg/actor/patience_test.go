package actor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/actor/natsd"
)

// A service that starts while the broker is away waits for it, however long that takes, says so once a minute with what to do, and
// begins by itself.
func TestStorageIsOpenedWhenTheBrokerIsThereAgain(t *testing.T) {
	actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
		way := &actortest.Entrance{Server: b.Server}
		nc := b.Connect(nats.InProcessServer(way))
		way.Shut.Store(true)
		if err := nc.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		opened := make(chan error, 1)
		go func() {
			_, err := actor.OpenStorage(t.Context(), js, 1, "late", slog.New(slog.NewTextHandler(&said, nil)), "main")
			opened <- err
		}()
		time.Sleep(10 * time.Minute)
		b.Wait()
		select {
		case err := <-opened:
			t.Fatalf("without a broker it ended with: %v", err)
		default:
		}
		if n := strings.Count(said.String(), "broker not available"); n < 5 || n > 20 {
			t.Errorf("in ten minutes it was said %d times that the broker is away, want about once a minute:\n%s", n, said.String())
		}
		if !strings.Contains(said.String(), "start the NATS server") {
			t.Errorf("it is not said what to do: %s", said.String())
		}
		way.Shut.Store(false)
		if err := <-opened; err != nil {
			t.Errorf("with the broker back: %v", err)
		}
	})
}

// What waiting does not mend ends a start: a right that the user lacks, a stream that another has in the way, a closed connection.
func TestStorageIsNotWaitedForInVain(t *testing.T) {
	for _, c := range []struct {
		name string
		nc   func(*testing.T, *actortest.Bubble) *nats.Conn
		want string
	}{
		{"a strategy's user", func(t *testing.T, b *actortest.Bubble) *nats.Conn {
			nc, err := b.Server.ConnectAs(natsd.User{}, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			return nc
		}, "connect as the service user"},
		{"another stream has the subjects", func(t *testing.T, b *actortest.Bubble) *nats.Conn {
			if _, err := b.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"cmd.>"}, MaxBytes: 1 << 20}); err != nil {
				t.Fatal(err)
			}
			return b.NATS()
		}, "overlap"},
		{"a connection that is closed", func(_ *testing.T, b *actortest.Bubble) *nats.Conn {
			nc := b.Connect()
			nc.Close()
			return nc
		}, "connection closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			actortest.Run(t, func(t *testing.T, b *actortest.Bubble) {
				js, err := jetstream.New(c.nc(t, b))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context()) // without a time of its own, which a call would take for its own
				defer cancel()
				defer time.AfterFunc(time.Hour, cancel).Stop()
				_, err = actor.OpenStorage(ctx, js, 1, "late", slog.New(slog.DiscardHandler), "main")
				if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("ended with %v, want at once something with %q", err, c.want)
				}
			})
		})
	}
}

// A server whose store is too small is not waited for: whoever starts is told how much is wanted, and what to do.
func TestStartOnAServerWithoutRoomSaysSo(t *testing.T) {
	actortest.RunConfig(t, natsd.Config{MaxStore: 1 << 20}, func(t *testing.T, b *actortest.Bubble) {
		js, err := jetstream.New(b.Connect())
		if err != nil {
			t.Fatal(err)
		}
		_, err = actor.OpenStorage(t.Context(), js, 1, "small", slog.New(slog.DiscardHandler), "main")
		var none *actor.RoomError
		if !errors.As(err, &none) || none.Bytes <= 1<<20 || !strings.Contains(err.Error(), none.Stream) || !strings.Contains(err.Error(), "max_file_store") {
			t.Errorf("it ends with: %v", err)
		}
	})
}
