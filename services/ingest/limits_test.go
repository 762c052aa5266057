package ingest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/share"
)

// reads are the moments at which the venue was asked by HTTP.
func (p *plant) reads() (at []time.Time) {
	p.t.Helper()
	for _, b := range p.venue.Journal(0) {
		var l struct {
			Kind, Path string
			AtUS       int64 `json:"at_us"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			p.t.Fatal(err)
		}
		if l.Kind == "request" && !strings.HasPrefix(l.Path, "/ws") {
			at = append(at, time.UnixMicro(l.AtUS))
		}
	}
	return at
}

// everyCall is a profile that allows so many calls of any kind in a span.
func everyCall(calls int, per time.Duration) limits.Profile {
	p := limits.Standard()
	p.PerIP, p.AllIP = nil, limits.Window{Calls: calls, Per: per}
	return p
}

// TestReadsWaitForTheirLimit allows three calls in ten seconds, fewer than a start needs: it takes its time, and no ten seconds at the
// venue see more.
func TestReadsWaitForTheirLimit(t *testing.T) {
	const calls, per = 3, 10 * time.Second
	inPlant(t, func(c *Config) { c.Limits = limits.New(everyCall(calls, per)) }, func(t *testing.T, p *plant) {
		p.ready()
		p.pass(time.Minute)
		at := p.reads()
		if len(at) <= calls {
			t.Fatalf("%d calls, too few to tell", len(at))
		}
		for i := calls; i < len(at); i++ {
			if d := at[i].Sub(at[i-calls]); d < per {
				t.Errorf("call %d came %s after the third before it", i, d)
			}
		}
	})
}

// TestReadsCountOnTheSharedAllowance lets ingest share its allowance with another process that reaches the venue from the same address:
// what that one is told of the use is what the venue was asked.
func TestReadsCountOnTheSharedAllowance(t *testing.T) {
	var other *share.Node
	var sharing sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	inPlant(t, func(c *Config) {
		js, err := jetstream.New(c.NATS)
		if err != nil {
			t.Fatal(err)
		}
		node := func(owner string) (*limits.Limiter, *share.Node) {
			p := everyCall(10_000, time.Hour)
			l := limits.New(p)
			n := share.New(l, share.Config{Name: "venue", Owner: owner, Profile: p.Long(), Options: budget.Options{Factor: budget.Permille}, NATS: c.NATS, JS: js, Log: c.Log})
			sharing.Go(func() {
				if err := n.Run(ctx); err != nil {
					t.Errorf("share: %v", err)
				}
			})
			return l, n
		}
		var executor *limits.Limiter
		executor, other = node("executor")
		permit, err := executor.Acquire(ctx, limits.Request{Endpoint: string(limits.GetOrders), Account: "main"})
		if err != nil {
			t.Fatal(err)
		}
		permit.Answered()
		if !other.Granting() {
			t.Fatal("the other process does not grant")
		}
		c.Limits, _ = node("ingest")
	}, func(t *testing.T, p *plant) {
		defer func() {
			p.stop()
			stop()
			sharing.Wait()
		}()
		p.ready()
		p.pass(8 * time.Second) // what is lent and not used goes back within a second
		asked := len(p.reads())
		if own := p.cfg.Limits.Status(); asked < 3 || len(own) != 1 || own[0].Used != asked {
			t.Errorf("of %d calls it has counted %+v", asked, own)
		}
		used := 0
		for _, l := range other.Account(t.Context(), "main") {
			used = max(used, l.Used)
		}
		// One call of the other's, and a unit or two that were lent for a moment and count as used.
		if used < asked+1 || used > asked+4 {
			t.Errorf("the other process is told of %d units, want its own and the %d of ingest", used, asked)
		}
	})
}
