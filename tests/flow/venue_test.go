package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/pkg/money"
	"sluice/pkg/polymarket"
)

// line is a line of the venue's journal, as far as tests ask.
type line struct {
	Kind    string
	AtUS    int64 `json:"at_us"`
	ID      int64
	Method  string
	Path    string
	Account string
	Body    string
	Status  int
	Answer  string
	Fate    string
	Request int64
	OrderID string `json:"order_id"`
	Type    string
	Filled  string
	Reason  string
	Excess  int
	Legs    []struct {
		OrderID string `json:"order_id"`
	}
}

// journal is what the venue has recorded.
func (p *plant) journal() []line {
	p.t.Helper()
	raw := p.venue.Journal(p.raws)
	p.raws += len(raw)
	for _, b := range raw {
		var l line
		// "status" is a number of requests and a word of orders.
		var word struct{ Status any }
		var rest map[string]json.RawMessage
		if err := json.Unmarshal(b, &rest); err != nil {
			p.t.Fatal(err)
		}
		_ = json.Unmarshal(b, &word)
		if _, text := word.Status.(string); text {
			delete(rest, "status")
		}
		again, err := json.Marshal(rest)
		if err == nil {
			err = json.Unmarshal(again, &l)
		}
		if err != nil {
			p.t.Fatalf("%v in %s", err, b)
		}
		p.lines = append(p.lines, l)
	}
	return p.lines
}

// requests lists what arrived for an account on an endpoint ("POST /order"); an empty account is any.
func (p *plant) requests(account, endpoint string) []line {
	p.t.Helper()
	var out []line
	for _, l := range p.journal() {
		if l.Kind == "request" && l.Method+" "+l.Path == endpoint && (account == "" || l.Account == account || l.Account == "") {
			out = append(out, l)
		}
	}
	return out
}

// posts lists the requests that carried orders, in the order in which they arrived.
func (p *plant) posts() []line {
	p.t.Helper()
	all := append(p.requests("", "POST /order"), p.requests("", "POST /orders")...)
	slices.SortFunc(all, func(a, b line) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// orders is how many orders a request carried.
func (l *line) orders() int { return strings.Count(l.Body, `"salt":`) }

// salt is how an order of main is known in a request's body, by its intent; empty while there is none.
func (p *plant) salt(id string) (salt string) {
	p.t.Helper()
	for _, e := range p.ofType("main", "order.submitting") {
		for _, o := range e.Orders {
			if o.ClientOrderID == id {
				salt = fmt.Sprintf(`"salt":%d,`, o.Salt)
			}
		}
	}
	return salt
}

// sent lists the requests that carried an order of main.
func (p *plant) sent(id string) []line {
	p.t.Helper()
	var out []line
	salt := p.salt(id)
	for _, l := range p.posts() {
		if salt != "" && strings.Contains(l.Body, salt) {
			out = append(out, l)
		}
	}
	return out
}

// clob is the venue's interface for an account, beside Sluice.
func (p *plant) clob(account string) *polymarket.CLOB {
	p.t.Helper()
	c := &polymarket.CLOB{BaseURL: "http://venue", HTTP: p.pipe.Client(), ChainID: polymarket.Polygon, Key: identityOf(p.t, account).key}
	ctx, cancel := p.deadline()
	defer cancel()
	creds, err := c.CreateOrDeriveKey(ctx, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	c.Creds = creds
	return c
}

// byHand places a GTC order of an account beside Sluice, on Yes of a market, and returns its id.
func (p *plant) byHand(account, slug string, side polymarket.Side, price, size string) string {
	p.t.Helper()
	c := p.clob(account)
	e := p.signed(account, slug, side, price, size)
	ctx, cancel := p.deadline()
	defer cancel()
	out, _ := c.PostOrder(ctx, polymarket.PostRequest{Envelope: e})
	if _, ok := out.(polymarket.Accepted); !ok {
		p.t.Fatalf("order of %s by hand: %v", account, out)
	}
	return strings.ToLower(e.Order.ID.Hex())
}

// signed is a GTC order of an account with a salt of its own.
func (p *plant) signed(account, slug string, side polymarket.Side, price, size string) polymarket.Envelope {
	p.t.Helper()
	id, m := identityOf(p.t, account), market(p.t, slug)
	token, err := polymarket.ParseTokenID(m.Tokens[0])
	if err != nil {
		p.t.Fatal(err)
	}
	tick, err := polymarket.ParseTick(m.TickSize)
	if err != nil {
		p.t.Fatal(err)
	}
	at, err1 := money.Parse[money.Price](price)
	much, err2 := money.Parse[money.Size](size)
	maker, taker, err3 := polymarket.LimitAmounts(side, at, much, tick)
	if err1 != nil || err2 != nil || err3 != nil {
		p.t.Fatal(err1, err2, err3)
	}
	o := polymarket.Order{Salt: polymarket.NewSalt(), Maker: id.funder, Signer: id.key.Address(), TokenID: token, MakerAmount: maker, TakerAmount: taker,
		Side: side, SignatureType: polymarket.WalletKind(id.SignatureType), TimestampMS: time.Now().UnixMilli()}
	s, err := polymarket.Sign(id.key, o, polymarket.Domain{ChainID: polymarket.Polygon, Version: polymarket.VersionCLOB, NegRisk: m.NegRisk})
	if err != nil {
		p.t.Fatal(err)
	}
	return polymarket.Envelope{Order: s, Type: polymarket.GTC}
}

// open lists what rests at the venue for an account.
func (p *plant) open(account string) []polymarket.OpenOrder {
	p.t.Helper()
	ctx, cancel := p.deadline()
	defer cancel()
	all, err := p.clob(account).OpenOrders(ctx, polymarket.OrderFilter{})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}
