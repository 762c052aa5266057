package chain_test

import (
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/sandbox/chain"
)

// vector is a request that the venue's own client has signed.
type vector struct {
	Name    string
	Digest  common.Hash `json:"safeTxDigest"`
	Request struct {
		From, To  common.Address
		Data      hexutil.Bytes
		Nonce     string
		Signature hexutil.Bytes
		Params    struct {
			Operation, GasPrice, GasLimit string
			Hub                           common.Address `json:"relayHub"`
			Relay                         common.Address `json:"relay"`
		} `json:"signatureParams"`
		Deposit struct {
			Wallet   common.Address `json:"depositWallet"`
			Deadline string
			Calls    []struct {
				Target common.Address
				Data   hexutil.Bytes
			}
		} `json:"depositWalletParams"`
	}
}

func vectors(t *testing.T) map[string]vector {
	t.Helper()
	b, err := os.ReadFile("../../polymarket/testdata/relayer_requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]vector{}
	for _, v := range file.Vectors {
		out[v.Name] = v
	}
	return out
}

func number(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

// flip changes one byte of a signature.
func flip(sig []byte) []byte {
	out := append([]byte(nil), sig...)
	out[9] ^= 1
	return out
}

var client = common.HexToAddress("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")

// The digests are those of the venue's client, and its signatures are good here; changed ones are not.
func TestSafeTakesWhatTheVenuesClientSigned(t *testing.T) {
	c, _ := start(t, chain.Config{Accounts: []chain.Account{{Owner: client, Kind: chain.Safe}}})
	at := chain.WalletOf(client, chain.Safe)
	zero := common.Address{}
	for _, name := range []string{"safe_single", "safe_multisend", "safe_multisend_two"} {
		v := vectors(t)[name]
		operation := uint8(number(v.Request.Params.Operation).Uint64())
		none := new(big.Int)
		digest, err := c.Call(chain.Call{To: &at, Data: pack(t, "Safe", "getTransactionHash", v.Request.To, none, []byte(v.Request.Data), operation, none, none, none, zero, zero, number(v.Request.Nonce))})
		if err != nil || common.BytesToHash(digest) != v.Digest {
			t.Errorf("%s: digest %x, %v, want %s", name, digest, err, v.Digest)
		}
		if _, err := c.Call(chain.Call{To: &at, Data: pack(t, "Safe", "checkSignatures", v.Digest, []byte{}, []byte(v.Request.Signature))}); err != nil {
			t.Errorf("%s: signature: %v", name, err)
		}
		if _, err := c.Call(chain.Call{To: &at, Data: pack(t, "Safe", "checkSignatures", v.Digest, []byte{}, flip(v.Request.Signature))}); err == nil || !strings.Contains(err.Error(), "GS026") {
			t.Errorf("%s: changed signature: %v", name, err)
		}
	}
}

type sig struct {
	V    uint8
	R, S common.Hash
}

// Anybody may bring and pay for the creation of a Safe that its owner signed; it then stands at production's address, is
// the owner's, and cannot be made twice.
func TestSafeIsCreatedWhereProductionWould(t *testing.T) {
	c, ann := start(t, chain.Config{})
	v := vectors(t)["safe_create"]
	s := sig{v.Request.Signature[64], common.BytesToHash(v.Request.Signature[:32]), common.BytesToHash(v.Request.Signature[32:64])}
	create := func(s sig) *types.Receipt {
		tx := ann.send(chain.Polygon().SafeFactory, pack(t, "SafeFactory", "createProxy", common.Address{}, new(big.Int), common.Address{}, s))
		c.Mine()
		return c.Receipt(tx.Hash())
	}
	if r := create(s); r.Status != 1 || r.GasUsed < 150_000 || r.GasUsed > 350_000 {
		t.Fatalf("creation: %+v", r)
	}
	at := chain.WalletOf(client, chain.Safe)
	out, err := c.Call(chain.Call{To: &at, Data: pack(t, "Safe", "isOwner", client)})
	if err != nil || new(big.Int).SetBytes(out).Int64() != 1 {
		t.Errorf("owner: %x, %v", out, err)
	}
	if r := create(s); r.Status != 0 {
		t.Error("a Safe was created twice")
	}
	_, err = c.Call(chain.Call{To: new(chain.Polygon().SafeFactory), Data: pack(t, "SafeFactory", "createProxy", common.Address{}, new(big.Int), common.Address{}, s)})
	if err == nil || !strings.Contains(err.Error(), "create2 call failed") {
		t.Errorf("second creation: %v", err)
	}
	if r := create(sig{s.V, common.Hash{31: 1}, s.S}); r.Status != 1 { // some stranger's, nobody knows whose
		t.Errorf("creation for the signer of another signature: %+v", r)
	}
	if _, err := c.Call(chain.Call{From: ann.at, To: new(common.HexToAddress("0x000000000000000000000000000000000051acE0"))}); err == nil {
		t.Error("a wallet was placed without a factory")
	}
}

type batch struct {
	Wallet          common.Address
	Nonce, Deadline *big.Int
	Calls           []call
}

type call struct {
	Target common.Address
	Value  *big.Int
	Data   []byte
}

// A deposit wallet's batch runs once, before its deadline, as its owner signed it, and only when the operator brings it.
func TestDepositWalletRunsWhatItsOwnerSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the vector's deadline lies in the past of everybody else
		c, ann := start(t, chain.Config{Accounts: []chain.Account{{Owner: client, Kind: chain.Deposit, Bare: true}}})
		v := vectors(t)["wallet_batch_beacon"].Request
		b := batch{Wallet: v.Deposit.Wallet, Nonce: number(v.Nonce), Deadline: number(v.Deposit.Deadline)}
		if b.Wallet != chain.WalletOf(client, chain.Deposit) {
			t.Fatalf("wallet %s", b.Wallet)
		}
		for _, c := range v.Deposit.Calls {
			b.Calls = append(b.Calls, call{c.Target, new(big.Int), c.Data})
		}
		factory := chain.Polygon().DepositFactory
		try := func(from common.Address, b batch, sig []byte) string {
			_, err := c.Call(chain.Call{From: from, To: &factory, Data: pack(t, "DepositWalletFactory", "proxy", []batch{b}, [][]byte{sig})})
			if err != nil {
				return err.Error()
			}
			return ""
		}
		// Its second call splits without an allowance: getting there is the proof that all checks were passed.
		if got := try(chain.Worker(), b, v.Signature); got != "execution reverted: ERC20: transfer amount exceeds allowance" {
			t.Errorf("signed batch: %q", got)
		}
		if got := try(chain.Worker(), b, flip(v.Signature)); !strings.Contains(got, "wrong signature") {
			t.Errorf("changed signature: %q", got)
		}
		if got := try(ann.at, b, v.Signature); got != "execution reverted" {
			t.Errorf("brought by a stranger: %q", got)
		}
		late, next, short := b, b, b
		late.Deadline, next.Nonce, short.Calls = big.NewInt(1), big.NewInt(1), b.Calls[:1]
		for what, got := range map[string]string{"expired": try(chain.Worker(), late, v.Signature), "invalid nonce": try(chain.Worker(), next, v.Signature),
			"wrong signature": try(chain.Worker(), short, v.Signature)} {
			if !strings.Contains(got, what) {
				t.Errorf("answer %q, want %q", got, what)
			}
		}
		if id := chain.Interface("DepositWalletFactory").Errors["OnlyOperator"].ID; hexutil.Encode(id[:4]) != "0x27e1f1e5" {
			t.Errorf("a stranger is refused with %s, not as the venue does", id)
		}
	})
}

type proxyCall struct {
	TypeCode uint8
	To       common.Address
	Value    *big.Int
	Data     []byte
}

// A proxy wallet does what its owner sends, is made on first use, and has no fence: the same call runs twice.
func TestProxyWalletObeysItsOwnerAndHasNoFence(t *testing.T) {
	c, ann := start(t, chain.Config{})
	p := chain.Polygon()
	at := chain.WalletOf(ann.at, chain.Proxy)
	ann.do("Token", p.PUSD, "transfer", at, big.NewInt(100))
	pay := []proxyCall{{1, p.PUSD, new(big.Int), pack(t, "Token", "transfer", addressOf("bob"), big.NewInt(7))}}
	for range 2 {
		ann.do("ProxyWalletFactory", p.ProxyFactory, "proxy", pay)
	}
	equal(t, "bob's pUSD", c.PUSD(addressOf("bob")), 14)
	equal(t, "the wallet's pUSD", c.PUSD(at), 86)
	for code, want := range map[uint8]string{0: "execution reverted", 1: "ERC20: transfer amount exceeds balance"} {
		bad := []proxyCall{{code, p.PUSD, new(big.Int), pack(t, "Token", "transfer", addressOf("bob"), big.NewInt(700))}}
		_, err := c.Call(chain.Call{From: ann.at, To: &p.ProxyFactory, Data: pack(t, "ProxyWalletFactory", "proxy", bad)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("call of type %d: %v, want %q", code, err, want)
		}
	}
	_, err := c.Call(chain.Call{From: ann.at, To: &at, Data: pack(t, "ProxyWallet", "proxy", pay)})
	if err == nil {
		t.Error("a proxy wallet obeyed somebody beside its factory")
	}
}

// The hub takes what the venue's client signed, at its nonce alone. A call that fails uses up the nonce, and the receipt
// looks well: only an event tells.
func TestRelayHubChecksAndFailsSilently(t *testing.T) {
	c, ann := start(t, chain.Config{Accounts: []chain.Account{{Owner: client, Kind: chain.Proxy, PUSD: 5, Bare: true}}})
	v := vectors(t)["proxy_gas_10000000"].Request
	p := chain.Polygon()
	for nonce := range number(v.Nonce).Int64() { // the vector's is not the first
		pay := pack(t, "ProxyWalletFactory", "proxy", []proxyCall{{1, p.PUSD, new(big.Int), pack(t, "Token", "transfer", addressOf("bob"), big.NewInt(2))}})
		sig := relayed(ann.at, pay, nonce)
		r := ann.do("RelayHub", p.RelayHub, "relayCall", client, p.ProxyFactory, pay, new(big.Int), new(big.Int), big.NewInt(300_000), big.NewInt(nonce), sig, []byte{})
		last := r.Logs[len(r.Logs)-1]
		if status := last.Data[63]; (status == 0) != (nonce < 2) { // five units are two payments
			t.Errorf("relayed call %d ends with status %d", nonce, status)
		}
	}
	equal(t, "bob's pUSD", c.PUSD(addressOf("bob")), 4)
	relay := func(from common.Address, sig []byte, nonce string) string {
		_, err := c.Call(chain.Call{From: from, To: &p.RelayHub, Data: pack(t, "RelayHub", "relayCall", client, v.To, []byte(v.Data), new(big.Int),
			number(v.Params.GasPrice), number(v.Params.GasLimit), number(nonce), sig, []byte{})})
		if err != nil {
			return err.Error()
		}
		return "taken"
	}
	for want, got := range map[string]string{
		"taken":                relay(v.Params.Relay, v.Signature, v.Nonce),
		"wrong signature":      relay(v.Params.Relay, flip(v.Signature), v.Nonce),
		"wrong signature ":     relay(ann.at, v.Signature, v.Nonce) + " ", // signed for one relay alone
		"nonce does not match": relay(v.Params.Relay, v.Signature, "3"),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
}

// relayed is the client's signature under a relayed call without fee and price, made from the documentation.
func relayed(relay common.Address, data []byte, nonce int64) []byte {
	p := chain.Polygon()
	num := func(n int64) []byte { return common.BigToHash(big.NewInt(n)).Bytes() }
	h := crypto.Keccak256([]byte("rlx:"), client.Bytes(), p.ProxyFactory.Bytes(), data, num(0), num(0), num(300_000), num(nonce), p.RelayHub.Bytes(), relay.Bytes())
	key, err := crypto.HexToECDSA("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80") // the vectors' own, public
	if err != nil {
		panic(err)
	}
	sig, err := crypto.Sign(crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), h), key)
	if err != nil {
		panic(err)
	}
	sig[64] += 27
	return sig
}

// Many reads in one, failures allowed where they are asked for.
func TestMulticall(t *testing.T) {
	c, ann := start(t, chain.Config{})
	p := chain.Polygon()
	type call3 struct {
		Target       common.Address
		AllowFailure bool
		CallData     []byte
	}
	calls := []call3{
		{p.PUSD, false, pack(t, "Token", "balanceOf", ann.at)},
		{p.PUSD, true, pack(t, "Token", "transfer", ann.at, big.NewInt(1))},
		{p.Multicall3, false, pack(t, "Multicall3", "getEthBalance", ann.at)},
	}
	out, err := c.Call(chain.Call{To: &p.Multicall3, Data: pack(t, "Multicall3", "aggregate3", calls)})
	if err != nil {
		t.Fatal(err)
	}
	var results []struct {
		Success    bool
		ReturnData []byte
	}
	m := chain.Interface("Multicall3")
	if err := m.UnpackIntoInterface(&results, "aggregate3", out); err != nil {
		t.Fatal(err)
	}
	if len(results) != 3 || !results[0].Success || results[1].Success || new(big.Int).SetBytes(results[2].ReturnData).Cmp(c.Balance(ann.at)) != 0 {
		t.Errorf("results %+v", results)
	}
	equal(t, "pUSD by multicall", new(big.Int).SetBytes(results[0].ReturnData), 1_000_000_000)
	calls[1].AllowFailure = false
	if _, err := c.Call(chain.Call{To: &p.Multicall3, Data: pack(t, "Multicall3", "aggregate3", calls)}); err == nil || !strings.Contains(err.Error(), "Multicall3: call failed") {
		t.Errorf("a failing call that may not fail: %v", err)
	}
}

// A paused ramp refuses, and says so in the venue's way.
func TestPausedRampRefuses(t *testing.T) {
	c, ann := start(t, chain.Config{})
	p := chain.Polygon()
	if _, err := c.Operate(p.Onramp, pack(t, "Onramp", "setPaused", p.USDCe, true), 100_000); err != nil {
		t.Fatal(err)
	}
	c.Mine()
	_, err := c.Call(chain.Call{From: ann.at, To: &p.Onramp, Data: pack(t, "Onramp", "wrap", p.USDCe, ann.at, big.NewInt(1))})
	id := chain.Interface("Onramp").Errors["OnlyUnpaused"].ID
	if r, ok := err.(*chain.RevertError); !ok || string(r.Data) != string(id[:4]) {
		t.Errorf("wrap on a paused ramp: %v", err)
	}
}
