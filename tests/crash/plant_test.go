package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
	"sluice/pkg/sandbox"
)

// account is whom the tests trade for.
const account = "main"

// plant is a whole Sluice in processes of its own.
type plant struct {
	t       testing.TB
	dir     string
	broker  *process
	venue   *process
	ingests []*process
	ledger  *process // nil: nobody keeps books
	port    string   // of the broker, host:port, the same over restarts
	urls    sandbox.URLs
	bus     *nats.Conn // of a strategy
	service *nats.Conn // of a service
	js      jetstream.JetStream
	started int  // executors
	lax     bool // the broker does not sync

	venueArgs, ingestArgs []string // beside those that a plant always has
	judgeOf               string   // accounts; account alone when empty
}

// newPlant starts everything but an executor.
func newPlant(t testing.TB) *plant {
	t.Helper()
	p := &plant{t: t, dir: t.TempDir(), port: "127.0.0.1:0"}
	p.begin()
	return p
}

func (p *plant) begin() {
	t := p.t
	t.Helper()
	program(t)
	p.startBroker()
	file := filepath.Join(p.dir, "urls.json")
	p.venue = start(t, "sandbox", nil, true, append([]string{program(t), "sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--url-file", file}, p.venueArgs...)...)
	if err := json.Unmarshal([]byte(p.venue.line), &p.urls); err != nil {
		t.Fatalf("sandbox said %q: %v", p.venue.line, err)
	}
	p.bus = p.connect("nats://" + p.port)
	p.service = p.connect(p.serviceURL(p.port), nats.CustomInboxPrefix("_SERVICE"))
	var err error
	if p.js, err = jetstream.New(p.service); err != nil {
		t.Fatal(err)
	}
	p.ingests = []*process{p.newIngest()}
}

// newIngest starts one ingest more.
func (p *plant) newIngest() *process {
	p.t.Helper()
	return start(p.t, "ingest", nil, false, append([]string{program(p.t), "ingest", "--nats", p.serviceURL(p.port), "--http", "127.0.0.1:0",
		"--clob", p.urls.CLOB, "--ws-market", p.urls.WSMarket, "--ws-user", p.urls.WSUser, "--unsafe-no-sync"}, p.ingestArgs...)...)
}

func (p *plant) connect(url string, opts ...nats.Option) *nats.Conn {
	p.t.Helper()
	nc, err := nats.Connect(url, append(opts, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(nc.Close)
	return nc
}

// startBroker starts a broker on the directory, at the address of the one before.
func (p *plant) startBroker() {
	p.t.Helper()
	p.broker = start(p.t, "nats", p.brokerEnv(), true, self(p.t))
	p.port = strings.TrimPrefix(p.broker.line, "nats://")
}

// brokerEnv makes the test binary be the broker.
func (p *plant) brokerEnv() []string {
	env := []string{asBroker + "=" + filepath.Join(p.dir, "nats"), asBroker + "_LISTEN=" + p.port}
	if p.lax {
		env = append(env, asBroker+"_LAX=1")
	}
	return env
}

// restartBroker kills the broker and starts it again.
func (p *plant) restartBroker() {
	p.t.Helper()
	p.broker.kill()
	p.startBroker()
	p.until("the connections are back", func() bool { return p.bus.IsConnected() && p.service.IsConnected() })
}

func (p *plant) serviceURL(port string) string {
	return "nats://service:" + brokerPassword + "@" + port
}

// executor starts one that ends or stops itself at a point; "" is none.
func (p *plant) executor(crashAt string, args ...string) *process {
	p.t.Helper()
	return p.executorAt(p.port, crashAt, args...)
}

// executorAt is executor for a broker that is reached elsewhere.
func (p *plant) executorAt(port, crashAt string, args ...string) *process {
	p.t.Helper()
	p.started++
	var env []string
	if crashAt != "" {
		env = append(env, "SLUICE_CRASH_AT="+crashAt)
	}
	if strings.HasSuffix(crashAt, ":STOP") {
		// What stood still at the point goes on before anything notices how late it is.
		env = append(env, "GOMAXPROCS=1")
	}
	return start(p.t, fmt.Sprintf("executor-%d", p.started), env, false, append([]string{program(p.t), "executor", "--nats", p.serviceURL(port),
		"--http", "127.0.0.1:0", "--clob", p.urls.CLOB, "--owner", fmt.Sprintf("executor-%d", p.started), "--snapshot-every", "40",
		// The broker is that of sluice up, which has no monitor and always syncs.
		"--unsafe-no-sync"}, args...)...)
}

// until waits until something is so.
func (p *plant) until(what string, so func() bool, shown ...*process) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			for _, s := range shown {
				p.t.Log(s.said())
			}
			p.t.Fatalf("never happened: %s", what)
		}
	}
}

// owner is who answers for the account, "" for nobody.
func (p *plant) owner() string {
	m, err := p.service.Request(msgs.SvcSubject("executor", account, "status"), nil, time.Second)
	if err != nil {
		return ""
	}
	var s struct{ Owner string }
	if json.Unmarshal(m.Data, &s) != nil {
		return ""
	}
	return s.Owner
}

// owned waits until an executor owns the account.
func (p *plant) owned(e *process) {
	p.t.Helper()
	p.until(e.name+" owns the account", func() bool {
		if e.ended() {
			p.t.Fatalf("%s has ended: %s", e.name, e.said())
		}
		return p.owner() == e.name
	}, e)
}

// publish sends a command as a strategy does and returns its sequence, 0 when the broker did not say: it may be down, and
// whether the command is stored is for the streams to say.
func (p *plant) publish(verb, body string) uint64 {
	m, err := p.bus.Request(msgs.CmdSubject(msgs.FamilyOrder, account, verb), []byte(body), 2*time.Second)
	if err != nil {
		return 0
	}
	var ack struct{ Seq uint64 }
	if json.Unmarshal(m.Data, &ack) != nil {
		return 0
	}
	return ack.Seq
}

// command sends a command that must be stored.
func (p *plant) command(verb, format string, args ...any) {
	p.t.Helper()
	if p.publish(verb, quoted(format, args...)) == 0 {
		p.t.Fatalf("%s not stored", verb)
	}
}

// quoted is JSON written with ' for ".
func quoted(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "'", `"`)
}

// faults changes what goes wrong at the venue.
func (p *plant) faults(format string, args ...any) {
	p.t.Helper()
	r, err := http.Post(p.urls.CLOB+"/_sandbox/faults", "application/json", strings.NewReader(quoted(format, args...)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
		p.t.Fatalf("faults: %s %s", r.Status, b)
	}
}

// freeLease ends the lease of an owner that is known to be dead, so that the next one need not wait for its end.
func (p *plant) freeLease() {
	ctx, cancel := p.call()
	defer cancel()
	kv, err := p.js.KeyValue(ctx, "OWNERS")
	if err == nil {
		err = kv.Delete(ctx, "order."+account)
	}
	if err != nil && !errors.Is(err, jetstream.ErrBucketNotFound) { // leases end with the broker
		p.t.Logf("lease not freed, it runs out by itself: %v", err)
	}
}
