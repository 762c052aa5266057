package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tombstoneAge is how long a cancel of an unseen id must be remembered: as long as an id is spent.
const tombstoneAge = 24 * 3600 * 1_000_000

// barrier is a command after which nothing that it matches and that was stored before it may leave.
type barrier struct {
	*command
	watermark int64 // in the account's own stream: commands with a lower sequence are dead
}

// barriers is the account's cancel_alls and halts, in the order of their events on the log.
type barriers struct {
	all  []barrier
	high []int64   // highest watermark up to each
	ever int64     // highest watermark of any, those without an event included
	lost []barrier // without an event
}

// checkBarriers accuses once for each order that left, or rests, in spite of a barrier.
func (a *account) checkBarriers() {
	b := a.barriers()
	for _, o := range a.listed {
		k := o.owner()
		if k == nil {
			continue
		}
		if why, at, s := a.passed(o, k, b); why != "" {
			a.blame(AfterBarrier, o, s, at, why)
		}
	}
}

func (a *account) barriers() barriers {
	var b barriers
	add := func(k *command, watermark int64) {
		if k.refused || k.repeat || k.reused || !a.bars(k) {
			return
		}
		b.ever = max(b.ever, watermark)
		if k.effect.set() {
			b.all = append(b.all, barrier{k, watermark})
		} else {
			b.lost = append(b.lost, barrier{k, watermark})
		}
	}
	for _, k := range a.commands {
		add(k, k.seq)
	}
	for _, k := range a.forAll {
		add(k, a.seqAt(k.storedUs))
	}
	slices.SortStableFunc(b.all, func(x, y barrier) int { return cmp.Compare(x.effect.pos, y.effect.pos) })
	var high int64
	for _, x := range b.all {
		high = max(high, x.watermark)
		b.high = append(b.high, high)
	}
	return b
}

// bars reports a command that kills what was stored before it. A resume does so too when it ends a halt: what was stored
// during the halt is not kept for later.
func (a *account) bars(k *command) bool {
	switch k.verb {
	case "cancel_all", "halt":
		return true
	case "resume":
		return slices.ContainsFunc(a.halts, func(h halt) bool { return h.until.set() && h.until.pos == k.effect.pos })
	}
	return false
}

// seqAt turns a time into a watermark of the account's stream: one past the last command stored before it.
func (a *account) seqAt(us int64) int64 {
	i, _ := slices.BinarySearchFunc(a.commands, us, func(k *command, us int64) int { return cmp.Compare(k.storedUs, us) })
	if i == 0 {
		return 0
	}
	return a.commands[i-1].seq + 1
}

// find is a barrier among the first n that kills the command; nil when there is none.
func (b *barriers) find(n int, seq int64, kills func(*command) bool) *barrier {
	for i := n - 1; i >= 0 && b.high[i] > seq; i-- {
		if x := &b.all[i]; x.watermark > seq && kills(x.command) {
			return x
		}
	}
	return nil
}

// passed says how the order passed a barrier, and what was sent; empty when it passed none.
func (a *account) passed(o *order, k *command, b barriers) (string, int64, *sent) {
	if why, at, s := a.passedCancel(o, k); why != "" {
		return why, at, s
	}
	t := a.terms(o)
	kills := func(x *command) bool { return a.matches(x, t) }
	for _, i := range o.intents {
		for _, m := range i.marks {
			n, _ := slices.BinarySearchFunc(b.all, m.pos, func(x barrier, pos int) int { return cmp.Compare(x.effect.pos, pos) })
			if x := b.find(n, k.seq, kills); x != nil {
				return "intent logged after " + x.name(), m.storedUs, i.sent
			}
			if h := a.haltAt(m); h != nil {
				return "intent logged while halted", m.storedUs, i.sent
			}
		}
	}
	grace := a.court.sendBy + a.court.tolerance
	for _, s := range o.all() {
		for _, p := range s.posts {
			n, _ := slices.BinarySearchFunc(b.all, p.at, func(x barrier, at int64) int {
				return cmp.Compare(plus(x.effect.storedUs, grace), at)
			})
			if x := b.find(n, k.seq, kills); x != nil {
				return fmt.Sprintf("arrived %s after %s", span(p.at-x.effect.storedUs), x.name()), p.at, s
			}
			if a.haltedBefore(p.at, grace) {
				return "arrived while halted", p.at, s
			}
		}
		if s.venue == nil || !s.venue.open() || b.ever <= k.seq {
			continue
		}
		rests := func(x *command) bool { return x.cancels() && kills(x) && !x.admits(o.id, s.id()) }
		x := b.find(len(b.all), k.seq, rests)
		for i := range b.lost {
			if x == nil && b.lost[i].watermark > k.seq && rests(b.lost[i].command) {
				x = &b.lost[i]
			}
		}
		if x != nil {
			return "rests at the venue in spite of " + x.name(), s.venue.firstAt, s
		}
	}
	return "", 0, nil
}

// passedCancel applies the same to cancels that name the order.
func (a *account) passedCancel(o *order, k *command) (string, int64, *sent) {
	for _, x := range a.cancelsOf(o) {
		if x.refused {
			continue
		}
		buried := x.seq < k.seq && k.storedUs-x.storedUs < tombstoneAge
		for _, i := range o.intents {
			for _, m := range i.marks {
				if x.effect.set() && m.pos > x.effect.pos && (buried || x.seq > k.seq) {
					return "intent logged after " + x.name(), m.storedUs, i.sent
				}
			}
		}
		for _, s := range o.all() {
			if buried {
				return "sent although " + x.name() + " was stored before its submit", s.at(), s
			}
			for _, p := range s.posts {
				if x.effect.set() && p.at > plus(x.effect.storedUs, a.court.sendBy+a.court.tolerance) {
					return fmt.Sprintf("arrived %s after %s", span(p.at-x.effect.storedUs), x.name()), p.at, s
				}
			}
			if s.venue != nil && s.venue.open() && !a.toldNot(x, o, s) {
				return "rests at the venue in spite of " + x.name(), s.venue.firstAt, s
			}
		}
	}
	return "", 0, nil
}

// cancelsOf is every cancel that names the order by either id.
func (a *account) cancelsOf(o *order) []*command {
	out := o.cancels
	for _, i := range o.intents {
		if more := a.cancelsByID[i.orderID]; len(more) > 0 {
			out = append(slices.Clip(out), more...)
		}
	}
	return out
}

// toldNot reports that the sender was told, for a reason that fits an order at rest, that his cancel did not work.
func (a *account) toldNot(k *command, o *order, s *sent) bool {
	for _, id := range []string{o.id, s.id(), ""} {
		switch code := a.answers.cancelNot[answerKey{k.seq, id}]; code {
		case "", "not_found", "already_final", "already_filled":
		default:
			return true
		}
	}
	return false
}

// admits reports that cancel_all_done named the order as still open.
func (k *command) admits(client, id string) bool {
	return k.stillOpen != "" && (strings.Contains(k.stillOpen, `"`+client+`"`) || (id != "" && strings.Contains(lower(k.stillOpen), id)))
}

// name is how findings call a command.
func (k *command) name() string {
	if k.id != "" {
		return fmt.Sprintf("%s %s (%s)", k.verb, k.id, k.where())
	}
	return fmt.Sprintf("%s (%s)", k.verb, k.where())
}

// haltAt is the halt in which a place on the log falls.
func (a *account) haltAt(m mark) *halt {
	n, _ := slices.BinarySearchFunc(a.halts, m.pos, func(h halt, pos int) int { return cmp.Compare(h.from.pos, pos) })
	if n == 0 || (a.halts[n-1].until.set() && a.halts[n-1].until.pos < m.pos) {
		return nil
	}
	return &a.halts[n-1]
}

// haltedBefore reports that a halt had been told for longer than the grace, and not lifted, at a time.
func (a *account) haltedBefore(at, grace int64) bool {
	n, _ := slices.BinarySearchFunc(a.halts, at, func(h halt, at int64) int {
		return cmp.Compare(plus(h.from.storedUs, grace), at)
	})
	return n > 0 && (!a.halts[n-1].until.set() || at < a.halts[n-1].until.storedUs)
}
