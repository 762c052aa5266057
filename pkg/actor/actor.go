package actor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/pkg/msgs"
)

// Bounds of an actor.
const (
	unitSize      = 256                    // bytes that a decision or a question takes beside its events
	maxPending    = 2 << 20                // bytes decided and not on disk, beyond which nothing more is decided
	inboxSize     = 256                    // messages waiting for the loop; readers and performers wait beyond that
	recordsAhead  = 256                    // express records fetched ahead: a burst of fills in one pull
	batchSize     = msgs.MaxPostOrders     // submits in hand: what one post can carry
	fillWait      = time.Millisecond       // for what is known to be on its way
	submitsAhead  = 4 * batchSize          // fetched ahead, so that a hand is full when enough wait
	outcomeWaits  = 3 * time.Millisecond   // for an intent to be written with: the disk belongs to what has still to leave
	laneIdle      = time.Minute            // after which the broker forgets a consumer that nobody reads
	pullExpiry    = 30 * time.Second       // of a parked pull
	heartbeat     = 2 * time.Second        // of a parked pull: two missed ones mean that the consumer is gone
	barrierAge    = 100 * time.Millisecond // beyond which cancels may have come that a barrier does not know of; asking takes one or two
	lookAgain     = 20 * time.Millisecond  // for a message, before the library is made to look whether it has asked for one
	requestWait   = 5 * time.Second        // for an answer of the broker before it is asked again
	retryFirst    = 50 * time.Millisecond
	retryLast     = 2 * time.Second
	complainAgain = time.Minute      // of what still does not work
	snapshotWait  = 30 * time.Second // for reading or writing one: some megabytes on a slow disk
	snapshotPause = 30 * time.Second // between two that are made for space: each takes some itself
	snapshotTries = 3                // to read one whose parts do not come while the broker answers
	graceDefault  = 3 * time.Second
	tickDefault   = time.Second
	foldDecoding  = 16   // log messages of up to half a megabyte that are decoded at once
	foldAhead     = 1000 // log messages fetched ahead in a fold
	snapshotEvery = 5000 // events between two snapshots: 17 ms of replay for each thousand
)

// ErrReplaced ends Run when another process has claimed the account. It is not a fault: the newcomer goes on.
var ErrReplaced = errors.New("replaced by another owner")

// EnvError reports a log that was written for another kind of money.
type EnvError struct {
	Stream    string
	Have, Own msgs.Env
}

func (e *EnvError) Error() string {
	return fmt.Sprintf("open log %s: it was written in env %q and this process runs in env %q; "+
		"use another data directory or another server, or start with --env %s", e.Stream, e.Have, e.Own, e.Have)
}

// LogError reports a log that cannot be folded.
type LogError struct {
	Stream string
	Seq    uint64 // of the message that does not fit
	Cause  string
	Purged bool // its beginning was removed, and no snapshot of what it held can be used
}

func (e *LogError) Error() string { return e.What() + ". " + e.Fix() }

// What says what is wrong.
func (e *LogError) What() string {
	if e.Purged {
		return fmt.Sprintf("read log %s: %s; nothing was changed", e.Stream, e.Cause)
	}
	return fmt.Sprintf("read log %s, sequence %d: %s; nothing was changed", e.Stream, e.Seq, e.Cause)
}

// Fix says what to do.
func (e *LogError) Fix() string {
	if e.Purged {
		return fmt.Sprintf("Restore the stream OBJ_%s, or better the whole data directory, from a copy; or cancel "+
			"everything at the venue (sluice cancel-all --direct) and remove both streams of the account, which begins a new log", snapshotBucket)
	}
	return fmt.Sprintf("If somebody else wrote this message, look at it with `nats stream get %s %d` and remove it with `nats stream rmm %s %d`; "+
		"if the log was purged, emptied or rolled back, restore it from a copy, or cancel everything at the venue and remove both streams of the account",
		e.Stream, e.Seq, e.Stream, e.Seq)
}

// LaneError reports a lane whose stream ends before what was already read of it: it was emptied or rolled back.
type LaneError struct {
	Stream       string
	Last, Cursor uint64
	Anew         bool // the stream was removed and made again while it was being read
}

func (e *LaneError) Error() string {
	what := "it was emptied or restored from a copy"
	if e.Anew {
		what = "it was removed and made anew"
	}
	return fmt.Sprintf("read lane of stream %s: it ends at %d and %d was already decided; %s: "+
		"restore it together with its log, or cancel everything at the venue and remove both streams", e.Stream, e.Last, e.Cursor, what)
}

// Config says whose actor it is and what it works with. Everything without a default is required.
type Config struct {
	Account msgs.Account
	Env     msgs.Env
	Family  string // of events: the subject written is evt.<family>.<account>
	Owner   string // name of this process, seen by people
	Service string // of dead.<service>.poison; Family where it is empty
	JS      jetstream.JetStream
	// Ask is a connection on which barriers are asked for, so that a question does not wait behind an append: the broker takes
	// what one connection says one after the other. nil: that of JS.
	Ask     *nats.Conn
	Core    Core
	Express []Lane // drained before submits are decided
	Submit  *Lane  // nil: none
	// Hear turns a record into a message for the core. It is total: what cannot be read is a message too.
	Hear    func(Record) any
	Perform Perform
	// Prepare is told of deeds of submits while their events are being written, so that they can be performed sooner: as a job
	// that may never be performed, or in parts. It does nothing that is seen outside, delivers nothing, and ends with its
	// context. nil: none.
	Prepare Perform
	Limiter Limiter // of submits; nil: no limit
	// Published is called with events that have just reached the disk, in order, and with each as it stands there. It must not
	// block, nor change what it is given.
	Published func(events []msgs.Event, raw [][]byte)
	Log       *slog.Logger
	Tick      time.Duration // between two Ticks; 1 s
	Grace     time.Duration // for performs to end after the stop signal; 3 s
	// Judges says that the core answers Started, sooner or later, with an event that is Judged. Until it has, each message of
	// the log carries what was found, and the next start tells it again. A lane whose stream was lost, made anew or rolled back
	// is taken up then and told as a Loss; without it Run ends with a *LaneError.
	Judges bool
	// First is what the core hears before anything else, once the log is folded.
	First []any
	// Readers are whom the log is kept for beside its snapshots; nil: nothing is ever removed from it.
	Readers *Readers
	// Disk says how full the file system is on which the streams are, in percent; nil: not known here.
	Disk func() (percent int, err error)
	// Snapshots is where snapshots are kept; nil: none.
	Snapshots jetstream.ObjectStore
	// SnapshotEvery is how many events are between two snapshots; 5000.
	SnapshotEvery uint64
	// Passing is told of each point that is passed, see Points, from any goroutine; nil: nobody is.
	Passing func(point string)
}

// Actor is one account's owner of one family of events.
type Actor struct {
	cfg     Config
	subject string
	log     *slog.Logger
	run     string // drawn: no other actor has it, not even one of the same owner and epoch

	inbox  chan any      // what the loop hears: records, batches, outcomes, questions
	ending chan any      // ends of what the loop itself started; heard even when the inbox has to wait
	done   chan struct{} // closed when Run has ended

	kept   atomic.Pointer[kept]
	wanted atomic.Bool // space is wanted, and a snapshot for it
	room   atomic.Pointer[Room]

	flyingSince atomic.Pointer[time.Time] // when the append in flight was sent; nil while there is none

	// What follows belongs to the loop alone.
	seq         uint64               // last sequence of the family on the log
	incarnation string               // of the log
	rewound     bool                 // a lane was lost: the cursors that are written count as they stand
	ended       time.Time            // when the last message before our claim was stored; zero where there was none
	looked      map[string]time.Time // streams of lanes that were looked at before the claim, and when they were made
	unjudged    *msgs.Unjudged       // not changed once the loop runs

	name    string // of our append that has it; empty before the first after the claim
	n       uint64 // number of the last event that was decided
	epoch   uint64
	appends uint64
	cursors cursors
	pending []unit
	waiting int // bytes of pending
	flying  *flight
	pace    pace
	linger  *time.Timer // runs while what is pending waits for company
	filling *time.Timer // runs while the batch in hand is filled
	lanes   []*lane
	submit  *lane
	submits chan record // read ahead of the submit lane
	hand    *batch
	backlog *gate  // of what the express lanes held at the start
	held    []held // what is on disk and waits for its gate, in order
	ends    []laneEnd
	jobs    int
	since   uint64 // events since the last snapshot
	writing bool   // a snapshot is being written

	unkept []string // why no snapshot was used
	shot   cursors  // of the last snapshot
	shotAt time.Time

	asking, askAgain bool // for the end of the submit lane

	onDisk struct { // the last event on the log, and what holds beside it
		n  uint64
		at standing
	}
	deciding *record       // what the core looks at, nil between decisions
	blamed   []msgs.InHand // what earlier owners crashed with
}

// New makes an actor that is not running yet.
func New(cfg Config) *Actor {
	if len(cfg.lanes()) > maxLanes {
		panic(fmt.Sprintf("actor: %d lanes, at most %d", len(cfg.lanes()), maxLanes))
	}
	if cfg.Tick == 0 {
		cfg.Tick = tickDefault
	}
	if cfg.Grace == 0 {
		cfg.Grace = graceDefault
	}
	if cfg.SnapshotEvery == 0 {
		cfg.SnapshotEvery = snapshotEvery
	}
	if cfg.Ask == nil {
		cfg.Ask = cfg.JS.Conn()
	}
	if cfg.Passing == nil {
		cfg.Passing = pass
	}
	if cfg.Published == nil {
		cfg.Published = func([]msgs.Event, [][]byte) {}
	}
	return &Actor{
		cfg:     cfg,
		subject: msgs.EvtSubject(cfg.Family, cfg.Account),
		log:     cfg.Log.With("actor", cfg.Family+"."+string(cfg.Account)),
		inbox:   make(chan any, inboxSize),
		ending:  make(chan any),
		done:    make(chan struct{}),
		run:     rand.Text()[:8],
		submits: make(chan record, batchSize),
	}
}

// Run claims the family, rebuilds the state from it, takes up what was open, and works until ctx ends or the actor is
// replaced. An actor runs once.
//
// It returns nil after ctx has ended and what was being performed has ended or Grace has passed; ErrReplaced; an
// *EnvError, *LogError or *LaneError; or the error of a broker that refuses what must be possible, or of a decision that
// is too large for the log.
func (a *Actor) Run(ctx context.Context) error {
	defer close(a.done)
	defer a.flyingSince.Store(nil)
	seq, err := a.claimWithRoom(ctx)
	if err == nil {
		err = a.fold(ctx, seq)
	}
	if err == nil {
		err = a.openLanes(ctx)
	}
	if err != nil {
		return quiet(ctx, err)
	}
	a.log.Info("owner", "epoch", a.epoch, "n", a.n, "seq", a.seq)
	return a.loop(ctx)
}

// quiet turns the errors that a stop causes into no error.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// query is a question to the state.
type query struct {
	ask   func(n uint64) any
	reply chan any
}

// Ask runs f in the loop, between two decisions, and returns what it gave once everything that f could see is on disk.
// n is the number of the last event that f can see. f must not keep what it sees of the state.
// It fails with ErrReplaced when the actor has ended, and with the context's error.
func (a *Actor) Ask(ctx context.Context, f func(n uint64) any) (any, error) {
	q := query{ask: f, reply: make(chan any, 1)}
	select {
	case a.inbox <- q:
	case <-a.done:
		return nil, ErrReplaced
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case v := <-q.reply:
		return v, nil
	case <-a.done:
		return nil, ErrReplaced
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stuck is for how long the append in flight has not been acknowledged, 0 when none is.
func (a *Actor) Stuck() time.Duration {
	since := a.flyingSince.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}

// Tell hands the core a message from outside the lanes.
func (a *Actor) Tell(ctx context.Context, m any) {
	select {
	case a.inbox <- outcome{m}:
	case <-a.done:
	case <-ctx.Done():
	}
}

// outcome is a message for the core from a perform.
type outcome struct{ m any }
