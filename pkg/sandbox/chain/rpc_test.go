package chain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"

	"sluice/pkg/sandbox/chain"
)

func hexOf(n uint64) string { return hexutil.EncodeUint64(n) }

// ask asks an endpoint over HTTP, without a network.
func ask(t *testing.T, e *chain.Endpoint, method string, params ...any) (json.RawMessage, error) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("status %d", w.Code)
	}
	var r struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
			Data    any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if r.Error != nil {
		return nil, fmt.Errorf("%d: %s %v", r.Error.Code, r.Error.Message, r.Error.Data)
	}
	return r.Result, nil
}

// serve puts an endpoint on loopback and connects go-ethereum's own client to it, by HTTP and by WebSocket.
func serve(t *testing.T, c *chain.Chain) (_, socket *ethclient.Client, _ *chain.Endpoint) {
	t.Helper()
	e := c.Endpoint()
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	var clients [2]*ethclient.Client
	for i, url := range []string{srv.URL, "ws" + strings.TrimPrefix(srv.URL, "http")} {
		client, err := ethclient.DialContext(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		clients[i] = client
	}
	return clients[0], clients[1], e
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A stranger's client reads everything it needs to send, follow and book a transaction, over both transports.
func TestAStrangersClientWorks(t *testing.T) {
	c, ann := start(t, chain.Config{})
	web, ws, _ := serve(t, c)
	p := chain.Polygon()
	for _, client := range []*ethclient.Client{web, ws} {
		ctx := t.Context()
		if id := must[*big.Int](t)(client.ChainID(ctx)); id.Int64() != 137 {
			t.Errorf("chain id %v", id)
		}
		if tip := must[*big.Int](t)(client.SuggestGasTipCap(ctx)); tip.Cmp(gwei(25)) != 0 {
			t.Errorf("tip %v", tip)
		}
		if price := must[*big.Int](t)(client.SuggestGasPrice(ctx)); price.Cmp(gwei(55)) != 0 {
			t.Errorf("gas price %v", price)
		}
		data := pack(t, "Token", "transfer", addressOf("bob"), big.NewInt(5))
		gas := must[uint64](t)(client.EstimateGas(ctx, ethereum.CallMsg{From: ann.at, To: &p.PUSD, Data: data}))
		nonce := must[uint64](t)(client.PendingNonceAt(ctx, ann.at))
		tx := ann.sign(nonce, 30, 200, p.PUSD, data)
		if err := client.SendTransaction(ctx, tx); err != nil {
			t.Fatal(err)
		}
		if n := must[uint64](t)(client.PendingNonceAt(ctx, ann.at)); n != nonce+1 {
			t.Errorf("pending nonce %d after %d", n, nonce)
		}
		if _, pending, err := client.TransactionByHash(ctx, tx.Hash()); err != nil || !pending {
			t.Errorf("waiting transaction: pending %v, %v", pending, err)
		}
		if _, err := client.TransactionReceipt(ctx, tx.Hash()); !errors.Is(err, ethereum.NotFound) {
			t.Errorf("receipt of a waiting transaction: %v", err)
		}
		head := c.Mine()
		r := must[*types.Receipt](t)(client.TransactionReceipt(ctx, tx.Hash()))
		if r.Status != 1 || len(r.Logs) != 1 || r.GasUsed > gas || gas > r.GasUsed*3/2 {
			t.Errorf("receipt %+v, estimate %d", r, gas)
		}
		if h := must[*types.Header](t)(client.HeaderByHash(ctx, head.Hash())); h.Hash() != head.Hash() {
			t.Errorf("the header as told hashes to %s, not %s", h.Hash(), head.Hash())
		}
		b := must[*types.Block](t)(client.BlockByNumber(ctx, head.Number)) // checks the transactions' root as well
		if len(b.Transactions()) != 1 || b.Hash() != head.Hash() {
			t.Errorf("block %v", b)
		}
		hash := head.Hash()
		logs := must[[]types.Log](t)(client.FilterLogs(ctx, ethereum.FilterQuery{BlockHash: &hash, Topics: [][]common.Hash{nil, {common.BytesToHash(ann.at.Bytes())}}}))
		if len(logs) != 1 || logs[0].TxHash != tx.Hash() {
			t.Errorf("logs %v", logs)
		}
		final := must[*types.Header](t)(client.HeaderByNumber(ctx, big.NewInt(-3))) // finalized
		if final.Number.Cmp(head.Number) >= 0 {
			t.Errorf("finalized %v at head %v", final.Number, head.Number)
		}
		if code := must[[]byte](t)(client.CodeAt(ctx, p.CTF, nil)); len(code) == 0 {
			t.Error("no code at the CTF")
		}
		fees := must[*ethereum.FeeHistory](t)(client.FeeHistory(ctx, 2, nil, []float64{50}))
		if len(fees.BaseFee) != 3 && len(fees.BaseFee) != 2 || fees.BaseFee[0].Cmp(gwei(30)) != 0 {
			t.Errorf("fee history %+v", fees)
		}
	}
	equal(t, "bob's pUSD", c.PUSD(addressOf("bob")), 10)
}

// A contract's refusal reaches the caller as text and as data.
func TestRevertIsToldWithItsReason(t *testing.T) {
	c, _ := start(t, chain.Config{})
	e := c.Endpoint()
	call := map[string]any{"from": addressOf("poor"), "to": chain.Polygon().PUSD, "data": hexutil.Bytes(pack(t, "Token", "transfer", addressOf("bob"), big.NewInt(1)))}
	for _, method := range []string{"eth_call", "eth_estimateGas"} {
		_, err := ask(t, e, method, call, "latest")
		if err == nil || !strings.HasPrefix(err.Error(), "3: execution reverted: ERC20: transfer amount exceeds balance 0x08c379a0") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// A reorganisation takes logs back and gives them again, as a node does.
func TestSubscribersHearOfReorganisations(t *testing.T) {
	c, ann := start(t, chain.Config{})
	_, ws, _ := serve(t, c)
	heads, logs := make(chan *types.Header, 100), make(chan types.Log, 100)
	_ = must[ethereum.Subscription](t)(ws.SubscribeNewHead(t.Context(), heads))
	_ = must[ethereum.Subscription](t)(ws.SubscribeFilterLogs(t.Context(), ethereum.FilterQuery{Addresses: []common.Address{chain.Polygon().PUSD}}, logs))
	r := ann.do("Token", chain.Polygon().PUSD, "transfer", addressOf("bob"), big.NewInt(5))
	if l := <-logs; l.Removed || l.BlockHash != r.BlockHash {
		t.Errorf("first log %+v", l)
	}
	if h := <-heads; h.Hash() != r.BlockHash {
		t.Errorf("head %s, want %s", h.Hash(), r.BlockHash)
	}
	if _, err := c.Reorg(1, nil); err != nil {
		t.Fatal(err)
	}
	if l := <-logs; !l.Removed || l.BlockHash != r.BlockHash {
		t.Errorf("second log %+v, want the first one removed", l)
	}
	if l := <-logs; l.Removed || l.BlockHash != c.Receipt(r.TxHash).BlockHash || l.BlockHash == r.BlockHash {
		t.Errorf("third log %+v, want it in the new block", l)
	}
	if a, b := <-heads, <-heads; b.ParentHash != a.Hash() || b.Number.Cmp(new(big.Int).Add(r.BlockNumber, big.NewInt(1))) != 0 {
		t.Errorf("heads %v and %v after the reorganisation", a.Number, b.Number)
	}
}

// An endpoint that lags answers everything from its own past, and never says so.
func TestLaggingEndpointKnowsNothingNewer(t *testing.T) {
	c, ann := start(t, chain.Config{})
	fresh, stale := c.Endpoint(), c.Endpoint()
	r := ann.do("Token", chain.Polygon().PUSD, "transfer", addressOf("bob"), big.NewInt(5))
	stale.SetLag(1)
	n := hexOf(r.BlockNumber.Uint64())
	call := map[string]any{"to": chain.Polygon().PUSD, "data": hexutil.Bytes(pack(t, "Token", "balanceOf", addressOf("bob")))}
	for _, v := range []struct {
		method      string
		params      []any
		fresh, late string
	}{
		{"eth_blockNumber", nil, `"` + n + `"`, `"` + hexOf(r.BlockNumber.Uint64()-1) + `"`},
		{"eth_getLogs", []any{map[string]any{"fromBlock": n, "toBlock": n}}, "0xddf252ad", "[]"},
		{"eth_getLogs", []any{map[string]any{"blockHash": r.BlockHash}}, "0xddf252ad", "unknown block"},
		{"eth_getTransactionReceipt", []any{r.TxHash}, "gasUsed", "null"},
		{"eth_getBlockByHash", []any{r.BlockHash, false}, "parentHash", "null"},
		{"eth_getTransactionCount", []any{ann.at, "latest"}, `"0x1"`, `"0x0"`},
		{"eth_call", []any{call, "latest"}, "05\"", "00\""},
		{"eth_call", []any{call, map[string]any{"blockHash": r.BlockHash}}, "05\"", "header not found"},
		{"eth_call", []any{call, n}, "05\"", "header not found"},
	} {
		for _, side := range []struct {
			e    *chain.Endpoint
			want string
		}{{fresh, v.fresh}, {stale, v.late}} {
			out, err := ask(t, side.e, v.method, v.params...)
			if got := fmt.Sprint(string(out), err); !strings.Contains(got, side.want) {
				t.Errorf("%s%v: %s, want %s", v.method, v.params, got, side.want)
			}
		}
	}
	stale.SetLag(0)
	stale.Freeze(true)
	c.Mine()
	if out, _ := ask(t, stale, "eth_blockNumber"); string(out) != `"`+n+`"` {
		t.Errorf("frozen at %s, head is now %s", n, out)
	}
	stale.Freeze(false)
	if out, _ := ask(t, stale, "eth_blockNumber"); string(out) == `"`+n+`"` {
		t.Error("still frozen")
	}
}

// An endpoint can refuse, or do what it is told and lose the answer.
func TestEndpointRefusesAndLosesAnswers(t *testing.T) {
	c, ann := start(t, chain.Config{})
	web, _, e := serve(t, c)
	e.Refuse(http.StatusTooManyRequests, 2)
	for range 2 {
		if _, err := web.BlockNumber(t.Context()); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("answer %v, want 429", err)
		}
	}
	if _, err := web.BlockNumber(t.Context()); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
	e.CutAnswers(1)
	tx := ann.sign(0, 30, 200, addressOf("bob"), nil)
	if err := web.SendTransaction(t.Context(), tx); err == nil {
		t.Error("the answer was not lost")
	}
	c.Mine()
	if c.Receipt(tx.Hash()) == nil {
		t.Error("the transaction whose answer was lost did not run")
	}
}

// What is not JSON-RPC, not known, or too much is refused without harm.
func TestBadRequestsAreRefused(t *testing.T) {
	c, _ := start(t, chain.Config{})
	e := c.Endpoint()
	for body, want := range map[string]string{
		`{`:  `-32700`,
		`[]`: `-32600`,
		`{"jsonrpc":"2.0","id":7,"method":"eth_mine","params":[]}`:                                   `"id":7`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1"]}`:                        `-32602`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{}}`:                             `-32602`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}`:                                         `-32602`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}`:                    `notifications not supported`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x02"]}`:               `-32000`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0"}]}`:             `block range too large`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{},"latest",{"a":{}}]}`:               `state overrides`,
		`[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"none"}]`: `"result":"0x89"},{"jsonrpc":"2.0","id":2,"error"`,
		`[` + strings.Repeat(`{"id":1},`, 1000) + `{"id":1}]`:                                        `batch too large`,
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.80s: answer %s, want %s", body, w.Body, want)
		}
	}
}

// Whatever a body holds, an endpoint answers with JSON and goes on.
func FuzzEndpoint(f *testing.F) {
	c, err := chain.New(chain.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.Close)
	e := c.Endpoint()
	for _, m := range []string{"eth_call", "eth_getLogs", "eth_feeHistory", "eth_getBlockByNumber", "eth_sendRawTransaction", "eth_getStorageAt", "eth_estimateGas"} {
		f.Add(`{"jsonrpc":"2.0","id":1,"method":"` + m + `","params":[{"to":"0x4D97DCd97eC945f40cF65F87097ACe5EA0476045","data":"0x00"},"latest",[1]]}`)
		f.Add(`{"jsonrpc":"2.0","id":1,"method":"` + m + `","params":["0xffffffffffffffff","0x0",[50.5]]}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("answer %q to %q", w.Body, body)
		}
	})
}
