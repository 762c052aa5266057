package polymarket_test

import (
	"crypto/ecdsa"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"

	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

const dollar = 1_000_000 // base units

// holder is an account with a wallet of one kind on a chain whose contracts know nothing of this package.
type holder struct {
	*testing.T
	chain     *chain.Chain
	raw       *ecdsa.PrivateKey
	key       *polymarket.Key
	contracts polymarket.Contracts
	kind      polymarket.WalletKind
	wallet    polymarket.Address
	friend    polymarket.Address
	nonce     uint64
	last      polymarket.Call  // the transaction that went last
	logs      []polymarket.Log // of all transactions so far
}

func newHolder(t *testing.T, kind polymarket.WalletKind, undeployed bool) *holder {
	t.Helper()
	raw, err := crypto.ToECDSA(crypto.Keccak256([]byte("holder")))
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.New(chain.Config{
		Accounts: []chain.Account{{Owner: crypto.PubkeyToAddress(raw.PublicKey), Kind: chain.Kind(kind), USDCe: 1000 * dollar, Gas: 100, Bare: true, Undeployed: undeployed}},
		Markets:  []chain.Market{{Question: common.Hash{1}}, {NegRisk: true}, {NegRisk: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	contracts, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{T: t, chain: c, raw: raw, key: polymarket.KeyFrom(raw), contracts: contracts, kind: kind, friend: polymarket.Address{0xf7}}
	h.wallet = h.key.Address()
	switch kind {
	case polymarket.Proxy:
		h.wallet, _ = contracts.ProxyWallet(h.wallet)
	case polymarket.Safe:
		h.wallet = contracts.SafeWallet(h.wallet)
	case polymarket.Deposit:
		_, h.wallet = contracts.DepositWallets(h.wallet)
	}
	return h
}

func (h *holder) allow(w polymarket.Address, l polymarket.Leg) error {
	return polymarket.Policy{Contracts: h.contracts, Wallet: h.wallet, SendTo: []polymarket.Address{h.friend}}.Allow(w, l)
}

func (h *holder) succeeds(ok bool) {
	h.Helper()
	if !ok {
		h.Fatal("the transaction failed")
	}
}

func (h *holder) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// send brings one transaction of the owner, after the last look at it, and returns whether it succeeded.
func (h *holder) send(k polymarket.Call) bool {
	h.Helper()
	h.must(h.contracts.VetOwnGas(h.key.Address(), k, h.allow))
	gwei := big.NewInt(1_000_000_000)
	tx, err := types.SignNewTx(h.raw, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{ChainID: big.NewInt(chain.ID), Nonce: h.chain.Nonce(h.key.Address()),
		GasTipCap: new(big.Int).Mul(big.NewInt(30), gwei), GasFeeCap: new(big.Int).Mul(big.NewInt(200), gwei), Gas: 5_000_000, To: &k.To, Value: k.Value.ToBig(), Data: k.Data})
	h.must(err)
	h.must(h.chain.Send(tx))
	h.chain.Mine()
	h.last = k
	return h.ended(tx.Hash())
}

// ended keeps the logs of a transaction that was mined.
func (h *holder) ended(hash common.Hash) bool {
	r := h.chain.Receipt(hash)
	for _, l := range r.Logs {
		h.logs = append(h.logs, polymarket.Log{Address: l.Address, Topics: l.Topics, Data: l.Data})
	}
	return r.Status == 1
}

// do has the wallet perform calls in the way of its kind.
func (h *holder) do(calls ...polymarket.Call) bool {
	h.Helper()
	defer func() { h.nonce++ }()
	switch h.kind {
	case polymarket.Safe:
		bundle, err := h.contracts.Bundle(calls)
		h.must(err)
		s, err := polymarket.SignSafeTx(h.key, polymarket.SafeTx{ChainID: polymarket.Polygon, Safe: h.wallet, Call: bundle, Nonce: h.nonce}, h.allow)
		h.must(err)
		return h.send(s.OwnGas())
	case polymarket.Proxy:
		s, err := polymarket.SignProxyTx(h.key, polymarket.ProxyTx{ChainID: polymarket.Polygon, Owner: h.key.Address(), Calls: calls, Nonce: h.nonce, Relay: h.friend.Hex()}, h.allow)
		h.must(err)
		own, err := s.OwnGas(polymarket.ClassifyRelayer("POST", "/submit", 429, nil, []byte(`{"error":"quota exceeded: 0 units remaining, resets in 9 seconds"}`), time.Now()))
		h.must(err)
		return h.send(own)
	case polymarket.Deposit:
		b, err := polymarket.SignWalletBatch(h.key, polymarket.WalletBatch{ChainID: polymarket.Polygon, Wallet: h.wallet, Nonce: h.nonce, Deadline: 1 << 40, Calls: calls}, h.allow)
		h.must(err)
		h.last = polymarket.CallOf(h.contracts.DepositFactory, polymarket.DepositProxy{Batches: []polymarket.WalletBatch{b.WalletBatch}, Signatures: [][]byte{b.Signature}})
		return h.operate(h.last)
	}
	for _, k := range calls {
		if !h.send(k) {
			return false
		}
	}
	return true
}

// operate brings a transaction as the venue's relayer does.
func (h *holder) operate(k polymarket.Call) bool {
	h.Helper()
	tx, err := h.chain.Carry(k.To, k.Data, 5_000_000)
	h.must(err)
	h.chain.Mine()
	return h.ended(tx)
}

// ask is a free read; the error says why it would revert.
func (h *holder) ask(k polymarket.Call) ([]byte, error) {
	return h.chain.Call(chain.Call{From: h.key.Address(), To: &k.To, Data: k.Data})
}

func (h *holder) number(k polymarket.Call) uint256.Int {
	h.Helper()
	answer, err := h.ask(k)
	h.must(err)
	v, err := polymarket.ReadUint(answer)
	h.must(err)
	return v
}

// holds compares dollars of a token; id is nil for money.
func (h *holder) holds(what string, who, token polymarket.Address, id *polymarket.TokenID, want int64) {
	h.Helper()
	k := polymarket.CallOf(token, polymarket.BalanceOf{Owner: who})
	if id != nil {
		k = polymarket.CallOf(h.contracts.ConditionalTokens, polymarket.TokenBalance{Owner: who, ID: *id})
	}
	if got := h.number(k); got != polymarket.Units(want*dollar) {
		h.Errorf("%s: %s base units, want %d dollars", what, got.Dec(), want)
	}
}

// tokens are a condition's Yes and No by this package's own arithmetic.
func (h *holder) tokens(c chain.Condition) (yes, no polymarket.TokenID) {
	h.Helper()
	collateral := h.contracts.USDCe
	if c.NegRisk {
		collateral = h.contracts.NegRiskCollateral
	}
	yes = polymarket.PositionID(collateral, polymarket.CollectionID(c.ID, polymarket.IndexYes))
	no = polymarket.PositionID(collateral, polymarket.CollectionID(c.ID, polymarket.IndexNo))
	if yes.String() != c.Tokens[0].String() || no.String() != c.Tokens[1].String() {
		h.Fatalf("tokens %s and %s, the chain has %v", yes, no, c.Tokens)
	}
	return yes, no
}

// TestEveryOperationHasItsEffectOnChain has a wallet of each kind approve, wrap, split, merge, convert, transfer and unwrap in one
// piece, ordinary and neg-risk, then redeem, and reads what it holds.
func TestEveryOperationHasItsEffectOnChain(t *testing.T) {
	for _, kind := range []polymarket.WalletKind{polymarket.EOA, polymarket.Proxy, polymarket.Safe, polymarket.Deposit} {
		t.Run(kind.String(), func(t *testing.T) {
			h := newHolder(t, kind, false)
			c, w := h.contracts, h.wallet
			usd := func(n int64) uint256.Int { return polymarket.Units(n * dollar) }
			ordinary, first, second := h.chain.Conditions()[0], h.chain.Conditions()[1], h.chain.Conditions()[2]
			event, index := polymarket.NegRiskEvent(polymarket.Hash(first.Question))
			yes, no := h.tokens(ordinary)
			firstYes, firstNo := h.tokens(first)
			secondYes, _ := h.tokens(second)
			var calls []polymarket.Call
			for _, a := range c.Approvals() {
				h.granted(a, false)
				calls = append(calls, a.Grant())
			}
			calls = append(calls, c.Wrap(w, usd(500)), c.Split(false, ordinary.ID, usd(100)), c.Split(true, first.ID, usd(100)), c.Merge(false, ordinary.ID, usd(30)),
				c.Merge(true, first.ID, usd(20)), c.Convert(event, *uint256.NewInt(1 << index), usd(10)), c.Transfer(c.Collateral, h.friend, usd(7)),
				c.TransferPosition(w, h.friend, yes, usd(5)), c.Unwrap(w, usd(50)))
			if !h.do(calls...) {
				t.Fatal("the batch failed")
			}
			for _, a := range c.Approvals() {
				h.granted(a, true)
			}
			h.holds("pUSD", w, c.Collateral, nil, 500-100-100+30+20-7-50)
			h.holds("USDC.e", w, c.USDCe, nil, 1000-500+50)
			h.holds("yes", w, c.ConditionalTokens, &yes, 100-30-5)
			h.holds("no", w, c.ConditionalTokens, &no, 100-30)
			h.holds("neg-risk yes", w, c.ConditionalTokens, &firstYes, 100-20)
			h.holds("neg-risk no", w, c.ConditionalTokens, &firstNo, 100-20-10)
			h.holds("yes of the other question", w, c.ConditionalTokens, &secondYes, 10)
			h.holds("the friend's pUSD", h.friend, c.Collateral, nil, 7)
			h.holds("the friend's yes", h.friend, c.ConditionalTokens, &yes, 5)
			flows := map[polymarket.TokenID]int64{{}: 293 - 450, yes: 65, no: 70, firstYes: 80, firstNo: 70}
			for i := range byte(questions) {
				if i != index {
					flows[h.yesOf(event, i)] = 10
				}
			}
			if flows[secondYes] != 10 {
				t.Errorf("the other market's question is not one of the event's")
			}
			h.flowed(flows)
			h.resolved(ordinary, first)
			if !h.do(c.Redeem(false, ordinary.ID), c.Redeem(true, first.ID)) {
				t.Fatal("redeeming failed")
			}
			h.holds("pUSD after both were answered yes", w, c.Collateral, nil, 293+65+80)
			for _, a := range c.Approvals() {
				if !h.do(a.Revoke()) {
					t.Fatalf("revoking %s failed", a.Name)
				}
				h.granted(a, false)
			}
		})
	}
}

func (h *holder) granted(a polymarket.Approval, want bool) {
	h.Helper()
	answer, err := h.ask(a.Ask(h.wallet))
	h.must(err)
	if got, err := a.Granted(answer); err != nil || got != want {
		h.Errorf("%s: %t, %v", a.Name, got, err)
	}
}

// questions is how many the chain's neg-risk event has, markets or not.
const questions = 4

// yesOf is the token that a question of an event pays for yes.
func (h *holder) yesOf(event polymarket.Hash, index byte) polymarket.TokenID {
	question := event
	question[31] = index
	condition := polymarket.ConditionID(h.contracts.NegRiskAdapter, question, 2)
	return polymarket.PositionID(h.contracts.NegRiskCollateral, polymarket.CollectionID(condition, polymarket.IndexYes))
}

// flowed compares dollars of each asset, money under no id, with what the logs say came and went.
func (h *holder) flowed(want map[polymarket.TokenID]int64) {
	h.Helper()
	flows, odd := h.contracts.Flows(h.logs, h.wallet)
	got := map[polymarket.TokenID]int64{}
	for _, f := range flows {
		got[f.ID] += int64(f.In.Uint64()-f.Out.Uint64()) / dollar
	}
	if odd != 0 || !maps.Equal(got, want) {
		h.Errorf("%d odd logs, flows %v, want %v", odd, got, want)
	}
}

// resolved answers questions with yes.
func (h *holder) resolved(cs ...chain.Condition) {
	h.Helper()
	for _, c := range cs {
		_, err := h.chain.Resolve(c, 1, 0)
		h.must(err)
		h.chain.Mine()
	}
}

// TestFencesAreAsTheTableSays brings the same transaction of each kind a second time: a Safe and a deposit wallet refuse it, a
// proxy wallet does it again.
func TestFencesAreAsTheTableSays(t *testing.T) {
	for kind, again := range map[polymarket.WalletKind]bool{polymarket.Safe: false, polymarket.Deposit: false, polymarket.Proxy: true} {
		t.Run(kind.String(), func(t *testing.T) {
			h := newHolder(t, kind, false)
			h.succeeds(h.do(h.contracts.Transfer(h.contracts.USDCe, h.friend, polymarket.Units(dollar))))
			bring := h.send
			if kind == polymarket.Safe {
				tx := polymarket.SafeTx{ChainID: polymarket.Polygon, Safe: h.wallet, Call: h.contracts.Transfer(h.contracts.USDCe, h.friend, polymarket.Units(dollar))}
				if ok, found := polymarket.SafeResult(h.logs, h.wallet, tx.Hash()); !ok || !found {
					t.Errorf("the Safe says %t, found %t", ok, found)
				}
			}
			if kind == polymarket.Deposit {
				bring = h.operate
				if _, err := h.ask(h.last); err == nil {
					t.Error("an owner may bring a deposit wallet's batch")
				}
			}
			if got := bring(h.last); got != again {
				t.Errorf("the second copy succeeds: %t, want %t", got, again)
			}
			if _, err := h.ask(h.last); kind == polymarket.Safe && (err == nil || !strings.Contains(err.Error(), "GS026")) {
				t.Errorf("reading ahead does not find the lost race: %v", err)
			}
			want := int64(1)
			if again {
				want = 2
			}
			h.holds("the friend's USDC.e", h.friend, h.contracts.USDCe, nil, want)
		})
	}
}

// TestSafeIsCreatedByOwnGasAndItsNonceVoided makes the Safe at the derived address, uses up a nonce, and finds what was signed for
// it without effect.
func TestSafeIsCreatedByOwnGasAndItsNonceVoided(t *testing.T) {
	h := newHolder(t, polymarket.Safe, true)
	create, err := polymarket.SignSafeCreate(h.key, polymarket.Polygon)
	h.must(err)
	own, err := create.OwnGas()
	h.must(err)
	h.succeeds(h.send(own))
	if h.send(own) {
		t.Error("a Safe was made twice")
	}
	nonce := func() uint256.Int { return h.number(polymarket.CallOf(h.wallet, polymarket.WalletNonce{})) }
	if n := nonce(); !n.IsZero() {
		t.Fatalf("nonce of a new Safe: %s", n.Dec())
	}
	signed, err := polymarket.SignSafeTx(h.key, polymarket.SafeTx{ChainID: polymarket.Polygon, Safe: h.wallet, Call: h.contracts.Redeem(false, polymarket.Hash{1})}, h.allow)
	h.must(err)
	void, err := polymarket.SignSafeTx(h.key, polymarket.VoidSafeNonce(polymarket.Polygon, h.wallet, 0), h.allow)
	h.must(err)
	h.succeeds(h.send(void.OwnGas()))
	if n := nonce(); n != polymarket.Units(1) {
		t.Errorf("nonce after it was voided: %s", n.Dec())
	}
	if _, err := h.ask(signed.OwnGas()); err == nil || !strings.Contains(err.Error(), "GS026") {
		t.Errorf("what was signed for the voided nonce: %v", err)
	}
}

// TestRelayHubTakesOurSignature brings a proxy wallet's transactions as the relayer does: one that succeeds and one whose calls
// fail under a receipt that looks well. Only for the latter is there a way by own gas.
func TestRelayHubTakesOurSignature(t *testing.T) {
	for name, amount := range map[string]int64{"succeeds": dollar, "fails": 5000 * dollar} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t, polymarket.Proxy, false)
			owner := h.key.Address()
			s, err := polymarket.SignProxyTx(h.key, polymarket.ProxyTx{ChainID: polymarket.Polygon, Owner: owner, Relay: strings.ToLower(chain.Worker().Hex()), GasLimit: 400_000,
				Calls: []polymarket.Call{h.contracts.Transfer(h.contracts.USDCe, h.friend, polymarket.Units(amount))}}, h.allow)
			h.must(err)
			run := polymarket.RelayCall{From: owner, To: h.contracts.ProxyFactory, Data: s.Data, GasLimit: polymarket.Units(400_000), Sig: s.Signature}
			h.succeeds(h.operate(polymarket.CallOf(h.contracts.RelayHub, run)))
			good := amount == dollar
			if ok, found := h.contracts.HubResult(h.logs, owner); ok != good || !found {
				t.Errorf("the hub says %t, found %t", ok, found)
			}
			if n := h.number(polymarket.CallOf(h.contracts.RelayHub, polymarket.HubNonce{From: owner})); n != polymarket.Units(1) {
				t.Errorf("hub nonce %s", n.Dec())
			}
			if _, err := s.OwnGasAfter(polymarket.HubRun{Data: run.Calldata(), Logs: h.logs}); (err == nil) == good {
				t.Errorf("own gas after a transaction that %s: %v", name, err)
			}
		})
	}
}
