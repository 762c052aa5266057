package sender

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"

	"sluice/pkg/evm"
)

const (
	// tick is how often the chain is looked at while something is open: a block of Polygon.
	tick = 2 * time.Second
	// idleTick is how often it is looked at for the balance's sake.
	idleTick = 30 * time.Second
	// maxSteps bounds what is decided on one sight: every open nonce settled, replaced and given to another.
	maxSteps = 200
)

var (
	// ErrReplaced reports that another process writes the journal. Who may is for its owner to decide.
	ErrReplaced = errors.New("another sender writes this key's journal")
	// ErrUnknown reports an id that was never taken on, or was done so long ago that it is forgotten.
	ErrUnknown = errors.New("no such intent")

	errNotAllowed  = errors.New("not allowed")
	errWrongSigner = errors.New("the signer does not have the key that it says")
)

// Points of a sender, in the order in which an intent meets them. Config.Passing is told each time one is passed, so that a
// test can end the process exactly there.
const (
	BeforeRecord = "tx-before-record" // something is decided and not in the journal
	AfterRecord  = "tx-after-record"  // it is in the journal
	AfterSign    = "tx-after-sign"    // there is a signature that nobody knows of
	BeforeSend   = "tx-before-send"   // an attempt is about to be sent
	AfterSend    = "tx-after-send"    // it was
)

// Points lists the points of a sender.
func Points() []string { return []string{BeforeRecord, AfterRecord, AfterSign, BeforeSend, AfterSend} }

// Config says whose transactions are sent where. Pool, Journal, Signer and Allow are needed.
type Config struct {
	Pool    *evm.Pool
	Journal Journal
	Signer  Signer
	// Allow says which calls may be signed. It is asked when an intent is taken on, and again before each signature.
	Allow  func(to common.Address, data []byte) error
	Limits Limits
	// Told hears of progress, in order, from the goroutine of Run; it must not wait.
	Told func(Progress)
	// Log hears of what somebody should look at; nil means nobody.
	Log *slog.Logger
	// Passing hears of the points; nil means nobody.
	Passing func(point string)
}

// Check reports all that is missing.
func (c Config) Check() error {
	var errs []error
	if c.Pool == nil || c.Journal == nil || c.Signer == nil {
		errs = append(errs, errors.New("a pool of RPC endpoints, a journal and a signer are needed"))
	}
	if c.Allow == nil {
		errs = append(errs, errors.New("a function is needed that says which calls may be signed"))
	}
	return errors.Join(append(errs, c.Limits.Check())...)
}

// Sender sends the transactions of one key. Its methods are safe for many goroutines; they wait for Run.
type Sender struct {
	cfg    Config
	limits Limits
	log    *slog.Logger
	asks   chan func(context.Context)

	// Of the goroutine of Run.
	box     *Outbox
	at      uint64 // in the journal
	writer  string
	seq     uint64
	found   uint64 // the newest of our records that reading the journal has shown
	behind  bool   // the journal may hold what the box has not
	waiting map[string][]chan Result
	told    map[string]time.Time // when it was last said that something is held
}

// New makes a sender. It does nothing before Run.
func New(cfg Config) (*Sender, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("make sender: %w", err)
	}
	s := &Sender{cfg: cfg, limits: cfg.Limits.orDefault(), log: cfg.Log, asks: make(chan func(context.Context))}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Told == nil {
		s.cfg.Told = func(Progress) {}
	}
	if cfg.Passing == nil {
		s.cfg.Passing = func(string) {}
	}
	s.log = s.log.With("account", cfg.Signer.Address())
	return s, nil
}

// Run claims the journal, takes up what is open, and sends until ctx ends. Errors: ErrReplaced; a journal of another key or
// chain, or one that cannot be read. It may be run again.
func (s *Sender) Run(ctx context.Context) error {
	if err := s.claim(ctx); err != nil {
		return fmt.Errorf("claim journal of %s: %w", s.cfg.Signer.Address(), err)
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case do := <-s.asks:
			do(ctx)
			if s.box.Busy() {
				t.Reset(0)
			}
		case <-t.C:
			if err := s.turn(ctx); errors.Is(err, ErrReplaced) {
				return err
			} else if err != nil && ctx.Err() == nil {
				s.log.Warn("sender waits", "error", err)
			}
			t.Reset(s.pause())
		}
	}
}

func (s *Sender) pause() time.Duration {
	if s.box.Busy() || s.behind {
		return tick
	}
	return idleTick
}

// turn looks whether the journal is still ours, looks at the chain, does what is to be done, and sends what is to be sent.
func (s *Sender) turn(ctx context.Context) error {
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	sight, err := look(ctx, s.cfg.Pool, s.cfg.Signer.Address(), s.box.Hashes())
	if err == nil {
		s.box.Observe(time.Now(), sight)
		s.tellMined()
	}
	if done := s.steps(ctx); done != nil || err != nil {
		return errors.Join(err, done)
	}
	return s.send(ctx)
}

// steps does what is decided until there is nothing but waiting.
func (s *Sender) steps(ctx context.Context) error {
	for range maxSteps {
		a := s.box.Decide(time.Now())
		switch {
		case a.Record != nil:
			if err := s.write(ctx, *a.Record); err != nil {
				return err
			}
		case a.Draft != nil:
			if err := s.attempt(ctx, *a.Draft); err != nil {
				return err
			}
		default:
			s.tellHeld(a.Held)
			return nil
		}
	}
	return nil // the rest is decided on the next sight
}

// attempt signs, and writes down what was signed. It is not sent here.
func (s *Sender) attempt(ctx context.Context, d Draft) error {
	tx, err := s.sign(d)
	if errors.Is(err, errNotAllowed) {
		return s.write(ctx, Record{Type: typeVoiding, ID: d.ID, Cause: err.Error()})
	}
	if err != nil {
		return err
	}
	s.cfg.Passing(AfterSign)
	raw, err := tx.MarshalBinary()
	if err != nil {
		return fmt.Errorf("encode transaction of %q: %w", d.ID, err)
	}
	return s.write(ctx, Record{Type: typeSigned, ID: d.ID, Nonce: d.Nonce, Gas: d.Gas, Hash: tx.Hash(), Raw: raw, Tip: d.Tip, Cap: d.Cap, Void: d.Void})
}

// send sends to all endpoints what is in the journal and not in the chain.
func (s *Sender) send(ctx context.Context) error {
	for _, a := range s.box.Sends(time.Now()) {
		s.cfg.Passing(BeforeSend)
		answers := s.cfg.Pool.Broadcast(ctx, a.Raw)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.cfg.Passing(AfterSend)
		s.box.Heard(time.Now(), a.Hash, answers)
		s.tellSent(a, answers)
	}
	return nil
}

// do runs f in the goroutine of Run.
func (s *Sender) do(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	select {
	case s.asks <- func(ctx context.Context) { done <- f(ctx) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Submit takes an intent on. When it returns nil, the intent is in the journal and will be seen to its end; the same again
// changes nothing. After an error other than *ConflictError it may have been taken on all the same: submit it again, or void
// it. With Gas 0 a call that the contract would refuse is refused here, as *evm.Error of the kind Reverted, and costs nothing.
func (s *Sender) Submit(ctx context.Context, i Intent) error {
	if err := s.cfg.Allow(i.To, i.Data); err != nil {
		return fmt.Errorf("submit %q: %w: %w", clip(i.ID), errNotAllowed, err)
	}
	known := false
	if err := s.do(ctx, func(context.Context) error {
		_, known = s.box.content(i.ID)
		return nil
	}); err != nil {
		return fmt.Errorf("submit %q: %w", clip(i.ID), err)
	}
	if i.Gas == 0 && !known {
		gas, err := s.estimate(ctx, i)
		if err != nil {
			return fmt.Errorf("submit %q: estimate gas: %w", clip(i.ID), err)
		}
		i.Gas = gas
	}
	return s.do(ctx, func(ctx context.Context) error {
		r, err := s.box.Take(i)
		if r == nil || err != nil {
			return err
		}
		return s.write(ctx, *r)
	})
}

// estimate asks for the gas of a call, and adds a fifth: an inner call gets at most 63/64, and state may change meanwhile.
func (s *Sender) estimate(ctx context.Context, i Intent) (gas uint64, err error) {
	err = s.cfg.Pool.Read(ctx, func(ctx context.Context, n *evm.Node) error {
		gas, err = n.Client.EstimateGas(ctx, ethereum.CallMsg{From: s.cfg.Signer.Address(), To: &i.To, Data: i.Data})
		return err
	})
	return gas + gas/5, err
}

// Void says that an intent is not wanted any more. It may be mined all the same; its result says. The error is ErrUnknown, or
// the journal's.
func (s *Sender) Void(ctx context.Context, id, cause string) error {
	return s.do(ctx, func(ctx context.Context) error {
		if _, ok := s.box.content(id); !ok {
			return fmt.Errorf("void %q: %w", clip(id), ErrUnknown)
		}
		if r := s.box.Void(id, cmp.Or(cause, "cancelled")); r != nil {
			return s.write(ctx, *r)
		}
		return nil
	})
}

// Resume lets a key go on that somebody else has used. What lost its nonce gets another.
func (s *Sender) Resume(ctx context.Context) error {
	return s.do(ctx, func(ctx context.Context) error {
		if s.box.stopped == "" {
			return nil
		}
		return s.write(ctx, Record{Type: typeResumed})
	})
}

// Wait waits for the end of an intent. The error is ErrUnknown or the context's.
func (s *Sender) Wait(ctx context.Context, id string) (Result, error) {
	heard := make(chan Result, 1)
	if err := s.do(ctx, func(context.Context) error {
		if r, ok := s.box.done[id]; ok {
			heard <- r
		} else if s.box.jobs[id] == nil {
			return fmt.Errorf("wait for %q: %w", clip(id), ErrUnknown)
		} else {
			s.waiting[id] = append(s.waiting[id], heard)
		}
		return nil
	}); err != nil {
		return Result{}, err
	}
	select {
	case r := <-heard:
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// claim reads the journal and makes this process its writer.
func (s *Sender) claim(ctx context.Context) error {
	s.box, s.at, s.seq, s.behind = NewOutbox(s.cfg.Limits), 0, 0, false
	s.writer, s.told = rand.Text(), map[string]time.Time{}
	if s.waiting == nil {
		s.waiting = map[string][]chan Result{}
	}
	own := s.cfg.Signer.Address()
	for {
		if err := s.read(ctx, func(Record) error { return nil }); err != nil {
			return err
		}
		if o := s.box; o.owner != nil && (*o.owner != own || o.chainID != s.cfg.Pool.ChainID()) {
			return fmt.Errorf("it is the journal of %s on chain %d, not of %s on chain %d: every key needs one of its own", o.owner, o.chainID, own, s.cfg.Pool.ChainID())
		}
		err := s.write(ctx, Record{Type: typeClaimed, Account: &own, ChainID: s.cfg.Pool.ChainID()})
		if !errors.Is(err, ErrReplaced) {
			return err
		}
	}
}
