package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

// disguise is a sandbox that does not say that it is one: the closest thing to a real venue that a test may talk to.
func disguise(t *testing.T) (front *httptest.Server, box *sandbox.Sandbox) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewServer(box.Handler())
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sandbox") {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		box.Close()
		front.CloseClientConnections()
		front.Close()
		back.CloseClientConnections()
		back.Close()
	})
	return front, box
}

// at are the flags of a service at a bus and a venue.
func (b *bus) at(venue string) []string {
	return []string{"--nats", b.ClientURL(), "--data", b.dir, "--clob", venue, "--http", "127.0.0.1:0"}
}

// sockets are the flags of ingest for a venue at the base URL.
func sockets(venue string) []string {
	ws := strings.Replace(venue, "http", "ws", 1)
	return []string{"--ws-market", ws + "/ws/market", "--ws-user", ws + "/ws/user"}
}

// runs waits until somebody runs the account.
func (b *bus) runs(t *testing.T, account msgs.Account, p *process) {
	t.Helper()
	nc, err := nats.Connect(b.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	eventually(t, "account "+string(account)+" is run", func() bool {
		select {
		case <-p.done:
			t.Fatalf("the executor has ended: %s", p.errs.String())
		default:
		}
		var s msgs.StatusAnswer
		return ask(nc, msgs.SvcSubject("executor", account, "status"), msgs.Empty{}, &s) == nil
	})
}

// With real money and no word about caps an order may cost 25 pUSD and a day 100, a dry run posts nothing at all, and what
// a live executor has written no other may go on with.
func TestLiveHasCapsWithoutBeingAsked(t *testing.T) {
	venue, box := disguise(t)
	b := startBus(t, "live")
	key, _ := newKey(t)
	env := []string{"POLYMARKET_PRIVATE_KEY=" + key}
	spawn(t, env, append(append([]string{"ingest", "--live"}, b.at(venue.URL)...), sockets(venue.URL)...)...)
	executor := func(flags ...string) *process {
		p := spawn(t, env, append(append([]string{"executor", "--live", "--unsafe-no-sync"}, b.at(venue.URL)...), flags...)...)
		b.runs(t, "main", p)
		return p
	}
	order := func(size string) failure {
		return call(t, "order", "submit", "--nats", b.ClientURL(), "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.50", "--size", size, "--wait", "-o", "json").failure(t)
	}

	p := executor("--dry-run")
	eventually(t, "markets are known", func() bool { return order("10").Error.Code != "unknown_token" })
	if f := order("50"); f.Error.Code != "not_live" || !strings.Contains(f.Error.Cause, "dry run") {
		t.Errorf("$25 in a dry run: %+v", f)
	}
	if f := order("50.02"); f.Error.Code != "cap_order" || !strings.Contains(f.Error.Cause, "25") {
		t.Errorf("$25.01: %+v", f)
	}
	if r := p.end(t, syscall.SIGTERM); r.code != 0 {
		t.Errorf("the executor ends with %d: %s", r.code, r.err)
	}
	p = executor("--dry-run", "--cap-order", "1000")
	if f := order("200.02"); f.Error.Code != "cap_day" || !strings.Contains(f.Error.Cause, "100") {
		t.Errorf("$100.01 with a cap of $1000 an order: %+v", f)
	}
	p.end(t, syscall.SIGTERM)
	for _, line := range box.Journal(0) {
		if strings.Contains(string(line), `"method":"POST","path":"/order`) {
			t.Errorf("a dry run has posted: %s", line)
		}
	}

	// The log is of env live now. That the bus is the same does not make the money the same.
	other := httptest.NewServer(box.Handler())
	t.Cleanup(func() { other.CloseClientConnections(); other.Close() })
	p = spawn(t, nil, append([]string{"executor", "-o", "json", "--unsafe-no-sync"}, b.at(other.URL)...)...)
	r := told{p.wait(), p.rest.String(), p.errs.String()}
	r.err = r.err[strings.LastIndex(strings.TrimSpace(r.err), "\n")+1:] // what stands before is the log
	if f := r.failure(t); r.code == 0 || f.Error.Code != "wrong_env" || !strings.Contains(f.Error.Cause, "LOG_main") || !strings.Contains(f.Error.Cause, "live") || !strings.Contains(f.Error.Fix, "another NATS server") {
		t.Errorf("env sandbox on a live log: code %d, %+v", r.code, f)
	}
}

// foreignBus is a nats-server that is not ours: with our configuration file, or with that of whoever installed it.
func foreignBus(t *testing.T, o *server.Options) (bus *server.Server, monitor string) {
	t.Helper()
	o.Host, o.Port, o.HTTPHost, o.HTTPPort = "127.0.0.1", server.RANDOM_PORT, "127.0.0.1", server.RANDOM_PORT
	o.StoreDir, o.NoSigs, o.NoLog = t.TempDir(), true, true
	if o.JetStreamMaxStore == 0 {
		o.JetStreamMaxStore = 1 << 38 // not what happens to be free here
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	return s, "http://" + s.MonitorAddr().String()
}

// A server that acknowledges before it syncs forgets orders when the power goes: the executor asks first.
func TestExecutorRefusesABusThatDoesNotSync(t *testing.T) {
	venue, _ := venues(t)
	s, monitor := foreignBus(t, &server.Options{JetStream: true})
	bus := strings.Replace(s.ClientURL(), "//", "//service:any@", 1)
	at := []string{"--nats", bus, "--clob", venue.URL, "--http", "127.0.0.1:0"}
	for _, c := range []struct {
		what, cause, fix string
		flags            []string
	}{
		{"it says so itself", "before they are on disk", "sync_interval: always", []string{"--nats-monitor", monitor}},
		{"nobody can be asked", "no monitor address", "--nats-monitor", nil},
		{"somebody else is asked", "cannot show", "--nats-monitor", []string{"--nats-monitor", venue.URL}},
	} {
		r := call(t, append(append([]string{"executor", "-o", "json"}, at...), c.flags...)...)
		if f := r.failure(t); f.Error.Code != "no_sync" || !strings.Contains(f.Error.Cause, c.cause) || !strings.Contains(f.Error.Fix, c.fix) || !strings.Contains(f.Error.Fix, "--unsafe-no-sync") {
			t.Errorf("%s: %+v", c.what, f)
		}
	}
	starts(t, bus, venue.URL, "--unsafe-no-sync", "--nats-monitor", monitor)
}

// Waiting does not mend a password: a service that waits for its bus must not wait for that.
func TestServiceWithoutPasswordSaysSoAtOnce(t *testing.T) {
	venue, _ := venues(t)
	b := startBus(t, "sandbox")
	for _, c := range []struct{ nats, data, fix string }{
		{b.ClientURL(), t.TempDir(), "--data"},
		{strings.Replace(b.ClientURL(), "//", "//service:wrong@", 1), b.dir, "--nats"},
	} {
		for _, cmd := range []string{"executor", "ingest"} {
			args := []string{cmd, "-o", "json", "--nats", c.nats, "--data", c.data, "--clob", venue.URL, "--http", "127.0.0.1:0"}
			if cmd == "ingest" {
				args = append(args, sockets(venue.URL)...)
			}
			if f := call(t, args...).failure(t); f.Error.Code != "forbidden" || !strings.Contains(f.Error.Fix, c.fix) || strings.Contains(f.Error.Cause, "wrong") {
				t.Errorf("%s: %+v", cmd, f)
			}
		}
	}
}

// A strategy's user is no service: whoever needs one is told so at once, and does not wait for answers that never come.
func TestToolsOfAServiceRefuseAStrategysUser(t *testing.T) {
	venue, _ := venues(t)
	b, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Users: []natsd.User{natsd.StrategyUser("mm", "secret")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Shutdown() })
	bus := strings.Replace(b.ClientURL(), "//", "//mm:secret@", 1)
	journal := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(journal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"dead", "list"}, {"judge", "--journal", journal}, {"executor", "--clob", venue.URL, "--http", "127.0.0.1:0"}} {
		if f := call(t, append(args, "-o", "json", "--nats", bus)...).failure(t); f.Error.Code != "forbidden" || !strings.Contains(f.Error.Fix, "service:PASSWORD") || strings.Contains(f.Error.Cause, "secret") {
			t.Errorf("%v: %+v", args, f)
		}
	}
}

func TestExecutorStartsOnTheServerOfTheDeployment(t *testing.T) {
	t.Setenv("SLUICE_NATS_SERVICE_PASSWORD", `"of-services"`)
	t.Setenv("SLUICE_NATS_STRATEGY_PASSWORD", `"of-strategies"`)
	o, err := server.ProcessConfigFile("../../deploy/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	venue, _ := venues(t)
	s, monitor := foreignBus(t, o)
	starts(t, strings.Replace(s.ClientURL(), "//", "//service:of-services@", 1), venue.URL, "--nats-monitor", monitor)
}

// starts shows that an executor claims its accounts on a bus: each has a log then. No market is known there, and none is
// needed for that.
func starts(t *testing.T, bus, venue string, flags ...string) {
	t.Helper()
	p := spawn(t, nil, append([]string{"executor", "--nats", bus, "--clob", venue, "--http", "127.0.0.1:0"}, flags...)...)
	nc, err := nats.Connect(bus, nats.CustomInboxPrefix("_SERVICE"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	eventually(t, "the executor has made its streams", func() bool {
		names, err := loggedAccounts(t.Context(), nc)
		return err == nil && len(names) == len(sandbox.Accounts())
	})
	if r := p.end(t, syscall.SIGTERM); r.code != 0 {
		t.Errorf("the executor ends with %d: %s", r.code, r.err)
	}
}
