package actortest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

// Process is one service that runs as a process of its own would: with its own connections to the bus and to what is outside, which
// end with it. Its methods but Fall belong to the test's goroutine.
type Process struct {
	t    *testing.T
	name string
	nc   *nats.Conn
	pipe *Pipe

	cancel context.CancelFunc
	ended  chan struct{} // nil before Start
	err    error         // of its end; read after ended
	over   bool

	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

// Process prepares one whose way out is a pipe. It falls at the end of the test at the latest.
func (b *Bubble) Process(name string, out *Pipe) *Process {
	b.T.Helper()
	p := &Process{t: b.T, name: name, nc: b.Connect(), pipe: out, cancel: func() {}}
	b.T.Cleanup(p.Kill)
	return p
}

// NATS is its connection to the bus.
func (p *Process) NATS() *nats.Conn { return p.nc }

// Transport is its way out over the pipe.
func (p *Process) Transport() *http.Transport {
	t := &http.Transport{DialContext: p.dial}
	p.t.Cleanup(t.CloseIdleConnections)
	return t
}

func (p *Process) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := p.pipe.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		c.Close()
		return nil, net.ErrClosed
	}
	p.conns = append(p.conns, c)
	return c, nil
}

// Start runs the service until it is stopped or falls.
func (p *Process) Start(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.ended = cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		p.err = run(ctx)
	}()
}

// Over reports whether it was stopped or killed.
func (p *Process) Over() bool { return p.over }

// Stop ends it as a signal does. An error that it ends with fails the test.
func (p *Process) Stop() {
	p.t.Helper()
	if p.over {
		return
	}
	p.over = true
	p.cancel()
	p.wait()
	p.cut()
	p.nc.Close()
	if p.err != nil {
		p.t.Errorf("%s: %v", p.name, p.err)
	}
}

// Fall ends it as a power cut does: from this moment on nothing more of it reaches the bus or the outside. What was written before
// still arrives. It may be called from within the service.
func (p *Process) Fall() {
	p.cut()
	p.nc.Close()
	p.cancel()
}

// Kill lets it fall and waits for the end of it.
func (p *Process) Kill() {
	if p.over {
		return
	}
	p.over = true
	p.Fall()
	p.wait()
}

func (p *Process) wait() {
	if p.ended != nil {
		<-p.ended
	}
}

// cut closes every connection to the outside, for good.
func (p *Process) cut() {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.down = nil, true
	p.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}
