package natsd

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// start runs a server for the test and stops it at the end.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect opens an in-process connection and closes it before the server stops.
func connect(t *testing.T, s *Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := s.Connect(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// stream makes a file stream and returns it.
func stream(t *testing.T, nc *nats.Conn, name string, subjects ...string) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: subjects, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// count asks how many messages a stream holds.
func count(t *testing.T, st jetstream.Stream) uint64 {
	t.Helper()
	info, err := st.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// publish stores a message, again and again while the server is away.
func publish(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := nc.Request(subject, []byte("{}"), 5*time.Second); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("publish %s: %v", subject, err)
		}
	}
}

// TestConnectionAndDataSurviveRestart publishes before and after an embedded restart on one connection and finds
// both messages.
func TestConnectionAndDataSurviveRestart(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:-1"})
	nc := connect(t, s)
	st := stream(t, nc, "ASK_main", "cmd.order.main.submit")
	url := s.ClientURL()

	publish(t, nc, "cmd.order.main.submit")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, "cmd.order.main.submit")

	if n := count(t, st); n != 2 {
		t.Errorf("stream holds %d messages, want both", n)
	}
	if got := s.ClientURL(); got != url {
		t.Errorf("address after restart %s, want %s", got, url)
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if !s.SyncAlways() {
		t.Error("server does not sync every append")
	}
}
