package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	evm "sluice/pkg/sandbox/chain"
)

var errNoChain = errors.New("this sandbox has no chain (Config.Chain)")

// Reorganise replaces the chain's last depth blocks. Every transaction waits again, and stands in one of the new blocks unless
// what it finds there is different; receipts and logs name other blocks.
func (s *Sandbox) Reorganise(depth int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.evm == nil {
		return fmt.Errorf("reorganise: %w", errNoChain)
	}
	if depth > reorgWindow {
		return fmt.Errorf("reorganise %d blocks: at most %d are followed", depth, reorgWindow)
	}
	if _, err := s.evm.Reorg(depth, nil); err != nil {
		return err
	}
	s.follow()
	return nil
}

// SetBaseFee changes the chain's base fee from its next block on, in gwei.
func (s *Sandbox) SetBaseFee(gwei int64) error {
	switch {
	case s.evm == nil:
		return fmt.Errorf("set base fee: %w", errNoChain)
	case gwei < 1 || gwei > maxBaseFee:
		return fmt.Errorf("set base fee to %d gwei: want 1 to %d", gwei, maxBaseFee)
	}
	s.evm.SetBaseFee(gwei)
	return nil
}

// MineBlocks makes blocks at once, 1 to 1,000, beside those by time: what waits for finality need not wait as long.
func (s *Sandbox) MineBlocks(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.evm == nil:
		return fmt.Errorf("mine: %w", errNoChain)
	case n < 1 || n > maxMined:
		return fmt.Errorf("mine %d blocks: want 1 to %d", n, maxMined)
	}
	for range n {
		s.evm.Mine()
	}
	s.follow()
	return nil
}

// maxMined bounds the blocks of one deed.
const maxMined = 1_000

// maxBaseFee leaves the operator able to settle.
const maxBaseFee = 50_000

// Resolve ends a market: on the chain its question is answered, in the book every order is cancelled, and none is taken
// any more. Winning shares can then be redeemed.
func (s *Sandbox) Resolve(slug, outcome string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.marketNamed(slug)
	if err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	all := outcomes()
	winner := slices.Index(all[:], outcome)
	switch {
	case s.evm == nil:
		return fmt.Errorf("resolve: %w", errNoChain)
	case m.resolved:
		return fmt.Errorf("resolve %s: it is resolved", slug)
	case winner < 0:
		return fmt.Errorf("resolve %s to %q: its outcomes are %s and %s", slug, outcome, all[0], all[1])
	}
	if _, err := s.evm.Resolve(evm.ConditionOf(m.onChain(), 0), int64(1-winner), int64(winner)); err != nil {
		return err
	}
	s.evm.Mine()
	s.follow()
	m.resolved, m.winner = true, winner
	s.clear(m, "market resolved")
	s.publishResolved(m)
	return nil
}

// StartGame clears the book of a market, as the venue does when a game starts. Trading goes on.
func (s *Sandbox) StartGame(slug string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.marketNamed(slug)
	if err != nil {
		return fmt.Errorf("start game: %w", err)
	}
	s.clear(m, "game started")
	return nil
}

// clear cancels every order of a market, the liquidity maker's too, which come back where the market goes on.
func (s *Sandbox) clear(m *market, reason string) {
	for _, o := range s.resting(func(o *order) bool { return o.market == m }) {
		s.finish(o, stateCancelled, reason)
	}
}

func (s *Sandbox) marketNamed(slug string) (*market, error) {
	for _, m := range s.markets {
		if m.Slug == slug {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no market %q", slug)
}

// reorgWindow is for how many blocks back it is remembered what has been booked.
const reorgWindow = 256

// follow reads the blocks that have come, and after a reorganisation those that came instead. A transaction that stands in
// them as it did before is booked once, wherever it stands; one that does not is taken back. What wallets moved by
// themselves is booked as it stands there; settlements were booked when they were matched. Both are transfers for whoever
// asks.
func (s *Sandbox) follow() {
	c := s.evm
	from, head := c.followed+1, c.Head().Number.Uint64()
	if c.Hash(c.followed) != c.last {
		from = max(c.first, c.followed-min(c.followed, reorgWindow))
		for _, hash := range s.dropped(from) {
			s.unbook(hash)
		}
	}
	for n := from; n <= head; n++ {
		for _, r := range c.Receipts(n) {
			if b := c.booked[r.TxHash]; b == nil || b.undone {
				s.book(r, n)
			} else {
				b.block = n
			}
		}
	}
	c.followed, c.last = head, c.Hash(head)
	for hash, b := range c.booked {
		if b.block+2*reorgWindow < head {
			delete(c.booked, hash)
		}
	}
}

// dropped are the booked transactions from a block on that stand no more, or have come to something else, youngest first.
func (s *Sandbox) dropped(from uint64) (out []common.Hash) {
	c := s.evm
	for hash, b := range c.booked {
		if b.undone || b.block < from {
			continue
		}
		if r := c.Receipt(hash); r == nil || !slices.Equal(s.logsIn(r), b.logs) || !cameTo(s.executions(r), b.done) {
			out = append(out, hash)
		}
	}
	slices.SortFunc(out, func(x, y common.Hash) int { return cmp.Or(c.booked[y].seq-c.booked[x].seq, y.Cmp(x)) })
	return out
}

// chainDeeds are what can be done to the chain and by it, by POST /_sandbox/faults.
type chainDeeds struct {
	Reorg *struct {
		Depth int `json:"depth"`
	} `json:"reorg"`
	BaseFee *struct {
		Gwei int64 `json:"gwei"`
	} `json:"base_fee"`
	Mine *struct {
		Blocks int `json:"blocks"`
	} `json:"mine"`
	Resolve *struct {
		Market  string `json:"market"`
		Outcome string `json:"outcome"`
	} `json:"resolve"`
	GameStart *struct {
		Market string `json:"market"`
	} `json:"game_start"`
	nodeDeeds
}

func (s *Sandbox) chainDeeds(d chainDeeds) error {
	var errs []error
	if d.BaseFee != nil {
		errs = append(errs, s.SetBaseFee(d.BaseFee.Gwei))
	}
	if d.Reorg != nil {
		errs = append(errs, s.Reorganise(d.Reorg.Depth))
	}
	if d.Mine != nil {
		errs = append(errs, s.MineBlocks(d.Mine.Blocks))
	}
	if d.Resolve != nil {
		errs = append(errs, s.Resolve(d.Resolve.Market, d.Resolve.Outcome))
	}
	if d.GameStart != nil {
		errs = append(errs, s.StartGame(d.GameStart.Market))
	}
	return errors.Join(append(errs, s.nodeDeeds(d.nodeDeeds))...)
}

// onChain is the sandbox's EVM and how far it has been followed.
type onChain struct {
	*evm.Chain
	nodes    [nodeCount]*evm.Endpoint
	first    uint64 // the first block after the genesis
	followed uint64 // the last block that has been read
	last     common.Hash
	booked   map[common.Hash]*booked // the transactions of the last blocks
	settling map[common.Hash]*trade  // whose transfers were booked when they were matched
}

func newOnChain(c *evm.Chain) *onChain {
	n := c.Head().Number.Uint64()
	o := &onChain{Chain: c, first: n + 1, followed: n, last: c.Hash(n), booked: map[common.Hash]*booked{}, settling: map[common.Hash]*trade{}}
	for i := range o.nodes {
		o.nodes[i] = c.Endpoint()
	}
	return o
}

// blockEvery is how often the chain has a block without being asked: Polygon's pace.
const blockEvery = 2 * time.Second
