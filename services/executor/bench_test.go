package executor

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// bench is a core with a clock and a log, and nothing around it.
type bench struct {
	t    testing.TB
	core *Orders
	now  time.Time
	n    uint64
	seq  uint64 // of the latest command
	log  [][]byte
	ids  map[msgs.ClientOrderID]msgs.OrderID // the latest of each client id
}

// began is when every bench begins: no day ends within a test.
func began() time.Time { return time.UnixMilli(1_763_800_000_000) }

func newBench(t testing.TB, rules Rules) *bench {
	if rules.BookAge == 0 {
		rules.BookAge = time.Minute
	}
	return &bench{t: t, core: NewOrders(someone(), rules), now: began(), ids: map[msgs.ClientOrderID]msgs.OrderID{}}
}

// someone is an identity whose key is one, which nobody uses.
func someone() Identity {
	key, err := polymarket.ParseKey(strings.Repeat("0", 63) + "1")
	if err != nil {
		panic(err)
	}
	a := key.Address()
	return Identity{Account: "main", Owner: a, Maker: a, Signer: a, ChainID: polymarket.Polygon}
}

// markets are the facts of every bench: coin on 0.01, fine on 0.001, shut takes no orders.
func markets() *Facts {
	make := func(slug, tick string, token int, open bool) *Market {
		return &Market{msgs.Market{V: 1, ConditionID: msgs.ConditionID(named("condition " + slug)), Slug: slug, TickSize: tick, MinSize: 5 * money.Unit, Domain: "2",
			Accepting: open, AtMS: began().UnixMilli(), Tokens: []msgs.MarketToken{
				{TokenID: msgs.TokenID(strconv.Itoa(token)), Outcome: "Yes"}, {TokenID: msgs.TokenID(strconv.Itoa(token + 1)), Outcome: "No"}}}}
	}
	return NewFacts(make("coin", "0.01", 111, true), make("fine", "0.001", 333, true), make("shut", "0.01", 555, false))
}

// named is a hash that belongs to a name.
func named(name string) string {
	h := sha256.Sum256([]byte(name))
	return "0x" + hex.EncodeToString(h[:])
}

// command makes the message that a stored command is.
func (b *bench) command(verb, text string) *Asked {
	b.seq++
	family := msgs.FamilyOrder
	if verb == msgs.VerbHalt || verb == msgs.VerbResume {
		family = msgs.FamilyControl
	}
	a := &Asked{Seq: b.seq, Stored: b.now, Verb: verb, Facts: markets()}
	a.Command, a.Err = msgs.DecodeCommand(msgs.CmdSubject(family, "main", verb), []byte(text))
	if a.Err == nil {
		a.Err = a.Command.Check()
	}
	a.Client, a.Request = msgs.PeekID([]byte(text))
	if a.Err == nil {
		a.Hash = msgs.ContentHash(a.Command)
		a.Salt = saltOf("main", a.Client, a.Seq)
	}
	return a
}

// tell decides a message and takes the events, as an actor does.
func (b *bench) tell(m any) actor.Decision {
	d := b.core.Decide(b.now, m)
	b.record(d.Events...)
	return d
}

// claim is an owner's claim, with which each life of an actor begins.
func (b *bench) claim() actor.Decision {
	name := cmp.Or(b.core.incarnation, "A")
	b.record(&msgs.OrderOwner{Head: msgs.Head{Type: msgs.KindOwner}, Owner: "test", Epoch: b.n, Incarnation: name})
	return b.tell(actor.Started{Incarnation: name, N: b.n})
}

// record numbers events, keeps them and applies them.
func (b *bench) record(events ...msgs.Event) {
	for _, e := range events {
		b.n++
		h := msgs.HeadOf(e)
		h.V, h.Account, h.Env, h.N, h.AtMS = 1, "main", msgs.Sandbox, b.n, b.now.UnixMilli()
		raw, err := json.Marshal(e)
		if err != nil {
			b.t.Fatal(err)
		}
		b.log = append(b.log, raw)
		b.core.Apply(e)
		if s, ok := e.(*msgs.OrderSubmitting); ok {
			for i := range s.Orders {
				b.ids[s.Orders[i].ClientOrderID] = s.Orders[i].OrderID
			}
		}
	}
}

// replayed is the state that a fresh core folds out of the log.
func (b *bench) replayed() *Orders {
	core := NewOrders(b.core.id, b.core.rules)
	for _, raw := range b.log {
		e, err := msgs.DecodeEvent(raw)
		if err != nil {
			b.t.Fatal(err)
		}
		core.Apply(e)
	}
	return core
}

// consistent fails the test when replay or a snapshot do not give the state that life gave.
func (b *bench) consistent() {
	b.t.Helper()
	going := 0
	for _, ord := range b.core.live {
		if ord.State == msgs.Submitting && !ord.held() {
			going++
		}
	}
	if going != len(b.core.going) {
		b.t.Fatalf("%d orders are said to have no outcome, and %d have none", len(b.core.going), going)
	}
	live, replayed := state(b.t, b.core), b.replayed()
	if again := state(b.t, replayed); !bytes.Equal(live, again) {
		b.t.Fatalf("replay differs from life:\n%s\n%s", live, again)
	}
	restored := NewOrders(b.core.id, b.core.rules)
	if err := restored.Restore(live); err != nil {
		b.t.Fatal(err)
	}
	if again := state(b.t, restored); !bytes.Equal(live, again) {
		b.t.Fatalf("a restored snapshot differs:\n%s\n%s", live, again)
	}
	for _, core := range []*Orders{b.core, replayed, restored} {
		b.exposedAsWalked(core)
	}
}

// exposedAsWalked fails the test when the exposure that the caps are judged by is not the sum over all live orders.
func (b *bench) exposedAsWalked(o *Orders) {
	b.t.Helper()
	resting, markets := money.Cash(0), map[msgs.ConditionID]money.Cash{}
	for _, ord := range o.live {
		stake := ord.stake()
		if resting += stake; stake != 0 {
			markets[ord.ConditionID] += stake
		}
	}
	if o.exposed.resting != resting || !maps.Equal(o.exposed.markets, markets) {
		b.t.Fatalf("the exposure is %s, %v, and the orders are worth %s, %v", o.exposed.resting, o.exposed.markets, resting, markets)
	}
}

func state(t testing.TB, o *Orders) []byte {
	t.Helper()
	b, err := o.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// id is the order id of a client id, or that of a name for orders that are not ours.
func (b *bench) id(name string) msgs.OrderID {
	if id, ok := b.ids[msgs.ClientOrderID(name)]; ok {
		return id
	}
	return msgs.OrderID(named(name))
}

// name is the way back.
func (b *bench) name(id msgs.OrderID) string {
	if o := b.core.byID[id]; o != nil && o.ClientOrderID != "" {
		return string(o.ClientOrderID)
	}
	for name, other := range b.ids {
		if other == id {
			return string(name)
		}
	}
	return fmt.Sprintf("%.8s", id)
}
