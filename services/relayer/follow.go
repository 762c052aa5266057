package relayer

import (
	"context"
	"sync"
	"time"

	"sluice/pkg/evm/sender"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Bounds of following a unit.
const (
	followEvery = 2 * time.Second  // a block of Polygon
	followLate  = 15 * time.Second // of one that has not moved for a while
	followSoon  = 2 * time.Minute  // for which it is looked at often

	complainAfter = time.Minute // of a unit that cannot be seen, and again after as much
)

// follows ends the following of a unit when it is followed anew, as after it went another way.
type follows struct {
	mu   sync.Mutex
	stop map[string]context.CancelFunc
	last uint64
	runs map[string]uint64
}

func newFollows() *follows {
	return &follows{stop: map[string]context.CancelFunc{}, runs: map[string]uint64{}}
}

// begin ends who follows the unit and gives the context of who does now; end is called by the latter.
func (f *follows) begin(ctx context.Context, unit string) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if stop := f.stop[unit]; stop != nil {
		stop()
	}
	f.last++
	run := f.last
	f.stop[unit], f.runs[unit] = cancel, run
	return ctx, func() {
		cancel()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.runs[unit] == run {
			delete(f.stop, unit)
			delete(f.runs, unit)
		}
	}
}

// stand is what of a Seen matters for telling it again.
type stand struct {
	state                                            polymarket.TxState
	message, usedBy, elsewhere                       string
	hash                                             msgs.TxHash
	block                                            uint64
	final, executed, nonceUsed, expired, reverted    bool
	steps, stepsInChain, stepsFinal, stepsThatFailed int
}

func standOf(s *Seen) stand {
	out := stand{s.State, s.Message, s.UsedBy, s.Elsewhere, s.TxHash, s.Block, s.Final, s.Executed, s.NonceUsed, s.Expired, s.Reverted, len(s.Steps), 0, 0, 0}
	for _, x := range s.Steps {
		if x.Block > 0 {
			out.stepsInChain++
		}
		if x.Final {
			out.stepsFinal++
		}
		if x.Err != nil {
			out.stepsThatFailed++
		}
	}
	return out
}

// over reports whether nothing new can come of the unit.
func (s *Seen) over() bool {
	return s.Final && (s.Executed || s.NonceUsed || s.Expired || len(s.Steps) > 0)
}

// follow watches a unit until its fate is final, and tells of every change. The relayer's word is where to look; the chain's counts.
func (p *performer) follow(ctx context.Context, d Follow, tell func(Seen)) {
	ctx, end := p.following.begin(ctx, d.Unit.Unit)
	defer end()
	w := watch{performer: p, Follow: d}
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer end()
	if p.sender != nil && (d.Carrier == msgs.ByOwnGas || p.who.Kind == polymarket.EOA) {
		waiting.Go(func() { w.await(ctx) })
	}
	var last stand
	blind := time.Now() // when the unit was last seen, or that was last complained of
	for moved := time.Now(); ; {
		s, err := w.see(ctx)
		switch {
		case err == nil:
			blind = time.Now()
		case ctx.Err() == nil && time.Since(blind) >= complainAfter:
			blind = time.Now()
			p.log.Warn("what became of a unit cannot be seen, looking again", "unit", d.Unit.Unit, "error", err)
		}
		if now := standOf(&s); err == nil && ctx.Err() == nil && now != last {
			last, moved = now, time.Now()
			switch {
			case s.Final:
				p.pass(SeenFinal)
			case s.Block > 0:
				p.pass(SeenMined)
			}
			s.AtMS = time.Now().UnixMilli()
			tell(s)
		}
		if err == nil && s.over() || pause(ctx, patience(time.Since(moved))) != nil {
			return
		}
	}
}

func patience(still time.Duration) time.Duration {
	if still > followSoon {
		return followLate
	}
	return followEvery
}

// watch is the following of one unit.
type watch struct {
	*performer
	Follow

	mu    sync.Mutex
	ended map[string]sender.Result // of the sender's intents
}

// await learns from the sender how the unit's transactions end.
func (w *watch) await(ctx context.Context) {
	var waiting sync.WaitGroup
	for i := range max(1, len(w.Unit.Calls)) {
		id := intentOf(&w.Unit, i)
		if i > 0 && id == w.Unit.Unit {
			break
		}
		waiting.Go(func() {
			r, err := w.waitFor(ctx, id)
			if err != nil {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.ended == nil {
				w.ended = map[string]sender.Result{}
			}
			w.ended[id] = r
		})
	}
	waiting.Wait()
}

// waitFor waits for the end of an intent that may not have been taken on yet; its error is the context's.
func (w *watch) waitFor(ctx context.Context, id string) (sender.Result, error) {
	for {
		r, err := w.sender.Wait(ctx, id)
		if err == nil {
			return r, nil
		}
		if err := pause(ctx, followEvery); err != nil {
			return r, err
		}
	}
}

// end is how an intent ended, if it has.
func (w *watch) end(id string) (sender.Result, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.ended[id]
	return r, ok
}

// see looks once.
func (w *watch) see(ctx context.Context) (Seen, error) {
	if s, gone := w.elsewhere(ctx, &w.Unit); gone {
		return s, nil
	}
	s := Seen{Unit: w.Unit.Unit}
	var hints []polymarket.Hash
	if hint := w.atRelayer(ctx, &s); hint != (polymarket.Hash{}) {
		hints = append(hints, hint)
	}
	if w.pool == nil {
		return s, errNoPool
	}
	if w.who.Kind == polymarket.EOA {
		return s, w.steps(ctx, &s)
	}
	if hash, _ := w.mined.of(w.Unit.Unit); hash != (polymarket.Hash{}) {
		hints = append(hints, hash)
	}
	brought, ended := w.end(w.Unit.Unit)
	if ended && brought.Hash != (polymarket.Hash{}) {
		hints = append(hints, brought.Hash)
	}
	if err := w.onChain(ctx, &s, hints); err != nil {
		return s, err
	}
	if ended && s.Executed && s.Carrier == msgs.ByRelayer {
		s.GasPaid = brought.Cost // a race that the owner lost
	}
	// What was brought and did not do it is paid for; the payload may have effect even so.
	if ended && !s.Executed && !s.NonceUsed && brought.Outcome != sender.Executed {
		s.Reverted, s.Final, s.GasPaid = true, true, brought.Cost
		if s.TxHash = ""; brought.Hash != (polymarket.Hash{}) {
			s.TxHash = msgs.TxHash(brought.Hash.Hex())
		}
		s.Message = brought.Cause
	}
	return s, nil
}

// atRelayer asks the relayer about the unit. What it does not answer is left out.
func (w *watch) atRelayer(ctx context.Context, s *Seen) (hint polymarket.Hash) {
	if w.ID == "" || w.relay == nil {
		return hint
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	t, found, err := w.relay.Transaction(ctx, w.ID)
	if err != nil || !found {
		return hint
	}
	s.State, s.Message = t.State, t.Message
	if hash, err := polymarket.ParseHash(t.Hash); err == nil {
		hint = hash
		s.TxHash = msgs.TxHash(hash.Hex())
	}
	return hint
}
