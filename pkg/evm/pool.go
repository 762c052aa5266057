package evm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
)

const (
	// Polygon is the chain id of Polygon PoS.
	Polygon = 137
	// maxEndpoints bounds a pool: every transaction goes to all of them.
	maxEndpoints = 16
	// defaultMaxLag is ten seconds on Polygon.
	defaultMaxLag = 5
	// defaultTimeout bounds one logical read, and one broadcast.
	defaultTimeout = 5 * time.Second
	// headFresh is for how long what is known of the endpoints' heads is good enough to choose by: two blocks.
	headFresh = 4 * time.Second
	// headTimeout bounds the question for a head. Whoever takes longer is too slow to be chosen.
	headTimeout = 2 * time.Second
)

// Endpoint is one node that answers JSON-RPC over HTTP.
type Endpoint struct {
	Name     string // for logs; empty: the URL's scheme and host
	URL      URL
	Priority int // lower ones are asked first
}

// PoolConfig says what a pool consists of.
type PoolConfig struct {
	Endpoints []Endpoint
	// ChainID is what every endpoint must serve; 0 means Polygon.
	ChainID uint64
	// MaxLag is by how many blocks an endpoint may be behind; 0 means 5.
	MaxLag uint64
	// Timeout bounds one logical read at one endpoint; 0 means 5 s.
	Timeout time.Duration
	// HTTP makes the connections; nil means http.DefaultClient.
	HTTP *http.Client
	// Log hears of endpoints that fail and come back; nil means nobody.
	Log *slog.Logger
}

// Check reports all that is wrong.
func (c PoolConfig) Check() error {
	var errs []error
	if len(c.Endpoints) == 0 {
		errs = append(errs, &UnavailableError{})
	}
	if len(c.Endpoints) > maxEndpoints {
		errs = append(errs, fmt.Errorf("%d RPC endpoints: at most %d, because every transaction goes to all", len(c.Endpoints), maxEndpoints))
	}
	names := map[string]bool{}
	for i, e := range c.Endpoints {
		if err := e.URL.Check(); err != nil {
			errs = append(errs, fmt.Errorf("RPC endpoint %d (%s): %w", i+1, e.Name, err))
		}
		if names[e.name()] {
			errs = append(errs, fmt.Errorf("RPC endpoint %d: a second one named %q; give each a name of its own", i+1, e.name()))
		}
		names[e.name()] = true
	}
	return errors.Join(errs...)
}

func (e Endpoint) name() string { return cmp.Or(e.Name, e.URL.String()) }

// Pool is several endpoints of one chain. All methods are safe for many goroutines; it starts none that outlives a call.
type Pool struct {
	cfg   PoolConfig
	log   *slog.Logger
	nodes []*node

	mu     sync.Mutex // guards below and the nodes' health; never held across I/O
	looked time.Time
	final  uint64 // the highest finalized block that was ever agreed on
}

// NewPool makes a pool. It asks nobody yet.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("make RPC pool: %w", err)
	}
	cfg.ChainID = cmp.Or(cfg.ChainID, Polygon)
	cfg.MaxLag = cmp.Or(cfg.MaxLag, defaultMaxLag)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	p := &Pool{cfg: cfg, log: cfg.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if cfg.HTTP == nil {
		p.cfg.HTTP = http.DefaultClient
	}
	for _, e := range cfg.Endpoints {
		client, err := rpc.DialOptions(context.Background(), e.URL.Reveal(), rpc.WithHTTPClient(p.cfg.HTTP))
		if err != nil {
			return nil, explain(e.name(), e.URL, err)
		}
		p.nodes = append(p.nodes, &node{Node: Node{e.name(), ethclient.NewClient(client)}, url: e.URL, priority: e.Priority, circuit: p.circuit(e.name())})
	}
	return p, nil
}

// Close lets the connections go.
func (p *Pool) Close() {
	for _, n := range p.nodes {
		n.Client.Close()
	}
}

// ChainID is the chain that the pool is for.
func (p *Pool) ChainID() uint64 { return p.cfg.ChainID }

// Read does one logical read: all calls of read go to one endpoint. When that one fails or does not have what is asked for,
// read is called again with the next, from its beginning. Errors: *Error, or *UnavailableError when none answered, or the
// context's.
func (p *Pool) Read(ctx context.Context, read func(context.Context, *Node) error) error {
	p.refresh(ctx)
	var causes []error
	for _, n := range p.choice() {
		err := p.ask(ctx, n, p.cfg.Timeout, read)
		if err == nil || !KindOf(err).elsewhere() {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		causes = append(causes, err)
	}
	return &UnavailableError{append(causes, p.passedOver()...)}
}

// passedOver says why endpoints were not even asked.
func (p *Pool) passedOver() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []error
	for _, n := range p.nodes {
		switch {
		case n.foreign != 0:
			out = append(out, &ChainError{n.Name, n.foreign, p.cfg.ChainID})
		case p.lags(n, p.best()):
			out = append(out, fmt.Errorf("endpoint %s: %s", n.Name, p.behind(n)))
		}
	}
	return out
}

// Each does a read at every endpoint that is up to date, at once, and returns when all have ended. What succeeded and what
// did not is for read to say; errors are those of the endpoints that failed.
func (p *Pool) Each(ctx context.Context, read func(context.Context, *Node) error) []error {
	p.refresh(ctx)
	return p.all(ctx, p.choice(), p.cfg.Timeout, read)
}

// Answer is what an endpoint said to a transaction.
type Answer struct {
	Endpoint string
	Kind     Kind // None and Known are success
	Err      error
}

// Broadcast sends a signed transaction to every endpoint of the right chain, those that lag too, and tells what each said.
// An endpoint whose answer is lost (Fault) may have taken it.
func (p *Pool) Broadcast(ctx context.Context, raw []byte) []Answer {
	var mu sync.Mutex
	var answers []Answer
	p.all(ctx, p.nodes, p.cfg.Timeout, func(ctx context.Context, n *Node) error {
		var hash common.Hash
		err := n.Client.Client().CallContext(ctx, &hash, "eth_sendRawTransaction", hexutil.Encode(raw))
		err = explain(n.Name, p.urlOf(n.Name), err)
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, Answer{n.Name, KindOf(err), err})
		return err
	})
	slices.SortFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return answers
}

func (p *Pool) urlOf(name string) URL {
	for _, n := range p.nodes {
		if n.Name == name {
			return n.url
		}
	}
	return ""
}

func (p *Pool) all(ctx context.Context, nodes []*node, limit time.Duration, read func(context.Context, *Node) error) []error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = p.ask(ctx, n, limit, read) })
	}
	wg.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
