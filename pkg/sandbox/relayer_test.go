package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	evm "sluice/pkg/sandbox/chain"
)

// headers are a builder's for one request, made from the documentation.
func (b BuilderKey) headers(method, path, body string) map[string]string {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	return map[string]string{"POLY_BUILDER_API_KEY": b.Key, "POLY_BUILDER_PASSPHRASE": b.Passphrase, "POLY_BUILDER_TIMESTAMP": stamp,
		"POLY_BUILDER_SIGNATURE": base64.URLEncoding.EncodeToString(sealOf(b.Secret, stamp+method+path+body))}
}

func (a Account) ownKey() map[string]string {
	return map[string]string{"RELAYER_API_KEY": a.RelayerKey(), "RELAYER_API_KEY_ADDRESS": a.Address}
}

// customer submits to the relayer for one account.
type customer struct {
	*trader
	by BuilderKey
	w  *world
}

func (w *world) customer(name string) *customer {
	return &customer{w.trader(name), BuilderKeys()[0], w}
}

func (c *customer) submit(body string) (int, string) {
	c.t.Helper()
	return c.send("POST", "/relayer/submit", body, c.by.headers("POST", "/submit", body))
}

// must submits and returns the id of what was taken.
func (c *customer) must(body string) string {
	c.t.Helper()
	status, text := c.submit(body)
	var a struct {
		ID    string `json:"transactionID"`
		State string `json:"state"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 || a.ID == "" || a.State != stateNew {
		c.t.Fatalf("submission: %d %s", status, text)
	}
	return a.ID
}

// shown is what the relayer tells of a submission.
func (c *customer) shown(id string) (state, hash, why string) {
	c.t.Helper()
	_, text := c.send("GET", "/relayer/v1/account/transactions/"+id, "", nil)
	var a struct {
		State string `json:"state"`
		Hash  string `json:"transaction_hash"`
		Error string `json:"error_msg"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		c.t.Fatal(err)
	}
	return a.State, a.Hash, a.Error
}

func (c *customer) nonce(kind string) string {
	c.t.Helper()
	_, text := c.send("GET", "/relayer/nonce?address="+c.account.Address+"&type="+kind, "", nil)
	var a struct{ Nonce string }
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		c.t.Fatalf("%v in %s", err, text)
	}
	return a.Nonce
}

func (c *customer) sign(hash []byte) []byte {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(c.account.PrivateKey, "0x"))
	if err != nil {
		c.t.Fatal(err)
	}
	sig, err := crypto.Sign(hash, key)
	if err != nil {
		c.t.Fatal(err)
	}
	sig[64] += 27
	return sig
}

// call packs a call of one of our contracts.
func (c *customer) call(contract, function string, args ...any) []byte {
	data, err := evm.Interface(contract).Pack(function, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

// pay is a transfer of pUSD to the sandbox's second account.
func (c *customer) pay(amount int64) []byte {
	return c.call("Token", "transfer", common.HexToAddress(c.w.trader("second").account.Funder), big.NewInt(amount))
}

// safe is a Safe's submission of one call; the digest is the contract's own.
func (c *customer) safe(to common.Address, data []byte, nonce string) string {
	zero, none := common.Address{}, new(big.Int)
	n, _ := new(big.Int).SetString(nonce, 10)
	wallet := common.HexToAddress(c.account.Funder)
	digest, err := c.w.s.OnChain().Call(evm.Call{To: &wallet, Data: c.call("Safe", "getTransactionHash", to, none, data, uint8(0), none, none, none, zero, zero, n)})
	if err != nil {
		c.t.Fatal(err)
	}
	sig := c.sign(accounts.TextHash(digest))
	sig[64] += 4
	return fmt.Sprintf(`{"from":%q,"to":%q,"proxyWallet":%q,"data":%q,"nonce":%q,"signature":%q,"signatureParams":{"gasPrice":"0","operation":"0","safeTxnGas":"0","baseGas":"0","gasToken":%q,"refundReceiver":%q},"type":"SAFE","metadata":""}`,
		c.account.Address, to.Hex(), c.account.Funder, hexutil.Encode(data), nonce, hexutil.Encode(sig), zero.Hex(), zero.Hex())
}

// proxy is a proxy wallet's submission of one call.
func (c *customer) proxy(to common.Address, data []byte, nonce string) string {
	type one struct {
		TypeCode uint8
		To       common.Address
		Value    *big.Int
		Data     []byte
	}
	p, owner := evm.Polygon(), common.HexToAddress(c.account.Address)
	calls := c.call("ProxyWalletFactory", "proxy", []one{{1, to, new(big.Int), data}})
	n, _ := new(big.Int).SetString(nonce, 10)
	num := func(n *big.Int) []byte { return common.BigToHash(n).Bytes() }
	none, limit := new(big.Int), big.NewInt(500_000)
	h := crypto.Keccak256([]byte("rlx:"), owner.Bytes(), p.ProxyFactory.Bytes(), calls, num(none), num(none), num(limit), num(n), p.RelayHub.Bytes(), evm.Worker().Bytes())
	return fmt.Sprintf(`{"from":%q,"to":%q,"proxyWallet":%q,"data":%q,"nonce":%q,"signature":%q,"signatureParams":{"gasPrice":"0","gasLimit":"500000","relayerFee":"0","relayHub":%q,"relay":%q},"type":"PROXY","metadata":""}`,
		owner.Hex(), p.ProxyFactory.Hex(), c.account.Funder, hexutil.Encode(calls), nonce, hexutil.Encode(c.sign(accounts.TextHash(h))), p.RelayHub.Hex(), evm.Worker().Hex())
}

// journalled are the lines of a kind.
func (w *world) journalled(kind string) (out []map[string]any) {
	w.t.Helper()
	for _, line := range w.s.Journal(0) {
		var l map[string]any
		if err := json.Unmarshal(line, &l); err != nil {
			w.t.Fatal(err)
		}
		if l["kind"] == kind {
			out = append(out, l)
		}
	}
	return out
}

// states are those that a submission went through, by the journal.
func (w *world) states(id string) (out []string) {
	for _, l := range w.journalled("relay") {
		if l["transaction_id"] == id {
			out = append(out, strings.TrimPrefix(l["state"].(string), "STATE_"))
		}
	}
	return out
}

func (w *world) wantStates(id string, want ...string) {
	w.t.Helper()
	if got := w.states(id); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("states %v, want %v", got, want)
	}
}

// executed counts the good and the bad executions in the journal.
func (w *world) executed() (good, bad int) {
	for _, l := range w.journalled("execution") {
		if l["ok"] == true {
			good++
		} else {
			bad++
		}
	}
	return good, bad
}

// A Safe's payment goes through all states to CONFIRMED, moves the money once, costs one unit, and is told as what it was:
// the books follow, the journal names payload, transaction and carrier.
func TestRelayerBringsWhatItsOwnerSigned(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("main")
		before := w.s.Holdings(c.account.Funder)[assetCash]
		id := c.must(c.safe(evm.Polygon().PUSD, c.pay(2_000_000), c.nonce("SAFE")))
		time.Sleep(time.Second)
		state, hash, _ := c.shown(id)
		if state != stateConfirmed {
			t.Errorf("it ends as %s", state)
		}
		w.wantStates(id, "NEW", "EXECUTED", "MINED", "CONFIRMED")
		if r := w.s.OnChain().Receipt(common.HexToHash(hash)); r == nil || r.Status != 1 {
			t.Errorf("receipt of %s: %+v", hash, r)
		}
		if got := before - w.s.Holdings(c.account.Funder)[assetCash]; got != 2_000_000 {
			t.Errorf("%d were paid", got)
		}
		if n := c.nonce("SAFE"); n != "1" {
			t.Errorf("the next nonce is %s", n)
		}
		var list []relayedTransaction
		_, text := c.send("GET", "/relayer/transactions", "", c.by.headers("GET", "/transactions", ""))
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 || list[0].ID != id || list[0].State != stateConfirmed || list[0].Wallet != c.account.Funder {
			t.Errorf("list: %s", text)
		}
		if _, text := c.send("GET", "/relayer/transaction?id=none", "", nil); text != "[]" {
			t.Errorf("an unknown id: %s", text)
		}
		if status, _ := c.send("GET", "/relayer/transactions", "", nil); status != 401 {
			t.Errorf("a list for nobody: %d", status)
		}
		lines := w.journalled("execution")
		relays := w.journalled("relay")
		if len(lines) != 1 || lines[0]["key"] != relays[0]["key"] || lines[0]["carrier"] != "relayer" || lines[0]["ok"] != true || lines[0]["account"] != "main" || lines[0]["tx_hash"] != hash {
			t.Errorf("execution: %v, submitted as %v", lines, relays[0])
		}
		if units := w.journalled("charge"); len(units) != 1 || units[0]["used"] != 1.0 || units[0]["account"] != "builder-1" {
			t.Errorf("units: %v", units)
		}
		checkOnChain(t, w.s)
		checkChain(t, w.s)
	})
}

// Whoever is not who he says is not let in, and pays nothing: a wrong secret, an old time stamp, a changed body, a key of
// one's own with another address, or for another's wallet.
func TestRelayerLetsInWhoeverHasCredentials(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("main")
		body := c.safe(evm.Polygon().PUSD, c.pay(1), "0")
		good := func() map[string]string { return c.by.headers("POST", "/submit", body) }
		for what, change := range map[string]func(h map[string]string){
			"nobody":           func(h map[string]string) { clear(h) },
			"another key":      func(h map[string]string) { h["POLY_BUILDER_API_KEY"] = BuilderKeys()[1].Key },
			"wrong passphrase": func(h map[string]string) { h["POLY_BUILDER_PASSPHRASE"] = "x" },
			"old":              func(h map[string]string) { h["POLY_BUILDER_TIMESTAMP"] = "1700000000" },
			"another body": func(h map[string]string) {
				h["POLY_BUILDER_SIGNATURE"] = c.by.headers("POST", "/submit", "{}")["POLY_BUILDER_SIGNATURE"]
			},
			"CLOB credentials": func(h map[string]string) { clear(h); h["POLY_API_KEY"] = c.by.Key },
			"another's address": func(h map[string]string) {
				clear(h)
				h["RELAYER_API_KEY"], h["RELAYER_API_KEY_ADDRESS"] = c.account.RelayerKey(), w.trader("eoa").account.Address
			},
		} {
			h := good()
			change(h)
			if status, text := c.send("POST", "/relayer/submit", body, h); status != 401 || text != `{"error":"invalid authorization"}` {
				t.Errorf("%s: %d %s", what, status, text)
			}
		}
		if n := len(w.journalled("charge")); n != 0 {
			t.Errorf("%d units were charged", n)
		}
		if status, text := c.send("POST", "/relayer/submit", body, w.trader("second").account.ownKey()); status != 400 {
			t.Errorf("another's wallet: %d %s", status, text)
		}
		if status, text := c.send("POST", "/relayer/submit", body, c.account.ownKey()); status != 200 {
			t.Errorf("one's own wallet: %d %s", status, text)
		}
	})
}

// What cannot be is refused in the venue's words, costs its unit all the same, and never reaches the chain.
func TestRelayerRefusesWhatCannotBe(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("main")
		good := c.safe(evm.Polygon().PUSD, c.pay(1), "0")
		tampered := strings.Replace(good, `"nonce":"0"`, `"nonce":"1"`, 1)
		for want, body := range map[string]string{
			"invalid signature":            tampered,
			"call blocked: a wallet may":   c.safe(common.HexToAddress(c.account.Funder), c.pay(1), "0"),
			"is not an allowed target":     c.safe(common.Address{9}, nil, "0"),
			"invalid request body":         "{",
			"invalid transaction type":     strings.Replace(good, `"SAFE"`, `"EOA"`, 1),
			"is not the Safe of":           strings.Replace(good, c.account.Funder, w.trader("second").account.Funder, 1),
			"invalid nonce":                strings.Replace(good, `"nonce":"0"`, `"nonce":"-1"`, 1),
			"metadata is longer than":      strings.Replace(good, `"metadata":""`, `"metadata":"`+strings.Repeat("x", 501)+`"`, 1),
			"wallet registry validation f": w.undeployed().deposit(0),
		} {
			if status, text := c.submit(body); status != 400 || !strings.Contains(text, want) {
				t.Errorf("%s: %d %s", want, status, text)
			}
		}
		time.Sleep(time.Minute)
		if good, bad := w.executed(); good+bad != 0 || len(w.journalled("relay")) != 0 {
			t.Errorf("%d and %d executions", good, bad)
		}
		if n := len(w.journalled("charge")); n != 9 {
			t.Errorf("%d units for 9 submissions", n)
		}
	})
}

// undeployed is somebody whose wallets do not exist yet.
func (w *world) undeployed() *customer {
	raw := crypto.Keccak256([]byte("somebody new"))
	key, err := crypto.ToECDSA(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	owner := crypto.PubkeyToAddress(key.PublicKey)
	c := *w.customer("main")
	tr := *c.trader
	tr.account = Account{Name: "new", PrivateKey: hexutil.Encode(raw), Address: owner.Hex(), Funder: funderOf(owner, KindDeposit).Hex(), SignatureType: KindDeposit}
	c.trader = &tr
	return &c
}

// deposit is a deposit wallet's batch of one approval.
func (c *customer) deposit(nonce int64) string {
	p := evm.Polygon()
	data := c.call("Token", "approve", p.CTF, big.NewInt(5))
	deadline := time.Now().Add(10 * time.Minute).Unix()
	num := func(n int64) []byte { return common.BigToHash(big.NewInt(n)).Bytes() }
	wallet := common.HexToAddress(c.account.Funder)
	call := crypto.Keccak256(crypto.Keccak256([]byte("Call(address target,uint256 value,bytes data)")), common.LeftPadBytes(p.PUSD.Bytes(), 32), num(0), crypto.Keccak256(data))
	batch := crypto.Keccak256(crypto.Keccak256([]byte("Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)Call(address target,uint256 value,bytes data)")),
		common.LeftPadBytes(wallet.Bytes(), 32), num(nonce), num(deadline), crypto.Keccak256(call))
	domain := crypto.Keccak256(crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
		crypto.Keccak256([]byte("DepositWallet")), crypto.Keccak256([]byte("1")), num(evm.ID), common.LeftPadBytes(wallet.Bytes(), 32))
	sig := c.sign(crypto.Keccak256([]byte{0x19, 1}, domain, batch))
	return fmt.Sprintf(`{"type":"WALLET","from":%q,"to":%q,"nonce":"%d","signature":%q,"depositWalletParams":{"depositWallet":%q,"deadline":"%d","calls":[{"target":%q,"value":"0","data":%q}]}}`,
		c.account.Address, p.DepositFactory.Hex(), nonce, hexutil.Encode(sig), wallet.Hex(), deadline, p.PUSD.Hex(), hexutil.Encode(data))
}

// A deposit wallet is created without a signature, is unknown to the relayer for a while, then takes batches one after the
// other: a second one at the same time finds the wallet busy, one with an old nonce is told both nonces.
func TestDepositWalletsAreServedOneByOne(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.undeployed()
		w.s.SetFaults(func(f *Faults) { f.RegistryLagMS = 5000 })
		create := fmt.Sprintf(`{"type":"WALLET-CREATE","from":%q,"to":%q}`, c.account.Address, evm.Polygon().DepositFactory.Hex())
		w.wantEnd(c.must(create), stateConfirmed)
		if status, text := c.submit(c.deposit(0)); status != 400 || !strings.Contains(text, "wallet registry validation failed") {
			t.Errorf("too early: %d %s", status, text)
		}
		time.Sleep(5 * time.Second)
		first := c.must(c.deposit(0))
		if status, text := c.submit(c.deposit(0)); status != 400 || !strings.Contains(text, "wallet busy") {
			t.Errorf("two at once: %d %s", status, text)
		}
		w.wantEnd(first, stateConfirmed)
		if status, text := c.submit(c.deposit(0)); status != 400 || !strings.Contains(text, "batch nonce 0 does not match on-chain nonce 1") {
			t.Errorf("an old nonce: %d %s", status, text)
		}
		w.wantEnd(c.must(c.deposit(1)), stateConfirmed)
		w.wantEnd(c.must(create), stateInvalid) // there is one already
		if good, bad := w.executed(); good != 3 || bad != 0 {
			t.Errorf("%d good and %d bad executions, want 3 and 0", good, bad)
		}
	})
}

// A batch that the relayer has forgotten keeps its wallet busy until its deadline, and not for ever.
func TestForgottenBatchKeepsItsWalletBusyUntilItsDeadline(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("deposit")
		w.s.SetFaults(func(f *Faults) { f.RelayForget.Next = 1 })
		forgotten := c.must(c.deposit(0))
		time.Sleep(10*time.Minute - time.Second)
		if status, text := c.submit(c.deposit(0)); status != 400 || !strings.Contains(text, "wallet busy") {
			t.Errorf("before its deadline: %d %s", status, text)
		}
		time.Sleep(3 * time.Second)
		w.wantEnd(c.must(c.deposit(0)), stateConfirmed)
		w.wantStates(forgotten, "NEW")
	})
}

// wantEnd waits for a submission's end.
func (w *world) wantEnd(id, want string) {
	w.t.Helper()
	time.Sleep(3 * time.Second)
	if got := w.states(id); len(got) == 0 || "STATE_"+got[len(got)-1] != want {
		w.t.Errorf("%s went through %v, want it to end as %s", id, got, want)
	}
}

// Two submissions of a Safe with one nonce: the first lands, the other is found out before it is sent, and without the
// precheck reverts on the chain. Nothing is executed twice.
func TestOneNonceOneExecution(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("main")
		body := c.safe(evm.Polygon().PUSD, c.pay(1_000_000), "0")
		first := c.must(body)
		time.Sleep(10 * time.Millisecond)
		second := c.must(body)
		w.wantEnd(first, stateConfirmed)
		w.wantStates(second, "NEW", "EXECUTED", "FAILED") // both were sent into one block
		w.wantStates(c.must(body), "NEW")
		time.Sleep(3 * time.Second)
		if state, _, why := c.shown(w.s.relayer.order[2].id); state != stateInvalid || !strings.Contains(why, "GS026") {
			t.Errorf("a used nonce: %s, %s", state, why)
		}
		w.s.SetFaults(func(f *Faults) { f.SkipPrecheck = true })
		w.wantEnd(c.must(body), stateFailed)
		if good, bad := w.executed(); good != 1 || bad != 2 {
			t.Errorf("%d good and %d bad executions, want 1 and 2", good, bad)
		}
		if n := c.nonce("SAFE"); n != "1" {
			t.Errorf("nonce %s", n)
		}
	})
}

// A proxy wallet's call goes through the hub. What would fail is found out beforehand; without the precheck it uses up the
// nonce, the receipt looks well and the relayer tells CONFIRMED: the journal knows better.
func TestProxyWalletsFailSilently(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("proxy")
		w.wantEnd(c.must(c.proxy(evm.Polygon().PUSD, c.pay(1_000_000), c.nonce("PROXY"))), stateConfirmed)
		tooMuch := c.pay(1 << 50)
		id := c.must(c.proxy(evm.Polygon().PUSD, tooMuch, c.nonce("PROXY")))
		w.wantEnd(id, stateInvalid)
		if _, _, why := c.shown(id); !strings.Contains(why, "transfer amount exceeds balance") {
			t.Errorf("found out: %s", why)
		}
		w.s.SetFaults(func(f *Faults) { f.SkipPrecheck = true })
		w.wantEnd(c.must(c.proxy(evm.Polygon().PUSD, tooMuch, c.nonce("PROXY"))), stateConfirmed)
		if good, bad := w.executed(); good != 1 || bad != 1 {
			t.Errorf("%d good and %d bad executions", good, bad)
		}
		if n := c.nonce("PROXY"); n != "2" {
			t.Errorf("nonce %s", n)
		}
		checkOnChain(t, w.s)
	})
}

// Each fault of the relayer does what it says.
func TestRelayerFails(t *testing.T) {
	run := func(name string, fault func(*Faults), f func(w *world, c *customer, body string)) {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{Chain: true}, func(w *world) {
				c := w.customer("main")
				w.s.SetFaults(fault)
				f(w, c, c.safe(evm.Polygon().PUSD, c.pay(1_000_000), "0"))
			})
		})
	}
	want := func(w *world, good, bad, units int) {
		w.t.Helper()
		g, b := w.executed()
		if u := len(w.journalled("charge")); g != good || b != bad || u != units {
			w.t.Errorf("%d good and %d bad executions, %d units; want %d, %d, %d", g, b, u, good, bad, units)
		}
	}
	run("late", func(f *Faults) { f.RelayLate.Next, f.RelayLateMS = 1, 90_000 }, func(w *world, c *customer, body string) {
		id := c.must(body)
		time.Sleep(80 * time.Second)
		w.wantStates(id, "NEW")
		time.Sleep(20 * time.Second)
		w.wantStates(id, "NEW", "EXECUTED", "MINED", "CONFIRMED")
		want(w, 1, 0, 1)
	})
	run("forgotten", func(f *Faults) { f.RelayForget.Next = 1 }, func(w *world, c *customer, body string) {
		id := c.must(body)
		time.Sleep(time.Hour)
		w.wantStates(id, "NEW")
		want(w, 0, 0, 1)
	})
	run("silent", func(f *Faults) { f.RelaySilent.Next = 1 }, func(w *world, c *customer, body string) {
		id := c.must(body)
		time.Sleep(time.Minute)
		if _, hash, _ := c.shown(id); w.s.OnChain().Receipt(common.HexToHash(hash)) != nil {
			t.Error("what was never sent has a receipt")
		}
		w.wantStates(id, "NEW", "CONFIRMED")
		want(w, 0, 0, 1)
	})
	run("told failed, sent later", func(f *Faults) { f.RelayFailed.Next, f.RelayLateMS = 1, 30_000 }, func(w *world, c *customer, body string) {
		id := c.must(body)
		time.Sleep(10 * time.Second)
		w.wantStates(id, "NEW", "FAILED")
		want(w, 0, 0, 1)
		time.Sleep(time.Minute)
		w.wantStates(id, "NEW", "FAILED")
		want(w, 1, 0, 1)
	})
	run("answer lost", func(f *Faults) { f.DropAnswer = Fault{Next: 1, On: "POST /relayer/submit"} }, func(w *world, c *customer, body string) {
		if _, _, err := c.try("POST", "/relayer/submit", body, c.by.headers("POST", "/submit", body)); err == nil {
			t.Error("it was answered")
		}
		time.Sleep(time.Minute)
		want(w, 1, 0, 1)
		if list := w.s.Relayed(); len(list) != 1 || !strings.Contains(string(list[0]), stateConfirmed) {
			t.Errorf("list: %s", list)
		}
	})
	run("down", func(f *Faults) { f.RelayerDown = true }, func(w *world, c *customer, body string) {
		if status, text := c.submit(body); status != 503 {
			t.Errorf("%d %s", status, text)
		}
		if status, _ := c.send("GET", "/relayer/nonce?type=SAFE&address="+c.account.Address, "", nil); status != 503 {
			t.Errorf("a read: %d", status)
		}
		want(w, 0, 0, 0)
	})
	run("busy", func(f *Faults) { f.WalletBusy.Next = 1 }, func(w *world, c *customer, body string) {
		if status, text := c.submit(body); status != 400 || !strings.Contains(text, "wallet busy") {
			t.Errorf("%d %s", status, text)
		}
		w.wantEnd(c.must(body), stateConfirmed)
		want(w, 1, 0, 2)
	})
	run("precheck at once", func(f *Faults) { f.PrecheckAtOnce = true }, func(w *world, c *customer, body string) {
		if status, text := c.submit(c.safe(evm.Polygon().PUSD, c.pay(1), "5")); status != 400 || !strings.Contains(text, "simulation failed: execution reverted: GS026") {
			t.Errorf("%d %s", status, text)
		}
		w.wantEnd(c.must(body), stateConfirmed)
		want(w, 1, 0, 2)
	})
	run("stale nonce", func(*Faults) {}, func(w *world, c *customer, body string) {
		w.wantEnd(c.must(body), stateConfirmed)
		w.s.SetFaults(func(f *Faults) { f.StaleNonce.Next = 1 })
		if a, b := c.nonce("SAFE"), c.nonce("SAFE"); a != "0" || b != "1" {
			t.Errorf("nonces %s and %s", a, b)
		}
	})
	run("quota gone, by a false clock", func(f *Faults) { f.QuotaGone.Next, f.QuotaResetS = 1, 68_000 }, func(w *world, c *customer, body string) {
		if status, text := c.submit(body); status != 429 || text != `{"error":"quota exceeded: 0 units remaining, resets in 68000 seconds"}` {
			t.Errorf("%d %s", status, text)
		}
		w.wantEnd(c.must(body), stateConfirmed)
		want(w, 1, 0, 1)
	})
}

// A reorganisation takes the block of a submission away and brings its transaction back: told as it is, executed once.
func TestRelayedWorkOutlivesReorganisations(t *testing.T) {
	inBubble(t, Config{Chain: true, MineAfter: time.Second, ConfirmAfter: 20 * time.Second}, func(w *world) {
		c := w.customer("main")
		id := c.must(c.safe(evm.Polygon().PUSD, c.pay(1_000_000), "0"))
		time.Sleep(5 * time.Second)
		w.wantStates(id, "NEW", "EXECUTED", "MINED")
		if err := w.s.Reorganise(3); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.wantStates(id, "NEW", "EXECUTED", "MINED", "CONFIRMED")
		if good, bad := w.executed(); good != 1 || bad != 0 {
			t.Errorf("%d good and %d bad executions", good, bad)
		}
		checkOnChain(t, w.s)
	})
}

// ownCall is what the owner sends to bring a Safe's submission of one call of pUSD.
func (c *customer) ownCall(body string) []byte {
	c.t.Helper()
	var s struct{ Signature, Data hexutil.Bytes }
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		c.t.Fatal(err)
	}
	zero, none := common.Address{}, new(big.Int)
	return c.call("Safe", "execTransaction", evm.Polygon().PUSD, none, []byte(s.Data), uint8(0), none, none, none, zero, zero, []byte(s.Signature))
}

// The owner brings a payload that the relayer has had, too: one of the two lands, and the journal says by whom.
func TestOwnerAndRelayerShareOnePayload(t *testing.T) {
	inBubble(t, Config{Chain: true}, func(w *world) {
		c := w.customer("main")
		w.s.SetFaults(func(f *Faults) { f.RelayLate.Next, f.RelayLateMS, f.SkipPrecheck = 1, 60_000, true })
		body := c.safe(evm.Polygon().PUSD, c.pay(1_000_000), "0")
		id := c.must(body)
		w.bringOwn(c, body)
		time.Sleep(2 * time.Minute)
		w.wantStates(id, "NEW", "EXECUTED", "FAILED")
		lines := w.journalled("execution")
		if len(lines) != 2 || lines[0]["carrier"] != "own_gas" || lines[0]["ok"] != true || lines[1]["carrier"] != "relayer" || lines[1]["ok"] != false {
			t.Errorf("executions: %v", lines)
		}
		if key := w.journalled("relay")[0]["key"]; lines[0]["key"] != key {
			t.Errorf("executed %v, submitted %v", lines[0]["key"], key)
		}
		checkOnChain(t, w.s)
	})
}
