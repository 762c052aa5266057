package relayer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/actor"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// trial plays an actor to a core: it numbers and applies what is decided, keeps the log, and holds replay and snapshot against
// life.
type trial struct {
	t    testing.TB
	id   Identity
	core *Wallet
	now  time.Time
	n    uint64
	seq  uint64
	log  []msgs.Event
}

const (
	testCondition = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
	otherMarket   = "0x3a5f1c9e72b8d0461f7e3c5a9b2d8064e1f3a7c5902b6d8e4f1a3c5e7b9d2f00"
	yesToken      = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
	noToken       = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
	listed        = "0x6e0c80c90ea6c15917308f820eac91ce2724b5b5"
)

func identity(t testing.TB, kind polymarket.WalletKind) Identity {
	c, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	owner := common.HexToAddress("0x3Eea25034397B249a3eD8614BB4d0533e5b03594")
	wallet := map[polymarket.WalletKind]polymarket.Address{polymarket.EOA: owner, polymarket.Safe: c.SafeWallet(owner)}[kind]
	switch kind {
	case polymarket.Proxy:
		wallet, _ = c.ProxyWallet(owner)
	case polymarket.Deposit:
		wallet, _ = c.DepositWallets(owner)
	}
	return Identity{Account: "main", Kind: kind, Owner: owner, Wallet: wallet, ChainID: polymarket.Polygon, Contracts: c, SendTo: []polymarket.Address{common.HexToAddress(listed)}}
}

func newTrial(t testing.TB, kind polymarket.WalletKind) *trial {
	b := &trial{t: t, id: identity(t, kind), now: time.UnixMilli(1_763_800_000_000)}
	b.core = NewWallet(b.id, Rules{})
	return b
}

// begun is a trial whose owner has claimed and read its lane.
func begun(t testing.TB, kind polymarket.WalletKind) *trial {
	b := newTrial(t, kind)
	b.claim()
	b.tell(actor.LaneEnd{})
	return b
}

func (b *trial) claim() {
	b.claimed()
	b.tell(actor.Started{})
}

func (b *trial) claimed() {
	o := &msgs.OrderOwner{Owner: "test", Epoch: b.n + 1}
	o.Type = msgs.KindTxOwner
	b.take(o)
}

func (b *trial) take(e msgs.Event) {
	b.n++
	h := msgs.HeadOf(e)
	h.V, h.Account, h.Env, h.N, h.AtMS = 1, b.id.Account, msgs.Sandbox, b.n, b.now.UnixMilli()
	raw, err := msgs.EncodeEvent(e)
	if err != nil {
		b.t.Fatalf("%s does not encode: %v", e.Kind(), err)
	}
	back, err := msgs.DecodeEvent(raw)
	if err != nil {
		b.t.Fatalf("%s does not decode: %v", e.Kind(), err)
	}
	b.log = append(b.log, back)
	b.core.Apply(e)
}

// tell gives the core a message and applies what it decides.
func (b *trial) tell(m any) actor.Decision {
	b.t.Helper()
	d := b.core.Decide(b.now, m)
	for _, e := range d.Events {
		b.take(e)
	}
	return d
}

// ask is a command as the lane gives it.
func (b *trial) ask(verb, body string) actor.Decision {
	b.t.Helper()
	return b.tell(b.asked(verb, body))
}

func (b *trial) asked(verb, body string) *Asked {
	b.t.Helper()
	b.seq++
	a := &Asked{Seq: b.seq, Stored: b.now, Verb: verb}
	a.Command, a.Err = msgs.DecodeCommand(msgs.CmdSubject(msgs.FamilyTx, b.id.Account, verb), []byte(body))
	if a.Err == nil {
		a.Err = a.Command.Check()
	}
	if a.Err == nil {
		a.Hash = msgs.ContentHash(a.Command)
		a.Request = msgs.RequestID(a.Command.ID())
		a.Market = marketOf(conditionOf(a.Command))
	} else {
		_, a.Request = msgs.PeekID([]byte(body))
	}
	return a
}

// marketOf knows the two markets of the tests: one ordinary, one of a neg-risk event.
func marketOf(c msgs.ConditionID) *msgs.Market {
	switch c {
	case testCondition:
		return &msgs.Market{ConditionID: c, Tokens: []msgs.MarketToken{{TokenID: yesToken}, {TokenID: noToken}}}
	case otherMarket:
		return &msgs.Market{ConditionID: c, NegRisk: true, QuestionID: otherMarket[:64] + "03", Tokens: []msgs.MarketToken{{TokenID: "1001"}, {TokenID: "1002"}}}
	}
	return nil
}

// looks is a world in which everything is open and there is enough of everything.
func (b *trial) looks(nonce uint64) Looked {
	return Looked{AtMS: b.now.UnixMilli(), Block: 100 + nonce, Deployed: true, Nonce: nonce, Relay: common.HexToAddress("0x01"), Cash: map[polymarket.Address]Amounts{
		b.id.Contracts.Collateral: {Have: 10_000_000_000}, b.id.Contracts.USDCe: {Have: 10_000_000_000},
	}, Positions: map[polymarket.TokenID]Amounts{token(yesToken): {Have: 500_000_000}, token(noToken): {Have: 500_000_000}, token("1001"): {}, token("1002"): {}},
		Relayer: Door{Open: true}, OwnGas: Door{Open: true}, Quota: quota.View{Limit: 100, Remaining: 100}, Approvals: true}
}

func token(s string) polymarket.TokenID {
	id, err := polymarket.ParseTokenID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func (b *trial) wait(d time.Duration) { b.now = b.now.Add(d) }

// replayed is a core that has folded the log.
func (b *trial) replayed() *Wallet {
	w := NewWallet(b.id, Rules{})
	for _, e := range b.log {
		w.Apply(e)
	}
	return w
}

// consistent holds replay and snapshot against life.
func (b *trial) consistent() {
	b.t.Helper()
	life, err := b.core.Snapshot()
	if err != nil {
		b.t.Fatal(err)
	}
	replay, err := b.replayed().Snapshot()
	if err != nil {
		b.t.Fatal(err)
	}
	if !bytes.Equal(life, replay) {
		b.t.Fatalf("replay is\n%s\nlife\n%s", replay, life)
	}
	back := NewWallet(b.id, Rules{})
	if err := back.Restore(life); err != nil {
		b.t.Fatal(err)
	}
	again, err := back.Snapshot()
	if err != nil || !bytes.Equal(life, again) {
		b.t.Fatalf("the snapshot comes back as\n%s\n%v", again, err)
	}
}

func deedOf[T any](t testing.TB, ds ...[]actor.Deed) T {
	t.Helper()
	for _, list := range ds {
		for _, d := range list {
			if v, ok := d.(T); ok {
				return v
			}
		}
	}
	var zero T
	t.Fatalf("no %T among %s", zero, text(ds))
	return zero
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// sealed brings what is due to its Submit or Bring.
func (b *trial) sealed(l Looked) actor.Decision {
	b.t.Helper()
	deedOf[Look](b.t, b.tell(actor.Tick{}).Early)
	r := deedOf[Rehearse](b.t, b.tell(l).Early)
	return b.tell(Rehearsed{Pack: r.Pack, Failed: -1, Nonce: r.Pack.Nonce})
}

// The whole way of a request through the relayer: queued, sealed, submitted, mined, confirmed, each once.
func TestRequestGoesItsWayThroughTheRelayer(t *testing.T) {
	b := begun(t, polymarket.Safe)
	b.ask("split", `{"request_id":"s1","condition_id":"`+testCondition+`","amount":"250"}`)
	if d := b.tell(actor.Tick{}); len(d.Early) != 0 {
		t.Fatalf("looked before the linger was over: %s", text(d.Early))
	}
	b.wait(31 * time.Second)
	s := deedOf[Submit](t, b.sealed(b.looks(7)).Deeds)
	if s.Unit.Nonce != 7 || len(s.Unit.Calls) != 1 || s.Unit.Hash == "" {
		t.Fatalf("submitted %s", text(s))
	}
	f := deedOf[Follow](t, b.tell(Submitted{Unit: s.Unit.Unit, ID: "id-1"}).Deeds)
	b.tell(Seen{Unit: f.Unit.Unit, TxHash: "0x01", Block: 108, Executed: true})
	b.tell(Seen{Unit: f.Unit.Unit, TxHash: "0x01", Block: 108, Executed: true, Final: true, Carrier: msgs.ByRelayer, Effect: msgs.Effect{"pUSD": -250_000_000, yesToken: 250_000_000, noToken: 250_000_000}})
	if got, want := b.kinds(), "tx.owner tx.ready tx.queued tx.approvals tx.sealed tx.submitting tx.submitted tx.mined tx.confirmed"; got != want {
		t.Errorf("events are %s", got)
	}
	if a, ok := b.core.Answer("s1"); !ok || !a.Final || a.Last != msgs.KindTxConfirmed {
		t.Errorf("answered %s", text(a))
	}
	b.consistent()
}

func (b *trial) kinds() (out string) {
	for i, e := range b.log {
		if i > 0 {
			out += " "
		}
		out += string(e.Kind())
	}
	return out
}

// signatureOf is the function that a call of a unit calls.
func signatureOf(t testing.TB, c msgs.TxCall) string {
	t.Helper()
	m, err := polymarket.DecodeCalldata(common.FromHex(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	return m.Signature()
}
