package judge

import (
	"math/big"
	"strings"
)

// account is everything known about one account: what was asked, what was told, what was sent.
type account struct {
	court    *court
	name     string
	commands []*command // by sequence
	forAll   []*command // this account's view of what was asked of all, by sequence of that stream
	log      []message  // by sequence
	work     []*command // on-chain, by sequence
	feed     int

	orders      map[string]*order // by client_order_id
	listed      []*order          // in the order in which they were first heard of
	intents     map[string]*intent
	bySeq       map[int64]*command
	foreign     map[string]bool // order ids told as order.foreign
	strays      []*sent         // sent with no intent and no command that explains them
	wanted      map[string][]*order
	firstSeq    int64 // lowest sequence seen of the account's ASK stream, 0 none
	halts       []halt
	events      int
	answers     answers
	cancelsByID map[string][]*command // cancels by order id
}

// answers are the places on the log where commands are answered.
type answers struct {
	at        map[answerKey]mark
	refused   map[answerKey]bool   // answered as bad input
	cancelNot map[answerKey]string // code of a cancel_rejected
	request   map[string]mark      // any event, by request_id
	rejected  map[string]bool      // control_rejected, by request_id
	ended     map[string]bool      // cancel_all_done, halted, resumed, by request_id and verb
	open      map[string]string    // still_open of a cancel_all_done, by request_id
}

// answerKey is a cmd_seq with one id that the event is about. The id is needed because the stream for all accounts has
// sequences of its own, which meet those of the account's stream.
type answerKey struct {
	seq int64
	id  string
}

// halt is a stretch of the log in which nothing new may leave; until is unset when it never ended.
type halt struct{ from, until mark }

// order is what a client_order_id came to.
type order struct {
	id       string
	commands []*command // submits and replaces with this id, by sequence
	cancels  []*command // cancels that name it
	intents  []*intent
	extra    []*sent // sent for it with no intent of their own
	told     told
	born     mark              // first event that gives it a state
	fills    map[string]*fills // by trade
	accepted mark              // first event that says the venue has it
}

// told is the newest state of an order on the log.
type told struct {
	state, orderID                     string
	size, filled, remaining, unsettled *big.Rat
	final                              bool
	mark                               mark
}

// fills are the legs of one trade that were told as fills of one order.
type fills struct {
	legs  map[string]bool
	ends  map[string]string // how the settlement of each leg was told to end: CONFIRMED or FAILED
	size  *big.Rat
	price *big.Rat
	mark  mark
}

// intent is one signed order that the log said would be sent.
type intent struct {
	orderID string
	order   *order
	wire    wireOrder
	marks   []mark // each submitting event that lists it
	sent    *sent
}

// sent is one signed order that reached, or was thrown at, the venue.
type sent struct {
	account string
	wire    wireOrder
	posts   []*post
	venue   *venueOrder
	intent  *intent
}

func newAccount(c *court, name string) *account {
	return &account{
		court: c, name: name,
		orders: map[string]*order{}, intents: map[string]*intent{}, bySeq: map[int64]*command{},
		foreign: map[string]bool{}, cancelsByID: map[string][]*command{},
		answers: answers{
			at: map[answerKey]mark{}, refused: map[answerKey]bool{}, cancelNot: map[answerKey]string{},
			request: map[string]mark{}, rejected: map[string]bool{}, ended: map[string]bool{}, open: map[string]string{},
		},
	}
}

// index ties commands to the orders that they are about; sequences are in order already.
func (a *account) index() {
	for _, k := range a.court.forAll {
		own := *k
		a.forAll = append(a.forAll, &own)
	}
	for _, k := range a.commands {
		a.bySeq[k.seq] = k
		switch {
		case k.bad:
		case k.orders() && k.id != "":
			o := a.order(k.id)
			o.commands = append(o.commands, k)
		case k.verb == "cancel":
			clients, orders := k.targets()
			for _, id := range clients {
				o := a.order(id)
				o.cancels = append(o.cancels, k)
			}
			for _, id := range orders {
				a.cancelsByID[id] = append(a.cancelsByID[id], k)
			}
		}
	}
}

func (a *account) order(id string) *order {
	o := a.orders[id]
	if o == nil {
		o = &order{id: id, fills: map[string]*fills{}}
		a.orders[id] = o
		a.listed = append(a.listed, o)
	}
	return o
}

// owner is the command whose order this is: the first that was not refused as bad input, nil when none was stored.
func (o *order) owner() *command {
	for _, k := range o.commands {
		if !k.refused {
			return k
		}
	}
	if len(o.commands) > 0 {
		return o.commands[0]
	}
	return nil
}

// all walks what was sent for the order, with an intent or without.
func (o *order) all() []*sent {
	out := make([]*sent, 0, len(o.intents)+len(o.extra))
	for _, i := range o.intents {
		if i.sent != nil {
			out = append(out, i.sent)
		}
	}
	return append(out, o.extra...)
}

// terms are what an order is about, for filters: its intent's word, else its command's, else what it replaces.
type terms struct{ id, token, condition, side string }

func (a *account) terms(o *order) terms {
	t := terms{id: o.id}
	const longestChain = 100 // replaces of replaces; a loop is possible in a hostile record
	for range longestChain {
		if len(o.intents) > 0 {
			t.token, t.side = o.intents[0].wire.token, o.intents[0].wire.side
			break
		}
		k := o.owner()
		if k == nil {
			break
		}
		t.token, t.side = a.court.venue.tokenOf(&k.payload), k.side()
		if k.verb != "replace" {
			break
		}
		next := a.orders[string(k.payload.Replaces)]
		if next == nil {
			break
		}
		o = next
	}
	t.condition = a.court.venue.market[t.token]
	return t
}

// tokenOf resolves what a command calls its token; empty when it cannot be told.
func (v *venue) tokenOf(p *commandBody) string {
	if p.TokenID != "" {
		return string(p.TokenID)
	}
	if p.Signed.wire.token != "" {
		return p.Signed.wire.token
	}
	tokens := v.tokens[v.bySlug[string(p.Market)]]
	switch {
	case len(tokens) == 2 && strings.EqualFold(string(p.Outcome), "yes"):
		return tokens[0]
	case len(tokens) == 2 && strings.EqualFold(string(p.Outcome), "no"):
		return tokens[1]
	}
	return ""
}

// matches reports whether a cancel_all or halt is about an order with these terms.
func (a *account) matches(k *command, t terms) bool {
	p := &k.payload
	if k.family == "control" {
		return true
	}
	switch {
	case p.TokenID != "" && string(p.TokenID) != t.token:
		return false
	case p.Side != "" && string(p.Side) != t.side:
		return false
	case p.Prefix != "" && !strings.HasPrefix(t.id, string(p.Prefix)):
		return false
	case p.Market != "" && (t.condition == "" || a.court.venue.bySlug[string(p.Market)] != t.condition):
		return false
	}
	return true
}

// lower is how hashes are compared.
func lower(s string) string { return strings.ToLower(s) }
