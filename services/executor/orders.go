package executor

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Orders is the thinking of one account's order actor. Its state is the fold of its own events.
type Orders struct {
	id    Identity
	rules Rules

	maker, signer string // as intents name them

	n     uint64 // of the last event
	nowMS int64  // of the last event

	byClient map[msgs.ClientOrderID]*order
	byID     map[msgs.OrderID]*order
	live     map[uint64]*order // by serial: what is not final
	waiting  map[uint64]*order // of them, what waits for the end of another order
	going    map[uint64]*order // of them, what has been decided and has no outcome yet

	barriers []*barrier
	halted   bool
	haltedTo msgs.Barrier // submits stored up to here came while halted

	incarnation string   // of the log
	former      []string // that the log had before it was accepted
	comparing   bool     // claimed, and not yet compared: no new order leaves
	claimedMS   int64
	doubts      []msgs.Error // why the account is held; nil when it is not

	spent   spent
	sweptMS int64

	day     int64                           // since 1970
	traded  money.Cash                      // on that day
	markets map[msgs.ConditionID]money.Cash // bought less sold
	exposed exposure
}

var _ actor.Core = (*Orders)(nil)

// NewOrders is the core of one account, as if nothing had happened yet.
func NewOrders(id Identity, rules Rules) *Orders {
	return &Orders{
		id: id, rules: rules, maker: id.Maker.Hex(), signer: id.Signer.Hex(),
		byClient: map[msgs.ClientOrderID]*order{},
		byID:     map[msgs.OrderID]*order{},
		live:     map[uint64]*order{},
		waiting:  map[uint64]*order{},
		going:    map[uint64]*order{},
		markets:  map[msgs.ConditionID]money.Cash{},
		exposed:  exposure{markets: map[msgs.ConditionID]money.Cash{}},
	}
}

// Decide says what follows from a message; an unknown one has no consequences.
func (o *Orders) Decide(now time.Time, m any) actor.Decision {
	t := o.turn(now)
	switch m := m.(type) {
	case *Asked:
		t.asked(m)
	case *Fed:
		t.fed(m)
	case Posted:
		t.posted(m)
	case CancelAnswer:
		t.cancelAnswered(m)
	case Found:
		t.found(m)
	case Denied:
		t.denied(m)
	case Again:
		t.again(m)
	case HaltMark:
		t.marked(m)
	case actor.Started:
		t.deed(Compare{m})
	case Comparison:
		t.compare(m)
		t.deed(Audit{FromMS: t.at(auditMS)})
	case OpenOrders:
		t.audited(m)
	case actor.LaneEnd:
		t.laneEnd(m)
	case actor.Recalled:
		t.recalled(m.Deed)
	case actor.Poisoned:
		t.poisoned(m)
	case actor.Tick:
		t.ticked = true
	}
	if len(o.waiting) > 0 && !o.comparing {
		t.releaseHeld()
	}
	switch m.(type) {
	case *Asked, actor.LaneEnd:
	default: // what has just ended may be the last that a barrier waits for
		t.Drain = t.Drain || len(o.barriers) > 0 && len(t.Events) > 0
	}
	return t.Decision
}

// Stands reports whether an order whose intent was written may still leave: nobody has cancelled it or halted the account
// meanwhile.
func (o *Orders) Stands(d actor.Deed) bool {
	p, ok := d.(Post)
	if !ok {
		return true
	}
	ord := o.byID[p.Intent.OrderID]
	return ord != nil && !ord.Final && !ord.Doomed && !o.stays(ord)
}

// recalled ends an order that does not stand any more: nothing of it has left, as if it were still in the queue.
func (t *turn) recalled(m actor.Deed) {
	p, ok := m.(Post)
	if !ok {
		return
	}
	switch d := t.order(p.Intent.OrderID); {
	case d == nil || d.Final || !d.Doomed || p.Again:
	case t.byHalt(d):
		t.rejected(d, t.stopCause(), bySluice, "")
		return
	default:
		t.emit(t.cancelled(d, msgs.KilledInQueue))
		return
	}
	t.posted(Posted{OrderID: p.Intent.OrderID, Outcome: polymarket.NeverLeft{Cause: errRevoked}})
}

// turn is one decision in the making. Orders are changed on copies, so that several events of one decision build on each
// other and the state stays as it is.
type turn struct {
	actor.Decision
	*Orders
	nowMS  int64
	drafts map[*order]*order
	made   []*order                    // drafts of orders that the state does not have yet
	closed map[msgs.OrderID]money.Size // what the venue has just said to be over, and how much of it was matched
	ticked bool
	heard  map[msgs.OrderID]bool // orders that others have placed
	others bool                  // somebody else has just placed the order that is told of
	alone  bool                  // no post of the order in question is under way
}

func (o *Orders) turn(now time.Time) *turn {
	return &turn{Orders: o, nowMS: now.UnixMilli()}
}

func (t *turn) emit(e msgs.Event)  { t.Events = append(t.Events, e) }
func (t *turn) deed(d actor.Deed)  { t.Deeds = append(t.Deeds, d) }
func (t *turn) early(d actor.Deed) { t.Early = append(t.Early, d) }
func (t *turn) at(ms int64) int64  { return t.nowMS + ms }
func (t *turn) make(d *order) *order {
	t.made = append(t.made, d)
	return d
}

// draft is the copy of an order of the state on which this turn works.
func (t *turn) draft(o *order) *order {
	if o == nil {
		return nil
	}
	d := t.drafts[o]
	if d != nil {
		return d
	}
	if t.drafts == nil {
		t.drafts = map[*order]*order{}
	}
	d = o.clone()
	t.drafts[o] = d
	return d
}

// close notes that the venue has just said an order to be over, with so much of it matched.
func (t *turn) close(id msgs.OrderID, matched money.Size) {
	if t.closed == nil {
		t.closed = map[msgs.OrderID]money.Size{}
	}
	t.closed[id] = matched
}

// order finds an order by the venue's id, nil when there is none.
func (t *turn) order(id msgs.OrderID) *order {
	for _, d := range t.made {
		if d.OrderID == id {
			return d
		}
	}
	return t.draft(t.byID[id])
}

// client finds an order by its sender's id, nil when there is none.
func (t *turn) client(id msgs.ClientOrderID) *order { return t.draft(t.byClient[id]) }

// about is the head of an event that an order's own command led to.
func about(d *order, kind msgs.Type) msgs.Head { return msgs.Head{Type: kind, CmdSeq: d.CmdSeq} }

// wished is the head of an event that a cancel led to.
func wished(d *order, kind msgs.Type) msgs.Head {
	if d.Wish == nil {
		return about(d, kind)
	}
	return msgs.Head{Type: kind, CmdSeq: d.Wish.CmdSeq, ReqID: string(d.Wish.Request)}
}

// walk lists what is not final, in the order in which it came.
func (o *Orders) walk() []*order { return inTurn(o.live) }

// walkHeld lists what waits for the end of another order.
func (o *Orders) walkHeld() []*order { return inTurn(o.waiting) }

func inTurn(m map[uint64]*order) []*order {
	out := make([]*order, 0, len(m))
	for _, ord := range m {
		out = append(out, ord)
	}
	slices.SortFunc(out, func(a, b *order) int { return cmp.Compare(a.Serial, b.Serial) })
	return out
}

// Open yields what has to be taken up after a restart: every order whose outcome is not known is looked up, and cancels
// that are not answered are sent again. What rests is compared with the venue by Compare.
func (o *Orders) Open() iter.Seq[actor.Deed] {
	return func(yield func(actor.Deed) bool) {
		var cancels []msgs.OrderID
		for _, ord := range o.walk() {
			if ord.Wish != nil && !ord.held() && !o.sweeping(*ord.Wish) {
				cancels = append(cancels, ord.OrderID)
			}
			if ord.held() || ord.Named || ord.OrderID == "" {
				continue
			}
			if ord.pending() || ord.State == msgs.Delayed || !ord.OrderType.Rests() && !ord.Foreign {
				l := ord.look(0)
				l.Alone = true
				if !yield(l) {
					return
				}
			}
		}
		if len(cancels) > 0 && !yield(CancelOrders{cancels}) {
			return
		}
		for _, b := range o.barriers {
			if b.everything() && !b.Swept && !yield(CancelEverything{o.wishedBy(b), b.wish()}) {
				return
			}
		}
	}
}

// look asks the venue about an order, not before fromMS.
func (t *turn) look(d *order, fromMS int64) {
	l := d.look(fromMS)
	l.Alone = t.alone || d.State != msgs.Submitting
	t.deed(l)
}

// look is the lookup of an order, not before fromMS. When a denial counts depends on what the order is.
func (o *order) look(fromMS int64) Lookup {
	l := Lookup{OrderID: o.OrderID, FromMS: fromMS, Try: o.Tries}
	switch {
	case o.pending() && o.OrderType.Rests():
		l.DeniedMS = o.SentMS + restMS
	case o.pending():
		l.DeniedMS = o.SentMS + takeMS
	case o.State == msgs.Delayed, !o.OrderType.Rests():
		l.DeniedMS = o.AtMS + fillsMS
	default:
		l.DeniedMS = o.AtMS + visibilityMS
	}
	return l
}

// hasPrefix reports whether an order belongs to a strategy.
func hasPrefix(id msgs.ClientOrderID, prefix string) bool {
	return prefix == "" || strings.HasPrefix(string(id), prefix)
}
