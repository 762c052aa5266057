package actortest

import (
	"os"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/actor/natsd"
)

// Main runs a package's tests with the seam held (see the package comment). Run holds it by itself; Main is for
// packages whose tests also open bubbles of their own: func TestMain(m *testing.M) { actortest.Main(m) }.
func Main(m *testing.M) {
	ats.Register()
	os.Exit(m.Run())
}

// Bubble is the inside of one virtual-time test. Its methods belong to the goroutines of the bubble and fail the
// test instead of returning errors.
type Bubble struct {
	// T is the test inside the bubble: its Cleanup functions and Context end before the bubble does.
	T *testing.T
	// Server is the embedded server, for what the other methods do not cover.
	Server *natsd.Server

	nc *nats.Conn
}

// Run calls test in a bubble with a fresh server that listens nowhere.
func Run(t *testing.T, test func(t *testing.T, b *Bubble)) {
	t.Helper()
	RunConfig(t, natsd.Config{}, test)
}

// RunConfig is Run with a configuration of the server; Listen must be empty. An empty Dir is a temporary one; a
// directory given is made outside the bubble and lets one test continue where another stopped.
func RunConfig(t *testing.T, cfg natsd.Config, test func(t *testing.T, b *Bubble)) {
	t.Helper()
	if cfg.Listen != "" {
		t.Fatalf("listen %s: a socket outside the bubble would stop its time", cfg.Listen)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	ats.Register()
	defer ats.Unregister()
	// nats.go keeps used timers in a pool of the process, and one of an earlier bubble must not be used in this one. A pool
	// is empty after two collections.
	runtime.GC()
	runtime.GC()
	synctest.Test(t, func(t *testing.T) {
		srv, err := natsd.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := srv.Shutdown(); err != nil {
				t.Error(err)
			}
		})
		b := &Bubble{T: t, Server: srv}
		b.nc = b.Connect()
		test(t, b)
	})
}

// NATS is the service connection of the bubble.
func (b *Bubble) NATS() *nats.Conn { return b.nc }

// JetStream is JetStream on the service connection.
func (b *Bubble) JetStream() jetstream.JetStream {
	b.T.Helper()
	js, err := jetstream.New(b.nc)
	if err != nil {
		b.T.Fatal(err)
	}
	return js
}

// Connect opens another connection, as the service user unless the options say otherwise. It is closed at the end.
func (b *Bubble) Connect(opts ...nats.Option) *nats.Conn {
	b.T.Helper()
	nc, err := b.Server.Connect(opts...)
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(nc.Close)
	return nc
}

// Restart stops the server and starts it again on the same directory. Connections come back by themselves, a few
// virtual milliseconds later.
func (b *Bubble) Restart() {
	b.T.Helper()
	if err := b.Server.Restart(b.T.Context()); err != nil {
		b.T.Fatal(err)
	}
}

// Another starts a second server in the bubble, which knows nothing of the first: on another directory, or on a copy.
// Its Bubble has the same inside; it is stopped with the test.
func (b *Bubble) Another(cfg natsd.Config) *Bubble {
	b.T.Helper()
	if cfg.Listen != "" {
		b.T.Fatalf("listen %s: a socket outside the bubble would stop its time", cfg.Listen)
	}
	srv, err := natsd.Start(b.T.Context(), cfg)
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			b.T.Error(err)
		}
	})
	other := &Bubble{T: b.T, Server: srv}
	other.nc = other.Connect()
	return other
}

// Wait returns when every other goroutine of the bubble is waiting: what could happen at this instant has happened.
func (b *Bubble) Wait() { synctest.Wait() }
