package rehearse_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm"
	"sluice/pkg/evm/rehearse"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

// world is a chain with several endpoints that no network is needed for.
type world struct {
	*testing.T
	chain     *chain.Chain
	endpoints map[string]*chain.Endpoint // by host
	pool      *evm.Pool
	c         polymarket.Contracts
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	w.endpoints[r.URL.Host].ServeHTTP(rec, r)
	return rec.Result(), nil
}

const funds = 100_000_000 // of each money, in micro-units

func owner(n byte) common.Address { return common.BytesToAddress(crypto.Keccak256([]byte{n})) }

func newWorld(t *testing.T, hosts ...string) *world {
	t.Helper()
	cfg := chain.Config{Markets: []chain.Market{{Question: common.Hash{1}}, {NegRisk: true}}}
	for i, kind := range []chain.Kind{chain.EOA, chain.Proxy, chain.Safe, chain.Deposit} {
		cfg.Accounts = append(cfg.Accounts, chain.Account{Owner: owner(byte(i)), Kind: kind, PUSD: funds, USDCe: funds, Gas: 1})
	}
	c, err := chain.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &world{T: t, chain: c, endpoints: map[string]*chain.Endpoint{}}
	if w.c, err = polymarket.ContractsOn(polymarket.Polygon); err != nil {
		t.Fatal(err)
	}
	var list []evm.Endpoint
	for i, h := range hosts {
		w.endpoints[h] = c.Endpoint()
		list = append(list, evm.Endpoint{Name: h, URL: evm.URL("http://" + h), Priority: i})
	}
	if w.pool, err = evm.NewPool(evm.PoolConfig{Endpoints: list, HTTP: &http.Client{Transport: w}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	return w
}

func plain(calls ...polymarket.Call) []rehearse.Call {
	var out []rehearse.Call
	for _, c := range calls {
		out = append(out, rehearse.Call{To: c.To, Data: c.Data})
	}
	return out
}

func (w *world) condition() common.Hash { return w.chain.Conditions()[0].ID }

func (w *world) balance(of common.Address) uint64 {
	w.Helper()
	q := polymarket.CallOf(w.c.Collateral, polymarket.BalanceOf{Owner: of})
	r, err := rehearse.Run(w.Context(), w.pool, of, nil, plain(q)...)
	if err != nil {
		w.Fatal(err)
	}
	n, err := polymarket.ReadUint(r.Answers[0])
	if err != nil {
		w.Fatal(err)
	}
	return n.Uint64()
}

// TestCallsAreTriedAsEachWallet: from every kind of wallet, and from one that is not on chain yet, calls that go well together are
// told as that, the first that fails is named with the contract's words, and the chain is as it was.
func TestCallsAreTriedAsEachWallet(t *testing.T) {
	w := newWorld(t, "one")
	for i, kind := range []chain.Kind{chain.EOA, chain.Proxy, chain.Safe, chain.Deposit} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			wallet := chain.WalletOf(owner(byte(i)), kind)
			split, merge := w.c.Split(false, w.condition(), polymarket.Units(5_000_000)), w.c.Merge(false, w.condition(), polymarket.Units(5_000_000))
			// merging what was only just split shows that each call sees what the one before did
			r, err := rehearse.Run(t.Context(), w.pool, wallet, plain(split, merge, split))
			if err != nil || r.Failed != -1 || r.Gas < 100_000 || r.Gas > 3_000_000 || r.Block == 0 && w.chain.Head().Number.Uint64() != 0 {
				t.Errorf("split, merge, split: %+v, %v", r, err)
			}
			tooMuch := w.c.Split(false, w.condition(), polymarket.Units(funds+1))
			r, err = rehearse.Run(t.Context(), w.pool, wallet, plain(split, tooMuch, merge))
			if err != nil || r.Failed != 1 || r.Cause == "" || strings.Contains(r.Cause, "no reason") {
				t.Errorf("a split of more than there is: %+v, %v", r, err)
			}
			if have := w.balance(wallet); have != funds {
				t.Errorf("after rehearsals the wallet has %d", have)
			}
		})
	}
	nobody := common.Address{0xaa}
	r, err := rehearse.Run(t.Context(), w.pool, nobody, plain(w.c.Split(false, w.condition(), polymarket.Units(1))))
	if err != nil || r.Failed != 0 {
		t.Errorf("a wallet with nothing: %+v, %v", r, err)
	}
	if r, err = rehearse.Run(t.Context(), w.pool, nobody, []rehearse.Call{{To: common.Address{0xbb}, Data: []byte{1, 2, 3, 4}}}); err != nil || r.Failed != 0 || !strings.Contains(r.Cause, "no contract") {
		t.Errorf("a call of nothing: %+v, %v", r, err)
	}
}

// TestQuestionsAreOfTheSameBlock asks for the Safe's nonce and two balances beside a rehearsal, whose code stands where the nonce is
// kept.
func TestQuestionsAreOfTheSameBlock(t *testing.T) {
	w := newWorld(t, "one")
	wallet := chain.WalletOf(owner(2), chain.Safe)
	nonce := rehearse.Call{To: wallet, Data: polymarket.WalletNonce{}.Calldata()}
	cash := plain(polymarket.CallOf(w.c.Collateral, polymarket.BalanceOf{Owner: wallet}))[0]
	for range 3 {
		w.chain.Mine()
	}
	r, err := rehearse.Run(t.Context(), w.pool, wallet, plain(w.c.Split(false, w.condition(), polymarket.Units(1))), nonce, cash)
	if err != nil || len(r.Answers) != 2 || r.Block != w.chain.Head().Number.Uint64() {
		t.Fatalf("%+v, %v", r, err)
	}
	if n, err := polymarket.ReadUint(r.Answers[0]); err != nil || !n.IsZero() {
		t.Errorf("nonce %v, %v", n, err)
	}
	if n, err := polymarket.ReadUint(r.Answers[1]); err != nil || n.Uint64() != funds {
		t.Errorf("balance %v, %v", n, err)
	}
}

// TestEndpointThatCannotRehearseIsPassedOver: whether an endpoint refuses overrides, leaves them aside or is down, the next one is
// asked; alone, its error says what is wrong and what to do.
func TestEndpointThatCannotRehearseIsPassedOver(t *testing.T) {
	cannot := map[string]func(*chain.Endpoint){
		"refuses": func(e *chain.Endpoint) { e.SetOverrides(chain.OverridesRefused) },
		"ignores": func(e *chain.Endpoint) { e.SetOverrides(chain.OverridesIgnored) },
		"down":    func(e *chain.Endpoint) { e.Refuse(http.StatusBadGateway, -1) },
	}
	for name, breaks := range cannot {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "first", "second")
			breaks(w.endpoints["first"])
			wallet := chain.WalletOf(owner(2), chain.Safe)
			calls := plain(w.c.Split(false, w.condition(), polymarket.Units(1)))
			if r, err := rehearse.Run(t.Context(), w.pool, wallet, calls); err != nil || r.Failed != -1 {
				t.Errorf("with a second endpoint: %+v, %v", r, err)
			}
			breaks(w.endpoints["second"])
			_, err := rehearse.Run(t.Context(), w.pool, wallet, calls)
			var none *evm.UnavailableError
			if !errors.As(err, &none) || !strings.Contains(err.Error(), "configure RPC endpoints") || name != "down" && !strings.Contains(err.Error(), "override") {
				t.Errorf("without: %v", err)
			}
		})
	}
}

// TestReasonsAreForPeople reads what contracts say on refusing.
func TestReasonsAreForPeople(t *testing.T) {
	text := common.FromHex("0x08c379a0" + strings.Repeat("0", 62) + "20" + strings.Repeat("0", 62) + "05" + "776f726473" + strings.Repeat("0", 54))
	panicked := common.FromHex("0x4e487b71" + strings.Repeat("0", 62) + "11")
	for want, revert := range map[string][]byte{
		"words": text, "arithmetic": panicked, "own error 0x01020304": {1, 2, 3, 4, 5}, "no reason": nil,
	} {
		if got := rehearse.Reason(revert); !strings.Contains(got, want) {
			t.Errorf("%x reads %q, want %q", revert, got, want)
		}
	}
}
