package judge

import (
	"fmt"
	"io"
	"math/big"
)

// venue is the sandbox's journal, by what is asked of it later: every order sent to it, every order it took, every
// trade, every look-up.
type venue struct {
	court   *court
	known   bool  // a meta line was read
	begun   int64 // at_us of the meta line
	env     string
	wallets map[string]string   // address or funder → account
	bySlug  map[string]string   // slug or condition id → condition id
	tokens  map[string][]string // condition id → tokens in the order Yes, No
	market  map[string]string   // token → condition id
	posts   []*post
	orders  map[string]*venueOrder
	trades  map[string]*trade
	lookups map[string][]lookup // by order id
	limits  map[string]*excess

	submitted  []int64 // requests that must be charged a unit
	answered   []int64 // submissions that were answered, let in or not
	charges    []charged
	executions []execution
	relays     []relay
	signed     map[int64]string // request → signature in its body
	leftAt     map[string]int64 // signature → when it came first, whatever became of it

	allowed  *allowed // nil when the journal does not say
	tiers    []tierChange
	arrivals []arrival
	covers   map[string][]int // windows by endpoint
}

// post is one order carried by one request, whatever became of it.
type post struct {
	request  int64
	at       int64
	account  string // empty when the request was lost before its login was read
	maker    string // wallet in lower case
	wire     wireOrder
	accepted bool // the venue took it: its answer says so

	// What is posted with an order and not signed.
	postOnly, deferExec string
	expiration          text
	refused             bool // the sender saw a definite refusal
}

// venueOrder is an order id at the venue, by the journal's order lines in the order written.
type venueOrder struct {
	id, account, token, condition, side, kind string
	price, size, filled                       string
	wire                                      wireOrder
	status                                    string
	firstAt, closedAt                         int64 // closedAt 0 while it rests
	taken                                     bool  // it was live, matched or delayed, or traded
	takenBy                                   map[int64]bool
	legs                                      []*leg
	sent                                      *sent
}

// trade is one match, by its newest line.
type trade struct {
	id, status string
	legs       []*leg
}

// final reports a trade that settled or failed for good.
func (t *trade) final() bool { return t.status == "CONFIRMED" || t.status == "FAILED" }

// leg is one order's part in a trade.
type leg struct {
	trade       *trade
	orderID     string
	price, size *big.Rat
}

// lookup is one question about an order id.
type lookup struct {
	at     int64
	denied bool // the venue said that it does not know the order
}

func newVenue(c *court) *venue {
	return &venue{
		court: c, wallets: map[string]string{}, bySlug: map[string]string{}, tokens: map[string][]string{}, market: map[string]string{},
		orders: map[string]*venueOrder{}, trades: map[string]*trade{},
		lookups: map[string][]lookup{}, limits: map[string]*excess{}, covers: map[string][]int{},
		signed: map[int64]string{}, leftAt: map[string]int64{},
	}
}

// journalLine is the union of all kinds of line; fields that a kind does not have stay empty.
type journalLine struct {
	Kind text  `json:"kind"`
	AtUs whole `json:"at_us"`

	Env      text `json:"env"`
	Accounts []struct {
		Name    text `json:"name"`
		Address text `json:"address"`
		Funder  text `json:"funder"`
	} `json:"accounts"`
	Markets []struct {
		Slug        text `json:"slug"`
		ConditionID text `json:"condition_id"`
		Tokens      list `json:"tokens"`
	} `json:"markets"`

	ID      whole  `json:"id"`
	Method  text   `json:"method"`
	Path    text   `json:"path"`
	Account text   `json:"account"`
	Body    string `json:"body"`
	Status  text   `json:"status"`
	Answer  string `json:"answer"`
	Fate    text   `json:"fate"`

	Request     whole `json:"request"`
	OrderID     text  `json:"order_id"`
	TokenID     text  `json:"token_id"`
	ConditionID text  `json:"condition_id"`
	Side        text  `json:"side"`
	Type        text  `json:"type"`
	Price       text  `json:"price"`
	Size        text  `json:"size"`
	MakerAmount text  `json:"maker_amount"`
	TakerAmount text  `json:"taker_amount"`
	Salt        text  `json:"salt"`
	TimestampMs text  `json:"timestamp_ms"`
	Filled      text  `json:"filled"`

	TradeID text `json:"trade_id"`
	Legs    []struct {
		OrderID text `json:"order_id"`
		Price   text `json:"price"`
		Size    text `json:"size"`
	} `json:"legs"`

	TxHash  text `json:"tx_hash"`
	Carrier text `json:"carrier"`
	Wallet  text `json:"wallet"`
	Key     text `json:"key"`
	OK      text `json:"ok"`
	GasWei  text `json:"gas_wei"`
	Undone  text `json:"undone"`

	Scope    text `json:"scope"`
	Endpoint text `json:"endpoint"`
	Excess   text `json:"excess"`
	Tier     text `json:"tier"`
	Address  text `json:"address"`
	Windows  list `json:"windows"`
	Tiers    list `json:"tiers"`
	Builders list `json:"builders"`
}

func (v *venue) read(r io.Reader) error {
	return eachLine(r, v.line, func(n int) {
		v.court.unreadable(fmt.Sprintf("journal line %d", n), "longer than any record")
	})
}

func (v *venue) line(n int, b []byte) {
	var l journalLine
	why := decode(b, &l)
	if why == "" {
		why = v.take(&l)
	}
	if why != "" {
		v.court.unreadable(fmt.Sprintf("journal line %d", n), why)
	}
}

// take files one line; the answer is why it could not.
func (v *venue) take(l *journalLine) string {
	switch l.Kind {
	case "meta":
		return v.takeMeta(l)
	case "request":
		return v.takeRequest(l)
	case "order":
		return v.takeOrder(l)
	case "trade":
		return v.takeTrade(l)
	case "limit":
		return v.takeLimit(l)
	case "limits":
		return v.takeAllowed(l)
	case "tier":
		return v.takeTier(l)
	case "charge":
		return v.takeCharge(l)
	case "execution":
		return v.takeExecution(l)
	case "relay":
		return v.takeRelay(l)
	case "":
		return "no kind"
	}
	v.court.unfamiliar("journal " + string(l.Kind))
	return ""
}

func (v *venue) takeMeta(l *journalLine) string {
	v.known, v.env, v.begun = true, string(l.Env), l.AtUs.n
	for _, a := range l.Accounts {
		v.wallets[lower(string(a.Address))] = string(a.Name)
	}
	for _, a := range l.Accounts {
		v.wallets[lower(string(a.Funder))] = string(a.Name)
	}
	for _, m := range l.Markets {
		condition := string(m.ConditionID)
		v.bySlug[string(m.Slug)], v.bySlug[condition] = condition, condition
		v.tokens[condition] = m.Tokens.texts()
		for _, token := range v.tokens[condition] {
			v.market[token] = condition
		}
	}
	return ""
}

func (v *venue) takeOrder(l *journalLine) string {
	id := lower(string(l.OrderID))
	if id == "" || !l.AtUs.set {
		return "an order line without order_id or at_us"
	}
	o := v.orders[id]
	if o == nil {
		o = &venueOrder{id: id, firstAt: l.AtUs.n, takenBy: map[int64]bool{}}
		v.orders[id] = o
	}
	if o.taken && l.Status == "rejected" {
		return "" // a repeat of known bytes was refused; the order itself is as it was
	}
	o.fill(l)
	switch o.status {
	case "live", "matched", "delayed":
		o.taken, o.closedAt = true, 0
		if l.Request.set {
			o.takenBy[l.Request.n] = true
		}
		if o.status == "matched" { // what is matched in part and rests is live
			o.closedAt = l.AtUs.n
		}
	case "cancelled", "expired", "killed", "rejected":
		o.closedAt = l.AtUs.n
		o.taken = o.taken || o.status == "cancelled" || o.status == "expired" || !zero(quantity(o.filled))
	default:
		v.court.unfamiliar("venue order status " + o.status)
	}
	return ""
}

// fill takes over what a line says; a later line may leave out what an earlier one said.
func (o *venueOrder) fill(l *journalLine) {
	put := func(field *string, value text) {
		if value != "" {
			*field = string(value)
		}
	}
	put(&o.account, l.Account)
	put(&o.token, l.TokenID)
	put(&o.condition, l.ConditionID)
	put(&o.side, l.Side)
	put(&o.kind, l.Type)
	put(&o.price, l.Price)
	put(&o.size, l.Size)
	put(&o.filled, l.Filled)
	put(&o.wire.salt, l.Salt)
	put(&o.wire.timestamp, l.TimestampMs)
	put(&o.wire.maker, l.MakerAmount)
	put(&o.wire.taker, l.TakerAmount)
	o.wire.token, o.wire.side, o.wire.kind = o.token, o.side, o.kind
	o.status = string(l.Status)
}

// immediate reports an order that never rests.
func (o *venueOrder) immediate() bool { return o.kind == "FOK" || o.kind == "FAK" }

// open reports an order that rests at the venue, or will.
func (o *venueOrder) open() bool { return o.taken && o.closedAt == 0 }

func (v *venue) takeTrade(l *journalLine) string {
	id := string(l.TradeID)
	if id == "" {
		return "a trade line without trade_id"
	}
	t := v.trades[id]
	if t == nil {
		t = &trade{id: id}
		v.trades[id] = t
	}
	t.status = string(l.Status)
	if len(t.legs) > 0 || len(l.Legs) == 0 {
		return ""
	}
	for _, g := range l.Legs {
		size := quantity(string(g.Size))
		if g.OrderID == "" || size == nil {
			return "a trade leg without order_id or size"
		}
		t.legs = append(t.legs, &leg{
			trade: t, orderID: lower(string(g.OrderID)), price: quantity(string(g.Price)), size: size,
		})
	}
	return ""
}

// settle hands every leg to its order and every order to its account, once all lines are read.
func (v *venue) settle() {
	for _, p := range v.posts {
		if p.account == "" {
			p.account = v.wallets[p.maker]
		}
	}
	for _, t := range v.trades {
		for _, g := range t.legs {
			if o := v.orders[g.orderID]; o != nil {
				o.legs = append(o.legs, g)
				o.taken = true
			}
		}
	}
}
