package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/limits"
	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/lend"
)

const (
	bucket = "LIMITS"

	// Silence is after how long without an answer a granter is taken for dead.
	Silence = time.Second
	// writeWait bounds one try to write or read the record.
	writeWait = time.Second
	// retryFirst and retryLast bound the pause between tries.
	retryFirst = 50 * time.Millisecond
	retryLast  = time.Second
	// inboxSize is how many messages may wait for the node: a beat's worth of the largest fleet, many times over.
	inboxSize = 4096
	// askGap is between two questions, however much is wanted: a loan is for a while.
	askGap = time.Millisecond
	// restBeat is how often a node looks around that has nothing to do.
	restBeat = 4 * lend.Beat
	// lastWait bounds the end.
	lastWait = 2 * time.Second
)

// Config says what is shared with whom.
type Config struct {
	// Name is the allowance's; all that share it have the same. Letters, digits, - and _.
	Name string
	// Owner names this process in logs and in the record. It need not be unique.
	Owner string
	// Profile and Options are the limiter's.
	Profile catalogue.Profile
	Options budget.Options
	// Lend are the protocol's spans; all that share must have the same.
	Lend lend.Config
	// Replicas is how many copies the record has: 0 or 1, or 3 in a cluster.
	Replicas int
	// Keep are requests that must be able to leave at once: what cancels of them need is held ready.
	Keep []limits.Request

	NATS *nats.Conn
	JS   jetstream.JetStream
	Log  *slog.Logger // nil is silent
}

// Node lets one limiter share. It is safe for many goroutines.
type Node struct {
	cfg       Config
	id        string
	inboxName string // its last part, which a subject can hold
	limiter   *limits.Limiter
	kv        jetstream.KeyValue
	log       *slog.Logger
	wake      chan struct{}

	// Under the limiter's lock.
	loans    int // borrowers that this node has been
	grants   *lend.Granter
	resident *lend.Resident
	borrows  *lend.Borrower

	// Of the loop alone.
	inbox   chan *nats.Msg
	written chan landing
	ask     *nats.Subscription // of a granter
	status  *nats.Subscription
	replies map[string]string // where borrowers listen
	rev     uint64
	flying  *lend.Record // on its way to the disk
	asked   time.Time    // the first question without an answer
	beat    time.Time

	connects uint64    // of the connection, as last seen
	since    time.Time // for how long it has been one; zero: from the beginning
}

// New makes a limiter share. Nothing leaves before Run has found or become a granter.
func New(l *limits.Limiter, cfg Config) *Node {
	own := strconv.FormatUint(rand.Uint64(), 36)
	n := &Node{cfg: cfg, id: cfg.Owner + "-" + own, inboxName: own, limiter: l, log: cfg.Log,
		wake: make(chan struct{}, 1), inbox: make(chan *nats.Msg, inboxSize), written: make(chan landing, 1), replies: map[string]string{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	l.Share(n)
	l.Under(func(_ time.Time, b *budget.Budget) { n.follow(b) })
	return n
}

// Lend is called by the limiter.
func (n *Node) Lend(now time.Time, c *gate.Counter, w gate.Want) int {
	if n.resident != nil {
		got := n.resident.Lend(now, c, w)
		if news := n.grants.News(); news || n.grants.NeedsRecord(now) {
			n.rouse()
		}
		return got
	}
	was := n.borrows.Eager()
	n.borrows.Lend(now, c, w)
	if !was && n.borrows.Eager() {
		n.rouse()
	}
	return 0
}

// Settle is called by the limiter.
func (n *Node) Settle(now time.Time, c *gate.Counter, p gate.Purse, closed, spent int) {
	if n.resident == nil {
		n.borrows.Settle(now, c, p, closed, spent)
		return
	}
	n.resident.Settle(now, c, p, closed, spent)
	if n.grants.Waiting() {
		n.rouse()
	}
}

// Heed is called by the limiter.
func (n *Node) Heed(now time.Time, c *gate.Counter, ago time.Duration, a gate.Advice) {
	if n.resident != nil {
		n.resident.Heed(now, c, ago, a)
		return
	}
	was := n.borrows.Eager()
	n.borrows.Heed(now, c, ago, a)
	if !was && n.borrows.Eager() {
		n.rouse()
	}
}

func (n *Node) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run shares until ctx ends, and then hands over what is left. It returns nil then; an error means that the record cannot be
// read, or the bucket not be made.
func (n *Node) Run(ctx context.Context) error {
	kv, err := n.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	n.kv = kv
	sub, err := n.cfg.NATS.ChanSubscribe(n.reply(), n.inbox)
	if err != nil {
		return fmt.Errorf("listen for shared limits: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // at the end of the connection there is nothing to undo
	defer n.leave()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-n.inbox:
			err = n.hear(ctx, m)
		case l := <-n.written:
			n.landed(ctx, l)
		case <-n.wake:
		case <-timer.C:
		}
		if err != nil {
			return err
		}
		next, err := n.step(ctx)
		if err != nil {
			return err
		}
		timer.Reset(next)
	}
}

// open makes the bucket where it is missing, as long as it takes.
func (n *Node) open(ctx context.Context) (jetstream.KeyValue, error) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		kv, err := n.cfg.JS.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Description: "what was used of shared limits",
			History: 1, Storage: jetstream.FileStorage, Replicas: max(1, n.cfg.Replicas)})
		if err == nil {
			return kv, nil
		}
		n.log.Warn("shared limits not opened, trying again", "error", err)
		if pause(ctx, wait) != nil {
			return nil, fmt.Errorf("open bucket of shared limits: %w", err)
		}
	}
}

// reply is where this node listens.
func (n *Node) reply() string { return n.subject("to." + n.inboxName) }

func (n *Node) subject(what string) string { return "limits." + n.cfg.Name + "." + what }

// follow becomes a borrower. The limiter's lock is held.
func (n *Node) follow(b *budget.Budget) {
	n.grants, n.resident = nil, nil
	b.Gate().Share(n, b.Meters()...)
	n.loans++ // what an earlier one had is not this one's
	n.borrows = lend.NewBorrower(n.cfg.Lend, n.id+"."+strconv.Itoa(n.loans), b)
	n.borrows.Stock(n.keep(b)...)
}

// keep are the counters of what is held ready.
func (n *Node) keep(b *budget.Budget) (names []budget.Name) {
	for _, q := range n.cfg.Keep {
		cs, err := b.MetersOf(q)
		if err != nil {
			n.log.Warn("nothing is held ready for a request", "endpoint", q.Endpoint, "error", err)
		}
		for _, c := range cs {
			names = append(names, budget.NameOf(c))
		}
	}
	return names
}

// Replace puts another profile or other options in force, in the limiter and, where this process grants, for all. Errors: those of
// the options; what is in force then stays.
func (n *Node) Replace(p catalogue.Profile, o budget.Options) error {
	if err := n.limiter.Replace(p, o); err != nil {
		return err
	}
	var err error
	n.limiter.Under(func(now time.Time, _ *budget.Budget) {
		n.cfg.Profile, n.cfg.Options = p, o
		if n.grants != nil {
			err = n.grants.Replace(now, p, o)
		}
	})
	n.rouse()
	return err
}

// step does what is due and says when the next is.
func (n *Node) step(ctx context.Context) (time.Duration, error) {
	if n.granting() {
		return n.grant(ctx)
	}
	return n.borrow(ctx)
}

// granting is asked by the loop, which alone changes it.
func (n *Node) granting() bool { return n.grants != nil }

// connected reports whether the bus is there. Who was away has not been answered for that reason, and begins to count again.
func (n *Node) connected() bool {
	made, there := n.cfg.NATS.Stats().Reconnects, n.cfg.NATS.IsConnected()
	if made != n.connects || !there {
		n.connects, n.since, n.asked = made, time.Now(), time.Time{}
	}
	return there
}

// borrow speaks to the granter when there is something to say, and takes its place when it is silent.
func (n *Node) borrow(ctx context.Context) (time.Duration, error) {
	var say *lend.Ask
	busy, soon := false, time.Duration(0)
	n.limiter.Under(func(now time.Time, _ *budget.Budget) {
		due := !now.Before(n.beat.Add(lend.Beat))
		if due {
			n.borrows.Pulse(now)
		}
		busy = n.borrows.Busy()
		if soon = n.beat.Add(askGap).Sub(now); n.borrows.Eager() && soon > 0 {
			return
		}
		if soon = 0; n.borrows.Eager() || due && busy {
			a := n.borrows.Ask(now)
			say, n.beat = &a, now
		}
	})
	if soon > 0 {
		return soon, nil
	}
	there := n.connected()
	if say != nil {
		if n.asked.IsZero() && there {
			n.asked = time.Now()
		}
		n.send(n.cfg.NATS, n.subject("ask"), n.reply(), say)
	}
	if !busy {
		n.asked = time.Time{} // who wants nothing and holds nothing needs no granter
		return restBeat, nil
	}
	if !n.asked.IsZero() && time.Since(n.asked) >= Silence {
		return n.claim(ctx)
	}
	return lend.Beat, nil
}

func (n *Node) send(nc *nats.Conn, to, reply string, v any) {
	b, err := json.Marshal(v)
	if err == nil {
		err = nc.PublishMsg(&nats.Msg{Subject: to, Reply: reply, Data: b})
	}
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		n.log.Warn("message of shared limits not sent", "subject", to, "error", err)
	}
}

// noResponders is what the server answers when nobody listens.
const noResponders = "503"

// hear takes in a message.
func (n *Node) hear(ctx context.Context, m *nats.Msg) error {
	switch {
	case m.Subject == n.subject("ask"):
		n.heardAsk(m)
	case m.Subject == n.subject("status"):
		n.heardStatus(m)
	case m.Header.Get("Status") == noResponders:
		if !n.granting() && n.connected() && time.Since(n.since) >= Silence { // after a break of the bus who grants may come back a little later
			_, err := n.claim(ctx)
			return err
		}
	default:
		n.heardGive(m)
	}
	return nil
}

func (n *Node) heardGive(m *nats.Msg) {
	var g lend.Give
	if n.granting() || json.Unmarshal(m.Data, &g) != nil {
		return
	}
	n.asked = time.Time{}
	n.limiter.Under(func(now time.Time, _ *budget.Budget) { n.borrows.Hear(now, g) })
}

// pause waits, or until the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
