package executor

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// chaos drives a bench with whatever a random source says: commands, outcomes of the deeds that are open, frames that fit
// and frames that do not, restarts. It checks after every decision what must hold whatever happens.
type chaos struct {
	*bench
	rng    *rand.Rand
	open   []actor.Deed // not answered yet
	flying map[msgs.OrderID]bool
	// left says of an order whether it may have left: then it goes again only after a denial.
	left   map[msgs.OrderID]bool
	kinds  map[msgs.OrderID]msgs.OrderType
	dead   map[msgs.ClientOrderID]bool // cancelled before or after its submit: nothing of it leaves any more
	denied map[msgs.OrderID]bool
	trades int
	ids    []string
}

func newChaos(t testing.TB, rng *rand.Rand) *chaos {
	return &chaos{bench: newBench(t, Rules{Caps: Caps{Order: 100 * money.Unit, OpenOrders: 200}}), rng: rng, flying: map[msgs.OrderID]bool{}, left: map[msgs.OrderID]bool{},
		kinds: map[msgs.OrderID]msgs.OrderType{}, dead: map[msgs.ClientOrderID]bool{}, denied: map[msgs.OrderID]bool{}}
}

// TestReplayEqualsLife plays a few hundred seeds. A failing seed is named and plays the same again.
func TestReplayEqualsLife(t *testing.T) {
	const seeds, steps = 60, 250
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newChaos(t, rand.New(rand.NewPCG(seed, 1)))
			for i := range steps {
				c.step()
				if i%50 == 49 {
					c.consistent()
				}
			}
		})
	}
}

func (c *chaos) step() {
	switch n := c.rng.IntN(100); {
	case n < 25:
		c.order()
	case n < 35:
		c.endOrders()
	case n < 70 && len(c.open) > 0:
		c.answer()
	case n < 85:
		c.frame()
	case n < 88:
		c.take(c.tell(actor.Tick{}))
	case n < 91:
		c.take(c.tell(actor.LaneEnd{Lane: laneSubmit, Seq: c.seq}))
	case n < 93:
		c.control()
	case n < 94:
		c.restart()
	default:
		c.now = c.now.Add(time.Duration(c.rng.IntN(8000)) * time.Millisecond)
	}
}

func pick[T any](c *chaos, xs ...T) T { return xs[c.rng.IntN(len(xs))] }

// known is the id of some order, mostly one that was submitted.
func (c *chaos) known() string {
	if len(c.ids) == 0 || c.rng.IntN(10) == 0 {
		return fmt.Sprintf("o%d", c.rng.IntN(60))
	}
	return c.ids[c.rng.IntN(len(c.ids))]
}

func (c *chaos) order() {
	id := fmt.Sprintf("o%d", c.rng.IntN(60))
	if c.rng.IntN(8) == 0 && len(c.ids) > 0 {
		c.take(c.tell(c.message([]string{"replace", id, c.known(), "price='0." + pick(c, "51", "53") + "'", "size_is='" + pick(c, "total", "new") + "'"})))
		c.ids = append(c.ids, id)
		return
	}
	w := []string{"submit", id, pick(c, "BUY", "SELL"), pick(c, "GTC", "GTC", "FOK", "FAK"), "0." + pick(c, "4", "52", "523"), pick(c, "5", "10", "1")}
	if c.rng.IntN(2) == 0 {
		w = append(w, "valid_until_ms=0")
	}
	d := c.tell(c.message(w))
	if len(d.Events) == 0 && len(d.Deeds) == 0 && !d.Wait && c.core.byClient[msgs.ClientOrderID(id)] == nil {
		c.t.Fatalf("submit %s got no answer", id)
	}
	c.take(d)
	c.ids = append(c.ids, id)
}

func (c *chaos) endOrders() {
	id := c.known()
	switch c.rng.IntN(4) {
	case 0:
		c.take(c.tell(c.message([]string{"cancel-id", id})))
	case 1:
		prefix := pick(c, "o1", "o2", "")
		d := c.tell(c.message([]string{"cancel_all", fmt.Sprintf("r%d", c.rng.IntN(1000)), "prefix='" + prefix + "'"}))
		if len(d.Events) > 0 {
			for _, ord := range c.core.walk() {
				if hasPrefix(ord.ClientOrderID, prefix) && ord.Wish != nil {
					c.dead[ord.ClientOrderID] = true
				}
			}
		}
		c.take(d)
	default:
		d := c.tell(c.message([]string{"cancel", id}))
		if o := c.core.byClient[msgs.ClientOrderID(id)]; o == nil || !o.Final {
			c.dead[msgs.ClientOrderID(id)] = true
		}
		c.take(d)
	}
}

func (c *chaos) control() {
	c.take(c.tell(c.message([]string{pick(c, "halt", "resume", "resume"), fmt.Sprintf("r%d", c.rng.IntN(1000))})))
}

func (c *chaos) restart() {
	c.consistent()
	c.core = c.replayed()
	c.open, c.flying = nil, map[msgs.OrderID]bool{}
	for id := range c.kinds {
		c.left[id] = true // whatever was in flight may have arrived
	}
	for d := range c.core.Open() {
		c.open = append(c.open, d)
	}
	c.core.rules.UnknownOrders = pick(c, policies()...)
	c.take(c.claim())
}

// answer gives an outcome to a deed that is open.
func (c *chaos) answer() {
	i := c.rng.IntN(len(c.open))
	d := c.open[i]
	c.open = append(c.open[:i], c.open[i+1:]...)
	switch d := d.(type) {
	case Post:
		c.posted(d.Intent.OrderID)
	case CancelOrders:
		c.take(c.tell(c.cancelAnswer(d.OrderIDs)))
	case CancelEverything:
		m := c.cancelAnswer(d.Own)
		m.Everything, m.For = true, d.For
		c.take(c.tell(m))
	case Lookup:
		c.looked(d)
	case Wait:
		c.reach(d.UntilMS)
		c.take(c.tell(d.Then))
	case Compare:
		m := Comparison{Open: OpenOrders{AsOfMS: c.now.UnixMilli()}, Ledger: Booked{Said: ledgerAbsent}}
		for _, ord := range c.core.walk() {
			if c.rng.IntN(2) == 0 {
				m.Open.Orders = append(m.Open.Orders, VenueOrder{OrderID: ord.OrderID, Status: "LIVE", TokenID: ord.TokenID, Side: ord.Side, OrderType: ord.OrderType, Size: ord.Size})
			}
		}
		if c.rng.IntN(4) == 0 {
			m.Open.Orders = append(m.Open.Orders, VenueOrder{OrderID: c.id(fmt.Sprintf("stranger%d", c.rng.IntN(3))), Status: "LIVE", TokenID: "111", Side: msgs.Buy, OrderType: msgs.GTC, Size: 10 * money.Unit})
		}
		if c.rng.IntN(10) == 0 {
			m.Ledger = Booked{ledgerAgrees, msgs.OrderPosition{Incarnation: c.core.incarnation, N: c.n + 1}}
		}
		c.take(c.tell(m))
	}
}

func (c *chaos) reach(ms int64) {
	if at := time.UnixMilli(ms); at.After(c.now) {
		c.now = at
	}
}

func (c *chaos) posted(id msgs.OrderID) {
	c.flying[id] = false
	var o polymarket.Outcome
	switch c.rng.IntN(10) {
	case 0:
		o = polymarket.RetryAfter{Duration: time.Duration(c.rng.IntN(3000)) * time.Millisecond, Reason: polymarket.ReasonRateLimited}
	case 1:
		o = polymarket.NeverLeft{Cause: polymarket.ErrTooLate}
	case 2:
		o = polymarket.Rejected{Reason: polymarket.CodeNotEnoughBalance}
	case 3, 4:
		o, c.left[id] = polymarket.Unknown{Cause: polymarket.ErrVenueFailed}, true
	case 5:
		o, c.left[id] = polymarket.Duplicated{}, true
	default:
		o, c.left[id] = polymarket.Accepted{Status: pick(c, "live", "matched", "delayed")}, true
	}
	c.take(c.tell(Posted{id, o}))
}

func (c *chaos) looked(l Lookup) {
	if c.rng.IntN(2) == 0 {
		c.reach(max(l.DeniedMS, l.FromMS))
		c.denied[l.OrderID] = true
		c.take(c.tell(Denied{l.OrderID, l.Try, l.Alone}))
		c.denied[l.OrderID] = false
		return
	}
	c.reach(l.FromMS)
	c.take(c.tell(Found{l.OrderID, VenueOrder{OrderID: l.OrderID, Status: pick(c, "LIVE", "MATCHED", "CANCELED", "DELAYED", "INVALID", "UNMATCHED", "STRANGE"),
		Matched: money.Size(c.rng.IntN(3)) * 2 * money.Unit}, l.Alone, c.now.UnixMilli()}))
}

func (c *chaos) cancelAnswer(ids []msgs.OrderID) (m CancelAnswer) {
	for _, id := range ids {
		switch c.rng.IntN(5) {
		case 0:
			m.Refused = append(m.Refused, CancelRefusal{id, pick(c, msgs.NotFound, msgs.AlreadyFilled, msgs.HeldByDelay, msgs.VenueRejected), "no"})
		case 1: // not named
		default:
			m.Cancelled = append(m.Cancelled, id)
		}
	}
	return m
}

// frame is something that the private feed says, about any order and in any order.
func (c *chaos) frame() {
	id := c.known()
	if c.rng.IntN(20) == 0 {
		id = fmt.Sprintf("stranger%d", c.rng.IntN(3))
	}
	if c.rng.IntN(3) == 0 {
		c.take(c.tell(c.message([]string{"frame", id, pick(c, "PLACEMENT", "UPDATE", "CANCELLATION"), pick(c, "LIVE", "MATCHED", "CANCELED", "DELAYED"), pick(c, "", "2", "4")})))
		return
	}
	c.trades++
	trade := fmt.Sprintf("t%d", c.rng.IntN(c.trades)+1)
	status := pick(c, "MATCHED", "MATCHED", "MINED", "CONFIRMED", "FAILED", "RETRYING")
	c.take(c.tell(c.message([]string{"trade", trade, status, id, pick(c, "1", "2", "4", "12", "0"), "0.5", pick(c, "0", "1")})))
}

// take keeps the deeds of a decision and checks what must hold.
func (c *chaos) take(d actor.Decision) {
	for _, x := range append(d.Early, d.Deeds...) {
		if p, ok := x.(Post); ok {
			c.mayPost(p)
		}
		c.open = append(c.open, x)
	}
	for _, e := range d.Events {
		if o := orderIn(e); o != nil {
			c.sound(e, o)
		}
	}
}

// mayPost checks that an order may leave.
func (c *chaos) mayPost(p Post) {
	c.t.Helper()
	id, client := p.Intent.OrderID, p.Intent.ClientOrderID
	_, again := c.kinds[id]
	switch {
	case c.flying[id]:
		c.t.Fatalf("%s is posted while its post is under way", client)
	case c.dead[client]:
		c.t.Fatalf("%s is posted after its cancel", client)
	case again && c.left[id] && !p.Intent.OrderType.Rests():
		c.t.Fatalf("%s %s may have left and is posted again", p.Intent.OrderType, client)
	case again && c.left[id] && !c.denied[id]:
		c.t.Fatalf("%s may have left and is posted again without a denial", client)
	case p.Intent.ValidUntilMS != 0 && c.now.UnixMilli() > p.Intent.ValidUntilMS:
		c.t.Fatalf("%s is posted too late", client)
	case c.core.halted, c.core.held():
		c.t.Fatalf("%s is posted while halted or held", client)
	case c.core.comparing:
		c.t.Fatalf("%s is posted before the log is compared", client)
	}
	c.flying[id], c.left[id], c.kinds[id] = true, false, p.Intent.OrderType
}

// sound checks the figures of an event against the state that it led to.
func (c *chaos) sound(e msgs.Event, o *msgs.Order) {
	c.t.Helper()
	if o.Filled < 0 || o.Remaining < 0 || o.Unsettled < 0 || o.Unsettled > o.Filled {
		c.t.Fatalf("%s: filled %s, remaining %s, unsettled %s", e.Kind(), o.Filled, o.Remaining, o.Unsettled)
	}
	if ended := o.State == msgs.Filled || o.State == msgs.Cancelled || o.State == msgs.Rejected; ended != o.Final {
		c.t.Fatalf("%s: state %s, final %v", e.Kind(), o.State, o.Final)
	}
	if ord := c.core.find(o.OrderID, o.ClientOrderID); ord != nil && o.OrderID != "" && ord.OrderID == o.OrderID {
		var net money.Size
		for _, l := range ord.Legs {
			if l.End != msgs.Failed {
				net += l.Size
			}
		}
		if net != ord.Filled {
			c.t.Fatalf("%s: legs sum to %s, filled is %s", e.Kind(), net, ord.Filled)
		}
	}
}

// FuzzDecide plays what the bytes say, raw commands included. Deciding never panics, and replay equals life.
func FuzzDecide(f *testing.F) {
	f.Add([]byte("a seed"), []byte(`{"client_order_id":"a","market":"coin","outcome":"Yes","side":"BUY","type":"GTC","price":"0.5","size":"10"}`), "submit")
	f.Add([]byte{1, 2, 3}, []byte(`{"client_order_id":"a","amount":"9223372036854","market":"coin","outcome":"No","side":"BUY","type":"FAK","price":"0.01"}`), "submit")
	f.Add([]byte{9}, []byte(`{"client_order_ids":["a","o1","a"]}`), "cancel")
	f.Add([]byte{7}, []byte(`{"request_id":"x","market":"coin","side":"SELL"}`), "cancel_all")
	f.Add([]byte{5}, []byte(`{"client_order_id":"b","replaces":"o1","size":"3","type":"GTD","expires_ms":99999999999999}`), "replace")
	f.Fuzz(func(t *testing.T, choices, raw []byte, verb string) {
		var seed [32]byte
		copy(seed[:], choices)
		c := newChaos(t, rand.New(rand.NewChaCha8(seed)))
		for i := range 40 {
			c.step()
			if i == 20 {
				c.take(c.tell(c.command(verb, string(raw))))
				odd := msgs.FeedLeg{Leg: int(seed[0]), OrderID: c.id(c.known()), Size: money.Size(binary.LittleEndian.Uint64(seed[8:])), Price: money.Price(binary.LittleEndian.Uint64(seed[16:]))}
				c.take(c.tell(&Fed{Trade: &msgs.FeedTrade{TradeID: "odd", Status: "MATCHED", Legs: []msgs.FeedLeg{odd, odd}}}))
			}
		}
		c.consistent()
	})
}
