package relayer

import (
	"slices"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// approvalsAge is how long what was read of the permissions counts.
const approvalsAge = 24 * time.Hour

// tick lets time pass: what is too late is dropped, a unit that waits is tried again, and when something is due the world is
// looked at.
func (t *decision) tick() {
	t.dropLate()
	if !t.ready {
		return
	}
	t.probe()
	if t.unit != nil {
		t.retry()
		return
	}
	if t.due() && (!t.toldAll() || t.nowMS/1000%lookAnyway == 0) {
		t.look(0)
	}
}

// lookAnyway is the second of each minute at which the world is looked at whatever was said of it.
const lookAnyway = 60

// dropLate ends what is queued and must not leave any more.
func (t *decision) dropLate() {
	for _, r := range t.queue() {
		if r.late(t.nowMS) {
			t.dropRequest(r, failure(msgs.DeadlinePassed, "deadline_ms passed before it could leave", "send it again with a later deadline_ms, or with urgency high"))
		}
	}
}

// dropRequest ends a request of which nothing has left. One that stands in a payload that can still have effect has left.
func (t *decision) dropRequest(r *request, err *msgs.Error) {
	kind := msgs.KindTxDropped
	if t.ghostly(r.ID) {
		kind = msgs.KindTxFailed
	}
	t.emit(&msgs.TxFailed{Head: r.about(kind), Error: err, Final: true, Meta: r.meta()})
}

// due reports whether something in the queue has waited long enough. All that is queued goes along then: stabbing at the
// earliest end is as few units as can be.
func (t *decision) due() bool {
	for _, r := range t.requests {
		if r.Unit == "" && r.LeavesByMS <= t.nowMS {
			return true
		}
	}
	return false
}

// toldAll reports whether everything that is due is known to wait: then the look that was asked for with that word is under way.
func (t *decision) toldAll() bool {
	if t.told == nil {
		return false
	}
	for _, r := range t.requests {
		if r.Unit == "" && r.LeavesByMS <= t.nowMS && !slices.Contains(t.told.IDs, r.ID) {
			return false
		}
	}
	return true
}

// look asks for the world after a while.
func (t *decision) look(after time.Duration) {
	t.lookFor(after, t.approvals.ReadMS == 0 || t.nowMS-t.approvals.ReadMS > approvalsAge.Milliseconds())
}

func (t *decision) lookFor(after time.Duration, approvals bool) {
	l := Look{Approvals: approvals}
	if after > 0 {
		l.FromMS = t.at(after)
	}
	seen := map[polymarket.TokenID]bool{}
	for _, r := range t.queue() {
		if !r.needsPositions() {
			continue
		}
		if len(l.Tokens) > maxTokens {
			break
		}
		for _, id := range r.positions() {
			if !seen[id] {
				seen[id] = true
				l.Tokens = append(l.Tokens, id)
			}
		}
	}
	t.early(l)
}

// maxTokens bounds a look: more requests than that are not packed at once.
const maxTokens = 2 * maxUnitRequests

// needsPositions reports whether a request can be packed only with the wallet's balances of its positions.
func (r *request) needsPositions() bool {
	switch c := r.command.(type) {
	case *msgs.Merge, *msgs.Convert:
		return true
	case *msgs.Transfer:
		return c.TokenID != ""
	}
	return false
}

// positions are those that a request is about.
func (r *request) positions() (out []polymarket.TokenID) {
	names := r.Tokens
	if c, ok := r.command.(*msgs.Transfer); ok && c.TokenID != "" {
		names = []msgs.TokenID{c.TokenID}
	}
	for _, name := range names {
		if id, err := polymarket.ParseTokenID(string(name)); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// waiting is what was last said of what waits in the queue.
type waiting struct {
	Code    msgs.Code        `json:"code"`
	UntilMS int64            `json:"until_ms"`
	IDs     []msgs.RequestID `json:"ids"`
}

// untilSlack is how far a time may move before it is told anew.
const untilSlack = time.Minute

func closeTo(a, b int64) bool { return max(a-b, b-a) <= untilSlack.Milliseconds() }

// wait says that requests wait, where that is news.
func (t *decision) wait(rs []*request, err *msgs.Error, untilMS int64) {
	if w := t.told; w != nil && w.Code == err.Code && closeTo(w.UntilMS, untilMS) {
		known := func(r *request) bool { return slices.Contains(w.IDs, r.ID) }
		if !slices.ContainsFunc(rs, func(r *request) bool { return !known(r) }) {
			return
		}
	}
	t.emit(&msgs.TxWaiting{Head: msgs.Head{Type: msgs.KindTxWaiting}, RequestIDs: ids(rs), UntilMS: untilMS, Code: err.Code, Cause: err.Cause, Fix: err.Fix})
}
