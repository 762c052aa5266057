package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

// nodeCount is how many nodes serve the chain: enough for a pool in which one lags and one is down.
const nodeCount = 3

// serveRPC is a node of the chain, by POST and by WebSocket: the first at /rpc, any at /rpc/<number>.
func (s *Sandbox) serveRPC(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(cmp.Or(r.PathValue("node"), "1"))
	node := s.Node(n)
	switch {
	case s.evm == nil:
		s.tell(w, refuse(http.StatusNotFound, "this sandbox has no chain"))
	case err != nil || node == nil:
		s.tell(w, refuse(http.StatusNotFound, fmt.Sprintf("the chain has nodes 1 to %d", nodeCount)))
	default:
		node.ServeHTTP(w, r)
	}
}

// Node is a node of the chain by its number, from 1, with faults of its own; nil when there is none.
func (s *Sandbox) Node(n int) *evm.Endpoint {
	if s.evm == nil || n < 1 || n > nodeCount {
		return nil
	}
	return s.evm.nodes[n-1]
}

// ForgetTransaction drops a transaction that waits for its block.
func (s *Sandbox) ForgetTransaction(hash common.Hash) error {
	switch {
	case s.evm == nil:
		return fmt.Errorf("forget transaction: %w", errNoChain)
	case !s.evm.Forget(hash):
		return fmt.Errorf("forget transaction %s: it does not wait", hash)
	}
	return nil
}

// nodeDeed is something that a node does from now on, or to the next few requests. Node 0 is the first.
type nodeDeed struct {
	Node   int    `json:"node"`
	Blocks uint64 `json:"blocks"` // of stale_rpc
	Status int    `json:"status"` // of refuse_rpc
	Next   int    `json:"next"`   // of the others; below 0 until further notice where that makes sense
}

// nodeDeeds are the faults of the chain's nodes, by POST /_sandbox/faults.
type nodeDeeds struct {
	StaleRPC  *nodeDeed `json:"stale_rpc"`
	RefuseRPC *nodeDeed `json:"refuse_rpc"`
	CutRPC    *nodeDeed `json:"cut_rpc"`
	LoseTxs   *nodeDeed `json:"lose_txs"`
	ForgetTx  *struct {
		Hash common.Hash `json:"hash"`
	} `json:"forget_tx"`
}

func (s *Sandbox) nodeDeeds(d nodeDeeds) error {
	var errs []error
	do := func(n *nodeDeed, f func(*evm.Endpoint)) {
		if n == nil {
			return
		}
		node := s.Node(cmp.Or(n.Node, 1))
		switch {
		case s.evm == nil:
			errs = append(errs, fmt.Errorf("change a node: %w", errNoChain))
		case node == nil:
			errs = append(errs, fmt.Errorf("change node %d: there are 1 to %d", n.Node, nodeCount))
		default:
			f(node)
		}
	}
	do(d.StaleRPC, func(e *evm.Endpoint) { e.SetLag(d.StaleRPC.Blocks) })
	do(d.RefuseRPC, func(e *evm.Endpoint) {
		e.Refuse(cmp.Or(d.RefuseRPC.Status, http.StatusTooManyRequests), d.RefuseRPC.Next)
	})
	do(d.CutRPC, func(e *evm.Endpoint) { e.CutAnswers(max(0, d.CutRPC.Next)) })
	do(d.LoseTxs, func(e *evm.Endpoint) { e.LoseTransactions(max(0, d.LoseTxs.Next)) })
	if d.ForgetTx != nil {
		errs = append(errs, s.ForgetTransaction(d.ForgetTx.Hash))
	}
	return errors.Join(errs...)
}
