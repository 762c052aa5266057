package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/money"
)

const (
	defaultSeed = 1
	// defaultMineAfter and defaultConfirmAfter are counted from the match. The venue takes seconds; a test should not.
	defaultMineAfter    = 200 * time.Millisecond
	defaultConfirmAfter = 400 * time.Millisecond
	// defaultRequoteAfter is how long a hit quote stays thin: long enough that a second order sees the first one's mark.
	defaultRequoteAfter = 100 * time.Millisecond
	// headerTimeout bounds a client that connects and says nothing.
	headerTimeout = 10 * time.Second
	// drainTimeout bounds the answers under way when Serve ends.
	drainTimeout = 2 * time.Second
)

// Config is what can be chosen when a sandbox starts. The zero value is ready to use.
type Config struct {
	// Seed decides everything left to chance; 0 means 1.
	Seed uint64
	// Log receives the life cycle; nil means none.
	Log *slog.Logger
	// JournalFile also receives each journal line; empty means memory only.
	JournalFile string
	// MineAfter and ConfirmAfter are the delays from a match to its next two statuses; 0 means 200 ms and 400 ms.
	MineAfter, ConfirmAfter time.Duration
	// RequoteAfter is how long the liquidity maker waits before it fills up its quotes; 0 means 100 ms.
	RequoteAfter time.Duration
	// Walk moves the liquidity maker's prices by a random tick this often; 0 means never.
	Walk time.Duration
	// FeeRates are taker fee rates by market slug in millionths: 70000 is 0.07 of shares × p × (1−p).
	FeeRates map[string]int64
	// Enforce refuses what is above the limits; otherwise it is only counted and warned about.
	Enforce bool
	// Edge is what happens to a request that is above a window while Enforce is set; EdgeHold is how long a queueing edge
	// holds it, 0 means 10 s.
	Edge     Edge
	EdgeHold time.Duration
	// Limits are the figures; nil means those of today (EditionNow).
	Limits *Limits
	// Tiers are signers' tiers by account; others have the first.
	Tiers map[string]string
	// PageSize bounds the pages of lists; 0 means 500.
	PageSize int
	// Chain settles trades on an EVM, which is served at /rpc and followed: what wallets do there is booked here.
	Chain bool
	// Unmade are accounts whose wallets nobody has put on that chain yet: the money is at their addresses, the permissions are not given.
	Unmade []string
}

// Sandbox is one venue. Use New; it lives until Close.
type Sandbox struct {
	cfg     Config
	log     *slog.Logger
	journal *journal
	mux     *http.ServeMux

	// Fixed after New.
	markets    []*market
	byToken    map[string]*market
	byCond     map[string]*market
	names      map[common.Address]string // of the accounts' owners
	regular    exchange
	negRisk    exchange
	protocolV2 exchange

	running sync.WaitGroup // sockets and the journal's file
	done    chan struct{}  // closed by Close

	mu       sync.Mutex // guards all below; never held across I/O
	closed   bool
	timers   map[*time.Timer]struct{}
	rng      *rand.Rand
	faults   Faults
	logins   map[login]*apiKey
	keys     map[string]*apiKey
	wallets  map[common.Address]*wallet
	maker    *wallet
	makerKey *apiKey
	fees     money.Cash
	orders   map[string]*order
	chain    chain
	evm      *onChain // nil without Config.Chain
	seq      int64    // of the last order
	trades   []*trade
	quoted   int64 // orders that the liquidity maker has placed
	notices  map[common.Address][]notice
	noticeID int64
	sockets  map[*socket]struct{}
	limits   limits
	relayer  relayer
	requests int64 // so far
}

// New starts a sandbox: its journal, its markets, its liquidity. The error is that of opening the journal file, or of limits and
// tiers that make no sense.
func New(cfg Config) (*Sandbox, error) {
	cfg.Seed = cmp.Or(cfg.Seed, defaultSeed)
	cfg.MineAfter = cmp.Or(cfg.MineAfter, defaultMineAfter)
	cfg.ConfirmAfter = cmp.Or(cfg.ConfirmAfter, defaultConfirmAfter)
	cfg.RequoteAfter = cmp.Or(cfg.RequoteAfter, defaultRequoteAfter)
	cfg.PageSize = cmp.Or(cfg.PageSize, defaultPageSize)
	cfg.EdgeHold = cmp.Or(cfg.EdgeHold, defaultEdgeHold)
	s := &Sandbox{
		cfg: cfg, log: cfg.Log, done: make(chan struct{}),
		byToken: map[string]*market{}, byCond: map[string]*market{}, names: map[common.Address]string{},
		regular: newExchange(exchangeRegular, "2"), negRisk: newExchange(exchangeNegRisk, "2"), protocolV2: newExchange(exchangeV3, "3"),
		timers: map[*time.Timer]struct{}{}, rng: rand.New(rand.NewPCG(cfg.Seed, cfg.Seed)),
		logins: map[login]*apiKey{}, keys: map[string]*apiKey{}, wallets: map[common.Address]*wallet{},
		orders: map[string]*order{}, notices: map[common.Address][]notice{},
		sockets: map[*socket]struct{}{}, chain: newChain(cfg.Seed), relayer: newRelayer(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.limits.init(cfg); err != nil {
		return nil, err
	}
	j, err := openJournal(cfg.JournalFile, &s.running, s.done, s.log)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	s.journal = j
	s.mux = s.routes()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.seed(); err != nil {
		return nil, fmt.Errorf("start chain: %w", err)
	}
	for account, tier := range cfg.Tiers {
		if err := s.setTier(account, tier); err != nil {
			return nil, err
		}
	}
	if cfg.Walk > 0 {
		s.after(cfg.Walk, s.walk)
	}
	return s, nil
}

// seed opens the accounts and markets and places the first quotes.
func (s *Sandbox) seed() error {
	for _, spec := range marketSpecs() {
		m := newMarket(spec, s.cfg.FeeRates[spec.Slug])
		s.markets, s.byCond[m.ConditionID] = append(s.markets, m), m
		for _, token := range m.Tokens {
			s.byToken[token] = m
		}
	}
	for _, a := range Accounts() {
		owner := common.HexToAddress(a.Address)
		s.names[owner] = a.Name
		s.fund(s.walletOf(owner, a.SignatureType), a.Name, fundedCash, fundedShares)
		s.keyFor(login{owner, "0"})
	}
	house := account("maker", KindSafe)
	owner := common.HexToAddress(house.Address)
	s.names[owner] = house.Name
	s.maker, s.makerKey = s.walletOf(owner, house.SignatureType), s.keyFor(login{owner, "0"})
	s.fund(s.maker, house.Name, makerCash, makerShares)
	s.recordMeta(append(Accounts(), house))
	s.recordTable()
	if s.cfg.Chain {
		if err := s.startChain(append(Accounts(), house)); err != nil {
			return err
		}
	}
	for _, m := range s.markets {
		s.requote(m)
	}
	return nil
}

// Handler serves everything: REST at the root, /ws/market, /ws/user and /_sandbox/.
func (s *Sandbox) Handler() http.Handler { return s.mux }

// Serve serves on l until ctx ends, then closes the sandbox. When urlFile is not empty it is written before the first
// request is taken; the listener is open by then, so a program that reads the file can connect.
func (s *Sandbox) Serve(ctx context.Context, l net.Listener, urlFile string) error {
	defer s.Close()
	if urlFile != "" {
		if err := WriteURLFile(urlFile, URLsFor(l.Addr().String())); err != nil {
			return fmt.Errorf("write url file: %w", err)
		}
	}
	srv := &http.Server{Handler: s.mux, ReadHeaderTimeout: headerTimeout, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	s.log.Info("sandbox serves", "address", l.Addr().String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve sandbox: %w", err)
	case <-ctx.Done():
	}
	s.CutSockets()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := srv.Shutdown(wait); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down sandbox: %w", err)
	}
	return srv.Close()
}

// Close ends every timer, socket and goroutine and waits for them. The journal stays readable.
func (s *Sandbox) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		for t := range s.timers {
			t.Stop()
		}
		for c := range s.sockets {
			c.drop()
		}
		if s.evm != nil {
			s.evm.Close()
		}
		close(s.done)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// after runs f under the lock when d has passed, unless the sandbox is closed first. The caller holds the lock.
func (s *Sandbox) after(d time.Duration, f func()) *time.Timer {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, t)
		if !s.closed {
			f()
		}
	})
	s.timers[t] = struct{}{}
	return t
}

// stop ends a timer made by after; a nil timer is none.
func (s *Sandbox) stop(t *time.Timer) {
	if t != nil {
		t.Stop()
		delete(s.timers, t)
	}
}
