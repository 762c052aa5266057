package evm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/sony/gobreaker/v2"
)

// Header is what is needed of a block's header. Its hash is what the endpoint says: Polygon's headers hash by other rules
// than Ethereum's.
type Header struct {
	Number  hexutil.Uint64 `json:"number"`
	Hash    common.Hash    `json:"hash"`
	Parent  common.Hash    `json:"parentHash"`
	Time    hexutil.Uint64 `json:"timestamp"`
	BaseFee *hexutil.Big   `json:"baseFeePerGas"`
}

// At is the block's own time.
func (h *Header) At() time.Time { return time.Unix(int64(h.Time), 0) }

// headers asks an endpoint for its newest block and its newest final one.
func headers(ctx context.Context, n *Node) (latest, final *Header, err error) {
	batch := []rpc.BatchElem{
		{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &latest},
		{Method: "eth_getBlockByNumber", Args: []any{"finalized", false}, Result: &final},
	}
	if err := n.Client.Client().BatchCallContext(ctx, batch); err != nil {
		return nil, nil, err
	}
	for _, b := range batch {
		if b.Error != nil {
			return nil, nil, b.Error
		}
	}
	if latest == nil || final == nil {
		return nil, nil, fmt.Errorf("it has no latest or no finalized block")
	}
	return latest, final, nil
}

// refresh asks every endpoint for its head when what is known is old. Who comes while another asks goes by the old.
func (p *Pool) refresh(ctx context.Context) {
	p.mu.Lock()
	fresh := !p.looked.IsZero() && time.Since(p.looked) < headFresh
	if !fresh {
		p.looked = time.Now()
	}
	p.mu.Unlock()
	if fresh {
		return
	}
	p.all(ctx, p.nodes, headTimeout, func(ctx context.Context, n *Node) error {
		latest, final, err := headers(ctx, n)
		if err != nil {
			return err
		}
		p.note(n, latest, final)
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	var finals []uint64
	for _, n := range p.nodes {
		if n.final > 0 {
			finals = append(finals, n.final)
		}
	}
	p.final = max(p.final, Agreed(finals, cmp.Compare))
}

func (p *Pool) note(at *Node, latest, final *Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.nodes, func(n *node) bool { return &n.Node == at })
	n := p.nodes[i]
	n.head, n.headAt, n.final = uint64(latest.Number), latest.At(), uint64(final.Number)
	n.finalWas = max(n.finalWas, n.final)
}

// choice is who may be read, best first: of the right chain and not too far behind; by priority, then by latency.
func (p *Pool) choice() []*node {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := p.best()
	var out []*node
	for _, n := range p.nodes {
		if n.foreign == 0 && !p.lags(n, best) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.latency, b.latency))
	})
	return out
}

// lags reports whether an endpoint is too far behind to be read: by its head, or because what it calls final has gone back,
// which a chain never does. One that has never told its head gets the benefit of the doubt.
func (p *Pool) lags(n *node, best uint64) bool {
	return n.head > 0 && n.head+p.cfg.MaxLag < best || n.final < n.finalWas
}

// behind says how an endpoint lags.
func (p *Pool) behind(n *node) string {
	if n.final < n.finalWas {
		return fmt.Sprintf("its finalized block went back from %d to %d; it is asked again when it has caught up", n.finalWas, n.final)
	}
	return fmt.Sprintf("its head is %d, and the chain's %d; it is asked again when it has caught up", n.head, p.best())
}

// best is the head to compare with: the highest that another endpoint about confirms, so that one that makes numbers up
// does not make the others look old. With two endpoints nobody can tell, and the higher one counts.
func (p *Pool) best() uint64 {
	var heads []uint64
	for _, n := range p.nodes {
		if n.head > 0 && n.foreign == 0 && n.circuit.State() != gobreaker.StateOpen {
			heads = append(heads, n.head)
		}
	}
	slices.SortFunc(heads, func(a, b uint64) int { return cmp.Compare(b, a) })
	if len(heads) == 0 {
		return 0
	}
	if len(heads) >= 3 {
		for i, h := range heads[:len(heads)-1] {
			if heads[i+1]+p.cfg.MaxLag >= h {
				return h
			}
		}
	}
	return heads[0]
}

// Agreed is the largest value that more than half of all reach: no minority can raise it, and none can lower it below what
// the rest says. Of nothing it is the zero value.
func Agreed[T any](all []T, compare func(a, b T) int) T {
	if len(all) == 0 {
		var none T
		return none
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b T) int { return compare(b, a) })
	return sorted[len(sorted)/2]
}

// Finalized is the newest block that more than half of the endpoints call final. It never goes back. 0 means that nobody has
// said yet.
func (p *Pool) Finalized(ctx context.Context) uint64 {
	p.refresh(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.final
}

// State is how an endpoint does.
type State struct {
	Name      string
	Usable    bool
	Why       string // why not
	Head      uint64
	HeadAt    time.Time // the head's own time
	Finalized uint64
	Latency   time.Duration // mean of the last calls
}

// States tells how the endpoints do, in the order of the configuration.
func (p *Pool) States(ctx context.Context) []State {
	p.refresh(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	best := p.best()
	var out []State
	for _, n := range p.nodes {
		s := State{Name: n.Name, Head: n.head, HeadAt: n.headAt, Finalized: n.final, Latency: n.latency}
		switch {
		case n.foreign != 0:
			s.Why = (&ChainError{n.Name, n.foreign, p.cfg.ChainID}).Error()
		case n.circuit.State() == gobreaker.StateOpen:
			s.Why = fmt.Sprintf("left alone for %v: %v", tripFor, n.failed)
		case n.failed != nil:
			s.Why = n.failed.Error()
		case p.lags(n, best):
			s.Why = p.behind(n)
		}
		s.Usable = s.Why == ""
		out = append(out, s)
	}
	return out
}
