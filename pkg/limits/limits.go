package limits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/pkg/limits/budget"
	"sluice/pkg/limits/catalogue"
	"sluice/pkg/limits/gate"
	"sluice/pkg/limits/signal"
)

// Request is one request that wants to leave.
type Request = budget.Request

// MissError reports a request that cannot leave before its deadline, and when it could have.
type MissError = gate.MissError

// Limiter paces calls by the clock of the machine. It is safe for many goroutines and never holds a lock while it waits.
type Limiter struct {
	base    time.Time // what the clock is read against
	mu      sync.Mutex
	budget  *budget.Budget
	epoch   int // of the profile in force
	waiting map[*gate.Ticket]chan struct{}
	timer   *time.Timer
	random  func() int // in permille, for waits that nobody named
	tally   tally
	held    map[string][]parcel // permits of orders that are decided and not yet sent, by account
}

// Open makes a limiter of a profile with full buckets and empty windows. Errors: those of the options.
func Open(p catalogue.Profile, o budget.Options) (*Limiter, error) {
	base := time.Now()
	b, err := budget.New(p, o, base)
	if err != nil {
		return nil, err
	}
	random := func() int { return rand.IntN(budget.Permille) }
	return &Limiter{base: base, budget: b, waiting: map[*gate.Ticket]chan struct{}{}, random: random, held: map[string][]parcel{}}, nil
}

// DefaultProfile is the catalogue's own choice for Polymarket: of each layer the smaller of two dated figures.
const DefaultProfile = "polymarket"

// OpenDefault makes a limiter of the catalogue's default profile and options.
func OpenDefault() (*Limiter, error) {
	c, err := catalogue.Load()
	if err != nil {
		return nil, fmt.Errorf("load catalogue of limits: %w", err)
	}
	p, err := c.Profile(DefaultProfile)
	if err != nil {
		return nil, err
	}
	return Open(p, budget.Options{})
}

// Replace puts another profile or other options in force, for instance after a catalogue was read again. What was counted
// stays counted. Errors: those of the options; what was in force then stays.
func (l *Limiter) Replace(p catalogue.Profile, o budget.Options) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	err := l.budget.Replace(now, p, o)
	l.epoch++
	l.turn(now)
	return err
}

// since is the moment as the time since the limiter was opened, which costs half of what a date does. It may be read before the
// lock is taken: an earlier moment lets nothing through too soon, and an answer is there by the time that it is told.
func (l *Limiter) since() time.Duration { return time.Since(l.base) }

// Acquire waits until a request may leave from all its limits and takes what it costs from all of them. The permit must be
// closed by Done when the request has been answered or given up. Errors: the context's; *MissError at once when its deadline
// is out of reach; gate.ErrNever; gate.ErrBusy.
func (l *Limiter) Acquire(ctx context.Context, q Request) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, err
	}
	deadline, _ := ctx.Deadline()
	since := l.since()
	l.mu.Lock()
	w, err := l.budget.Way(q)
	if err != nil {
		l.mu.Unlock()
		return Permit{}, err
	}
	return l.acquire(ctx, w, q.Items, since, deadline)
}

// through is what a ticket that was let go of became of a request which waited since began.
func (l *Limiter) through(w *budget.Way, k *gate.Ticket, began time.Duration) (Permit, error) {
	since := l.since()
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.Missed != nil {
		l.tally[w.Class()].missed++
		return Permit{}, k.Missed
	}
	l.tally.wait(w.Class(), since-began)
	return Permit{l, w, k.Permit, since}, nil
}

// leave gives up a place; what was let through at the same moment goes back.
func (l *Limiter) leave(ctx context.Context, w *budget.Way, k *gate.Ticket) (Permit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally[w.Class()].missed++
	now := time.Now()
	if l.budget.Leave(k) {
		l.budget.Done(now, k.Permit, gate.NeverLeft, 0)
	}
	delete(l.waiting, k)
	l.turn(now)
	return Permit{}, ctx.Err()
}

// Try takes what a request costs if it may leave now.
func (l *Limiter) Try(q Request) (Permit, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.try(l.since(), q)
}

func (l *Limiter) try(since time.Duration, q Request) (Permit, bool) {
	w, err := l.budget.Way(q)
	if err != nil {
		return Permit{}, false
	}
	p, k, err := l.budget.EnterSince(since, w, q.Items, time.Time{})
	if err == nil && k == nil {
		l.tally.wait(w.Class(), 0)
	}
	if k != nil { // somebody waits, perhaps for something else: its turn comes now or not at all
		l.waiting[k] = make(chan struct{})
		l.turn(l.base.Add(since))
		delete(l.waiting, k)
		return Permit{l, w, k.Permit, since}, l.budget.Leave(k)
	}
	return Permit{l, w, p, since}, err == nil
}

// Probe says when a request could leave and takes nothing; it could leave now when that is not after now. Its error is gate.ErrNever.
func (l *Limiter) Probe(q Request) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.budget.Way(q)
	if err != nil {
		return time.Time{}, err
	}
	return l.budget.Probe(time.Now(), w, q.Items)
}

// turn lets through whom it can and sets the clock for the next turn. The lock is held.
func (l *Limiter) turn(now time.Time) {
	changed, next := l.budget.Turn(now)
	for _, k := range changed {
		close(l.waiting[k])
		delete(l.waiting, k)
	}
	if next.IsZero() {
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(next.Sub(now), l.tick)
		return
	}
	l.timer.Reset(next.Sub(now))
}

func (l *Limiter) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(time.Now())
}

// Permit is the right to send one request.
type Permit struct {
	l    *Limiter
	way  *budget.Way
	p    gate.Permit
	sent time.Duration // since the limiter was opened
}

// Exchange swaps the permit for one of another request, for which what it holds is free; it waits when that is not enough.
// Errors: those of Acquire; the permit is then given back.
func (p Permit) Exchange(ctx context.Context, q Request) (Permit, error) {
	l := p.l
	l.mu.Lock()
	since := l.since()
	now := l.base.Add(since)
	w, err := l.budget.Way(q)
	if err == nil {
		if to, ok := l.budget.Exchange(now, []gate.Permit{p.p}, w, q.Items); ok {
			l.mu.Unlock()
			return Permit{l, w, to, since}, nil
		}
	}
	l.budget.Done(now, p.p, gate.NeverLeft, 0)
	l.mu.Unlock()
	if err != nil {
		return Permit{}, err
	}
	return l.Acquire(ctx, q)
}

// Answer is what became of a request.
type Answer struct {
	// Outcome is the counting side: whether it was answered (in whatever way), is unknown, or surely never left.
	Outcome gate.Outcome

	// Signal is what the answer says about limits; its zero value says nothing.
	Signal signal.Signal

	// Items are what the answer names where a request could only estimate them; below zero: as estimated.
	Items int
}

// Done closes the permit. Only the first time counts.
func (p Permit) Done(a Answer) {
	if a.Signal == (signal.Signal{}) {
		p.close(a.Outcome, a.Items, nil)
		return
	}
	p.close(a.Outcome, a.Items, &a.Signal)
}

// Answered closes the permit of a request that was answered with nothing to say about limits.
func (p Permit) Answered() { p.close(gate.Answered, -1, nil) }

// Lost closes the permit of a request that may have arrived or may arrive yet.
func (p Permit) Lost() { p.close(gate.Unknown, -1, nil) }

// NeverLeft closes the permit of a request of which not a byte was sent.
func (p Permit) NeverLeft() { p.close(gate.NeverLeft, -1, nil) }

func (p Permit) close(o gate.Outcome, items int, s *signal.Signal) {
	l := p.l
	if l == nil {
		return
	}
	since := l.since()
	l.mu.Lock()
	l.budget.DoneSince(since, p.p, o, items)
	if o == gate.Answered {
		l.budget.HeedSince(since, p.sent, p.way, s, l.random)
	}
	if l.budget.Waiting() > 0 {
		l.turn(l.base.Add(since))
	}
	l.mu.Unlock()
}

// LearnTier puts the figures of a signer's or key's tier in force, as the venue's own endpoint names it, and reports whether it is
// another than before. Its error names a tier that the profile does not know; what was in force then stays.
func (l *Limiter) LearnTier(account, tier string) (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.budget.Profile()
	if len(p.Tiers) == 0 { // they are the same for all
		return false, nil
	}
	if _, known := l.budget.KnownTier(tier); !known {
		return false, fmt.Errorf("learn tier of %s: profile %s knows no tier %q, but %v", account, p.Name, tier, p.Tiers)
	}
	now, before := time.Now(), l.budget.Tier(account)
	if l.budget.LearnTier(now, account, tier) {
		l.turn(now)
	}
	return l.budget.Tier(account) != before, nil
}

// Stop lets no request of a class leave until a moment that the venue has named, of one account or, when that is empty, of
// all. It only lengthens a stop.
func (l *Limiter) Stop(until time.Time, class gate.Class, account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget.Stop(time.Now(), until, class, account)
}

// Most is how many items one request of this kind can carry and ever leave.
func (l *Limiter) Most(q Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.budget.Way(q)
	if err != nil {
		return 0
	}
	return l.budget.Most(w)
}

// Status is the state of every counter that has been used.
func (l *Limiter) Status() []budget.Layer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.budget.Status(time.Now())
}

// Cancelling says how an account's open orders are best cancelled; keep: a second cancel must stay possible.
func (l *Limiter) Cancelling(account string, open int, keep bool) budget.CancelWay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.budget.Cancelling(time.Now(), account, open, keep)
}

// IsMiss reports whether an error says that a deadline is out of reach.
func IsMiss(err error) bool {
	_, ok := errors.AsType[*MissError](err)
	return ok
}
