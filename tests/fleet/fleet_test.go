package fleet

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits/lend"
)

// patience is how long anything may take before a test gives up; nothing is shown by being quick.
const patience = 60 * time.Second

// process is one that was started.
type process struct {
	name string
	cmd  *exec.Cmd
	said string // file of what it said
	done chan struct{}
}

// plant is broker, replicas and venue.
type plant struct {
	t        *testing.T
	dir      string
	listen   string
	broker   *process
	venue    *venue
	at       string
	js       jetstream.JetStream
	replicas []*process
	made     int
}

func newPlant(t *testing.T, replicas int) *plant {
	p := &plant{t: t, dir: t.TempDir(), listen: "127.0.0.1:0", venue: newVenue()}
	s := httptest.NewServer(p.venue)
	t.Cleanup(s.Close)
	p.at = s.URL
	p.startBroker()
	nc, err := nats.Connect(p.url(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.CustomInboxPrefix("_SERVICE"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if p.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	for range replicas {
		p.add()
	}
	return p
}

func (p *plant) url() string { return "nats://service:" + brokerPassword + "@" + p.listen }

// start makes the test binary be something.
func (p *plant) start(name, as string, env ...string) *process {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(p.dir, name+".log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer said.Close()
	x := &process{name: name, said: said.Name(), done: make(chan struct{}), cmd: exec.Command(self)}
	x.cmd.Env = append([]string{role + "=" + as, "HOME=" + p.dir, "PATH=" + os.Getenv("PATH")}, env...)
	x.cmd.Stdout, x.cmd.Stderr = said, said
	if err := x.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		_ = x.cmd.Wait() // how it ended does not matter
		close(x.done)
	}()
	p.t.Cleanup(x.kill)
	return x
}

// kill ends a process as a power cut does, stopped or not.
func (x *process) kill() {
	_ = x.cmd.Process.Kill() // no harm when it has ended
	<-x.done
}

func (x *process) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := x.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *plant) startBroker() {
	p.t.Helper()
	p.made++
	p.broker = p.start(fmt.Sprintf("broker%d", p.made), "broker", "FLEET_DIR="+filepath.Join(p.dir, "nats"), "FLEET_LISTEN="+p.listen)
	p.until("the broker says where it is", func() bool {
		b, err := os.ReadFile(p.broker.said)
		for line := range strings.Lines(string(b)) {
			if at, ok := strings.CutPrefix(strings.TrimSpace(line), "nats://"); ok {
				p.listen = at
				return true
			}
		}
		return err != nil
	})
}

func (p *plant) add() {
	p.t.Helper()
	p.made++
	name := fmt.Sprintf("r%d", p.made)
	p.replicas = append(p.replicas, p.start(name, "replica", "FLEET_NATS="+p.url(), "FLEET_VENUE="+p.at, "FLEET_NAME="+name))
}

// until waits for something that must come.
func (p *plant) until(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); pass(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	for _, x := range append(slices.Clone(p.replicas), p.broker) {
		b, _ := os.ReadFile(x.said)
		p.t.Logf("%s said: %s", x.name, b[max(0, len(b)-1500):])
	}
	p.t.Fatalf("in vain: %s", what)
}

// pass lets real time pass.
func pass(d time.Duration) { <-time.After(d) }

// record is the one on disk.
func (p *plant) record() (r lend.Record) {
	kv, err := p.js.KeyValue(p.t.Context(), "LIMITS")
	if err != nil {
		return r
	}
	e, err := kv.Get(p.t.Context(), name)
	if err != nil {
		return r
	}
	if r, err = lend.ReadRecord(e.Value()); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// granter is who grants.
func (p *plant) granter() (i int) {
	p.t.Helper()
	p.until("somebody alive grants", func() bool {
		holder, _, _ := strings.Cut(p.record().Holder, "-")
		i = slices.IndexFunc(p.replicas, func(x *process) bool { return x.name == holder })
		return i >= 0
	})
	return i
}

// goesOn waits until a replica has sent so many more of an endpoint.
func (p *plant) goesOn(x *process, endpoint string, more int) {
	p.t.Helper()
	took, _ := p.venue.counts()
	key := endpoint + " " + x.name
	p.until(fmt.Sprintf("%s sends %d of %s", x.name, more, endpoint), func() bool {
		now, _ := p.venue.counts()
		return now[key] >= took[key]+more
	})
}

// replace kills a replica and starts another.
func (p *plant) replace(i int) {
	p.t.Helper()
	p.replicas[i].kill()
	p.replicas = slices.Delete(p.replicas, i, i+1)
	p.add()
}

// verdict is what the venue has counted.
func (p *plant) verdict() (permille int) {
	p.t.Helper()
	took, over := p.venue.counts()
	span := time.Since(p.venue.began)
	most := allowed(span, placeLayers...)
	p.t.Logf("%d orders of %d in %v, %d permille; %d cancels", took[place], most, span.Round(time.Second), took[place]*1000/most, took[cancel])
	if len(over) > 0 {
		p.t.Errorf("more than is allowed: %v of %v", over, took)
	}
	return took[place] * 1000 / most
}

// TestKilledReplicasNeverExceed kills and stops real processes that share an allowance, the one that grants among them, and the broker.
// Nothing is ever more than allowed; the others go on each time; and cancels pass while the one that grants stands still and nobody has
// taken its place, and while there is no broker.
func TestKilledReplicasNeverExceed(t *testing.T) {
	if os.Getenv("SLUICE_FLEET_FULL") == "1" {
		t.Run("long campaign", longCampaign)
	}
	p := newPlant(t, 4)
	for _, x := range p.replicas {
		p.goesOn(x, place, 1)
	}

	p.replace(p.granter())
	for _, x := range p.replicas {
		p.goesOn(x, place, 1)
	}

	i := p.granter()
	still, epoch := p.replicas[i], p.record().Epoch
	others := slices.Delete(slices.Clone(p.replicas), i, i+1)
	still.send(t, syscall.SIGSTOP)
	before, _ := p.venue.counts()
	p.until("another grants", func() bool { return p.record().Epoch > epoch })
	after, _ := p.venue.counts()
	for _, x := range others {
		if key := cancel + " " + x.name; after[key] == before[key] {
			t.Errorf("no cancel of %s while the one that grants stood still and nobody had taken its place", x.name)
		}
		p.goesOn(x, place, 1)
	}
	still.send(t, syscall.SIGCONT)
	p.goesOn(still, place, 1)

	other := (p.granter() + 1) % len(p.replicas)
	stopped := p.replicas[other]
	stopped.send(t, syscall.SIGSTOP)
	pass(3 * time.Second) // longer than a loan lasts
	stopped.send(t, syscall.SIGCONT)
	p.goesOn(stopped, place, 1)
	p.replace(other)
	for _, x := range p.replicas {
		p.goesOn(x, cancel, 10) // a new one has some at hand by then
	}

	p.broker.kill()
	before, _ = p.venue.counts()
	p.until("everybody cancels twice more without a broker", func() bool {
		now, _ := p.venue.counts()
		return !slices.ContainsFunc(p.replicas, func(x *process) bool { return now[cancel+" "+x.name] < before[cancel+" "+x.name]+2 })
	})
	p.startBroker()
	for _, x := range p.replicas {
		p.goesOn(x, place, 1)
	}
	p.verdict()
}

// longCampaign is that of docs/limits.md.
func longCampaign(t *testing.T) {
	p := newPlant(t, 6)
	for i := range 10 {
		pass(15 * time.Second)
		p.replace(p.granter())
		pass(15 * time.Second)
		x := p.replicas[i%len(p.replicas)]
		if i%2 == 0 {
			x = p.replicas[p.granter()]
		}
		x.send(t, syscall.SIGSTOP)
		pass(time.Duration(1+i) * time.Second)
		x.send(t, syscall.SIGCONT)
	}
	if n := p.verdict(); n < 950 {
		t.Errorf("%d permille of what is allowed were used, want 950", n)
	}
}
