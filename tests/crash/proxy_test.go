package crash

import (
	"net"
	"sync"
	"testing"
)

// proxy is the network between one executor and the broker.
type proxy struct {
	addr   string // host:port for the executor
	target func() string

	mu     sync.Mutex
	passes chan struct{} // closed while bytes pass
	conns  []net.Conn
}

func newProxy(t testing.TB, target func() string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: target, passes: make(chan struct{})}
	close(p.passes)
	t.Cleanup(func() {
		l.Close()
		p.heal()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			p.join(c)
		}
	}()
	return p
}

// join connects a connection with the broker.
func (p *proxy) join(c net.Conn) {
	far, err := net.Dial("tcp", p.target())
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, c, far)
	p.mu.Unlock()
	go p.carry(c, far)
	go p.carry(far, c)
}

// carry copies one way. While the network is cut the bytes wait, and nobody is told; after that they arrive.
func (p *proxy) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		p.mu.Lock()
		passes := p.passes
		p.mu.Unlock()
		<-passes
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut lets nothing pass, without closing anything: to both ends the other one is silent.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passes = make(chan struct{})
}

// heal lets everything pass again, what waited first.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passes:
	default:
		close(p.passes)
	}
}
