package executor

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/msgs"
)

// Policy says what becomes of an account whose log does not agree, at a start, with what others know of it.
type Policy string

const (
	// Hold lets no new order leave until an operator accepts the log.
	Hold Policy = "hold"
	// Adopt takes orders that the log does not know for the account's own hands' work, and goes on. A log that shows signs
	// of having been lost or rolled back is held all the same.
	Adopt Policy = "adopt"
	// CancelUnknown cancels such orders, and goes on; it holds like Adopt.
	CancelUnknown Policy = "cancel"
	// Accept goes on with whatever is found, also with a log that was lost or rolled back.
	Accept Policy = "accept"
)

// policies lists what may be configured.
func policies() []Policy { return []Policy{Hold, Adopt, CancelUnknown, Accept} }

// maxFormer is how many names of earlier logs are remembered: a ledger may still have one of them.
const maxFormer = 16

// maxNamed bounds how many orders or trades a doubt names.
const maxNamed = 3

// Compare asks what others know of the account's orders: the venue, the private feed, the ledger.
type Compare struct{ Started actor.Started }

// Comparison is what they know.
type Comparison struct {
	Started actor.Started
	Open    OpenOrders
	Traded  []msgs.OrderID // own orders of trades since the log ended, or of the last day where there was none
	Ledger  Booked
	// Heard are orders that the user channel told of as they were placed, while nothing was asked of us that is not
	// decided: others placed them.
	Heard map[msgs.OrderID]bool
}

// Booked is what the ledger says that it has booked of the log.
type Booked struct {
	Said string // as order.compared has it; agrees where there is something to compare
	msgs.OrderPosition
}

// Words of Booked.
const (
	ledgerAgrees  = "agrees"
	ledgerDiffers = "differs"
	ledgerAbsent  = "absent"
	ledgerSilent  = "silent"
)

// applyOwner begins a comparison with each claim: until it is done no new order leaves.
func (o *Orders) applyOwner(h *msgs.Head, e *msgs.OrderOwner) {
	if e.InHand != nil {
		return
	}
	o.comparing, o.claimedMS = true, h.AtMS
	o.rename(e.Incarnation)
}

// rename follows the name of the log.
func (o *Orders) rename(incarnation string) {
	if incarnation == "" || incarnation == o.incarnation {
		return
	}
	if o.incarnation != "" {
		o.former = append(o.former, o.incarnation)
		o.former = o.former[max(0, len(o.former)-maxFormer):]
	}
	o.incarnation = incarnation
}

func (o *Orders) applyCompared(h *msgs.Head, e *msgs.OrderCompared) {
	o.compareEnds(h, e.Rewound)
	o.haltUpTo(e.Barrier)
	o.rename(e.Incarnation)
	o.doubts = nil
}

func (o *Orders) applyHeld(h *msgs.Head, e *msgs.OrderHeld) {
	o.compareEnds(h, e.Rewound)
	o.doubts = e.Doubts
}

// compareEnds ends a comparison. When the sequences of what is asked begin anew, what was set by them counts by time.
func (o *Orders) compareEnds(h *msgs.Head, rewound bool) {
	o.comparing = false
	for _, ord := range o.byID {
		ord.Unexplained = false
	}
	if !rewound {
		return
	}
	if o.haltedTo.Seq > 0 {
		o.haltedTo = msgs.Barrier{StoredMS: h.AtMS}
	}
	for _, b := range o.barriers {
		b.Seq, b.StoredMS = 0, max(b.StoredMS, b.AtMS)
	}
}

// held reports whether a start has found the log in doubt, and nobody has accepted it since.
func (o *Orders) held() bool { return len(o.doubts) > 0 }

// inDoubt is why an order does not leave while the account is held.
func (o *Orders) inDoubt() *msgs.Error {
	return failure(msgs.LogInDoubt, "the account is held since its last start, because its log may be lost or rolled back ("+string(o.doubts[0].Code)+")", "see what was found with `sluice doctor`, then accept the log with `sluice resume --accept`; submit anew with a new id")
}

// verdict is what a comparison comes to.
type verdict struct {
	doubts  []msgs.Error
	ledger  string         // as order.compared has it
	lost    bool           // signs that the log is not what it was, beside orders that it does not know
	unknown []msgs.OrderID // that rest at the venue
}

func (v *verdict) doubt(code msgs.Code, fix, format string, args ...any) {
	v.doubts = append(v.doubts, msgs.Error{Code: code, Cause: fmt.Sprintf(format, args...), Fix: fix})
}

const (
	fixRestore = "stop Sluice and put back the newest copy of its data directory; or, when there is none, cancel what should not rest (sluice cancel-all) and accept this log (sluice resume --accept)"
	fixUnknown = "are they yours, from the venue's own page or another program? then sluice resume --accept; if not, this log may be an old copy: put the newest one back, or end the orders with sluice cancel-all"
)

// compare judges what others know of the account against the state, and lets orders leave, or holds the account.
func (t *turn) compare(m Comparison) {
	if !t.comparing {
		t.compared(m.Open)
		return
	}
	v := t.judge(m)
	policy := t.rules.UnknownOrders
	passes := len(v.doubts) == 0 || policy == Accept || !v.lost && (policy == Adopt || policy == CancelUnknown)
	t.heard = m.Heard
	t.compared(m.Open)
	if !passes {
		t.emit(&msgs.OrderHeld{Head: msgs.Head{Type: msgs.KindHeld}, Doubts: t.stillDoubted(v.doubts), Rewound: rewound(m)})
		return
	}
	e := &msgs.OrderCompared{Head: msgs.Head{Type: msgs.KindCompared}, Open: len(m.Open.Orders), Ledger: v.ledger, Doubts: v.doubts, Rewound: rewound(m)}
	if len(v.doubts) > 0 {
		// What waited may have been done already, in a part of the log that is lost.
		e.Policy, e.Barrier = string(policy), &msgs.Barrier{StoredMS: t.claimedMS}
		if policy == Accept {
			e.Incarnation = t.nextIncarnation()
		}
	}
	switch {
	case t.held() && policy != Accept: // an earlier start has held it, and nobody has accepted it since
		t.emit(&msgs.OrderHeld{Head: msgs.Head{Type: msgs.KindHeld}, Doubts: t.stillDoubted(nil), Rewound: rewound(m)})
		return
	case policy == CancelUnknown:
		t.cancelUnknown(v.unknown)
	}
	t.emit(e)
}

// stillDoubted joins what was found now with what an earlier start has found and nobody has accepted.
func (t *turn) stillDoubted(found []msgs.Error) []msgs.Error {
	out := slices.Clone(found)
	for _, d := range t.doubts {
		if !slices.ContainsFunc(out, func(e msgs.Error) bool { return e.Code == d.Code }) {
			out = append(out, d)
		}
	}
	return out
}

// rewound reports whether sequences of what is asked begin anew.
func rewound(m Comparison) bool {
	return slices.ContainsFunc(m.Started.Losses, func(l actor.Loss) bool { return l.Code == msgs.LaneLost })
}

// judge lists what does not agree.
func (t *turn) judge(m Comparison) (v verdict) {
	for _, l := range m.Started.Losses {
		v.doubt(l.Code, fixRestore, "%s: %s", l.Stream, l.Cause)
	}
	b, former := m.Ledger, slices.Contains(t.former, m.Ledger.Incarnation)
	switch {
	case b.Said != ledgerAgrees || b.Incarnation == "" || former:
	case b.Incarnation != t.incarnation:
		v.doubt(msgs.LogOther, fixRestore, "the ledger has booked %d events of log %s, and this is log %s", b.N, b.Incarnation, t.incarnation)
	case b.N > t.n:
		v.doubt(msgs.LogRolledBack, fixRestore, "the ledger has booked event %d of this log, which ends at %d", b.N, t.n)
	case b.Doubt: // the log may have grown beyond what is booked, by starts that were not compared
		v.doubt(msgs.LogRolledBack, fixRestore, "the ledger had booked event %d of this log when it found another log in its place", b.N)
	}
	v.lost = len(v.doubts) > 0
	if v.ledger = b.Said; len(v.doubts) > len(m.Started.Losses) {
		v.ledger = ledgerDiffers
	}
	t.judgeOrders(&v, m)
	return v
}

// judgeOrders doubts a log that does not know what rests or has traded at the venue, unless it is clear that others have
// placed it.
func (t *turn) judgeOrders(v *verdict, m Comparison) {
	strange := func(id msgs.OrderID) bool {
		d := t.find(id, "")
		return !m.Heard[id] && (d == nil && !t.isSpent(spentOrder, string(id)) || d != nil && (d.Named || d.Unexplained))
	}
	seen := map[msgs.OrderID]bool{}
	for i := range m.Open.Orders {
		if id := m.Open.Orders[i].OrderID; strange(id) && !seen[id] {
			seen[id] = true
			v.unknown = append(v.unknown, id)
		}
	}
	if n := len(v.unknown); n > 0 {
		v.doubt(msgs.UnknownOrders, fixUnknown, "%s that this log does not know: %s", count(n, "order rests at the venue", "orders rest at the venue"), some(v.unknown))
	}
	var traded []msgs.OrderID
	add := func(id msgs.OrderID) {
		if strange(id) && !seen[id] {
			seen[id] = true
			traded = append(traded, id)
		}
	}
	for _, id := range m.Traded {
		add(id)
	}
	for _, ord := range t.all() {
		if ord.Unexplained {
			add(ord.OrderID)
		}
	}
	if n := len(traded); n > 0 {
		v.doubt(msgs.UnknownTrades, fixUnknown, "%s that this log does not know: %s", count(n, "order has traded or ended", "orders have traded or ended"), some(traded))
	}
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// some names a few orders.
func some(ids []msgs.OrderID) (s string) {
	for i, id := range ids[:min(len(ids), maxNamed)] {
		if i > 0 {
			s += ", "
		}
		s += string(id)
	}
	if len(ids) > maxNamed {
		s += ", …"
	}
	return s
}

// cancelUnknown ends orders at the venue that the log does not know.
func (t *turn) cancelUnknown(ids []msgs.OrderID) {
	for chunk := range slices.Chunk(ids, msgs.MaxCancelIDs) {
		e := &msgs.OrderCancelling{Head: msgs.Head{Type: msgs.KindCancelling}}
		for _, id := range chunk {
			e.Orders = append(e.Orders, msgs.OrderRef{OrderID: id})
			if d := t.order(id); d != nil {
				d.Wish = &wish{}
			}
		}
		t.emit(e)
		t.deed(CancelOrders{chunk})
	}
}

// nextIncarnation is the name of the log from here on. It is computed, so that a decision that is made again is the same.
func (t *turn) nextIncarnation() string {
	h := sha256.Sum256(fmt.Appendf(nil, "sluice log\x00%s\x00%s\x00%d\x00%d", t.id.Account, t.incarnation, t.n, t.nowMS))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h[:])[:26]
}

// placedByOthers reports whether a private event shows that somebody else has placed its order now: the user channel tells of
// it as it is placed, and since the claim nothing of ours has left.
func (t *turn) placedByOthers(source msgs.FeedSource, placement bool, stored time.Time) bool {
	return source == msgs.FromSocket && placement && stored.UnixMilli() >= t.claimedMS
}
