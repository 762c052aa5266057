package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gorilla/websocket"
)

// maxSubscriptions bounds those of one socket.
const maxSubscriptions = 100

// socket is one WebSocket and what it has subscribed to.
type socket struct {
	e  *Endpoint
	ws *websocket.Conn

	write sync.Mutex // one writer at a time, which is all that websocket.Conn asks

	mu   sync.Mutex // guards all below
	subs map[string]subscription
	next uint64
}

// subscription is what one wants to be told of: heads, or logs that a filter takes.
type subscription struct {
	heads  bool
	filter Filter
}

func (e *Endpoint) serveSocket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	ws.SetReadLimit(maxBody)
	s := &socket{e: e, ws: ws, subs: map[string]subscription{}}
	l := e.c.listen()
	var told sync.WaitGroup
	told.Go(func() { s.tell(l) })
	s.hear(r.Context())
	l.stop()
	told.Wait()
}

// hear answers until the other side goes.
func (s *socket) hear(ctx context.Context) {
	defer s.ws.Close()
	for {
		_, body, err := s.ws.ReadMessage()
		if err != nil {
			return
		}
		out := s.e.answer(ctx, body, s)
		if s.e.cutNow() || s.send(out) != nil {
			return
		}
	}
}

func (s *socket) send(b []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	return s.ws.WriteMessage(websocket.TextMessage, b)
}

// tell passes on what happens until the listener ends, and then closes the socket.
func (s *socket) tell(l *listener) {
	defer s.ws.Close()
	for range l.wake {
		all, more := l.take()
		for _, n := range all {
			if s.pass(n) != nil {
				l.stop()
				return
			}
		}
		if !more {
			return
		}
	}
}

// pass sends one piece of news to the subscriptions that want it. An endpoint that lags says nothing.
func (s *socket) pass(n news) error {
	if n.head != nil && s.e.behind(n.head.Number.Uint64()) > 0 {
		return nil
	}
	s.mu.Lock()
	var out [][]byte
	for id, sub := range s.subs {
		for _, result := range sub.takes(n) {
			out = append(out, encode(map[string]any{
				"jsonrpc": "2.0", "method": "eth_subscription", "params": map[string]any{"subscription": id, "result": result},
			}))
		}
	}
	s.mu.Unlock()
	for _, b := range out {
		if err := s.send(b); err != nil {
			return err
		}
	}
	return nil
}

func (s subscription) takes(n news) []any {
	var out []any
	if s.heads {
		if n.head != nil {
			out = append(out, headerJSON(n.head))
		}
		return out
	}
	for _, l := range n.logs {
		if s.filter.takes(l) {
			out = append(out, l)
		}
	}
	return out
}

// subscribe starts a subscription of a kind.
func (s *socket) subscribe(params []json.RawMessage) (any, error) {
	kind, err := param[string](params, 0, "subscription")
	if err != nil {
		return nil, err
	}
	sub := subscription{heads: kind == "newHeads"}
	if kind == "logs" {
		q, err := optional[logQuery](params, 1)
		if err != nil {
			return nil, err
		}
		if sub.filter, err = q.filter(); err != nil {
			return nil, err
		}
	} else if !sub.heads {
		return nil, &rpcError{Code: codeMethod, Message: fmt.Sprintf("no %q subscription in eth namespace", kind)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subs) >= maxSubscriptions {
		return nil, &rpcError{Code: codeServer, Message: "too many subscriptions"}
	}
	s.next++
	id := hexutil.EncodeUint64(s.next)
	s.subs[id] = sub
	return id, nil
}

func (s *socket) unsubscribe(params []json.RawMessage) (any, error) {
	id, err := param[string](params, 0, "subscription id")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subs[id]; !ok {
		return nil, &rpcError{Code: codeServer, Message: "subscription not found"}
	}
	delete(s.subs, id)
	return true, nil
}

// headerJSON is a header as it is told: the fields of the block and its hash.
func headerJSON(h *types.Header) map[string]any {
	out := map[string]any{}
	b, err := json.Marshal(h)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("header to JSON: %v", err)) // the type's own encoding, read back
	}
	return out
}
