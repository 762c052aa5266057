package actor

import (
	"context"
	"iter"
	"time"

	"sluice/pkg/msgs"
)

// Core is the thinking of an actor. It does no I/O, reads no clock, starts no goroutine.
type Core interface {
	// Decide says what follows from m. It reads the state and changes nothing: the actor numbers the events of the
	// decision and applies them before it decides anything else. It is total: whatever m holds, it does not panic.
	Decide(now time.Time, m any) Decision
	// Apply takes an event into the state, live and in replay alike. It is total for every event that was ever recorded.
	Apply(e msgs.Event)
	// Stands reports whether a deed of a submit, or one that is Leaving, decided and not yet performed, may still be performed. What
	// the express lanes held when it was decided has been decided since. A deed that may not is told as Recalled.
	Stands(d Deed) bool
	// Open yields the deeds that are to be taken up after a restart, in the order of the log.
	Open() iter.Seq[Deed]
	// Snapshot is the state as bytes, and Restore the state from it. Restore is called on a fresh core, before Apply; when it
	// fails the core is as fresh as before, and the whole log is applied. A log may have been purged below its snapshots, so
	// a core reads what every released version of it has written.
	Snapshot() ([]byte, error)
	Restore(b []byte) error
}

// Deed is something to be done outside; its types belong to the service.
type Deed any

// Leaving is a deed that makes leave what a message of the express lanes may stop. Whatever it follows from, it is performed behind a
// barrier, as the deeds of a submit are: a repeat after minutes must not overtake a cancel that nobody has read yet.
type Leaving interface{ Leaves() }

// Decision is what follows from one message.
type Decision struct {
	Events []msgs.Event // written together or not at all; V, Account, Env, N and AtMS are filled in by the actor
	Deeds  []Deed       // performed once the events, and everything decided before, are on disk
	Early  []Deed       // performed at once: harmless when repeated, and when the events never reach the disk
	Uses   int          // permits that the deeds use
	Wait   bool         // of a submit, without events: it cannot be decided yet, stays in hand and is asked about again
	Drain  bool         // the core wants to hear LaneEnd once what the submit lane holds now is decided
}

// LaneEnd tells the core that every record of the submit lane up to Seq of its stream has been decided. It comes after
// each start and after each decision that asked for it.
type LaneEnd struct {
	Lane string
	Seq  uint64
}

// Recalled tells the core of a deed that does not stand any more. It was not performed, and never will be.
type Recalled struct{ Deed Deed }

// Tick tells the core that time has passed.
type Tick struct{}

// Record is one stored message of a lane.
type Record struct {
	Lane    string
	Stream  string
	Subject string
	Seq     uint64    // in its stream; the cmd_seq of events
	Stored  time.Time // the broker's time stamp
	Header  map[string][]string
	Data    []byte
}

// Job is a group of deeds that became due at one moment.
type Job struct {
	Deeds []Deed
	// Sent is when the append of the deeds' events was sent (monotonic); zero for early deeds and after a restart. The
	// last byte of a new order may leave only within the send-by time of it.
	Sent time.Time
	// Recovered says that the deeds come from Open: they may have been performed before.
	Recovered bool
	// Leaving is closed when the actor is told to stop. What only waits for a later look may end then, so that a stop need not
	// wait for it; what is under way goes on until ctx ends. Nil is never.
	Leaving <-chan struct{}
	// Deliver hands an outcome to the core as its next message. It may be called from any goroutine and any number of
	// times until Perform returns; it does nothing once the actor has ended.
	Deliver func(outcome any)
}

// Perform does a job. It never fails: every failure is an outcome. It returns when all that it started has ended. When
// ctx ends it stops, delivering nothing for what it cut short: the deed simply stays open.
type Perform func(ctx context.Context, job Job)

// Limiter gives permits for the deeds of submits.
type Limiter interface {
	// Try takes up to want permits without waiting and says how many.
	Try(want int) int
	// Wait takes 1 to want permits and waits for the first.
	Wait(ctx context.Context, want int) (int, error)
	// Return gives back what was not used.
	Return(unused int)
}

// Lane is a set of literal subjects of one stream, read in order.
type Lane struct {
	Name     string // key of the cursor
	Stream   string
	Subjects []string
}
