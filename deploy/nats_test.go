package deploy

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	servicePassword  = "12345" // digits, because the server would read a bare number as one
	strategyPassword = "of-strategies"

	// patience bounds a step of the test that waits for the server; nothing is measured by it.
	patience = 10 * time.Second
)

// config reads nats.conf as the container does, and moves what it binds and writes to this test.
func config(t *testing.T) *server.Options {
	t.Helper()
	t.Setenv("SLUICE_NATS_SERVICE_PASSWORD", `"`+servicePassword+`"`)
	t.Setenv("SLUICE_NATS_STRATEGY_PASSWORD", `"`+strategyPassword+`"`)
	o, err := server.ProcessConfigFile("nats.conf")
	if err != nil {
		t.Fatalf("read nats.conf: %v", err)
	}
	o.Host, o.Port, o.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	o.StoreDir, o.NoSigs, o.NoLog = t.TempDir(), true, true
	return o
}

func boot(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("server is not ready")
	}
	return s
}

func connect(t *testing.T, s *server.Server, user, password string) *nats.Conn {
	t.Helper()
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}) // a refusal is read from LastError
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, password), quiet)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func asService(t *testing.T, s *server.Server) *nats.Conn {
	return connect(t, s, "service", servicePassword)
}

func asStrategy(t *testing.T, s *server.Server) *nats.Conn {
	return connect(t, s, "strategy", strategyPassword)
}

// makeStreams makes the two streams of the account main, as a service does.
func makeStreams(t *testing.T, s *server.Server) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(asService(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []jetstream.StreamConfig{
		{Name: "ASK_main", Subjects: []string{"cmd.order.main.submit"}, MaxBytes: 1 << 20},
		{Name: "LOG_main", Subjects: []string{"evt.order.main"}, MaxBytes: 1 << 20,
			RePublish: &jetstream.RePublish{Source: "evt.>", Destination: "stored.evt.>"}},
	} {
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatalf("create %s: %v", c.Name, err)
		}
	}
	return js
}

func TestStoreIsSyncedAndBounded(t *testing.T) {
	o := config(t)
	if !o.SyncAlways {
		t.Error("an acknowledged message would not be on disk: sync_interval is not always")
	}
	if o.JetStreamMaxMemory <= 0 || o.JetStreamMaxStore <= 0 {
		t.Errorf("store is unbounded: max_mem %d, max_file %d", o.JetStreamMaxMemory, o.JetStreamMaxStore)
	}
}

func TestNobodyConnectsWithoutPassword(t *testing.T) {
	s := boot(t, config(t))
	for _, option := range []nats.Option{
		nats.Name("no user at all"),
		nats.UserInfo("service", ""), nats.UserInfo("service", strategyPassword),
		nats.UserInfo("strategy", ""), nats.UserInfo("strategy", servicePassword),
	} {
		nc, err := nats.Connect(s.ClientURL(), option)
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("connected as %+v: %v", nc, err)
		}
	}
}

func TestStrategyPublishesCommandsAndNothingElse(t *testing.T) {
	s := boot(t, config(t))
	for subject, allowed := range map[string]bool{
		"cmd.order.main.submit": true, "cmd.control.main.halt": true, "cmd.tx.main.merge": true,
		"svc.executor.main.orders": true, "svc.ingest.book": true,

		"_INBOX.x": false, "evt.order.main": false, "evt.ledger.main": false, "feed.main.trade": false, "md.polymarket.book.1": false,
		"ref.price.btc-usd": false, "dead.executor.json": false, "cmd.order.main": false, "cmd.order.main.submit.x": false,
		"cmd.other.main.x": false, "quota.builder-1": false, "$JS.API.STREAM.PURGE.QUOTA": false, "$JS.API.INFO": false, "$JS.API.STREAM.DELETE.LOG_main": false,
		"$JS.ACK.LOG_main.x": false, "$KV.lease.main": false, "$SRV.PING": false, "$SYS.REQ.SERVER.PING": false,
	} {
		nc := asStrategy(t, s) // the last error is the connection's: one each
		err := errors.Join(nc.Publish(subject, []byte("{}")), nc.FlushTimeout(patience), nc.LastError())
		checkPermission(t, "publish to "+subject, allowed, err)
	}
}

func TestStrategyHearsEventsAndNoCommands(t *testing.T) {
	s := boot(t, config(t))
	for subject, allowed := range map[string]bool{
		"evt.>": true, "evt.order.main": true, "feed.>": true, "md.>": true, "ref.>": true, "dead.>": true, "_INBOX.x": true,

		">": false, "cmd.>": false, "svc.>": false, "*.order.main": false, "$JS.>": false, "$SYS.>": false, "_SERVICE.>": false, "quota.>": false,
	} {
		nc := asStrategy(t, s)
		_, err := nc.SubscribeSync(subject)
		checkPermission(t, "subscribe to "+subject, allowed, errors.Join(err, nc.FlushTimeout(patience), nc.LastError()))
	}
}

func checkPermission(t *testing.T, what string, allowed bool, err error) {
	t.Helper()
	if allowed && err != nil {
		t.Errorf("%s is refused: %v", what, err)
	}
	if !allowed && !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("%s is allowed (%v)", what, err)
	}
}

// A command crosses from the strategies' NATS account to the services', its acknowledgement, answers and copies back.
func TestCommandIsStoredAndAnswered(t *testing.T) {
	s := boot(t, config(t))
	makeStreams(t, s)
	strategy, service := asStrategy(t, s), asService(t, s)

	ack, err := strategy.Request("cmd.order.main.submit", []byte("{}"), patience)
	if err != nil {
		t.Fatalf("send command: %v", err)
	}
	if got, want := string(ack.Data), `{"stream":"ASK_main","seq":1}`; got != want {
		t.Errorf("acknowledgement is %s, want %s", got, want)
	}
	if _, err := strategy.Request("cmd.order.nobody.submit", []byte("{}"), patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("command to an account that nobody runs: %v, want no responders", err)
	}

	if _, err := service.Subscribe("svc.executor.main.status", func(m *nats.Msg) { _ = m.Respond([]byte("fine")) }); err != nil {
		t.Fatal(err)
	}
	if err := service.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	if m, err := strategy.Request("svc.executor.main.status", nil, patience); err != nil || string(m.Data) != "fine" {
		t.Errorf("question to a service: %v, %v", m, err)
	}

	copies, err := strategy.SubscribeSync("_INBOX.copies")
	if err := errors.Join(err, strategy.FlushTimeout(patience), service.Publish("_INBOX.copies", []byte("copy"))); err != nil {
		t.Fatal(err)
	}
	if m, err := copies.NextMsg(patience); err != nil || string(m.Data) != "copy" {
		t.Errorf("the copy that a Reply-To asks for does not arrive: %v", err)
	}
}

// A broker delivers an append to plain subscriptions even when the stream then refuses it.
func TestStrategyHearsStoredEventsOnce(t *testing.T) {
	s := boot(t, config(t))
	js := makeStreams(t, s)
	strategy := asStrategy(t, s)
	events, err := strategy.SubscribeSync("evt.>")
	if err := errors.Join(err, strategy.FlushTimeout(patience)); err != nil {
		t.Fatal(err)
	}
	for _, a := range []struct {
		event  string
		fence  uint64
		stored bool
	}{{"first", 0, true}, {"of a replaced owner", 0, false}, {"second", 1, true}} {
		_, err := js.Publish(t.Context(), "evt.order.main", []byte(a.event), jetstream.WithExpectLastSequence(a.fence))
		if (err == nil) != a.stored {
			t.Fatalf("append of %q: %v", a.event, err)
		}
	}
	for _, want := range []string{"first", "second"} {
		m, err := events.NextMsg(patience)
		if err != nil || m.Subject != "evt.order.main" || string(m.Data) != want {
			t.Fatalf("heard %v, %v; want %q on evt.order.main", m, err, want)
		}
	}
}

// The server does not check the reply subject that a publisher names, and its acknowledgement goes there. In one
// account that is a way into the log; the same users without the accounts of nats.conf show it.
func TestReplySubjectIsNoWayIntoLog(t *testing.T) {
	oneAccount := config(t)
	for _, u := range oneAccount.Users {
		u.Account = nil
	}
	oneAccount.Accounts = nil
	if n := forgedEvents(t, boot(t, oneAccount)); n != 1 {
		t.Errorf("in one account %d forged events are stored, want 1: this test no longer sees what it looks for", n)
	}
	if n := forgedEvents(t, boot(t, config(t))); n != 0 {
		t.Errorf("%d forged events are stored", n)
	}
}

// forgedEvents counts what a strategy's command with the reply subject of the log brings into the log.
func forgedEvents(t *testing.T, s *server.Server) uint64 {
	t.Helper()
	js := makeStreams(t, s)
	strategy := asStrategy(t, s)
	if err := strategy.PublishRequest("cmd.order.main.submit", "evt.order.main", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	// Each stream acknowledges and stores in order: once a later command has its answer the forged one is on its
	// way, and a later event stands behind it.
	if _, err := strategy.Request("cmd.order.main.submit", []byte("{}"), patience); err != nil {
		t.Fatalf("send command: %v", err)
	}
	ack, err := js.Publish(t.Context(), "evt.order.main", []byte("{}"))
	if err != nil {
		t.Fatalf("append event: %v", err)
	}
	return ack.Sequence - 1
}

// A forgotten variable must not become an open door.
func TestConfigNeedsBothPasswords(t *testing.T) {
	variables := []string{"SLUICE_NATS_SERVICE_PASSWORD", "SLUICE_NATS_STRATEGY_PASSWORD"}
	for _, missing := range variables {
		t.Run(missing, func(t *testing.T) {
			for _, v := range variables {
				t.Setenv(v, "given")
			}
			if err := os.Unsetenv(missing); err != nil {
				t.Fatal(err)
			}
			if _, err := server.ProcessConfigFile("nats.conf"); err == nil {
				t.Error("nats.conf is read without it")
			}
		})
	}
}
