package actortest

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/natsd"
)

// TestIdleHour lets an hour pass with a running server and a stream and sees the clock say so.
func TestIdleHour(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		createStream(t, b, "LOG_main", "evt.order.main")
		began := time.Now()
		time.Sleep(time.Hour)
		b.Wait()
		if d := time.Since(began); d != time.Hour {
			t.Errorf("an hour took %s", d)
		}
	})
}

// TestPublishedIsConsumed stores two messages and reads them in order with a pull consumer.
func TestPublishedIsConsumed(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		st := createStream(t, b, "ASK_main", "cmd.order.main.*")
		store(t, b, "cmd.order.main.submit", "1")
		store(t, b, "cmd.order.main.cancel", "2")
		c := consumer(t, st)
		for _, want := range []string{"1", "2"} {
			m, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data()) != want {
				t.Errorf("got %q, want %q", m.Data(), want)
			}
		}
	})
}

// TestPullConsumerKeepsVirtualTime asks an empty stream for a message: the pull ends when it says, and one that is
// parked gets the message at the instant of its storing.
func TestPullConsumerKeepsVirtualTime(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		st := createStream(t, b, "ASK_main", "cmd.order.main.*")
		c := consumer(t, st)
		began := time.Now()
		if _, err := c.Next(jetstream.FetchMaxWait(30 * time.Second)); !errors.Is(err, nats.ErrTimeout) {
			t.Errorf("pull of an empty stream: %v, want a timeout", err)
		}
		// The server answers "nothing" when the wait is over, the client a little later by itself.
		if d := time.Since(began); d < 30*time.Second || d > 35*time.Second {
			t.Errorf("pull with a wait of 30s ended after %s", d)
		}

		began = time.Now()
		time.AfterFunc(20*time.Minute, func() { store(t, b, "cmd.order.main.submit", "late") })
		if _, err := c.Next(jetstream.FetchMaxWait(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != 20*time.Minute {
			t.Errorf("message stored after 20m was delivered after %s", d)
		}
		b.Wait() // for the acknowledgement of store
	})
}

// TestRestartKeepsDataAndConnection restarts the server between two messages: the connection is the same, and a
// new consumer reads both.
func TestRestartKeepsDataAndConnection(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		st := createStream(t, b, "LOG_main", "evt.order.main")
		store(t, b, "evt.order.main", "before")
		b.Restart()
		time.Sleep(time.Second) // virtual: reconnecting takes one wait of some milliseconds
		b.Wait()
		if !b.NATS().IsConnected() {
			t.Fatal("connection did not come back within a second of the restart")
		}
		store(t, b, "evt.order.main", "after")
		c := consumer(t, st)
		for _, want := range []string{"before", "after"} {
			m, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data()) != want {
				t.Errorf("got %q, want %q", m.Data(), want)
			}
		}
	})
}

// TestDirectoryOutlivesBubble stores in one bubble and reads in the next.
func TestDirectoryOutlivesBubble(t *testing.T) {
	cfg := natsd.Config{Dir: t.TempDir()}
	RunConfig(t, cfg, func(t *testing.T, b *Bubble) {
		createStream(t, b, "LOG_main", "evt.order.main")
		store(t, b, "evt.order.main", "kept")
	})
	RunConfig(t, cfg, func(t *testing.T, b *Bubble) {
		st, err := b.JetStream().Stream(t.Context(), "LOG_main")
		if err != nil {
			t.Fatal(err)
		}
		if m, err := consumer(t, st).Next(); err != nil || string(m.Data()) != "kept" {
			t.Errorf("got %v, %v", m, err)
		}
	})
}

// createStream makes a file stream with a small bound.
func createStream(t *testing.T, b *Bubble, name string, subjects ...string) jetstream.Stream {
	t.Helper()
	st, err := b.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: subjects, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// store publishes and waits for the acknowledgement.
func store(t *testing.T, b *Bubble, subject, data string) {
	t.Helper()
	if _, err := b.JetStream().Publish(t.Context(), subject, []byte(data)); err != nil {
		t.Error(err)
	}
}

// consumer makes a fresh consumer of the whole stream that acknowledges nothing.
func consumer(t *testing.T, st jetstream.Stream) jetstream.Consumer {
	t.Helper()
	c, err := st.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStrategyInBubble connects as a strategy does from outside: its command is stored, its event is refused.
func TestStrategyInBubble(t *testing.T) {
	Run(t, func(t *testing.T, b *Bubble) {
		createStream(t, b, "ASK_main", "cmd.order.main.submit")
		log := createStream(t, b, "LOG_main", "evt.order.main")
		nc, err := b.Server.ConnectAs(natsd.User{}, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := nc.Request("cmd.order.main.submit", []byte("{}"), time.Second); err != nil {
			t.Error(err)
		}
		if err := nc.Publish("evt.order.main", []byte("{}")); err != nil {
			t.Error(err)
		}
		b.Wait()
		if err := nc.LastError(); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("publishing an event: %v, want a permissions violation", err)
		}
		if info, err := log.Info(t.Context()); err != nil || info.State.Msgs != 0 {
			t.Errorf("log holds %d messages, %v, want none", info.State.Msgs, err)
		}
	})
}
