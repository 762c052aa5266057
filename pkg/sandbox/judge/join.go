package judge

import (
	"cmp"
	"slices"
)

// join ties what reached the venue to the intents that announced it, and what nobody announced to the commands that
// ask for the same.
func (c *court) join() {
	sents, byKey := c.venue.sents()
	for _, a := range c.judged() {
		for _, o := range a.listed {
			for _, i := range o.intents {
				i.bind(c.venue, byKey)
			}
		}
	}
	for _, s := range sents {
		if s.intent == nil && c.judges(s.account) {
			c.accounts[s.account].adopt(s)
		}
	}
}

// sents gathers requests and order lines by what was signed, in the order in which they arrived.
func (v *venue) sents() ([]*sent, map[string]*sent) {
	byKey := make(map[string]*sent, len(v.orders))
	all := make([]*sent, 0, len(v.orders))
	for _, o := range v.orders {
		o.sent = &sent{account: o.account, wire: o.wire, venue: o}
		all = append(all, o.sent)
		if key := o.wire.key(); key != "" {
			byKey[key] = o.sent
		}
	}
	for _, p := range v.posts {
		key := p.wire.key()
		s := byKey[key]
		if s == nil || key == "" {
			s = &sent{account: p.account, wire: p.wire}
			all = append(all, s)
			if key != "" {
				byKey[key] = s
			}
		}
		if s.account == "" {
			s.account = p.account
		}
		s.wire.kind = p.wire.kind
		s.posts = append(s.posts, p)
	}
	for _, s := range all {
		slices.SortStableFunc(s.posts, func(a, b *post) int { return cmp.Compare(a.at, b.at) })
	}
	slices.SortFunc(all, func(a, b *sent) int {
		return cmp.Or(cmp.Compare(a.at(), b.at()), cmp.Compare(a.id(), b.id()), cmp.Compare(a.wire.key(), b.wire.key()))
	})
	return all, byKey
}

// at is when the venue first heard of it.
func (s *sent) at() int64 {
	switch {
	case len(s.posts) > 0 && s.venue != nil:
		return min(s.posts[0].at, s.venue.firstAt)
	case len(s.posts) > 0:
		return s.posts[0].at
	}
	return s.venue.firstAt
}

// id is the venue's order id, where one was given.
func (s *sent) id() string {
	if s.venue != nil {
		return s.venue.id
	}
	return ""
}

// reached reports an order that the venue took or tried to match; a refused or lost one did not.
func (s *sent) reached() bool {
	return s.venue != nil && (s.venue.taken || s.venue.status == "killed")
}

// bind finds what was sent for an intent: by order id, or by what was signed when the venue never gave it one.
func (i *intent) bind(v *venue, byKey map[string]*sent) {
	var s *sent
	if o := v.orders[i.orderID]; o != nil {
		s = o.sent
	} else if key := i.wire.key(); key != "" {
		s = byKey[key]
	}
	if s != nil && s.intent == nil {
		i.sent, s.intent = s, i
	}
}

// adopt finds the command that explains an order sent without an intent; what no command explains is a stray.
func (a *account) adopt(s *sent) {
	if a.wanted == nil {
		a.indexWants()
	}
	var found *order
	for _, want := range s.wants() {
		for _, o := range a.wanted[want] {
			if found == nil || (len(found.all()) > 0 && len(o.all()) == 0) {
				found = o
			}
		}
		if found != nil {
			found.extra = append(found.extra, s)
			return
		}
	}
	a.strays = append(a.strays, s)
}

// wants are the descriptions under which a command would ask for this order, the surest first.
func (s *sent) wants() []string {
	w := s.wire
	var out []string
	if w.salt != "" {
		out = append(out, "signed|"+w.key())
	}
	if v := s.venue; v != nil && v.price != "" && v.size != "" {
		out = append(out, want(v.token, v.side, v.price, v.size))
	}
	if price, shares := w.price(), w.shares(); price != nil && shares != nil {
		out = append(out, want(w.token, w.side, show(price), show(shares)))
	}
	if cash := w.cash(); cash != nil {
		out = append(out, want(w.token, w.side, "amount", show(cash)))
	}
	return out
}

func want(token, side, price, size string) string {
	return token + "|" + side + "|" + canonical(price) + "|" + canonical(size)
}

// indexWants lists the account's orders by what their commands ask for.
func (a *account) indexWants() {
	a.wanted = map[string][]*order{}
	add := func(key string, o *order) { a.wanted[key] = append(a.wanted[key], o) }
	for _, o := range a.listed {
		k := o.owner()
		if k == nil {
			continue
		}
		if key := k.payload.Signed.wire.key(); key != "" {
			add("signed|"+key, o)
			continue
		}
		t := a.terms(o)
		price, size := a.asked(o)
		if amount := string(k.payload.Amount); amount != "" {
			add(want(t.token, t.side, "amount", amount), o)
		} else if price != "" && size != "" {
			add(want(t.token, t.side, price, size), o)
		}
	}
}

// asked is the price and size of the order's command; a replace inherits what it leaves out.
func (a *account) asked(o *order) (price, size string) {
	const longestChain = 100
	for range longestChain {
		k := o.owner()
		if k == nil {
			return price, size
		}
		if price == "" {
			price = string(k.payload.Price)
		}
		if size == "" {
			size = string(k.payload.Size)
		}
		next := a.orders[string(k.payload.Replaces)]
		if k.verb != "replace" || next == nil {
			return price, size
		}
		o = next
	}
	return price, size
}
