package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/pkg/actor"
	"sluice/pkg/actor/natsd"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

// scattered is a plant of separate parts, each of which can go away by itself.
type scattered struct {
	*bus
	t     *testing.T
	box   *sandbox.Sandbox
	venue string
}

func scatter(t *testing.T) *scattered {
	t.Helper()
	s := &scattered{t: t, bus: startBus(t, "sandbox")}
	var err error
	if s.box, err = sandbox.New(sandbox.Config{}); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.box.Handler())
	t.Cleanup(func() { s.box.Close(); front.CloseClientConnections(); front.Close() })
	s.venue = front.URL
	spawn(t, nil, append(append([]string{"ingest"}, s.at(s.venue)...), sockets(s.venue)...)...)
	return s
}

func (s *scattered) executor(flags ...string) *process {
	s.t.Helper()
	p := spawn(s.t, nil, append(append([]string{"executor", "--unsafe-no-sync"}, s.at(s.venue)...), flags...)...)
	s.runs(s.t, "main", p)
	return p
}

// rest places an order that rests.
func (s *scattered) rest(account string) {
	s.t.Helper()
	eventually(s.t, "an order of "+account+" rests", func() bool {
		return call(s.t, "order", "submit", "--nats", s.ClientURL(), "--account", account, "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy",
			"--price", "0.10", "--size", "10", "--no-wait").code == 0 && s.open(account) > 0
	})
}

// open counts what rests at the venue for an account.
func (s *scattered) open(account string) int {
	s.t.Helper()
	for _, a := range sandbox.Accounts() {
		if a.Name != account {
			continue
		}
		key, err := polymarket.ParseKey(a.PrivateKey)
		if err != nil {
			s.t.Fatal(err)
		}
		api := polymarket.CLOB{BaseURL: s.venue, HTTP: http.DefaultClient, ChainID: polymarket.Polygon, Key: key}
		if api.Creds, err = api.CreateOrDeriveKey(s.t.Context(), 0); err != nil {
			s.t.Fatal(err)
		}
		orders, err := api.OpenOrders(s.t.Context(), polymarket.OrderFilter{})
		if err != nil {
			s.t.Fatal(err)
		}
		return len(orders)
	}
	s.t.Fatalf("no account %s", account)
	return 0
}

// lose ends the bus, comeBack starts it again where it was.
func (s *scattered) lose() {
	s.t.Helper()
	if err := s.Shutdown(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scattered) comeBack() {
	s.t.Helper()
	where := strings.TrimPrefix(s.ClientURL(), "nats://")
	server, err := natsd.Start(s.t.Context(), natsd.Config{Dir: s.dir, Env: "sandbox", Listen: where, Stored: actor.Stored})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Server = server
	s.t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			s.t.Error(err)
		}
	})
}

// The bus is gone and the executor killed: one account is emptied by name, then all of them, and the next executor finds
// them halted.
func TestDirectWorksWithKeyAndVenueAlone(t *testing.T) {
	s := scatter(t)
	p := s.executor()
	s.rest("main")
	s.rest("eoa")
	p.end(t, syscall.SIGKILL)
	s.lose()

	var came struct {
		Accounts []emptied `json:"accounts"`
	}
	one(t, ok(t, "cancel-all", "--direct", "--account", "main", "--clob", s.venue, "--nats", "nats://127.0.0.1:1", "-o", "json"), &came)
	if len(came.Accounts) != 1 || came.Accounts[0].Account != "main" || came.Accounts[0].Cancelled == 0 || s.open("main") != 0 || s.open("eoa") == 0 {
		t.Errorf("main alone: %+v; %d of main and %d of eoa rest", came, s.open("main"), s.open("eoa"))
	}
	one(t, ok(t, "halt", "--direct", "--reason", "fire", "--clob", s.venue, "--data", s.dir, "-o", "json"), &came)
	if len(came.Accounts) != len(sandbox.Accounts()) || s.open("eoa") != 0 {
		t.Errorf("everybody: %+v; %d of eoa rest", came, s.open("eoa"))
	}
	for _, r := range came.Accounts {
		if r.Mark == "" || len(r.Open) != 0 {
			t.Errorf("%+v", r)
		}
	}

	s.comeBack()
	s.executor()
	order := func() told {
		return call(t, "order", "submit", "--nats", s.ClientURL(), "--market", "sandbox-coin", "--outcome", "Yes", "--side", "buy", "--price", "0.10", "--size", "10", "-o", "json")
	}
	if r := order(); !strings.Contains(r.out+r.err, `"halted"`) {
		t.Errorf("an order after the halt: %+v", r)
	}
	ok(t, "resume", "--nats", s.ClientURL(), "--data", s.dir)
	eventually(t, "a resumed account trades", func() bool { return order().code == 0 })
}

// Without a data directory everything is cancelled all the same, and it is said that nothing keeps the next executor from
// trading. A venue that does not answer is an error in time, and filters are refused.
func TestDirectSaysWhatItCouldNotDo(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(box.Handler())
	t.Cleanup(func() { box.Close(); front.CloseClientConnections(); front.Close() })

	nowhere := filepath.Join(t.TempDir(), "nowhere")
	r := call(t, "halt", "--direct", "--account", "main", "--clob", front.URL, "--data", nowhere, "-o", "json")
	if f := r.failure(t); f.Error.Code != "not_halted" || !strings.Contains(f.Error.Cause, nowhere) || !strings.Contains(f.Error.Fix, "--data") {
		t.Errorf("without a data directory: %+v", f)
	}
	if !strings.Contains(r.out, `"cancelled":0`) {
		t.Errorf("it was not cancelled: %s", r.out)
	}
	if f := call(t, "cancel-all", "--direct", "--account", "nobody", "--clob", front.URL, "-o", "json").failure(t); f.Error.Code != string(msgs.UnknownAccount) {
		t.Errorf("nobody's account: %+v", f)
	}
	if f := call(t, "cancel-all", "--direct", "--side", "buy", "--clob", front.URL, "-o", "json").failure(t); f.Error.Code != "bad_usage" {
		t.Errorf("a filter: %+v", f)
	}
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_sandbox/info" {
			box.Handler().ServeHTTP(w, r)
			return
		}
		http.Error(w, `{"error":"no"}`, http.StatusServiceUnavailable)
	}))
	t.Cleanup(silent.Close)
	r = call(t, "cancel-all", "--direct", "--account", "main", "--timeout", "2s", "--clob", silent.URL, "-o", "json")
	r.err = r.err[strings.LastIndex(strings.TrimSpace(r.err), "\n")+1:] // what stands before is the log
	if f := r.failure(t); f.Error.Code != "not_cancelled" || !strings.Contains(f.Error.Cause, "main") {
		t.Errorf("a venue that refuses: %+v", f)
	}
}

// An executor that lives on while its bus is gone cancels by itself, and takes the orders for cancelled when the bus is
// back.
func TestExecutorCancelsByItselfWithoutTheBus(t *testing.T) {
	s := scatter(t)
	s.executor("--cancel-after-log-loss", "5s")
	s.rest("main")
	s.lose()
	eventually(t, "nothing rests", func() bool { return s.open("main") == 0 })
	s.comeBack()
	eventually(t, "the orders are known to be cancelled", func() bool {
		r := call(t, "order", "list", "--nats", s.ClientURL(), "-o", "json")
		return r.code == 0 && strings.Contains(r.out, `"cancelled"`) && !strings.Contains(r.out, `"open"`)
	})
}

func TestLogLossBelowAFailoverIsRefused(t *testing.T) {
	s := scatter(t)
	p := spawn(t, nil, append(append([]string{"executor", "--unsafe-no-sync"}, s.at(s.venue)...), "--cancel-after-log-loss", "1s")...)
	if p.wait() == 0 || !strings.Contains(p.errs.String(), "cancel_after_log_loss") {
		t.Errorf("one second was taken: %s", p.errs.String())
	}
}
