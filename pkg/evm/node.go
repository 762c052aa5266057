package evm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/sony/gobreaker/v2"
)

const (
	// After tripAfter failures within tripWithin an endpoint is left alone for tripFor; then one call tries whether it works.
	tripAfter  = 5
	tripWithin = 30 * time.Second
	tripFor    = 30 * time.Second
	// tripStep is how finely tripWithin slides.
	tripStep = 3 * time.Second
	// latencyShare is the weight of the newest call in the mean latency: one in so many.
	latencyShare = 8
)

// Node is an endpoint as one logical read sees it.
type Node struct {
	Name   string
	Client *ethclient.Client
}

// node is an endpoint and how it does.
type node struct {
	Node
	url      URL
	priority int
	circuit  *gobreaker.CircuitBreaker[struct{}]

	// Guarded by the pool's lock.
	checked  bool   // its chain id is ours
	foreign  uint64 // its chain id when that is not ours
	head     uint64
	headAt   time.Time // the head's own time
	final    uint64
	finalWas uint64 // the highest that it has said
	latency  time.Duration
	failed   error // the last failure, nil when the last call succeeded
}

func (p *Pool) circuit(name string) *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 1, Interval: tripWithin, BucketPeriod: tripStep, Timeout: tripFor,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.TotalFailures >= tripAfter },
		IsSuccessful: func(err error) bool { return KindOf(err) != Fault },
		IsExcluded:   func(err error) bool { return KindOf(err) == Ended },
		OnStateChange: func(name string, from, to gobreaker.State) {
			p.log.Warn("endpoint changed", "endpoint", name, "from", from.String(), "to", to.String())
		},
	})
}

// ask does one logical read at one endpoint. Its error is an *Error or a *ChainError.
func (p *Pool) ask(ctx context.Context, n *node, limit time.Duration, read func(context.Context, *Node) error) error {
	_, err := n.circuit.Execute(func() (struct{}, error) {
		try, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := p.check(try, n); err != nil {
			return struct{}{}, p.blame(ctx, n, err)
		}
		begun := time.Now()
		err := read(try, &n.Node)
		p.took(n, time.Since(begun))
		return struct{}{}, p.blame(ctx, n, err)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		p.mu.Lock()
		last := n.failed
		p.mu.Unlock()
		return &Error{Kind: Fault, Endpoint: n.Name, Cause: fmt.Sprintf("left alone for %v after %d failures, the last: %v", tripFor, tripAfter, last), err: err}
	}
	return err
}

// blame explains an error and remembers a failure. When it was the caller who gave up, nobody is blamed.
func (p *Pool) blame(ctx context.Context, n *node, err error) error {
	if _, ok := errors.AsType[*ChainError](err); ok {
		return err
	}
	if err != nil && ctx.Err() != nil {
		return &Error{Kind: Ended, Endpoint: n.Name, Cause: ctx.Err().Error(), err: ctx.Err()}
	}
	err = explain(n.Name, n.url, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.failed = nil; KindOf(err) == Fault {
		n.failed = err
	}
	return err
}

// ChainError reports an endpoint of another chain. It is never used.
type ChainError struct {
	Endpoint   string
	Have, Want uint64
}

// Error says which chain it is and what to do.
func (e *ChainError) Error() string {
	return fmt.Sprintf("endpoint %s serves chain %d, not %d: a transaction signed for one is void on the other; configure an endpoint of chain %d", e.Endpoint, e.Have, e.Want, e.Want)
}

// check asks for the chain id, once. What the answer was stays for the life of the pool.
func (p *Pool) check(ctx context.Context, n *node) error {
	p.mu.Lock()
	checked, foreign := n.checked, n.foreign
	p.mu.Unlock()
	if checked {
		return nil
	}
	if foreign == 0 {
		id, err := n.Client.ChainID(ctx)
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if n.checked = id.IsUint64() && id.Uint64() == p.cfg.ChainID; n.checked {
			return nil
		}
		foreign = max(id.Uint64(), 1) // an id that is none is not ours either
		n.foreign = foreign
		p.log.Error("endpoint of another chain", "endpoint", n.Name, "chain", foreign, "want", p.cfg.ChainID)
	}
	return &ChainError{n.Name, foreign, p.cfg.ChainID}
}

func (p *Pool) took(n *node, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.latency == 0 {
		n.latency = d
	}
	n.latency += (d - n.latency) / latencyShare
}
