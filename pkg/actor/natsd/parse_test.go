package natsd

import (
	"bufio"
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// FuzzGreeting reads what any program may say on a port: never a panic, and a name only from a NATS greeting.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte("INFO {\"server_id\":\"N\",\"server_name\":\"n1\",\"version\":\"2.15.2\"}\r\n"))
	f.Add([]byte("INFO {\r\n"))
	f.Add([]byte("INFO null\n"))
	f.Add([]byte("220 mail ready\r\n"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(bytes.Repeat([]byte("x"), 1<<16))
	f.Fuzz(func(t *testing.T, said []byte) {
		name, version := greeting(bufio.NewReaderSize(bytes.NewReader(said), 4<<10))
		if (name != "" || version != "") && !bytes.HasPrefix(said, []byte("INFO ")) {
			t.Errorf("%q was taken for a NATS server %q", said, name)
		}
	})
}

// FuzzHolder reads what may stand in a lock file: never a panic, and the error can always be printed.
func FuzzHolder(f *testing.F) {
	f.Add(`{"pid":12,"host":"desk","started":"2026-11-22T10:00:00Z","listen":"127.0.0.1:4222","env":"live"}`)
	f.Add(`{"pid":12}{"pid":13}`)
	f.Add(`[]`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) {
		e := &HeldError{Dir: "data", Holder: readHolder(strings.NewReader(text))}
		if s := e.Error(); !strings.Contains(s, "data directory data is held by") {
			t.Errorf("%q is reported as %q", text, s)
		}
	})
}

// TestAccountsConfigServesAnExternalServer writes the accounts for a server with a configuration file of its own and
// meets the same rules there.
func TestAccountsConfigServesAnExternalServer(t *testing.T) {
	text, err := AccountsConfig(Config{ServicePassword: "pw-service", Anonymous: "any", Users: []User{StrategyUser("any", "pw-any")}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	main := "listen: 127.0.0.1:-1\njetstream { store_dir: \"" + dir + "\", sync_interval: always, max_mem: 1MB, max_file: 10MB }\ninclude \"accounts.conf\"\n"
	for name, text := range map[string]string{"accounts.conf": text, "nats.conf": main} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts.NoSigs = true
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stop(srv) })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server does not start")
	}
	service, err := nats.Connect(srv.ClientURL(), nats.UserInfo("service", "pw-service"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	stream(t, service, "ASK_main", "cmd.order.main.submit")
	complaints := make(chan error, 1)
	nc, err := nats.Connect(srv.ClientURL(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { complaints <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	publish(t, nc, "cmd.order.main.submit")
	strategy{nc, complaints}.refused(t, "evt.order.main", func() error { return nc.Publish("evt.order.main", nil) })
	if _, err := AccountsConfig(Config{Users: []User{StrategyUser("any", "pw-any")}}); err == nil {
		t.Error("accounts without a service password were written")
	}
}

// TestServerSpeaksThroughSlog starts and stops with a logger: the library's life story arrives at debug, and nothing
// is above.
func TestServerSpeaksThroughSlog(t *testing.T) {
	var b bytes.Buffer
	s := start(t, Config{Log: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "Server is ready") || strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") || strings.Contains(text, s.ServicePassword()) {
		t.Errorf("logged %s", text)
	}
}
