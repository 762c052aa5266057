package chain

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

const (
	// maxBody bounds a request, as nodes do; in bytes.
	maxBody = 5 << 20
	// maxBatch bounds the calls in one request.
	maxBatch = 1_000
)

// Endpoint is one node that serves the chain: JSON-RPC by POST and by WebSocket on any path. Each has faults of its own, so
// that a pool of endpoints can be tested. All methods may be called at any time.
type Endpoint struct {
	c *Chain

	mu     sync.Mutex // guards all below
	lag    uint64
	frozen uint64 // the height at which it stands still; 0 means it does not
	refuse answer
	cut    int
	lose   int

	overrides Overrides
}

// answer is what an endpoint says instead of working.
type answer struct {
	status, times int
}

// Endpoint makes another node of the chain.
func (c *Chain) Endpoint() *Endpoint { return &Endpoint{c: c} }

// SetLag makes the endpoint know all but the newest n blocks. It does not say so: a range of logs that it has not seen is
// empty, a receipt missing, a call answered from old state.
func (e *Endpoint) SetLag(n uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lag = n
}

// Freeze makes the endpoint stand still at its present head, or lets it catch up.
func (e *Endpoint) Freeze(still bool) {
	top := e.top()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.frozen = 0; still {
		e.frozen = top
	}
}

// Refuse answers the next n requests with an HTTP status and nothing else; n < 0 means until further notice, 0 no more.
func (e *Endpoint) Refuse(status, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = answer{status, n}
}

// CutAnswers does what the next n requests say and then cuts the connection instead of answering.
func (e *Endpoint) CutAnswers(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut = n
}

// LoseTransactions answers the next n transactions sent here with their hashes, and forgets them: nobody will see them.
func (e *Endpoint) LoseTransactions(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose = n
}

func (e *Endpoint) loseNow() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lose == 0 {
		return false
	}
	e.lose--
	return true
}

// behind is by how many blocks the endpoint is behind a head.
func (e *Endpoint) behind(head uint64) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.frozen > 0 {
		return max(e.lag, head-min(e.frozen, head))
	}
	return e.lag
}

// top is the height of its head.
func (e *Endpoint) top() uint64 {
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	return e.view().top
}

// view is called under the chain's lock.
func (e *Endpoint) view() view {
	v := e.c.view(e.behind(e.c.head().number()))
	v.overrides = e.takesOverrides()
	return v
}

func (e *Endpoint) refused() (status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse.times == 0 {
		return 0
	}
	if e.refuse.times > 0 {
		e.refuse.times--
	}
	return e.refuse.status
}

func (e *Endpoint) cutNow() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cut == 0 {
		return false
	}
	e.cut--
	return true
}

// ServeHTTP answers JSON-RPC.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := e.refused(); status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	if websocket.IsWebSocketUpgrade(r) {
		e.serveSocket(w, r)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	switch {
	case r.Method == http.MethodOptions:
		return
	case r.Method != http.MethodPost:
		http.Error(w, "JSON-RPC wants POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	out := e.answer(r.Context(), body, nil)
	if e.cutNow() {
		panic(http.ErrAbortHandler) // how net/http is told to cut the connection
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(out); err != nil {
		e.c.log.Debug("answer not written", "error", err)
	}
}

// request and response are JSON-RPC 2.0.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// nothing is a result that is null; it must be said.
type nothing struct{}

// MarshalJSON writes null.
func (nothing) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// The codes of JSON-RPC, and the node's own.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeServer   = -32000
	codeReverted = 3
)

// answer answers one request or a batch.
func (e *Endpoint) answer(ctx context.Context, body []byte, s *socket) []byte {
	trimmed := strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n")
	if !strings.HasPrefix(trimmed, "[") {
		var r request
		if err := json.Unmarshal(body, &r); err != nil {
			return encode(failed(nil, codeParse, "parse error"))
		}
		return encode(e.one(ctx, r, s))
	}
	var all []request
	if err := json.Unmarshal(body, &all); err != nil {
		return encode(failed(nil, codeParse, "parse error"))
	}
	if len(all) == 0 {
		return encode(failed(nil, codeRequest, "empty batch"))
	}
	if len(all) > maxBatch {
		return encode(failed(nil, codeRequest, "batch too large"))
	}
	out := make([]response, len(all))
	for i, r := range all {
		out[i] = e.one(ctx, r, s)
	}
	return encode(out)
}

func (e *Endpoint) one(_ context.Context, r request, s *socket) response {
	result, err := e.do(r, s)
	if err != nil {
		return response{Version: "2.0", ID: r.ID, Error: toError(err)}
	}
	if result == nil {
		result = nothing{}
	}
	return response{Version: "2.0", ID: r.ID, Result: result}
}

func failed(id json.RawMessage, code int, text string) response {
	return response{Version: "2.0", ID: id, Error: &rpcError{Code: code, Message: text}}
}

// Error makes an rpcError an error, so that methods can return one.
func (e *rpcError) Error() string { return e.Message }

func toError(err error) *rpcError {
	if r, ok := errors.AsType[*rpcError](err); ok {
		return r
	}
	if r, ok := errors.AsType[*RevertError](err); ok {
		return &rpcError{Code: codeReverted, Message: r.Error(), Data: hexBytes(r.Data)}
	}
	return &rpcError{Code: codeServer, Message: err.Error()}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		b, _ = json.Marshal(failed(nil, codeServer, "encode answer: "+err.Error())) // plain strings do not fail
	}
	return b
}
