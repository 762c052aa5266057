package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"sluice/pkg/evm"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox"
	"sluice/pkg/sandbox/chain"
)

// onAChain is a local venue whose chain has twenty blocks.
func onAChain(t *testing.T) (*sandbox.Sandbox, string) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{Chain: true})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(box.Handler())
	t.Cleanup(func() { box.Close(); s.CloseClientConnections(); s.Close() })
	for range 20 {
		box.OnChain().Mine()
	}
	return box, s.URL
}

// wants holds a finding against what was to be found.
func wants(t *testing.T, f finding, ok bool, saw, fix string) {
	t.Helper()
	if f.OK != ok || !strings.Contains(f.Saw, saw) || !strings.Contains(f.Fix, fix) {
		t.Errorf("%+v, want ok %v, seen %q, fix %q", f, ok, saw, fix)
	}
	if !f.OK && f.Fix == "" {
		t.Errorf("%+v does not say what to do", f)
	}
}

// What is wrong with an account's wallet, gas or permissions is told apart, with what to do about it.
func TestDoctorComparesAccountsWithTheChain(t *testing.T) {
	_, url := onAChain(t)
	pool, err := chainFlags{}.pool("sandbox", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	at, err := polymarket.ContractsOn(polymarket.Polygon)
	if err != nil {
		t.Fatal(err)
	}
	known, err := sandboxAccounts()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]account{}
	for _, acc := range known {
		of[string(acc.Name)] = acc
		wants(t, derived(at, acc), true, "is the "+acc.Kind.String()+" wallet of", "")
		for _, f := range onChain(t.Context(), pool, at, acc) {
			wants(t, f, true, "", "")
		}
	}
	fresh := func(kind polymarket.WalletKind) account {
		text, _ := newKey(t)
		key, err := polymarket.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		return account{Name: "fresh", Key: key, Kind: kind, Funder: walletsOf(at, key.Address())[kind][0]}
	}
	as := func(acc account, kind polymarket.WalletKind, funder polymarket.Address) account {
		acc.Kind, acc.Funder = kind, funder
		return acc
	}
	main, other := of["main"], of["second"]
	wants(t, derived(at, as(main, polymarket.Proxy, main.Funder)), false, "is not the proxy wallet", "set signature_type to safe")
	wants(t, derived(at, as(main, polymarket.EOA, main.Funder)), false, "is not the eoa wallet", "set signature_type to safe")
	wants(t, derived(at, as(main, polymarket.Safe, other.Funder)), false, "is not the safe wallet", main.Funder.Hex())

	for name, c := range map[string]struct {
		acc                    account
		wallet, walletFix      string
		gas, gasFix            string
		approvals, approvalFix string
	}{
		"another's Safe":           {as(main, polymarket.Safe, other.Funder), "belongs to " + other.Key.Address().Hex(), "use the key of an owner", "1000", "", "all that orders need; pUSD for Offramp", ""},
		"a Safe for an EOA":        {as(main, polymarket.EOA, main.Funder), "stands a contract", "set signature_type", "1000", "", "all that orders need; pUSD for Offramp", ""},
		"a token for a Safe":       {as(main, polymarket.Safe, at.Collateral), "does not answer as a Safe", "set signature_type", "1000", "", "what is missing: pUSD for Exchange", "sluice tx approve"},
		"a Safe to be made":        {fresh(polymarket.Safe), "nothing stands at", "sluice tx deploy --account fresh", "0 POL", "send POL", "what is missing: pUSD for Exchange, pUSD for NegRiskExchange, positions", "sluice tx approve --account fresh"},
		"an account without gas":   {fresh(polymarket.EOA), "", "", "0 POL", "pays for all on-chain work", "what is missing: pUSD for Exchange", "sluice tx approve"},
		"a deposit wallet, unmade": {fresh(polymarket.Deposit), "nothing stands at", "sluice tx deploy", "none is needed", "", "what is missing: pUSD for Exchange", "sluice tx approve"},
		"a proxy wallet, unused":   {fresh(polymarket.Proxy), "comes with its first use", "", "0 POL", "send POL", "what is missing: pUSD for Exchange", "sluice tx approve"},
	} {
		list := onChain(t.Context(), pool, at, c.acc)
		if len(list) != 3 {
			t.Fatalf("%s: %+v", name, list)
		}
		wants(t, list[0], c.walletFix == "", c.wallet, c.walletFix)
		wants(t, list[1], c.gasFix == "", c.gas, c.gasFix)
		wants(t, list[2], c.approvalFix == "", c.approvals, c.approvalFix)
	}
	if f := ownersGas(main, evm.Gwei(300_000_000)); !f.OK {
		t.Errorf("0.3 POL: %+v", f)
	}
	wants(t, ownersGas(main, evm.Gwei(299_999_999)), false, "0.299999999 POL", "below 0.3")
	wants(t, safeNeeds(t, main, 2), false, "needs 2 signatures", "threshold to 1")
}

// safeNeeds asks a stand-in of a Safe that needs so many signatures.
func safeNeeds(t *testing.T, acc account, threshold byte) finding {
	word := func(n byte) []byte { return append(make([]byte, 31), n) }
	url := scriptedNode(t, func(q rpcCall) any {
		switch {
		case q.Method == "eth_chainId":
			return "0x89"
		case q.Method == "eth_getBlockByNumber":
			return map[string]any{"number": "0x64", "hash": "0x" + strings.Repeat("1", 64), "parentHash": "0x" + strings.Repeat("2", 64), "timestamp": "0x1"}
		case strings.Contains(string(q.Params), selOwners):
			return hexutil.Encode(append(append(word(32), word(1)...), append(make([]byte, 12), acc.Key.Address().Bytes()...)...))
		case strings.Contains(string(q.Params), selThreshold):
			return hexutil.Encode(word(threshold))
		}
		return "0x"
	})
	pool, err := chainFlags{RPC: []string{url}}.pool("sandbox", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return safeOf(t.Context(), pool, acc)
}

type rpcCall struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// scriptedNode answers JSON-RPC, in batches too, with what answer says.
func scriptedNode(t *testing.T, answer func(rpcCall) any) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		single := !bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
		if single {
			body = slices.Concat([]byte("["), body, []byte("]"))
		}
		var calls []rpcCall
		if err := json.Unmarshal(body, &calls); err != nil {
			t.Error(err)
		}
		var out []any
		for _, q := range calls {
			out = append(out, map[string]any{"jsonrpc": "2.0", "id": q.ID, "result": answer(q)})
		}
		w.Header().Set("Content-Type", "application/json")
		if single {
			_ = json.NewEncoder(w).Encode(out[0])
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Each endpoint is looked at by itself: of another chain, behind, down, still, or unable to try calls.
func TestDoctorLooksAtEachEndpoint(t *testing.T) {
	box, url := onAChain(t)
	foreign := scriptedNode(t, func(q rpcCall) any {
		if q.Method == "eth_chainId" {
			return "0x1"
		}
		return map[string]any{"number": "0x64", "hash": "0x" + strings.Repeat("1", 64), "parentHash": "0x" + strings.Repeat("2", 64), "timestamp": "0x1"}
	})
	box.Node(2).SetLag(10)
	box.Node(3).SetOverrides(chain.OverridesRefused)
	look := func(rpc ...string) (checkup, []finding) {
		c := doctorOf(t, call(t, "doctor", "-o", "json", "--nats", "nats://127.0.0.1:1", "--clob", url, "--http", "127.0.0.1:1", "--data", t.TempDir(), "--rpc", strings.Join(rpc, ",")))
		var list []finding
		for _, f := range c.Checks {
			if strings.HasPrefix(f.Check, "rpc") {
				list = append(list, f)
			}
		}
		if len(list) != len(rpc) {
			t.Fatalf("%d findings of %d endpoints: %+v", len(list), len(rpc), c)
		}
		return c, list
	}
	node := func(n int) string { return fmt.Sprintf("%s/rpc/%d", url, n) }
	c, list := look(node(1), node(2), node(3), foreign, "http://127.0.0.1:1/key-that-nobody-may-see")
	wants(t, list[0], true, "chain 137, block 10000", "")
	wants(t, list[0], true, "tries calls before they are signed", "")
	wants(t, list[1], false, "its head is 1000010", "wait when it is behind")
	wants(t, list[2], true, "cannot try calls", "")
	wants(t, list[3], false, "serves chain 1, not 137", "--rpc")
	wants(t, list[4], false, "rpc5 127.0.0.1:1", "--rpc")
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "key-that-nobody-may-see") {
		t.Errorf("the key of an endpoint is shown: %s, %v", text, err)
	}
	if f := c.finding(t, "wallet of main"); f.Error.Code != "true" || !strings.Contains(f.Error.Cause, "a Safe of") {
		t.Errorf("%+v", f)
	}

	c, _ = look(node(3))
	if f := c.finding(t, "rehearsals"); f.Error.Code != "false" || !strings.Contains(f.Error.Fix, "--rpc") {
		t.Errorf("no endpoint that tries calls: %+v", f)
	}
}

// The relayer is asked something that costs nothing and needs the credentials.
func TestDoctorLogsInToTheRelayer(t *testing.T) {
	box, url := onAChain(t)
	known, err := sandboxAccounts()
	if err != nil {
		t.Fatal(err)
	}
	units := func() (n int) {
		for _, l := range box.Journal(0) {
			if strings.Contains(string(l), `"kind":"charge"`) {
				n++
			}
		}
		return n
	}
	look := func(at string, auth polymarket.RelayerAuth) finding {
		acc := known[0]
		acc.Relay = auth
		list := (&doctorCmd{}).relayer(t.Context(), at, []account{acc})
		if len(list) != 1 || list[0].Check != "relayer for main" {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	wants(t, look(url+"/relayer", known[0].Relay), true, "takes the credentials", "")
	wants(t, look(url+"/relayer", polymarket.RelayerCredentials{Key: polymarket.Secret(sandbox.Accounts()[0].RelayerKey()), Address: known[0].Key.Address()}), true, "takes the credentials", "")
	wants(t, look(url+"/relayer", polymarket.RelayerCredentials{Key: "wrong", Address: known[0].Key.Address()}), false, "401", "")
	wants(t, look(url+"/relayer", nil), false, "no credentials", "relayer_credentials_file")
	wants(t, look("http://127.0.0.1:1", known[0].Relay), false, "127.0.0.1:1", "")
	if n := units(); n != 0 {
		t.Errorf("looking has cost %d units", n)
	}
	for _, acc := range known {
		if acc.Kind == polymarket.EOA && len((&doctorCmd{}).relayer(t.Context(), url, []account{acc})) != 0 {
			t.Error("an account that needs no relayer is asked for its credentials")
		}
	}
}

// Who brings an account's work onto the chain is asked on the bus; that nobody does is no fault of an account that only trades.
func TestDoctorSaysWhoBringsWorkOntoTheChain(t *testing.T) {
	t.Parallel()
	s := relayerSays(t, func(*scripted, msgs.Command, uint64) {})
	wants(t, worksFor(s.nc, "main"), true, "nobody brings work onto the chain", "sluice relayer")
	var q msgs.QuotaAnswer
	s.answer(msgs.SvcSubject("relayer", "main", "quota"), func([]byte) any { return q })
	for _, c := range []struct {
		quota    msgs.QuotaAnswer
		ok       bool
		saw, fix string
	}{
		{msgs.QuotaAnswer{Limit: 100, Used: 12}, true, "12 of 100 units", ""},
		{msgs.QuotaAnswer{Used: 3}, true, "without a daily limit", ""},
		{msgs.QuotaAnswer{Limit: 100, Used: 51, Warning: true}, true, "51 of 100", "sluice quota"},
		{msgs.QuotaAnswer{Limit: 100, Used: 1, BlockedUntilMS: new(time.Now().Add(time.Hour).UnixMilli())}, false, "carries nothing until", "sluice quota"},
		{msgs.QuotaAnswer{Limit: 100, Used: 1, BlockedUntilMS: new(time.Now().Add(-time.Hour).UnixMilli())}, true, "1 of 100", ""},
	} {
		q = c.quota
		wants(t, worksFor(s.nc, "main"), c.ok, c.saw, c.fix)
	}
}

// What proves an account to the relayer stands in a file; one without sense is refused.
func TestRelayerCredentialsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relayer.json")
	owner := polymarket.Address{7}
	for text, want := range map[string]polymarket.RelayerAuth{
		`{"key":"k","secret":"c2VjcmV0","passphrase":"p"}`: polymarket.BuilderCredentials{Key: "k", Secret: "c2VjcmV0", Passphrase: "p"},
		`{"relayer_key":"r"}`:                              polymarket.RelayerCredentials{Key: "r", Address: owner},
		`{"key":"k"}`:                                      nil,
		`{}`:                                               nil,
		`"a secret that is no JSON`:                        nil,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := relayerCredentials(path, owner)
		if got != want || (err == nil) != (want != nil) || err != nil && strings.Contains(err.Error(), "a secret") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
