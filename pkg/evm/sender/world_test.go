package sender_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"sluice/pkg/evm"
	"sluice/pkg/evm/sender"
	"sluice/pkg/polymarket"
	"sluice/pkg/sandbox/chain"
)

// world is a chain with several endpoints, in virtual time, and one key that has money. Blocks come when a test says so.
type world struct {
	t     testing.TB
	c     *chain.Chain
	nodes []*node
	key   *polymarket.Key
	first uint64 // block
}

// node is an endpoint and what is wrong with it beyond its own faults.
type node struct {
	*chain.Endpoint
	mu    sync.Mutex
	shift int64 // added to every nonce that it tells
	// receipts, when not nil, are those that it has told, and tells again whatever has become of their blocks.
	receipts map[string]any
}

// cling makes it tell of abandoned blocks as if they were in the chain, or no more.
func (n *node) cling(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.receipts = nil; on {
		n.receipts = map[string]any{}
	}
}

func (n *node) lie(shift int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shift = shift
}

func newWorld(t testing.TB, nodes int) *world {
	t.Helper()
	return newWorldFinalAfter(t, nodes, 3)
}

// newWorldFinalAfter has so many blocks between the newest and the newest final one.
func newWorldFinalAfter(t testing.TB, nodes int, depth uint64) *world {
	t.Helper()
	k, err := crypto.ToECDSA(keyBytes())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: polymarket.KeyFrom(k)}
	w.c, err = chain.New(chain.Config{FinalDepth: depth, Accounts: []chain.Account{{Owner: w.key.Address(), USDCe: 1_000_000, Gas: 100, Bare: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.c.Close)
	w.first = w.c.Head().Number.Uint64()
	for range nodes {
		w.nodes = append(w.nodes, &node{Endpoint: w.c.Endpoint()})
	}
	w.blocks(int(depth) + 1)
	return w
}

// keyBytes is a key of no worth.
func keyBytes() []byte { return crypto.Keccak256([]byte("sender test")) }

// pay is a plain payment of the key, made without the sender.
func (w *world) pay(nonce uint64, value evm.Wei) *types.Transaction {
	w.t.Helper()
	k, err := crypto.ToECDSA(keyBytes())
	if err != nil {
		w.t.Fatal(err)
	}
	tx, err := types.SignNewTx(k, types.LatestSignerForChainID(big.NewInt(chain.ID)), &types.DynamicFeeTx{
		ChainID: big.NewInt(chain.ID), Nonce: nonce, GasTipCap: evm.Gwei(30).Big(), GasFeeCap: evm.Gwei(60).Big(), Gas: 21_000, To: &common.Address{9}, Value: value.Big(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return tx
}

// blocks makes n blocks, two seconds apart, each after everything else has come to rest.
func (w *world) blocks(n int) {
	for range n {
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.c.Mine()
	}
	synctest.Wait()
}

// recipient is an account that gets one token from intent i and from nothing else, so that its balance counts executions.
func recipient(i int) common.Address {
	return common.BytesToAddress(crypto.Keccak256(fmt.Appendf(nil, "recipient %d", i))[12:])
}

func id(i int) string { return fmt.Sprintf("pay-%d", i) }

// intent pays one token to recipient i.
func (w *world) intent(i int) sender.Intent {
	data, err := chain.Interface("Token").Pack("transfer", recipient(i), big.NewInt(1))
	if err != nil {
		w.t.Fatal(err)
	}
	return sender.Intent{ID: id(i), To: chain.Polygon().USDCe, Data: data, Gas: 100_000}
}

// executed is how often intent i was executed, by the chain.
func (w *world) executed(i int) int64 { return w.c.USDCe(recipient(i)).Int64() }

// mortal ends a process at one of its steps into the outside: the journal and the network. Once dead, nothing it does has any
// effect. Each request and each write are two steps, before and after.
type mortal struct {
	mu    sync.Mutex
	at    int // the step at which it dies; 0: never
	steps int
	dead  chan struct{} // closed by death
}

var errDead = errors.New("killed")

func newMortal(at int) *mortal { return &mortal{at: at, dead: make(chan struct{})} }

func (m *mortal) step() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.dead:
		return errDead
	default:
	}
	if m.steps++; m.steps == m.at {
		close(m.dead)
		return errDead
	}
	return nil
}

// mortalJournal is a journal as seen by a process that may die.
type mortalJournal struct {
	sender.Journal
	*mortal
}

func (j mortalJournal) Append(ctx context.Context, after uint64, record []byte) (uint64, error) {
	if err := j.step(); err != nil {
		return 0, err
	}
	at, err := j.Journal.Append(ctx, after, record)
	return at, errors.Join(err, j.step())
}

func (j mortalJournal) Read(ctx context.Context, after uint64) ([]sender.Entry, error) {
	if err := j.step(); err != nil {
		return nil, err
	}
	return j.Journal.Read(ctx, after)
}

// wires is the network of a process.
type wires struct {
	w *world
	*mortal
}

// RoundTrip asks the endpoint that the host names: n0, n1, …
func (r wires) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	var i int
	if _, err := fmt.Sscanf(req.URL.Host, "n%d", &i); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil { // how an endpoint cuts the connection
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	n := r.w.nodes[i]
	n.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	if err := r.step(); err != nil {
		return nil, err
	}
	if rec.Code == http.StatusOK {
		rec.Body = bytes.NewBuffer(n.twist(r.w.t, body, rec.Body.Bytes()))
	}
	return rec.Result(), nil
}

// twist changes the answers to a batch as the node's faults say.
func (n *node) twist(t testing.TB, asked, said []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	var questions []struct {
		Method string
		Params []any
	}
	var answers []map[string]any
	if n.shift == 0 && n.receipts == nil || json.Unmarshal(asked, &questions) != nil || json.Unmarshal(said, &answers) != nil {
		return said // nothing is wrong, or it is not a batch
	}
	for i, q := range questions {
		result, text := answers[i]["result"].(string)
		switch {
		case q.Method == "eth_getTransactionCount" && text:
			nonce, err := hexutil.DecodeUint64(result)
			if err != nil {
				t.Errorf("nonce %q: %v", result, err)
			}
			answers[i]["result"] = hexutil.EncodeUint64(uint64(max(0, int64(nonce)+n.shift)))
		case q.Method == "eth_getTransactionReceipt" && n.receipts != nil:
			key := fmt.Sprint(q.Params...)
			if n.receipts[key] == nil {
				n.receipts[key] = answers[i]["result"]
			}
			answers[i]["result"] = n.receipts[key]
		}
	}
	b, err := json.Marshal(answers)
	if err != nil {
		t.Error(err)
	}
	return b
}

// process is a sender that runs.
type process struct {
	*sender.Sender
	w    *world
	m    *mortal
	end  context.CancelFunc
	over chan error
	logs *bytes.Buffer

	mu   sync.Mutex
	told []sender.Progress
}

// start runs a sender on a journal until stop, or until it dies at a step.
func (w *world) start(j sender.Journal, dieAt int, change func(*sender.Config)) *process {
	w.t.Helper()
	m := newMortal(dieAt)
	p := &process{w: w, m: m, over: make(chan error, 1), logs: new(bytes.Buffer)}
	var endpoints []evm.Endpoint
	for i := range w.nodes {
		endpoints = append(endpoints, evm.Endpoint{URL: evm.URL(fmt.Sprintf("http://n%d/v2/hush", i)), Priority: i})
	}
	pool, err := evm.NewPool(evm.PoolConfig{Endpoints: endpoints, HTTP: &http.Client{Transport: wires{w, m}}})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := sender.Config{
		Pool: pool, Journal: mortalJournal{j, m}, Signer: w.key, Allow: func(common.Address, []byte) error { return nil }, Told: p.hear,
		Log: slog.New(slog.NewTextHandler(&synced{b: p.logs}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	if p.Sender, err = sender.New(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	p.end = end
	go func() { p.over <- p.Run(ctx) }()
	w.t.Cleanup(func() { end() })
	return p
}

// synced is a buffer for several writers.
type synced struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (s *synced) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (p *process) hear(x sender.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, x)
}

// of are the steps of one stage of an intent; an empty id takes all.
func (p *process) of(stage sender.Stage, id string) (out []sender.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.told {
		if x.Stage == stage && (id == "" || x.ID == id) {
			out = append(out, x)
		}
	}
	return out
}

// stop ends a process and gives the error of its Run.
func (p *process) stop() error {
	p.end()
	return <-p.over
}

// submit takes intents on.
func (p *process) submit(intents ...int) {
	p.w.t.Helper()
	for _, i := range intents {
		ctx, end := context.WithTimeout(context.Background(), time.Minute)
		if err := p.Submit(ctx, p.w.intent(i)); err != nil {
			p.w.t.Fatalf("submit %d: %v\n%s", i, err, p.logs)
		}
		end()
	}
	synctest.Wait()
}

// result is how an intent ended, after as many blocks as it takes, at most n.
func (p *process) result(id string, n int) sender.Result {
	p.w.t.Helper()
	for range n {
		ctx, end := context.WithTimeout(context.Background(), time.Second)
		r, err := p.Wait(ctx, id)
		end()
		if err == nil {
			return r
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			p.w.t.Fatalf("wait for %s: %v", id, err)
		}
		p.w.blocks(1)
	}
	p.w.t.Fatalf("%s has not ended after %d blocks:\n%s", id, n, p.logs)
	return sender.Result{}
}

// once wants every intent executed once, and as its result says.
func (p *process) once(intents ...int) {
	p.w.t.Helper()
	for _, i := range intents {
		r := p.result(id(i), 60)
		if got := p.w.executed(i); r.Outcome != sender.Executed || got != 1 {
			p.w.t.Errorf("intent %d: outcome %q, executed %d times on chain\n%s", i, r.Outcome, got, p.logs)
		}
		if in := p.w.c.Receipt(r.Hash); in == nil || in.BlockHash != r.BlockHash {
			p.w.t.Errorf("intent %d: result names %s in block %s, the chain has %v", i, r.Hash, r.BlockHash, in)
		}
	}
}

// sent are all transactions of the key in the chain, oldest first.
func (w *world) sent() (out []*types.Receipt) {
	for n := w.first; n <= w.c.Head().Number.Uint64(); n++ {
		out = append(out, w.c.Receipts(n)...)
	}
	return out
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// briefly is as long as a caller waits who wants to know whether the process lives.
func (w *world) briefly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Second)
}
