package judge

import (
	"cmp"
	"fmt"
	"time"
)

// checkLost: every stored command is answered and comes to an end, and what the log says of an order's existence is so.
func (a *account) checkLost() {
	for _, k := range a.commands {
		a.checkAnswered(k)
	}
	for _, k := range a.forAll {
		a.checkAnswered(k)
	}
	for _, o := range a.listed {
		a.checkResolved(o)
	}
}

func (a *account) checkAnswered(k *command) {
	f := Finding{Account: a.name, Stream: k.stream, Seq: k.seq, AtUs: k.storedUs}
	if k.orders() {
		f.ClientOrderID = k.id
	}
	switch {
	case k.repeat:
	case !k.answered:
		f.Why = "no event answers " + k.verb
		if !k.orders() && k.id != "" {
			f.Why += " " + k.id
		}
		a.court.accuse(LostCommands, f)
	case k.controls() && !k.refused && !k.reused && !a.answers.ended[k.id+" "+k.verb]:
		f.Why = k.verb + " " + k.id + " was never told to be done"
		a.court.accuse(Unresolved, f)
	}
}

func (a *account) checkResolved(o *order) {
	v := a.venueOf(o)
	at := o.told.mark
	f := Finding{Account: a.name, ClientOrderID: o.id, OrderID: o.told.orderID, Seq: at.seq, AtUs: at.storedUs}
	switch {
	case o.told.state == "" && o.stored():
		f.Why = "no event gives it a state"
		a.court.accuse(Unresolved, f)
	case o.told.state == "submitting" || o.told.state == "unknown":
		f.Why = "last told " + o.told.state
		a.court.accuse(Unresolved, f)
	case o.told.state == "rejected" && v != nil && v.stands():
		f.Why = fmt.Sprintf("told rejected, at the venue %s with %s filled", v.status, show(v.traded(false)))
		a.court.accuse(Denied, f)
	case a.phantom(o, v):
		f.Why = "told " + cmp.Or(o.told.state, "accepted") + ", never at the venue"
		if o.accepted.set() && o.accepted.storedUs < a.court.venue.begun {
			f.Why += ", whose journal begins later: a sandbox that was started again knows nothing of what was before; judge the journal of that time"
		}
		a.court.accuse(Phantom, f)
	}
}

// stored reports an order whose command was answered and not refused, and which so must have a state.
func (o *order) stored() bool {
	k := o.owner()
	return k != nil && k.answered && !k.refused
}

// phantom reports an order that the log has at the venue and the venue has not.
func (a *account) phantom(o *order, v *venueOrder) bool {
	if v != nil && (v.taken || v.status == "killed") {
		return false
	}
	switch o.told.state {
	case "open", "delayed", "filled":
		return true
	}
	return o.accepted.set()
}

// venueOf is the venue's order that the log speaks of: by the id told last, else the one that was sent.
func (a *account) venueOf(o *order) *venueOrder {
	if v := a.court.venue.orders[o.told.orderID]; v != nil && o.told.orderID != "" {
		return v
	}
	for _, i := range o.intents {
		if i.sent != nil && i.sent.venue != nil {
			return i.sent.venue
		}
	}
	return nil
}

// stands reports an order that the venue took and did not kill untouched.
func (v *venueOrder) stands() bool {
	if v.traded(false).Sign() > 0 {
		return true
	}
	return v.taken && v.status != "killed" && v.status != "rejected"
}

// span is a duration for people.
func span(us int64) string { return time.Duration(us * 1000).String() }
