package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDirectoryOfAnotherEnvIsRefused opens a sandbox directory as live, and one whose stamp is gone.
func TestDirectoryOfAnotherEnvIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	stream(t, connect(t, s), "LOG_main", "evt.order.main")
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, Env: "live"})
	if e, ok := errors.AsType[*EnvError](err); !ok || e.Found != "sandbox" || e.Want != "live" {
		t.Errorf("sandbox directory as live: %v, want an EnvError", err)
	}
	if err := os.Remove(filepath.Join(dir, envName)); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Config{Dir: dir})
	if e, ok := errors.AsType[*EnvError](err); !ok || e.Found != "" {
		t.Errorf("directory with streams and without stamp: %v, want an EnvError", err)
	}
	if err := os.WriteFile(filepath.Join(dir, envName), []byte("sandbox\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir}) // the refusals let go of the lock
}

// TestDirectoryIsPrivate finds the directory and its secrets closed to other users, also when it existed open.
func TestDirectoryIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Dir: dir})
	for name, want := range map[string]os.FileMode{".": 0o700, passwordName: 0o600, lockName: 0o600, envName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	if p, err := ReadServicePassword(dir); err != nil || p != s.ServicePassword() || len(p) < 26 {
		t.Errorf("service password kept as %d characters, %v", len(p), err)
	}
}

// TestServicePasswordIsKept stops and starts: a service of another process finds the same password.
func TestServicePasswordIsKept(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	first := s.ServicePassword()
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if second := start(t, Config{Dir: dir}).ServicePassword(); second != first {
		t.Error("the service password changed between two starts")
	}
}

// TestTakenPortIsExplained listens where a NATS server is, where something else is, and where nobody can.
func TestTakenPortIsExplained(t *testing.T) {
	s := start(t, Config{Listen: ":-1", ServerName: "the-first"})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail ready\r\n"))
			c.Close()
		}
	}()
	for addr, says := range map[string]string{
		strings.TrimPrefix(s.ClientURL(), "nats://"): `a NATS server named "the-first" (version 2.`,
		silent.Addr().String():                       "not a NATS server",
		"192.0.2.1:4222":                             "cannot assign requested address",
	} {
		dir := t.TempDir()
		_, err := Start(t.Context(), Config{Dir: dir, Listen: addr, Users: []User{StrategyUser("s", "pw")}})
		e, ok := errors.AsType[*ListenError](err)
		if !ok || e.Addr != addr {
			t.Fatalf("listen on %s: %v, want a ListenError", addr, err)
		}
		for _, want := range []string{addr, says, "--nats-listen"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error does not say %q: %v", want, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "jetstream")); err == nil {
			t.Error("streams were opened although the address was taken")
		}
	}
}

// TestRestartReportsTakenPort takes the address while the server restarts: the error is the same, the directory
// stays held, and a later restart works.
func TestRestartReportsTakenPort(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir, Listen: ":-1"})
	addr := strings.TrimPrefix(s.ClientURL(), "nats://")
	stop(s.current.Swap(nil))
	thief, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*ListenError](s.Restart(t.Context())); !ok {
		t.Error("restart on a taken port gave no ListenError")
	}
	if _, ok := errors.AsType[*HeldError](func() error { _, err := Start(t.Context(), Config{Dir: dir}); return err }()); !ok {
		t.Error("the directory was free after a failed restart")
	}
	thief.Close()
	if err := s.Restart(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestFatalConditionIsAnError puts a file where the library wants its directory: it would exit, we return.
func TestFatalConditionIsAnError(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{envName, "jetstream"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("sandbox\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("error %v, want the library's reason", err)
	}
}

// TestStartEndsWithItsContext starts with a context that is over.
func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := Start(ctx, Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	start(t, Config{Dir: dir})
}

// TestConfigReportsEverythingAtOnce checks a configuration in which everything is wrong.
func TestConfigReportsEverythingAtOnce(t *testing.T) {
	err := Config{
		Env: "prod", ServerName: "two words", Listen: "0.0.0.0:4222", MaxStore: -1, Anonymous: "mm1", ServicePassword: "quo\"te", Stored: "a.b",
		Users: []User{
			StrategyUser("mm1", "pw"), StrategyUser("mm1", "pw"), StrategyUser("service", "pw"), StrategyUser("SLUICE", "pw"),
			StrategyUser("no spaces", "pw"), StrategyUser("open", ""), {Name: "all", Password: "pw"},
			{Name: "api", Password: "pw", Publish: &Permissions{Allow: []string{"$JS.API.>", "cmd..x"}}, Subscribe: &Permissions{}},
			{Name: "everything", Password: "pw", Publish: &Permissions{Allow: []string{">"}}, Subscribe: &Permissions{}},
			{Name: "twice", Password: "pw", Publish: &Permissions{}, Subscribe: &Permissions{Allow: []string{"evt.*.main", "evt.order.*"}}},
		},
	}.Check()
	if err == nil {
		t.Fatal("nothing was found wrong")
	}
	for _, want := range []string{
		"dir is empty", "server name", `env "prod"`, "let the network trade", "negative", "not one token", `user "service": password`,
		`user "mm1" is named twice`, `user "service" is named twice`, `user "SLUICE" is named twice`, `"no spaces" is not`, `user "open": password is empty`,
		`user "all": publish or subscribe permissions are missing`, `"$JS.API.>", but only`, `">", but only`, `"cmd..x", but only`, "messages would come twice",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	for _, listen := range []string{"4222", "host:port", ":70000", ":-2"} {
		if err := (Config{Dir: "d", Listen: listen}).Check(); err == nil {
			t.Errorf("listen %q was accepted", listen)
		}
	}
	if err := (Config{Dir: "d"}).Check(); err != nil {
		t.Errorf("the smallest configuration: %v", err)
	}
}

// TestPasswordsAreNotPrinted formats and logs a user in every way that comes to mind.
func TestPasswordsAreNotPrinted(t *testing.T) {
	u := StrategyUser("mm1", "hush-hush")
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("user", "user", u, "users", []User{u})
	log.Info(fmt.Sprintf("%v %+v %#v %s %v", u, u, u, u, []User{u}))
	if text := b.String(); strings.Contains(text, "hush") || !strings.Contains(text, "mm1") {
		t.Errorf("printed %s", text)
	}
}
