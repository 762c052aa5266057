package judge

import (
	"fmt"
	"strings"
)

// family is what must hold of the messages of one subject: dense numbers, one writer at a time, cursors forward.
type family struct {
	started bool
	n       int64
	epoch   int64
	owner   string
	cursors map[string]int64
}

// replay reads the account's log once, in order, and keeps what the checks need.
func (a *account) replay() {
	families := map[string]*family{}
	for _, m := range a.log {
		var e envelope
		if why := decode([]byte(m.data), &e); why != "" {
			a.court.unreadable(m.where(), why)
			continue
		}
		f := families[m.subject]
		if f == nil {
			f = &family{cursors: map[string]int64{}}
			families[m.subject] = f
		}
		if env := a.court.venue.env; env != "" && e.Env != "" && string(e.Env) != env {
			a.accuse(WrongEnv, m, fmt.Sprintf("log of env %s, venue of env %s", e.Env, env))
		}
		a.replayMessage(m, f, &e, strings.HasPrefix(m.subject, "evt.order."))
	}
}

func (a *account) replayMessage(m message, f *family, e *envelope, orders bool) {
	events := make([]event, 0, len(e.Events))
	for i, raw := range e.Events {
		var ev event
		if why := decode(raw, &ev); why != "" {
			a.court.unreadable(fmt.Sprintf("%s event %d", m.where(), i), why)
			continue
		}
		events = append(events, ev)
	}
	a.checkFence(m, f, e, events)
	a.checkCursors(m, f, e)
	for i := range events {
		ev := &events[i]
		a.events++
		a.checkN(m, f, ev)
		if orders {
			a.take(ev, mark{pos: a.events, storedUs: m.storedUs, atMs: ev.AtMs.n, seq: m.seq})
		}
	}
}

// accuse reports something about a message.
func (a *account) accuse(k Kind, m message, why string) {
	a.court.accuse(k, Finding{Account: a.name, Stream: m.stream, Seq: m.seq, AtUs: m.storedUs, Why: why})
}

// checkFence: whoever writes has made the newest claim.
func (a *account) checkFence(m message, f *family, e *envelope, events []event) {
	for i := range events {
		ev := &events[i]
		if ev.Type != "order.owner" && ev.Type != "tx.owner" {
			continue
		}
		if ev.falls() && ev.Epoch.n == f.epoch && (string(ev.Owner) == f.owner || f.owner == "") {
			continue
		}
		if f.epoch != 0 && ev.Epoch.n <= f.epoch {
			a.accuse(FenceBreaks, m, fmt.Sprintf("%s claims epoch %d, but %s has claimed %d", ev.Owner, ev.Epoch.n, f.owner, f.epoch))
			return
		}
		f.epoch, f.owner = ev.Epoch.n, string(ev.Owner)
	}
	if !e.Epoch.set {
		return
	}
	if f.epoch == 0 { // the claim was purged with the head of the log
		f.epoch, f.owner = e.Epoch.n, string(e.Owner)
	}
	switch {
	case e.Epoch.n < f.epoch:
		a.accuse(FenceBreaks, m, fmt.Sprintf("written by %s of epoch %d after %s claimed %d", e.Owner, e.Epoch.n, f.owner, f.epoch))
	case e.Epoch.n > f.epoch:
		a.accuse(FenceBreaks, m, fmt.Sprintf("written under epoch %d, which nobody claimed", e.Epoch.n))
	case e.Owner != "" && f.owner != "" && string(e.Owner) != f.owner:
		a.accuse(FenceBreaks, m, fmt.Sprintf("written by %s under the epoch that %s claimed", e.Owner, f.owner))
	}
}

func (a *account) checkCursors(m message, f *family, e *envelope) {
	for _, name := range sorted(e.Cursors) {
		at := e.Cursors[name]
		if at.n < f.cursors[name] {
			a.accuse(CursorRegressions, m, fmt.Sprintf("cursor %s went from %d to %d", name, f.cursors[name], at.n))
		}
		f.cursors[name] = at.n
	}
}

// checkN: events of a family count 1, 2, 3. The first one seen may be any, since a log is purged from its head.
func (a *account) checkN(m message, f *family, e *event) {
	if !e.N.set {
		a.accuse(NGaps, m, fmt.Sprintf("%s without n", e.Type))
		return
	}
	if f.started && e.N.n != f.n+1 {
		a.accuse(NGaps, m, fmt.Sprintf("n %d follows n %d", e.N.n, f.n))
	}
	f.started, f.n = true, e.N.n
}

// take files one order event.
func (a *account) take(e *event, at mark) {
	if e.Type == "" {
		a.court.unreadable(fmt.Sprintf("LOG of %s, message %d", a.name, at.seq), "an event without type")
		return
	}
	if !e.known() {
		a.court.unfamiliar("event " + string(e.Type))
	}
	a.takeAnswer(e, at)
	switch e.Type {
	case "order.submitting":
		for _, o := range e.Orders {
			a.takeIntent(o, at)
		}
	case "order.halted", "order.held":
		if n := len(a.halts); n == 0 || a.halts[n-1].until.set() {
			a.halts = append(a.halts, halt{from: at})
		}
	case "order.resumed":
		if n := len(a.halts); n > 0 && !a.halts[n-1].until.set() {
			a.halts[n-1].until = at
		}
	case "order.foreign":
		a.foreign[lower(string(e.OrderID))] = true
		return
	}
	if e.ClientOrderID != "" {
		a.takeState(e, at)
	}
}

// takeAnswer notes which commands the event answers.
func (a *account) takeAnswer(e *event, at mark) {
	w := &a.answers
	if id := string(e.RequestID); id != "" {
		w.request[id] = w.request[id].first(at)
		switch e.Type {
		case "order.cancel_all_done":
			w.ended[id+" cancel_all"] = true
			w.open[id] += string(e.StillOpen)
		case "order.halted":
			w.ended[id+" halt"] = true
		case "order.resumed":
			w.ended[id+" resume"] = true
		case "order.control_rejected":
			w.rejected[id] = true
		}
	}
	if !e.CmdSeq.set || e.CmdSeq.n == 0 {
		return
	}
	code, ids := string(e.Error.Code), e.ids()
	if badInput(code) {
		ids = append(ids, anyBadInput)
	}
	for _, id := range ids {
		key := answerKey{e.CmdSeq.n, id}
		w.at[key] = w.at[key].first(at)
		if e.Type == "order.control_rejected" || badInput(code) {
			w.refused[key] = true
		} else if e.Type == "order.cancel_rejected" {
			w.cancelNot[key] = code
		}
	}
}

func (a *account) takeIntent(o eventOrder, at mark) {
	id := lower(string(o.OrderID))
	if o.ClientOrderID == "" || id == "" {
		a.court.unreadable(fmt.Sprintf("LOG of %s, message %d", a.name, at.seq), "an intent without ids")
		return
	}
	owner := a.order(string(o.ClientOrderID))
	i := a.intents[id]
	if i == nil {
		i = &intent{orderID: id, order: owner, wire: o.wire()}
		a.intents[id] = i
		owner.intents = append(owner.intents, i)
	}
	i.marks = append(i.marks, at)
	owner.born = owner.born.first(at)
	owner.told.state, owner.told.orderID, owner.told.mark = "submitting", id, at
}

// takeState follows an order from event to event.
func (a *account) takeState(e *event, at mark) {
	o := a.order(string(e.ClientOrderID))
	if a.aboutRepeat(e, o) {
		return
	}
	if e.State != "" && !e.cancelling() { // what only answers a cancel does not answer the submit
		o.born = o.born.first(at)
	}
	switch e.Type {
	case "order.accepted":
		o.accepted = o.accepted.first(at)
	case "order.filled":
		o.accepted = o.accepted.first(at)
		a.takeFill(e, o, at)
	case "order.settled":
		o.takeEnd(e, "CONFIRMED")
	case "order.settlement_failed":
		o.takeEnd(e, "FAILED")
	}
	if e.State == "" || (e.Side == "" && e.Type == "order.cancel_rejected") { // of an order that is not known any more, or not yet
		return
	}
	t := &o.told
	t.state, t.mark = string(e.State), at
	t.final = e.Final == "true"
	t.size, t.filled, t.remaining = quantity(string(e.Size)), quantity(string(e.Filled)), quantity(string(e.Remaining))
	t.unsettled = quantity(string(e.Unsettled))
	if e.OrderID != "" {
		t.orderID = lower(string(e.OrderID))
	}
}

// aboutRepeat reports an event that refuses another command with a spent id; it says nothing about the order itself.
func (a *account) aboutRepeat(e *event, o *order) bool {
	if e.Type != "order.rejected" || !badInput(string(e.Error.Code)) {
		return false
	}
	return len(o.commands) > 0 && o.commands[0].seq != e.CmdSeq.n
}

func (a *account) takeFill(e *event, o *order, at mark) {
	trade, number := string(e.Fill.TradeID), string(e.Fill.Leg)
	size := quantity(string(e.Fill.Size))
	if trade == "" || size == nil {
		a.court.unreadable(fmt.Sprintf("LOG of %s, message %d", a.name, at.seq), "order.filled without a fill")
		return
	}
	f := o.fills[trade]
	if f == nil {
		f = &fills{legs: map[string]bool{}, ends: map[string]string{}, price: quantity(string(e.Fill.Price)), mark: at}
		o.fills[trade] = f
	}
	if f.legs[number] {
		a.court.accuse(FillsRepeated, Finding{
			Account: a.name, ClientOrderID: o.id, OrderID: lower(string(e.OrderID)), Seq: at.seq, AtUs: at.storedUs,
			Why: fmt.Sprintf("leg %s of trade %s told again", number, trade),
		})
		return
	}
	f.legs[number] = true
	if f.size == nil {
		f.size = size
	} else {
		f.size.Add(f.size, size)
	}
}

// takeEnd notes how the settlement of a leg was told to end. What was not told as a fill is accused as such.
func (o *order) takeEnd(e *event, end string) {
	if f := o.fills[string(e.Fill.TradeID)]; f != nil {
		f.ends[string(e.Fill.Leg)] = end
	}
}

// resolve decides, now that the whole log is known, which commands were answered, refused or took effect.
func (a *account) resolve() {
	for _, k := range a.commands {
		a.answer(k)
	}
	for _, k := range a.forAll {
		a.answer(k)
	}
}

func (a *account) answer(k *command) {
	w := &a.answers
	letter := a.court.dead.answers(k)
	k.refused = letter || k.bad
	for _, key := range k.keys() {
		k.effect = k.effect.first(w.at[key])
		k.refused = k.refused || w.refused[key]
	}
	switch {
	case k.bad || k.reused:
	case k.controls() && k.id != "":
		k.effect = k.effect.first(w.request[k.id])
		k.refused = k.refused || w.rejected[k.id]
		k.stillOpen = w.open[k.id]
	case k.orders() && k.id != "" && !k.repeat:
		k.effect = k.effect.first(a.orders[k.id].born)
	}
	k.answered = letter || k.effect.set()
}
