package judge

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// checkSends judges everything that was sent for the account: once, announced, in time.
func (a *account) checkSends() {
	for _, o := range a.listed {
		sents := o.all()
		slices.SortStableFunc(sents, func(x, y *sent) int { return cmp.Compare(x.at(), y.at()) })
		a.checkTwice(o, sents)
		a.checkIntents(o)
		for _, s := range sents {
			a.checkLate(o, s)
			a.checkResends(o, s)
			a.checkAnnounced(o, s)
		}
		a.checkReplaced(o, sents)
	}
}

// blame is a finding about an order and one thing sent for it.
func (a *account) blame(k Kind, o *order, s *sent, at int64, why string) {
	f := Finding{Account: a.name, ClientOrderID: o.id, AtUs: at, Why: why}
	if s != nil {
		f.OrderID = s.id()
		if s.intent != nil {
			f.OrderID = s.intent.orderID
		}
		for _, p := range s.posts {
			if p.at == at {
				f.Request = p.request
			}
		}
	}
	if owner := o.owner(); owner != nil {
		f.Stream, f.Seq = owner.stream, owner.seq
	}
	a.court.accuse(k, f)
}

// checkTwice: one command, one venue order, executed once.
func (a *account) checkTwice(o *order, sents []*sent) {
	var first *sent
	for _, s := range sents {
		if !s.reached() {
			if s.intent == nil {
				a.blame(Unlogged, o, s, s.at(), "sent with no intent on the log")
			}
			continue
		}
		switch {
		case first != nil:
			a.blame(DuplicatesAtVenue, o, s, s.at(), "a second venue order for a command that had "+first.id())
		case s.intent == nil:
			a.blame(Unlogged, o, s, s.at(), "at the venue with no intent on the log")
		}
		if first == nil {
			first = s
		}
		a.checkExecuted(o, s)
	}
}

// checkExecuted: one order id is taken once and executed at most as far as it was signed.
func (a *account) checkExecuted(o *order, s *sent) {
	times := 0
	var last int64
	for _, p := range s.posts {
		if p.accepted || (!p.refused && s.venue.takenBy[p.request]) {
			times++
			last = p.at
		}
	}
	for range times - 1 {
		a.blame(DuplicatesAtVenue, o, s, last, fmt.Sprintf("the same order id was taken %d times", times))
	}
	if times <= 1 {
		if why := s.venue.overdone(); why != "" {
			a.blame(DuplicatesAtVenue, o, s, s.at(), why)
		}
	}
}

// overdone says how trades that did not fail exceed what was signed; empty when they do not. A FOK or FAK BUY is
// bound by its pUSD, since a better price brings more shares; every other order by its shares.
func (v *venueOrder) overdone() string {
	shares, cash := new(big.Rat), new(big.Rat)
	for _, g := range v.legs {
		if g.trade.status == "FAILED" {
			continue
		}
		shares.Add(shares, g.size)
		if g.price != nil {
			cash.Add(cash, new(big.Rat).Mul(g.size, g.price))
		}
	}
	done, bound, unit := shares, v.wire.shares(), "shares"
	if v.side == "BUY" && v.immediate() {
		done, bound, unit = cash, v.wire.cash(), "pUSD"
	}
	if zero(bound) {
		return ""
	}
	// Each leg may be rounded by a base unit.
	slack := big.NewRat(int64(len(v.legs)), baseUnits)
	if done.Cmp(slack.Add(slack, bound)) <= 0 {
		return ""
	}
	return fmt.Sprintf("executed for %s %s, signed for %s", show(done), unit, show(bound))
}

// checkIntents: an intent has a command, and is signed once.
func (a *account) checkIntents(o *order) {
	if len(o.intents) == 0 {
		return
	}
	if o.owner() == nil && !a.purged() {
		i := o.intents[0]
		a.court.accuse(Uncommanded, Finding{
			Account: a.name, ClientOrderID: o.id, OrderID: i.orderID, Seq: i.marks[0].seq, AtUs: i.marks[0].storedUs,
			Why: "no stored command has this id",
		})
	}
	for n, i := range o.intents[1:] {
		before := o.intents[n]
		if before.mayHaveLeft() && !(before.reached() && i.reached()) {
			a.court.accuse(Resigned, Finding{
				Account: a.name, ClientOrderID: o.id, OrderID: i.orderID, Seq: i.marks[0].seq, AtUs: i.marks[0].storedUs,
				Why: "signed again while " + before.orderID + " may have left",
			})
		}
	}
}

func (i *intent) reached() bool { return i.sent != nil && i.sent.reached() }

// mayHaveLeft reports a request of which the sender cannot know that it came to nothing.
func (i *intent) mayHaveLeft() bool {
	return i.sent != nil && slices.ContainsFunc(i.sent.posts, func(p *post) bool { return !p.refused })
}

// checkAnnounced: no byte reaches the venue before its intent is stored.
func (a *account) checkAnnounced(o *order, s *sent) {
	if s.intent == nil {
		return
	}
	stored := s.intent.marks[0].storedUs
	if at := s.at(); at < stored {
		a.blame(Unlogged, o, s, at, fmt.Sprintf("arrived %s before its intent was stored", span(stored-at)))
	}
}

// checkLate applies the rules of the package comment to each arrival.
func (a *account) checkLate(o *order, s *sent) {
	r := a.court.rules
	k := o.owner()
	for _, p := range s.posts {
		m := s.announced(p.at)
		if k != nil {
			if until, ends := k.validUntil(r.age); ends {
				if p.at > plus(until, r.sendBy+r.tolerance) {
					a.blame(LateSends, o, s, p.at, fmt.Sprintf("arrived %s after its valid_until", span(p.at-until)))
					continue
				}
				if m.set() && p.at > until && milli(m.atMs) > until {
					a.blame(LateSends, o, s, p.at, fmt.Sprintf("decided %s after its valid_until", span(milli(m.atMs)-until)))
					continue
				}
			}
		}
		if m.set() && p.at > plus(m.storedUs, r.sendBy+r.tolerance) && !a.explained(s, m, p) {
			a.blame(LateSends, o, s, p.at, fmt.Sprintf("arrived %s after its intent was stored", span(p.at-m.storedUs)))
		}
	}
}

// announced is the newest intent stored before an arrival, else the first one.
func (s *sent) announced(at int64) mark {
	if s.intent == nil {
		return mark{}
	}
	m := s.intent.marks[0]
	for _, later := range s.intent.marks[1:] {
		if later.storedUs <= at {
			m = later
		}
	}
	return m
}

// explained reports that something was done between an intent and a late arrival: the same bytes before, or a look-up.
func (a *account) explained(s *sent, m mark, p *post) bool {
	if slices.ContainsFunc(s.posts, func(q *post) bool { return q.at < p.at && q.at >= m.storedUs }) {
		return true
	}
	return slices.ContainsFunc(a.court.venue.lookups[s.intent.orderID], func(l lookup) bool {
		return l.at > m.storedUs && l.at <= p.at
	})
}

// checkResends: the same bytes go again only after a definite refusal; else never for FOK and FAK, and for the rest
// only when the venue denied knowing them and the time for a late arrival has passed.
func (a *account) checkResends(o *order, s *sent) {
	var open *post // newest earlier request that may have arrived
	for _, p := range s.posts {
		if open != nil {
			if why := a.unsafe(s, open, p); why != "" {
				a.blame(UnsafeResends, o, s, p.at, why)
			}
		}
		if !p.refused {
			open = p
		}
	}
}

func (a *account) unsafe(s *sent, before, p *post) string {
	r := a.court.rules
	if p.wire.kind == "FOK" || p.wire.kind == "FAK" {
		return p.wire.kind + " sent again after request " + fmt.Sprint(before.request) + " may have left"
	}
	id := s.id()
	if s.intent != nil {
		id = s.intent.orderID
	}
	denied := slices.ContainsFunc(a.court.venue.lookups[id], func(l lookup) bool {
		return l.denied && l.at >= before.at && l.at <= p.at
	})
	if !denied {
		return "sent again without the venue's denial"
	}
	m := s.announced(before.at)
	if ready := plus(m.storedUs, r.sendBy+r.visibility-r.tolerance); m.set() && p.at < ready {
		return "sent again " + span(ready-p.at) + " too early"
	}
	return ""
}

// checkReplaced: a replacement leaves only when the old order is closed at the venue.
func (a *account) checkReplaced(o *order, sents []*sent) {
	k := o.owner()
	if k == nil || k.verb != "replace" {
		return
	}
	old := a.orders[string(k.payload.Replaces)]
	if old == nil {
		return
	}
	for _, s := range sents {
		for _, before := range old.all() {
			v := before.venue
			if v == nil || !v.taken || len(s.posts) == 0 {
				continue
			}
			if at := s.posts[0].at; v.closedAt == 0 || v.closedAt > at {
				a.blame(EarlyReplaces, o, s, at, "sent while "+v.id+" was open")
			}
		}
	}
}

// checkStrays: what nobody asked for and nobody announced is either told as foreign, or sent behind the log's back.
func (c *court) checkStrays() {
	for _, a := range c.judged() {
		for _, s := range a.strays {
			if !s.reached() || a.foreign[s.id()] {
				c.verdict.OrdersForeign++
				continue
			}
			c.accuse(Unlogged, Finding{
				Account: a.name, OrderID: s.id(), AtUs: s.at(), Why: "at the venue with no intent, no command and no order.foreign",
			})
		}
	}
}
