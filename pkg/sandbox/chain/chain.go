package chain

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/triedb"
)

const (
	// gwei in wei.
	gwei = 1_000_000_000
	// defaultBaseFee is a usual one on Polygon, in gwei.
	defaultBaseFee = 30
	// MinTip is the least tip in wei that Polygon's nodes take.
	MinTip = 25 * gwei
	// gasLimit is a block's. Polygon's is 45 to 60 million.
	gasLimit = 45_000_000
	// defaultFinalDepth is how far `finalized` is behind the head: on Polygon a few seconds.
	defaultFinalDepth = 3
	// keepStates is for how many blocks back state can be read; older ones answer "missing trie node", as pruned nodes do.
	keepStates = 1024
	// keepBlocks is how many blocks can be read: more than a day at two seconds.
	keepBlocks = 50_000
	// genesisNumber is the first block's: far enough from zero that nobody takes a missing number for it.
	genesisNumber = 1_000_000
)

// Config is what can be chosen when a chain starts. The zero value is ready to use: no accounts, a block when asked.
type Config struct {
	// Log receives the life cycle; nil means none.
	Log *slog.Logger
	// Accounts and Markets are there from the first block on.
	Accounts []Account
	Markets  []Market
	// BlockEvery makes a block this often; 0 means by Mine alone.
	BlockEvery time.Duration
	// Instant also makes a block for each transaction accepted.
	Instant bool
	// FinalDepth is how far finalized is behind the head; 0 means 3.
	FinalDepth uint64
	// BaseFee is in gwei; 0 means 30. It stays what it is until SetBaseFee: the price of a run should not depend on its load.
	BaseFee int64
	// Code replaces contracts' creation code by their Solidity names, to run the real ones. FallbackHandler, which ours do
	// without, is deployed when it is named.
	Code map[string][]byte
}

// Chain is one EVM chain. Use New; it lives until Close.
type Chain struct {
	log      *slog.Logger
	cfg      Config
	config   *params.ChainConfig
	operator common.Address
	// Fixed after New.
	proxies    map[Kind]proxy
	conditions []Condition
	exchange   abi.ABI
	alloc      types.GenesisAlloc
	signer     types.Signer
	running    sync.WaitGroup
	done       chan struct{}

	mu       sync.Mutex // guards all below; never held across I/O
	closed   bool
	db       *state.MPTDatabase
	tdb      *triedb.Database
	blocks   []*sealed // the canonical ones; blocks[0] may be later than the genesis
	byHash   map[common.Hash]*sealed
	included map[common.Hash]place // transactions of canonical blocks
	pool     pool
	baseFee  *big.Int
	held     uint64 // the oldest block whose state is kept
	fork     uint64 // reorganisations so far: makes blocks differ that would be the same
	heard    map[*listener]struct{}
}

// sealed is a block and what it led to.
type sealed struct {
	block    *types.Block
	receipts types.Receipts
	orphan   bool
}

func (s *sealed) number() uint64    { return s.block.NumberU64() }
func (s *sealed) hash() common.Hash { return s.block.Hash() }

// place is where a transaction stands.
type place struct {
	in    *sealed
	index int
}

// New starts a chain with its contracts, accounts and markets in place.
func New(cfg Config) (*Chain, error) {
	cfg.FinalDepth = cmp.Or(cfg.FinalDepth, defaultFinalDepth)
	cfg.BaseFee = cmp.Or(cfg.BaseFee, defaultBaseFee)
	c := &Chain{
		log: cfg.Log, cfg: cfg, config: rulesConfig(), operator: Operator(), proxies: map[Kind]proxy{}, done: make(chan struct{}),
		byHash: map[common.Hash]*sealed{}, included: map[common.Hash]place{}, pool: newPool(),
		baseFee: new(big.Int).Mul(big.NewInt(cfg.BaseFee), big.NewInt(gwei)), heard: map[*listener]struct{}{},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.signer, c.exchange = types.LatestSigner(c.config), Interface("Exchange")
	disk := rawdb.NewMemoryDatabase()
	c.tdb = triedb.NewDatabase(disk, nil)
	c.db = state.NewMPTDatabase(c.tdb, state.NewCodeDB(disk))
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("start chain: %w", err)
	}
	if cfg.BlockEvery > 0 {
		c.running.Go(c.tick)
	}
	return c, nil
}

// start makes the first block.
func (c *Chain) start() error {
	st, err := state.New(types.EmptyRootHash, c.db)
	if err != nil {
		return err
	}
	h := &types.Header{
		Number: big.NewInt(genesisNumber), GasLimit: gasLimit, Time: uint64(time.Now().Unix()), BaseFee: c.baseFee, Difficulty: new(big.Int),
		UncleHash: types.EmptyUncleHash, TxHash: types.EmptyTxsHash, ReceiptHash: types.EmptyReceiptsHash,
	}
	c.held = genesisNumber
	w := newWorld(c, st, h, c.cfg.Code)
	w.genesis(c.cfg)
	c.alloc = w.alloc()
	if h.Root, err = c.commit(st, h); err != nil {
		return err
	}
	c.push(&sealed{block: types.NewBlockWithHeader(h)})
	return nil
}

// tick makes blocks by time until Close.
func (c *Chain) tick() {
	t := time.NewTicker(c.cfg.BlockEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			c.Mine()
		case <-c.done:
			return
		}
	}
}

// Close ends block making and subscriptions. What has been read stays valid.
func (c *Chain) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.done)
		for l := range c.heard {
			l.end()
		}
	}
	c.mu.Unlock()
	c.running.Wait()
}

// Conditions are the markets of the configuration, in its order.
func (c *Chain) Conditions() []Condition { return c.conditions }

// Genesis is the state before the first transaction, for another EVM to start with. It must not be changed.
func (c *Chain) Genesis() types.GenesisAlloc { return c.alloc }

// commit writes the state behind a block and holds on to it.
func (c *Chain) commit(st *state.StateDB, h *types.Header) (common.Hash, error) {
	root, err := st.Commit(c.rulesAt(h), h.Number.Uint64())
	if err != nil {
		return root, fmt.Errorf("commit state: %w", err)
	}
	if err := c.tdb.Reference(root, common.Hash{}); err != nil {
		return root, fmt.Errorf("hold state: %w", err)
	}
	return root, nil
}

// push makes a block the head and lets go of what is too old.
func (c *Chain) push(s *sealed) {
	c.blocks = append(c.blocks, s)
	c.byHash[s.hash()] = s
	for i, tx := range s.block.Transactions() {
		c.included[tx.Hash()] = place{s, i}
	}
	for ; c.held+keepStates <= s.number(); c.held++ {
		c.release(c.at(c.held))
	}
	if len(c.blocks) > keepBlocks {
		old := c.blocks[0]
		c.blocks = c.blocks[1:]
		delete(c.byHash, old.hash())
		for _, tx := range old.block.Transactions() {
			delete(c.included, tx.Hash())
		}
	}
}

// release lets go of the state behind a block.
func (c *Chain) release(s *sealed) {
	if err := c.tdb.Dereference(s.block.Root()); err != nil {
		c.log.Error("state not released", "block", s.number(), "error", err)
	}
}

func (c *Chain) head() *sealed { return c.blocks[len(c.blocks)-1] }

// at returns the canonical block of a number.
func (c *Chain) at(n uint64) *sealed {
	first := c.blocks[0].number()
	if n < first || n-first >= uint64(len(c.blocks)) {
		return nil
	}
	return c.blocks[n-first]
}

// ancestor is the hash of block n as seen from inside the block h.
func (c *Chain) ancestor(h *types.Header, n uint64) common.Hash {
	if n >= h.Number.Uint64() || len(c.blocks) == 0 {
		return common.Hash{}
	}
	if s := c.at(n); s != nil {
		return s.hash()
	}
	return common.Hash{}
}

// errPruned is answered in a node's words.
var errPruned = errors.New("missing trie node: the state of this block is not kept")

// stateOf opens the state behind a block.
func (c *Chain) stateOf(s *sealed) (*state.StateDB, error) {
	if s.orphan || s.number() < c.held {
		return nil, errPruned
	}
	st, err := state.New(s.block.Root(), c.db)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errPruned, err)
	}
	return st, nil
}
