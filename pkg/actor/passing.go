package actor

import (
	"bytes"
	"net"
	"slices"
)

// Points of an actor, in the order in which a command meets them; the barrier is asked for beside the append. Config.Passing is told each time one is passed, so that
// a test can end the process exactly there.
const (
	BeforeRead     = "before-read"     // records have come from the broker; the loop does not have them
	AfterRead      = "after-read"      // the loop has them, nothing is decided
	BeforeBarrier  = "before-barrier"  // the end of the express lanes is about to be asked for
	AfterBarrier   = "after-barrier"   // the loop knows it
	BeforePermit   = "before-permit"   // a submit is worth sending and has no permit
	AfterPermit    = "after-permit"    // it has one
	BeforeAppend   = "before-append"   // events are decided and not on their way
	AfterAppend    = "after-append"    // they are with the operating system, on the way to the broker; see Dialer
	BeforeAck      = "before-ack"      // the broker's acknowledgement is here, the loop does not know it
	AfterAck       = "after-ack"       // the loop knows it, nothing is performed
	BeforeOutcome  = "before-outcome"  // what became of a deed is known and nothing is decided on it
	AfterOutcome   = "after-outcome"   // the events about it are on disk
	BeforeSnapshot = "before-snapshot" // a snapshot is made and not written
	AfterSnapshot  = "after-snapshot"  // it is written
)

// Points lists the points of an actor.
func Points() []string {
	return []string{
		BeforeRead, AfterRead, BeforeBarrier, AfterBarrier, BeforePermit, AfterPermit, BeforeAppend, AfterAppend,
		BeforeAck, AfterAck, BeforeOutcome, AfterOutcome, BeforeSnapshot, AfterSnapshot,
	}
}

// pass is for configurations that want to hear of no point.
func pass(string) {}

// Dialer makes connections to a broker that tell of AfterAppend: no caller of the broker's client learns when the bytes
// of an append have been handed over, only its connection does. Give it to nats.SetCustomDialer.
type Dialer struct {
	net.Dialer
	Passing func(point string)
}

// Dial connects to the broker.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.Dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &appendConn{c, d.Passing}, nil
}

// appendConn watches for publications to the subjects of events.
type appendConn struct {
	net.Conn
	passing func(string)
}

func (c *appendConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil && bytes.Contains(b, []byte("HPUB evt.")) {
		c.passing(AfterAppend)
	}
	return n, err
}

// noteOutcome marks what was decided since event number n as being about an outcome.
func (r *running) noteOutcome(n uint64) {
	if r.n > n {
		r.pending[len(r.pending)-1].became = true
	}
}

// passed tells that the append of f is known to be on disk.
func (r *running) passed(f *flight) {
	r.cfg.Passing(AfterAck)
	if slices.ContainsFunc(f.units, func(u unit) bool { return u.became }) {
		r.cfg.Passing(AfterOutcome)
	}
}
