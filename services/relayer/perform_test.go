package relayer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/actor"
	"sluice/pkg/actor/actortest"
	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/limits/quota"
	"sluice/pkg/money"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
)

func TestMain(m *testing.M) { actortest.Main(m) }

// countingSigner counts the signatures that it makes.
type countingSigner struct {
	*polymarket.Key
	made atomic.Int64
}

func (s *countingSigner) SignDigest(h polymarket.Hash) ([]byte, error) {
	s.made.Add(1)
	return s.Key.SignDigest(h)
}

// bench is a performer for one account of the sandbox, whose relayer and chain are real, in virtual time.
type bench struct {
	*testing.T
	venue  *sandbox.Sandbox
	p      *performer
	key    *countingSigner
	units  *pages
	market sandbox.Market
	held   Held
	stop   func() // ends the sender
}

// pages is a journal of units in memory.
type pages struct {
	mu     sync.Mutex
	events []quota.Event
}

func (j *pages) kinds() (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		out = append(out, string(e.Kind))
	}
	return out
}

type saying struct{ b *bench }

func (s saying) held(context.Context) (Held, error) { return s.b.held, nil }

// onBench runs a test with a performer for an account of the sandbox.
func onBench(t *testing.T, account string, test func(*bench)) {
	t.Helper()
	actortest.Run(t, func(t *testing.T, bubble *actortest.Bubble) {
		v, err := sandbox.New(sandbox.Config{Chain: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		pipe := bubble.Pipe()
		pipe.Serve(v.Handler())
		who, key := identityOf(t, account)
		b := &bench{T: t, venue: v, key: &countingSigner{Key: key}, units: &pages{}}
		for _, m := range sandbox.Markets() {
			if !m.NegRisk {
				b.market = m
				break
			}
		}
		pool, err := evm.NewPool(evm.PoolConfig{Endpoints: []evm.Endpoint{{Name: "sandbox", URL: "http://venue/rpc"}}, HTTP: pipe.Client()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		builder := sandbox.BuilderKeys()[0]
		b.p = &performer{
			who: who, pen: newPen(who, b.key, nil), pool: pool, units: quota.NewKeeper(100, newPages(b.units), time.Now), holds: saying{b},
			relay: &polymarket.Relayer{BaseURL: "http://venue/relayer", HTTP: pipe.Client(), Auth: polymarket.BuilderCredentials{
				Key: builder.Key, Secret: polymarket.Secret(builder.Secret), Passphrase: polymarket.Secret(builder.Passphrase)}},
			mined: newMinings(), sent: newLetters(), asked: newAskings(), following: newFollows(), pulse: newPulse(), log: slog.New(slog.DiscardHandler), count: newCounters(), pass: func(string) {},
			gasDay: evm.Gwei(10_000_000_000),
		}
		if testing.Verbose() {
			b.p.log = slog.New(slog.NewTextHandler(t.Output(), nil))
		}
		b.startSender()
		test(b)
	})
}

// startSender lets the owner pay.
func (b *bench) startSender() {
	b.Helper()
	s, err := sender.New(sender.Config{Pool: b.p.pool, Journal: &sender.Memory{}, Signer: b.key, Allow: b.p.pen.vet, Told: b.p.mined.told, Log: b.p.log})
	if err != nil {
		b.Fatal(err)
	}
	b.p.sender = s
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			b.Errorf("sender: %v", err)
		}
	})
	b.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	b.Cleanup(b.stop)
}

func identityOf(t testing.TB, name string) (Identity, *polymarket.Key) {
	t.Helper()
	contracts, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range sandbox.Accounts() {
		if a.Name != name {
			continue
		}
		key, err := polymarket.ParseKey(a.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		wallet, err := polymarket.ParseAddress(a.Funder)
		if err != nil {
			t.Fatal(err)
		}
		return Identity{Account: msgs.Account(name), Kind: polymarket.WalletKind(a.SignatureType), Owner: key.Address(), Wallet: wallet,
			ChainID: polymarket.Polygon, Contracts: contracts}, key
	}
	t.Fatalf("no account %s", name)
	return Identity{}, nil
}

// unit is calls as the log has them, at the wallet's nonce.
func (b *bench) unit(name string, l Looked, calls ...polymarket.Call) msgs.TxPayload {
	b.Helper()
	u := msgs.TxPayload{Unit: name, RequestIDs: []msgs.RequestID{"r-" + msgs.RequestID(name)}, Wallet: b.p.who.Wallet.Hex(), Kind: b.p.who.Kind.String(), Nonce: l.Nonce}
	for _, c := range calls {
		u.Calls = append(u.Calls, msgs.TxCall{To: c.To.Hex(), Data: hexutil.Encode(c.Data)})
	}
	switch b.p.who.Kind {
	case polymarket.Proxy:
		u.Relay = l.Relay.Hex()
	case polymarket.Deposit:
		u.DeadlineS = time.Now().Unix() + polymarket.BatchLife
	case polymarket.Safe:
		t, err := b.p.pen.safe(&u)
		if err != nil {
			b.Fatal(err)
		}
		u.Hash = t.Hash().Hex()
	}
	return u
}

func (b *bench) condition() polymarket.Hash {
	h, err := polymarket.ParseHash(b.market.ConditionID)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func (b *bench) tokens() (out []polymarket.TokenID) {
	for _, t := range b.market.Tokens {
		id, err := polymarket.ParseTokenID(t)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

func (b *bench) split(shares int64) polymarket.Call {
	return b.p.who.Contracts.Split(false, b.condition(), polymarket.Units(shares*money.Unit))
}

func (b *bench) merge(shares int64) polymarket.Call {
	return b.p.who.Contracts.Merge(false, b.condition(), polymarket.Units(shares*money.Unit))
}

// look reads the world, which must answer.
func (b *bench) look() Looked {
	b.Helper()
	l := b.p.look(b.Context(), Look{Tokens: b.tokens(), Approvals: true})
	if l.Err != nil || l.Unsure != nil {
		b.Fatalf("look: %v, %v", l.Err, l.Unsure)
	}
	return l
}

// do performs one deed and returns what it gives, up to the first that over says ends it.
func (b *bench) do(d actor.Deed, recovered bool, over func(any) bool) (out []any) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	heard := make(chan any, 100)
	var running sync.WaitGroup
	running.Go(func() {
		b.p.Perform(ctx, actor.Job{Deeds: []actor.Deed{d}, Recovered: recovered, Deliver: func(o any) { heard <- o }})
	})
	defer running.Wait()
	defer cancel()
	for {
		select {
		case o := <-heard:
			if out = append(out, o); over(o) {
				return out
			}
		case <-ctx.Done():
			b.Fatalf("%T did not end; it gave %+v", d, out)
		}
	}
}

func one(any) bool { return true }

func (b *bench) submit(u msgs.TxPayload, recovered bool) Submitted {
	b.Helper()
	return b.do(Submit{Unit: u, Purpose: quota.Essential}, recovered, one)[0].(Submitted)
}

// followed is all that was seen of a unit, to its end.
func (b *bench) followed(u msgs.TxPayload, id string, by msgs.Carrier) []Seen {
	b.Helper()
	var all []Seen
	for _, o := range b.do(Follow{Unit: u, ID: id, Carrier: by}, false, func(o any) bool { s := o.(Seen); return s.over() || s.Reverted }) {
		all = append(all, o.(Seen))
	}
	return all
}

// executions counts how often the wallet performed a payload, by the venue's own journal.
func (b *bench) cash() int64 { return b.look().Cash[b.p.who.Contracts.Collateral].Have }

var perKind = []string{"main", "proxy", "deposit"}

// TestUnitGoesByRelayerToItsFinalEffect: for each kind of wallet that the relayer serves, what is looked at is what stands on chain,
// the calls are rehearsed, the unit is submitted once, followed into a block and to the end, and its effect is what the
// chain shows; one unit of the quota is confirmed.
func TestUnitGoesByRelayerToItsFinalEffect(t *testing.T) {
	for _, account := range perKind {
		t.Run(account, func(t *testing.T) {
			onBench(t, account, func(b *bench) {
				l := b.look()
				yes := b.tokens()[0]
				if !l.Deployed || !l.Relayer.Open || len(l.Missing) != 2 || l.Missing[0].Name != "pUSD for Offramp" || l.Cash[b.p.who.Contracts.Collateral].Have == 0 || l.Quota.Limit != 100 {
					b.Fatalf("looked %+v", l)
				}
				calls := []polymarket.Call{b.split(5), b.split(7)}
				r := b.do(Rehearse{Pack: Pack{Calls: []PackCall{{Call: calls[0]}, {Call: calls[1]}}}}, false, one)[0].(Rehearsed)
				if r.Err != nil || r.Failed != -1 || r.Nonce != l.Nonce || b.key.made.Load() != 0 {
					b.Fatalf("rehearsed %+v with %d signatures", r, b.key.made.Load())
				}
				u := b.unit("u1", l, calls...)
				s := b.submit(u, false)
				if s.ID == "" || s.Err != nil || s.Left {
					b.Fatalf("submitted %+v", s)
				}
				all := b.followed(u, s.ID, msgs.ByRelayer)
				end := all[len(all)-1]
				if !end.Executed || !end.Final || end.NonceUsed || end.Carrier != msgs.ByRelayer || end.Block == 0 || !end.GasPaid.IsZero() {
					b.Errorf("seen at the end %+v", end)
				}
				if end.Effect["pUSD"] != -12*money.Unit || end.Effect[yes.String()] != 12*money.Unit {
					b.Errorf("effect %v", end.Effect)
				}
				if !slices.ContainsFunc(all, func(s Seen) bool { return s.Executed && !s.Final }) {
					b.Errorf("the unit was never seen in a block before it was final: %+v", all)
				}
				after := b.look()
				if got := after.Positions[yes].Have - l.Positions[yes].Have; got != 12*money.Unit {
					b.Errorf("positions rose by %d", got)
				}
				if after.Nonce != l.Nonce+1 {
					b.Errorf("nonce %d after %d", after.Nonce, l.Nonce)
				}
				if kinds := b.units.kinds(); !slices.Equal(kinds, []string{"reserved", "confirmed"}) {
					b.Errorf("units %v", kinds)
				}
			})
		})
	}
}

// TestFailingCallIsNamedBeforeAnythingIsSigned rehearses calls of which the second takes more than there is.
func TestFailingCallIsNamedBeforeAnythingIsSigned(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		r := b.do(Rehearse{Pack: Pack{Calls: []PackCall{{Call: b.split(1)}, {Call: b.split(100_000_000)}, {Call: b.split(1)}}}}, false, one)[0].(Rehearsed)
		if r.Err != nil || r.Failed != 1 || r.Cause == "" || b.key.made.Load() != 0 {
			b.Errorf("rehearsed %+v with %d signatures", r, b.key.made.Load())
		}
	})
}

// TestLostAnswerIsLookedUpAndNotSentAgain drops the answer to a submit that the relayer took, and starts again from before it: both
// find the one transaction, and one unit is charged.
func TestLostAnswerIsLookedUpAndNotSentAgain(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(3))
		b.venue.SetFaults(func(f *sandbox.Faults) { f.DropAnswer = sandbox.Fault{Next: 1, On: "POST /relayer/submit"} })
		first := b.submit(u, false)
		if first.ID == "" || first.Err != nil {
			b.Fatalf("submitted %+v", first)
		}
		again := b.submit(u, true)
		if again.ID != first.ID || !again.Left || len(b.venue.Relayed()) != 1 {
			b.Errorf("again %+v, the relayer has %d transactions", again, len(b.venue.Relayed()))
		}
		if kinds := b.units.kinds(); !slices.Equal(kinds, []string{"reserved", "confirmed"}) {
			b.Errorf("units %v", kinds)
		}
	})
}

// TestRequestThatNeverArrivedIsSentAgainAfterALook loses a request on its way: it may have been accepted, so nobody may say that it
// was refused; sent again it is looked up first, and goes.
func TestRequestThatNeverArrivedIsSentAgainAfterALook(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(3))
		b.venue.SetFaults(func(f *sandbox.Faults) { f.LoseRequest = sandbox.Fault{Next: 1, On: "POST /relayer/submit"} })
		first := b.submit(u, false)
		if first.ID != "" || first.Err == nil || !first.Err.MayBeAccepted() || first.Err.Refuses() {
			b.Fatalf("submitted %+v", first)
		}
		again := b.submit(u, false)
		if again.ID == "" || !again.Left {
			b.Fatalf("again %+v", again)
		}
		if all := b.followed(u, again.ID, msgs.ByRelayer); !all[len(all)-1].Executed {
			b.Errorf("seen %+v", all)
		}
		if kinds := b.units.kinds(); !slices.Equal(kinds, []string{"reserved", "reserved", "confirmed"}) {
			b.Errorf("units %v: a copy that may have been taken stays charged", kinds)
		}
	})
}

// TestRelayerWithoutUnitsIsNotAskedAndTheOwnerBringsTheSamePayload: the book is used up, nothing is signed for the relayer; the
// owner brings the payload, pays, and the chain shows who did it. The relayer's refusal with a time closes the book.
func TestOwnerBringsTheSamePayloadWhenUnitsAreGone(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		l := b.look()
		if !l.OwnGas.Open {
			b.Fatalf("own gas: %+v", l.OwnGas)
		}
		u := b.unit("u1", l, b.split(2), b.merge(1))
		b.p.units = quota.NewKeeper(1, newPages(b.units), time.Now)
		if err := b.p.units.Reserve(b.Context(), "another", quota.Rescue); err != nil {
			b.Fatal(err)
		}
		s := b.submit(u, false)
		if s.Exhausted == nil || s.Err != nil || b.key.made.Load() != 0 {
			b.Fatalf("submitted %+v with %d signatures", s, b.key.made.Load())
		}
		brought := b.do(Bring{Unit: u}, false, one)[0].(Brought)
		if brought.Err != nil || brought.Denied != nil {
			b.Fatalf("brought %+v", brought)
		}
		all := b.followed(u, "", msgs.ByOwnGas)
		end := all[len(all)-1]
		if !end.Executed || !end.Final || end.Carrier != msgs.ByOwnGas || end.GasPaid.IsZero() || end.Effect["pUSD"] != -money.Unit {
			b.Errorf("seen %+v", end)
		}
		if len(b.venue.Relayed()) != 0 {
			b.Error("the relayer was asked all the same")
		}
	})
}

// TestOneOfTwoCarriersHasEffect: the relayer takes a Safe's payload and is late, the owner brings the same bytes; the wallet performs
// them once, whoever was first.
func TestOneOfTwoCarriersHasEffect(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		before := b.cash()
		u := b.unit("u1", b.look(), b.split(4))
		b.venue.SetFaults(func(f *sandbox.Faults) { f.RelayLate, f.RelayLateMS = sandbox.Fault{Next: 1}, 5_000 })
		s := b.submit(u, false)
		if s.ID == "" {
			b.Fatalf("submitted %+v", s)
		}
		if brought := b.do(Bring{Unit: u}, false, one)[0].(Brought); brought.Err != nil {
			b.Fatalf("brought %+v", brought)
		}
		all := b.followed(u, s.ID, msgs.ByOwnGas)
		if end := all[len(all)-1]; !end.Executed || !end.Final || end.NonceUsed {
			b.Errorf("seen %+v", end)
		}
		time.Sleep(time.Minute)
		if got := before - b.cash(); got != 4*money.Unit {
			b.Errorf("the wallet paid %d, want one split of four", got)
		}
		again := b.do(Bring{Unit: b.unit("u2", Looked{Nonce: u.Nonce}, b.split(4))}, false, one)[0].(Brought)
		if again.Err == nil || again.Err.Code != msgs.WouldRevert || !again.Past {
			b.Errorf("a payload at a used nonce was brought: %+v", again)
		}
	})
}

// TestForeignUseOfTheNonceIsToldByItsName: another payload takes the nonce; the follower of the first says so, by whose, and only
// when the block is final.
func TestForeignUseOfTheNonceIsToldByItsName(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		l := b.look()
		lost, foreign := b.unit("lost", l, b.split(4)), b.unit("foreign", l, b.split(9))
		if brought := b.do(Bring{Unit: foreign}, false, one)[0].(Brought); brought.Err != nil {
			b.Fatalf("brought %+v", brought)
		}
		all := b.followed(lost, "", msgs.ByRelayer)
		end := all[len(all)-1]
		if end.Executed || !end.NonceUsed || !end.Final || !strings.EqualFold(end.UsedBy, foreign.Hash) {
			b.Errorf("seen %+v, want used by %s", end, foreign.Hash)
		}
		for _, s := range all[:len(all)-1] {
			if s.NonceUsed {
				b.Errorf("told before it was final: %+v", s)
			}
		}
	})
}

// TestBatchThatWasNotPerformedExpires: the relayer takes a deposit wallet's batch and forgets it; after the deadline it is told that
// it never will be performed.
func TestBatchThatWasNotPerformedExpires(t *testing.T) {
	onBench(t, "deposit", func(b *bench) {
		u := b.unit("u1", b.look(), b.split(4))
		b.venue.SetFaults(func(f *sandbox.Faults) { f.RelayForget = sandbox.Fault{Next: 1} })
		s := b.submit(u, false)
		var last Seen
		for _, o := range b.doFor(Follow{Unit: u, ID: s.ID, Carrier: msgs.ByRelayer}, 30*time.Minute, func(o any) bool { s := o.(Seen); return s.over() }) {
			last = o.(Seen)
		}
		if last.Executed || !last.Expired || !last.Final {
			b.Errorf("seen %+v", last)
		}
	})
}

// TestAccountsCallsGoOneByOne: an EOA's unit is a transaction for each call; one that would revert is not sent and fails alone.
func TestAccountsCallsGoOneByOne(t *testing.T) {
	onBench(t, "eoa", func(b *bench) {
		l := b.look()
		if l.Relayer.Open || !l.OwnGas.Open || !l.Deployed {
			b.Fatalf("looked %+v", l)
		}
		u := b.unit("u1", l, b.split(4), b.split(100_000_000), b.merge(1))
		brought := b.do(Bring{Unit: u}, false, one)[0].(Brought)
		if brought.Err != nil {
			b.Fatalf("brought %+v", brought)
		}
		all := b.do(Follow{Unit: u, Carrier: msgs.ByOwnGas, Refused: brought.Refused}, false, func(o any) bool { s := o.(Seen); return s.over() })
		end := all[len(all)-1].(Seen)
		if len(end.Steps) != 3 || end.Executed || end.Steps[0].Err != nil || end.Steps[2].Err != nil || end.Steps[1].Err == nil || end.Steps[1].Err.Code != msgs.WouldRevert {
			b.Fatalf("seen %+v", end)
		}
		if end.Steps[0].Effect["pUSD"] != -4*money.Unit || end.Steps[2].Effect["pUSD"] != money.Unit || end.Effect["pUSD"] != -3*money.Unit || end.GasPaid.IsZero() {
			b.Errorf("effects %+v", end)
		}
	})
}

// TestNothingForbiddenIsSigned asks for what no policy allows, by either carrier: nothing is signed.
func TestNothingForbiddenIsSigned(t *testing.T) {
	for _, account := range append(perKind, "eoa") {
		t.Run(account, func(t *testing.T) { onBench(t, account, nothingForbidden) })
	}
}

func nothingForbidden(b *bench) {
	l, c := b.look(), b.p.who.Contracts
	stranger := polymarket.Address{0x66}
	for name, call := range map[string]polymarket.Call{
		"transfer":        c.Transfer(c.Collateral, stranger, polymarket.Units(1)),
		"positions":       c.TransferPosition(b.p.who.Wallet, stranger, b.tokens()[0], polymarket.Units(1)),
		"approve":         polymarket.CallOf(c.Collateral, polymarket.ApproveERC20{Spender: stranger, Amount: polymarket.MaxAllowance()}),
		"unknown":         {To: stranger, Data: []byte{1, 2, 3, 4}},
		"the wallet":      {To: b.p.who.Wallet, Data: []byte{1, 2, 3, 4}},
		"wrap for others": polymarket.CallOf(c.Onramp, polymarket.Wrap{Asset: c.USDCe, To: stranger, Amount: polymarket.Units(1)}),
	} {
		u := b.unit(name, l, b.split(1), call)
		if s := b.submit(u, false); s.Denied == nil || s.ID != "" {
			b.Errorf("%s: submitted %+v", name, s)
		}
		if brought := b.do(Bring{Unit: u, Refusal: unsent(polymarket.RelayerNeverLeft, "")}, false, one)[0].(Brought); brought.Denied == nil {
			b.Errorf("%s: brought %+v", name, brought)
		}
	}
	other := b.unit("other", l, b.split(1))
	other.Wallet = stranger.Hex()
	if s := b.submit(other, false); s.Denied == nil {
		b.Errorf("another's wallet: %+v", s)
	}
	changed := b.unit("changed", l, b.split(1))
	changed.Nonce++
	if s := changed; s.Hash == "" { // no other kind of wallet has a name for what it does
		changed.Wallet = stranger.Hex()
	}
	if s := b.submit(changed, false); s.Denied == nil {
		b.Errorf("a payload under another's hash: %+v", s)
	}
	if n := b.key.made.Load(); n != 0 {
		b.Errorf("%d signatures were made", n)
	}
	if used := slices.Contains(b.units.kinds(), "confirmed"); used {
		b.Errorf("units %v: what is not signed costs nothing", b.units.kinds())
	}
}

// TestClosedDoorsSayWhatWouldHelp takes away what carriers need, one after the other.
func TestClosedDoorsSayWhatWouldHelp(t *testing.T) {
	onBench(t, "main", func(b *bench) {
		auth := b.p.relay.Auth
		b.p.relay.Auth = nil
		if d := b.look().Relayer; d.Open || !strings.Contains(d.Fix, "API key") {
			b.Errorf("without credentials: %+v", d)
		}
		b.p.relay.Auth = auth
		b.venue.SetFaults(func(f *sandbox.Faults) { f.RelayerDown = true })
		if d := b.look().Relayer; d.Open || d.UntilMS == 0 {
			b.Errorf("relayer down: %+v", d)
		}
		day := b.p.gasDay
		b.p.gasDay = evm.WeiOf(1)
		if d := b.look().OwnGas; d.Open || !strings.Contains(d.Fix, "raise the bound") {
			b.Errorf("nothing more may be spent: %+v", d)
		}
		b.p.gasDay, b.p.sender = day, nil
		if d := b.look().OwnGas; d.Open || !strings.Contains(d.Fix, b.p.who.Owner.Hex()) {
			b.Errorf("without a sender: %+v", d)
		}
		b.p.holds = nobody{}
		if l := b.p.look(b.Context(), Look{}); l.Err != nil || l.Unsure == nil || !strings.Contains(l.Unsure.Fix, "executor") {
			b.Errorf("nobody knows the orders: %+v", l)
		}
		b.p.pool = nil
		if l := b.p.look(b.Context(), Look{}); l.Err == nil || !strings.Contains(l.Err.Fix, "RPC") {
			b.Errorf("without endpoints: %+v", l)
		}
	})
}

type nobody struct{}

func (nobody) held(context.Context) (Held, error) { return Held{}, errors.New("no responders") }

// TestHeldIsWhatOrdersNeed counts open orders, and trades that have not settled.
func TestHeldIsWhatOrdersNeed(t *testing.T) {
	var h Held
	for _, o := range []msgs.Order{
		{Side: msgs.Buy, Price: 520_000, Remaining: 10 * money.Unit},
		{Side: msgs.Buy, Price: 333_333, Remaining: 1, Unsettled: 2 * money.Unit, Final: true},
		{Side: msgs.Sell, TokenID: "7", Price: 500_000, Remaining: 5 * money.Unit, Unsettled: 1 * money.Unit},
		{Side: msgs.Sell, TokenID: "7", Price: 500_000, Remaining: 5 * money.Unit, Final: true},
	} {
		if err := h.order(&o); err != nil {
			t.Fatal(err)
		}
	}
	if h.Cash != 5_200_000+666_666 || h.Positions["7"] != 6*money.Unit {
		t.Errorf("held %+v", h)
	}
	h.atLeast(Held{Cash: 1, Positions: map[msgs.TokenID]int64{"7": 9 * money.Unit, "8": 1}})
	if h.Cash != 5_866_666 || h.Positions["7"] != 9*money.Unit || h.Positions["8"] != 1 {
		t.Errorf("with another source %+v", h)
	}
}

// doFor is do with another bound on time.
func (b *bench) doFor(d actor.Deed, most time.Duration, over func(any) bool) (out []any) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), most)
	defer cancel()
	b.p.Perform(ctx, actor.Job{Deeds: []actor.Deed{d}, Deliver: func(o any) {
		if out = append(out, o); over(o) {
			cancel()
		}
	}})
	if len(out) == 0 || !over(out[len(out)-1]) {
		b.Fatalf("%T did not end in %s; it gave %s outcomes", d, most, strconv.Itoa(len(out)))
	}
	return out
}

// newPages ties a journal in memory to its test.
func newPages(p *pages) quota.Journal { return p }

// Append writes an event behind after.
func (j *pages) Append(_ context.Context, after uint64, e quota.Event) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if after != uint64(len(j.events)) {
		return 0, quota.ErrBehind
	}
	j.events = append(j.events, e)
	return after + 1, nil
}

// Read gives the events behind a position.
func (j *pages) Read(_ context.Context, after uint64) (out []quota.Entry, _ error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := int(after); i < len(j.events); i++ {
		out = append(out, quota.Entry{Pos: uint64(i) + 1, After: uint64(i), Event: j.events[i]})
	}
	return out, nil
}

// Trim forgets nothing: a test is short.
func (j *pages) Trim(context.Context, uint64) error { return nil }
