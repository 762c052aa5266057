package executor

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts plays every testdata/*.txt: lines beginning with > are told to a core, the lines below say what it
// decided and where the order then stood. After each line replay and snapshot must equal life.
func TestTranscripts(t *testing.T) {
	actortest.Transcripts(t, *update, func(t *testing.T) func([]string) string {
		b := newBench(t, Rules{})
		return func(words []string) string {
			out := b.line(words)
			b.consistent()
			return out
		}
	})
}

// line plays one told line and writes what came of it.
func (b *bench) line(w []string) string {
	if w[0] == "wait" {
		ms, err := strconv.ParseInt(w[1], 10, 64)
		if err != nil {
			b.t.Fatal(err)
		}
		b.now = b.now.Add(time.Duration(ms) * time.Millisecond)
		return ""
	}
	if w[0] == "caps" {
		b.core.rules.Caps = Caps{Order: cash(w[1]), Market: cash(w[2]), Day: cash(w[3]), OpenOrders: int(number(w[4]))}
		return ""
	}
	if w[0] == "policy" {
		b.core.rules.UnknownOrders = Policy(w[1])
		return ""
	}
	if w[0] == "claim" {
		return b.told(b.claim())
	}
	if w[0] == "restart" {
		b.core = b.replayed()
		var out strings.Builder
		for d := range b.core.Open() {
			out.WriteString("  open " + b.deed(d) + "\n")
		}
		return out.String()
	}
	return b.told(b.tell(b.message(w)))
}

// message makes a message of the words of a line.
func (b *bench) message(w []string) any {
	switch w[0] {
	case "submit":
		return b.command("submit", fields(map[string]string{"client_order_id": w[1], "side": w[2], "type": w[3], "price": w[4], "size": w[5]}, w[6:]))
	case "replace":
		return b.command("replace", fields(map[string]string{"client_order_id": w[1], "replaces": w[2]}, w[3:]))
	case "raw":
		return b.command(w[1], strings.ReplaceAll(strings.Join(w[2:], " "), "'", `"`))
	case "cancel":
		return b.command("cancel", `{"client_order_ids":["`+strings.Join(w[1:], `","`)+`"]}`)
	case "cancel-id":
		return b.command("cancel", `{"order_id":"`+string(b.id(w[1]))+`"}`)
	case "cancel_all", "halt", "resume":
		return b.command(w[0], fields(map[string]string{"request_id": w[1]}, w[2:]))
	case "halt-all-accounts":
		a := b.command("halt", fields(map[string]string{"request_id": w[1]}, w[2:]))
		a.All, a.Seq = true, 1
		return a
	case "posted":
		return Posted{b.id(w[1]), outcomeOf(w[2:])}
	case "cancelled":
		return CancelAnswer{Cancelled: b.all(w[1:])}
	case "swept":
		return CancelAnswer{Everything: true, For: b.sweeping(), Cancelled: b.all(w[1:])}
	case "refused":
		return CancelAnswer{Refused: []CancelRefusal{{b.id(w[1]), msgs.Code(w[2]), "the venue says so"}}}
	case "found":
		return Found{b.id(w[1]), VenueOrder{OrderID: b.id(w[1]), Status: w[2], Matched: size(at(w, 3))}, true, b.now.UnixMilli()}
	case "denied":
		return Denied{b.id(w[1]), int(number(w[2])), true}
	case "again":
		return Again{b.id(w[1]), int(number(w[2]))}
	case "trade":
		leg := msgs.FeedLeg{Leg: int(number(at(w, 6))), OrderID: b.id(w[3]), TokenID: "111", Side: msgs.Buy, Size: size(w[4]), Price: money.Price(size(w[5])), Role: msgs.Taker}
		return &Fed{Trade: &msgs.FeedTrade{TradeID: msgs.TradeID(w[1]), Status: msgs.TradeStatus(w[2]), Legs: []msgs.FeedLeg{leg}}}
	case "fresh": // a frame of the user channel, stored just now
		m := b.message(append([]string{"frame"}, w[1:]...)).(*Fed)
		m.Order.Source, m.Stored = msgs.FromSocket, b.now
		return m
	case "frame":
		return &Fed{Order: &msgs.FeedOrder{OrderID: b.id(w[1]), Change: w[2], Status: w[3], SizeMatched: size(at(w, 4)), TokenID: "111", Side: msgs.Buy,
			OrderType: msgs.GTC, Price: 500_000, OriginalSize: 10 * money.Unit, AtMS: b.now.UnixMilli()}}
	case "resting":
		return b.resting(w[1:])
	case "compared":
		return b.comparison(w[1:])
	case "lane":
		return actor.LaneEnd{Lane: laneSubmit, Seq: b.seq}
	case "tick":
		return actor.Tick{}
	}
	b.t.Fatalf("unknown line %q", w)
	return nil
}

// sweeping is the oldest cancel of everything that is not answered.
func (b *bench) sweeping() wish {
	for _, x := range b.core.barriers {
		if x.everything() && !x.Swept {
			return wish{x.CmdSeq, x.Request}
		}
	}
	return wish{}
}

// resting is what the venue says to rest.
func (b *bench) resting(names []string) OpenOrders {
	m := OpenOrders{AsOfMS: b.now.UnixMilli()}
	for _, id := range b.all(names) {
		m.Orders = append(m.Orders, VenueOrder{OrderID: id, Status: "LIVE", TokenID: "111", Side: msgs.Buy, OrderType: msgs.GTC, Price: 500_000, Size: 10 * money.Unit})
	}
	return m
}

// comparison is what others know, by words k=v,v: open, traded, heard; ledger=incarnation,n; lost=code.
func (b *bench) comparison(words []string) Comparison {
	m := Comparison{Ledger: Booked{Said: ledgerAbsent}, Heard: map[msgs.OrderID]bool{}}
	for _, word := range words {
		k, v, _ := strings.Cut(word, "=")
		list := strings.Split(v, ",")
		switch k {
		case "open":
			m.Open = b.resting(list)
		case "traded":
			m.Traded = b.all(list)
		case "heard":
			for _, id := range b.all(list) {
				m.Heard[id] = true
			}
		case "ledger":
			m.Ledger = Booked{ledgerAgrees, msgs.OrderPosition{Incarnation: list[0], N: uint64(number(list[1]))}}
		case "lost":
			m.Started.Losses = append(m.Started.Losses, actor.Loss{Code: msgs.Code(v), Stream: "ASK_main", Cause: "it is gone"})
		}
	}
	return m
}

// fields is a JSON object of the given fields and of words k=v; market coin and outcome Yes unless they say otherwise.
func fields(m map[string]string, more []string) string {
	if _, order := m["side"]; order {
		m["market"], m["outcome"] = "coin", "Yes"
	}
	var raw []string
	for _, kv := range more {
		k, v, _ := strings.Cut(kv, "=")
		delete(m, k)
		if v != "-" {
			raw = append(raw, fmt.Sprintf("%q:%s", k, strings.ReplaceAll(v, "'", `"`)))
		}
	}
	for k, v := range m {
		if v != "-" {
			raw = append(raw, fmt.Sprintf("%q:%q", k, v))
		}
	}
	return "{" + strings.Join(raw, ",") + "}"
}

func outcomeOf(w []string) polymarket.Outcome {
	switch w[0] {
	case "accepted":
		return polymarket.Accepted{Status: w[1], MakingAmount: at(w, 2), TakingAmount: at(w, 3)}
	case "rejected":
		return polymarket.Rejected{Reason: w[1], VenueMessage: "the venue says no"}
	case "retry":
		return polymarket.RetryAfter{Duration: time.Duration(number(w[1])) * time.Millisecond, Reason: w[2], VenueMessage: "later"}
	case "never_left":
		return polymarket.NeverLeft{Cause: polymarket.ErrTooLate}
	case "duplicated":
		return polymarket.Duplicated{}
	case "unauthorised":
		return polymarket.Unauthorised{VenueMessage: "who are you"}
	case "blocked":
		return polymarket.Blocked{Reason: "geoblocked", VenueMessage: "not here"}
	}
	return polymarket.Unknown{Cause: polymarket.ErrVenueFailed}
}

func at(w []string, i int) string {
	if i < len(w) {
		return w[i]
	}
	return ""
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func size(s string) money.Size { v, _, _ := money.ParseTolerant[money.Size](s); return v }
func cash(s string) money.Cash { return money.Cash(size(s)) }

func (b *bench) all(names []string) (ids []msgs.OrderID) {
	for _, n := range names {
		ids = append(ids, b.id(n))
	}
	return ids
}

// told writes a decision: events, what is done early, what is done, and the orders that changed.
func (b *bench) told(d actor.Decision) string {
	var out strings.Builder
	changed := map[*order]bool{}
	for _, e := range d.Events {
		out.WriteString("  " + b.event(e) + "\n")
		if o := orderIn(e); o != nil {
			if ord := b.core.find(o.OrderID, o.ClientOrderID); ord != nil {
				changed[ord] = true
			}
		}
	}
	for _, x := range d.Early {
		out.WriteString("  early " + b.deed(x) + "\n")
	}
	for _, x := range d.Deeds {
		out.WriteString("  do " + b.deed(x) + "\n")
	}
	if d.Wait {
		out.WriteString("  waits\n")
	}
	if d.Drain {
		out.WriteString("  drain\n")
	}
	for _, ord := range b.core.all() {
		if changed[ord] {
			out.WriteString("  = " + b.standing(ord) + "\n")
		}
	}
	if out.Len() == 0 {
		return "  nothing\n"
	}
	return out.String()
}

func (b *bench) event(e msgs.Event) string {
	h := msgs.HeadOf(e)
	s := strings.TrimPrefix(string(h.Type), "order.")
	if o := orderIn(e); o != nil {
		s += " " + b.who(o)
	}
	switch e := e.(type) {
	case *msgs.OrderSubmitting:
		in := e.Orders[0]
		s += fmt.Sprintf(" %s %s %s %s@%s gives %d gets %d until %d", in.ClientOrderID, in.Side, in.OrderType, in.Size, in.Price, in.MakerAmount, in.TakerAmount, in.ValidUntilMS)
	case *msgs.OrderAccepted:
		s += " " + e.VenueStatus
	case *msgs.OrderFilled:
		s += fmt.Sprintf(" %s@%s %s/%d", e.Fill.Size, e.Fill.Price, e.Fill.TradeID, e.Fill.Leg)
	case *msgs.OrderCancelled:
		s += " " + string(e.Reason)
	case *msgs.OrderRejected:
		s += " by " + e.By + " " + problem(e.Error)
	case *msgs.OrderCancelPending:
		s += " " + string(e.Error.Code)
	case *msgs.OrderCancelRejected:
		s += " " + string(e.Error.Code)
	case *msgs.OrderAnomaly:
		s += " " + problem(e.Error)
	case *msgs.OrderControlRejected:
		s += " " + e.Verb + " " + problem(e.Error)
	case *msgs.OrderCancelling:
		for _, r := range e.Orders {
			s += " " + b.ref(r)
		}
		if e.Swept {
			s += " swept"
		}
		if e.Barrier != nil {
			s += fmt.Sprintf(" barrier %d", e.Barrier.Seq)
		}
	case *msgs.OrderCancelAllDone:
		s += fmt.Sprintf(" %s: %d cancelled, %d killed, %d still open", h.ReqID, e.Cancelled, e.KilledInQueue, len(e.StillOpen))
	case *msgs.OrderHalted:
		s += " by " + e.By + " " + e.Reason
	case *msgs.OrderUnknown:
		s += " " + e.Cause
	case *msgs.OrderForeign:
		if e.Unexplained {
			s += " unexplained"
		}
	case *msgs.OrderResumed:
		if e.Accepted {
			s += " accepted"
		}
	case *msgs.OrderCompared:
		s += fmt.Sprintf(" %d open, ledger %s", e.Open, e.Ledger)
		if len(e.Doubts) > 0 {
			s += ", passes by " + e.Policy + b.doubts(e.Doubts)
		}
	case *msgs.OrderHeld:
		s += b.doubts(e.Doubts)
	}
	return s + fmt.Sprintf(" (%d)", h.CmdSeq)
}

// doubts writes why a log is doubted, with the names of orders that the transcript has given.
func (b *bench) doubts(list []msgs.Error) (s string) {
	for _, d := range list {
		s += " [" + string(d.Code) + ": " + d.Cause + "]"
	}
	return s
}

func problem(e *msgs.Error) string { return string(e.Code) + ": " + e.Cause + "; " + e.Fix }

func (b *bench) who(o *msgs.Order) string {
	if o.ClientOrderID != "" {
		return string(o.ClientOrderID)
	}
	return fmt.Sprintf("%.8s", o.OrderID)
}

func (b *bench) ref(r msgs.OrderRef) string {
	if r.ClientOrderID != "" {
		return string(r.ClientOrderID)
	}
	return b.name(r.OrderID)
}

func (b *bench) deed(d actor.Deed) string {
	in := func(ms int64) string { return fmt.Sprintf("%+d", ms-b.now.UnixMilli()) }
	names := func(ids []msgs.OrderID) (s string) {
		for _, id := range ids {
			s += " " + b.name(id)
		}
		return s
	}
	switch d := d.(type) {
	case Post:
		if d.Again {
			return "post again " + string(d.Intent.ClientOrderID)
		}
		return "post " + string(d.Intent.ClientOrderID)
	case CancelOrders:
		return "cancel" + names(d.OrderIDs)
	case HoldBack:
		return "hold back" + names(d.OrderIDs)
	case CancelEverything:
		return "cancel everything, of ours" + names(d.Own)
	case Lookup:
		from := "at once"
		if d.FromMS > b.now.UnixMilli() {
			from = "at " + in(d.FromMS)
		}
		counts := "at once"
		if d.DeniedMS > b.now.UnixMilli() {
			counts = "from " + in(d.DeniedMS)
		}
		if d.Many {
			from += ", few at a time"
		}
		return fmt.Sprintf("look up %s %s, a denial counts %s", b.name(d.OrderID), from, counts)
	case Audit:
		from := "at once"
		if d.FromMS > b.now.UnixMilli() {
			from = "at " + in(d.FromMS)
		}
		if d.Once {
			from += ", once"
		}
		return "list what rests " + from
	case Wait:
		return fmt.Sprintf("wait %s for %s try %d", in(d.UntilMS), b.name(d.Then.OrderID), d.Then.Try)
	case Compare:
		return "compare"
	case Reply:
		return "reply " + string(msgs.HeadOf(d.Event).Type)
	}
	return fmt.Sprintf("%T", d)
}

// standing is where an order stands.
func (b *bench) standing(o *order) string {
	s := fmt.Sprintf("%s %s filled %s of %s", b.who(&o.Order), o.State, o.Filled, o.Size)
	if o.Filled > 0 {
		s += " at " + o.AvgPrice.String()
	}
	if o.Unsettled > 0 {
		s += ", unsettled " + o.Unsettled.String()
	}
	s += ", remaining " + o.Remaining.String()
	for _, x := range []struct {
		is   bool
		word string
	}{{o.Final, "final"}, {o.Late, "late"}, {o.Wish != nil, "to be cancelled"}, {o.Foreign, "foreign"}} {
		if x.is {
			s += ", " + x.word
		}
	}
	return s
}
