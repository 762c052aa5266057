package relayer

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// Rules are what an operator decides about a wallet.
type Rules struct {
	// AcceptLog lets units leave although the log was in doubt: what is missing from it counts as never asked.
	AcceptLog bool
}

// Wallet is the thinking of one account's wallet actor. Its state is the fold of its own events.
type Wallet struct {
	id    Identity
	rules Rules

	n     uint64 // of the last event
	nowMS int64  // of the last event

	ready bool // claimed, and what was stored before is decided
	held  bool // the log is in doubt

	requests  map[msgs.RequestID]*request // taken and not ended
	unit      *unit                       // the open one, nil when there is none
	ghosts    []*unit                     // given up, and can still have effect at their nonces
	approvals approvals
	told      *waiting // what was last said of what waits in the queue
	toll      toll
	ended     endings
	settledMS int64  // when the last unit ended: what was read of the world before is old
	block     uint64 // the newest that an event names
}

var _ actor.Core = (*Wallet)(nil)

// NewWallet is the core of one account, as if nothing had happened yet.
func NewWallet(id Identity, rules Rules) *Wallet {
	return &Wallet{id: id, rules: rules, requests: map[msgs.RequestID]*request{}, ended: newEndings()}
}

// Decide says what follows from a message; an unknown one has no consequences.
func (w *Wallet) Decide(now time.Time, m any) actor.Decision {
	t := &decision{Wallet: w, nowMS: now.UnixMilli()}
	switch m := m.(type) {
	case *Asked:
		t.asked(m)
	case Looked:
		t.looked(&m)
	case Rehearsed:
		t.rehearsed(&m)
	case Submitted:
		t.submitted(&m)
	case Brought:
		t.brought(&m)
	case Seen:
		t.seen(&m)
	case Answering:
		t.answering()
	case actor.Started:
		t.started(m)
	case actor.LaneEnd:
		t.laneEnd()
	case actor.Poisoned:
		t.poisoned(m)
	case actor.Tick:
		t.tick()
	}
	return t.Decision
}

// Stands reports whether a deed may still be performed. No deed of the lane is ever taken back: commands only queue.
func (w *Wallet) Stands(actor.Deed) bool { return true }

// Open yields what is watched from the start on: whatever may have effect. Nothing leaves before the log is judged and the lane is
// read: laneEnd has the open unit carried on.
func (w *Wallet) Open() iter.Seq[actor.Deed] {
	return func(yield func(actor.Deed) bool) {
		for _, g := range w.ghosts {
			if !yield(g.follow()) {
				return
			}
		}
		u := w.unit
		if u == nil {
			return
		}
		if u.Phase == following || u.Left || u.Phase == carrying && u.Carrier == msgs.ByRelayer {
			yield(u.follow())
		}
	}
}

// decision is one in the making.
type decision struct {
	actor.Decision
	*Wallet
	nowMS int64
}

func (t *decision) emit(e msgs.Event)        { t.Events = append(t.Events, e) }
func (t *decision) deed(d actor.Deed)        { t.Deeds = append(t.Deeds, d) }
func (t *decision) early(d actor.Deed)       { t.Early = append(t.Early, d) }
func (t *decision) at(d time.Duration) int64 { return t.nowMS + d.Milliseconds() }

// queue lists what is queued, the earliest to leave first.
func (w *Wallet) queue() []*request {
	var out []*request
	for _, r := range w.requests {
		if r.Unit == "" {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.LeavesByMS, b.LeavesByMS), cmp.Compare(a.CmdSeq, b.CmdSeq))
	})
	return out
}

// started judges what the start has found of the log.
func (t *decision) started(s actor.Started) {
	if len(s.Losses) == 0 {
		return
	}
	e := &msgs.TxHeld{Head: msgs.Head{Type: msgs.KindTxHeld}}
	for _, l := range s.Losses {
		e.Doubts = append(e.Doubts, *failure(l.Code, l.Cause, heldFix))
	}
	t.emit(e)
}

const heldFix = "compare the account's transactions on chain with what was asked, then start once with --accept-log; what is asked until then is dropped"

// laneEnd lets units leave once everything that was stored before the claim is decided, cancels among it.
func (t *decision) laneEnd() {
	if t.ready || t.held && !t.rules.AcceptLog {
		return
	}
	t.emit(&msgs.TxReady{Head: msgs.Head{Type: msgs.KindTxReady}, Accepted: t.held})
	switch {
	case t.unit == nil && t.due():
		t.look(0)
	case t.unit != nil && t.unit.Phase == carrying:
		t.deed(t.carry(t.unit))
	}
}

// poisoned ends a command that has crashed its owner.
func (t *decision) poisoned(m actor.Poisoned) {
	_, id := msgs.PeekID(m.Data)
	t.emit(&msgs.TxFailed{Head: msgs.Head{Type: msgs.KindTxDropped, CmdSeq: m.Seq, ReqID: string(id)}, Final: true,
		Error: failure(msgs.Poison, fmt.Sprintf("the process crashed %d times while it decided this; it is put aside", m.Crashes), "report the crash")})
}

func failure(code msgs.Code, cause, fix string) *msgs.Error {
	return &msgs.Error{Code: code, Cause: cause, Fix: fix}
}
