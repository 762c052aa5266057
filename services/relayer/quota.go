package relayer

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sluice/pkg/limits"
	"sluice/pkg/limits/quota"
	"sluice/pkg/msgs"
)

// Allowance is what the relayer lets one credential do: so many units in any day, kept on the bus for all that use the credential,
// behind the limit by the minute of the address. It is safe for many goroutines.
type Allowance struct {
	book, tier string
	keeper     *quota.Keeper
	minute     *limits.Limiter
	log        *slog.Logger

	mu    sync.Mutex
	seen  quota.View
	known bool             // seen is of the book, and not of nothing
	held  []*limits.Permit // of units that are reserved, and whose requests have not left
}

var _ Units = (*Allowance)(nil)

// Reserve charges a unit before the submit that costs it; the submit must leave by a client of Client, within a minute. While the
// minute has no place, it waits: a unit that is charged too long before it arrives would come back too soon. Errors:
// *quota.Exhausted; the context's; the book's, and then nothing may leave.
func (a *Allowance) Reserve(ctx context.Context, id string, p quota.Purpose) error {
	v, err := a.View(ctx)
	if err != nil {
		return err
	}
	if v.Left(p) == 0 {
		return a.reserve(ctx, id, p) // which says until when, or that this one is charged already
	}
	permit, err := a.minute.Acquire(ctx, a.request())
	if err != nil {
		return err
	}
	if err := a.reserve(ctx, id, p); err != nil {
		permit.NeverLeft()
		return err
	}
	a.hold(permit)
	return nil
}

func (a *Allowance) request() limits.Request {
	return limits.Request{Endpoint: submitEndpoint, Key: a.book}
}

func (a *Allowance) reserve(ctx context.Context, id string, p quota.Purpose) error {
	err := a.keeper.Reserve(ctx, id, p)
	if err == nil {
		_, err = a.View(ctx)
	}
	return err
}

// hold keeps a place in the minute for the next submit. Which one it is does not matter, as one is like another; what nobody has
// used when a unit should have left is given back.
func (a *Allowance) hold(p limits.Permit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := &p
	a.held = append(a.held, mine)
	time.AfterFunc(quota.LeaveWithin, func() {
		if a.take(mine) {
			mine.NeverLeft()
		}
	})
}

// take removes a place that is held.
func (a *Allowance) take(p *limits.Permit) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, h := range a.held {
		if h == p {
			a.held = append(a.held[:i:i], a.held[i+1:]...)
			return true
		}
	}
	return false
}

// place is the right to submit now: one that is held, or the next.
func (a *Allowance) place(ctx context.Context) (limits.Permit, error) {
	a.mu.Lock()
	var first *limits.Permit
	if len(a.held) > 0 {
		first, a.held = a.held[0], a.held[1:]
	}
	a.mu.Unlock()
	if first != nil {
		return *first, nil
	}
	return a.minute.Acquire(ctx, a.request())
}

// Confirm records that a unit was spent.
func (a *Allowance) Confirm(ctx context.Context, id string) error {
	return a.record(ctx, a.keeper.Confirm(ctx, id))
}

// Void records that a unit was surely not spent.
func (a *Allowance) Void(ctx context.Context, id string) error {
	return a.record(ctx, a.keeper.Void(ctx, id))
}

// Block records that the relayer has nothing left for so long. It is obeyed, within bounds.
func (a *Allowance) Block(ctx context.Context, wait time.Duration) error {
	return a.record(ctx, a.keeper.Block(ctx, wait))
}

func (a *Allowance) record(ctx context.Context, err error) error {
	if err == nil {
		_, err = a.View(ctx)
	}
	return err
}

// View shows the book as all who share it have left it.
func (a *Allowance) View(ctx context.Context) (quota.View, error) {
	v, err := a.keeper.View(ctx)
	if err == nil {
		a.saw(v)
	}
	return v, err
}

// saw notes how the book stands, and says so when that has changed for the worse or the better.
func (a *Allowance) saw(v quota.View) {
	a.mu.Lock()
	was, known := a.seen, a.known
	a.seen, a.known = v, true
	a.mu.Unlock()
	log := a.log.With("used", v.Used, "reserved", v.Reserved, "remaining", v.Remaining, "limit", v.Limit)
	if v.Warn && !(known && was.Warn) {
		log.Warn("half of the daily units of the relayer are used", "runs_out", stamp(v.Dry), "resets", stamp(v.Reset))
	}
	if v.Blocked && !(known && was.Blocked && was.BlockedUntil.Equal(v.BlockedUntil)) {
		log.Warn("the relayer has no daily units left; nothing is submitted before its reset", "until", stamp(v.BlockedUntil))
	}
	if known && was.Remaining == 0 && v.Remaining > 0 {
		log.Info("the relayer has daily units again")
	}
}

// stamp is a moment for a log; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// refresh reads the book for the metrics, and has it trimmed when that is due.
func (a *Allowance) refresh(ctx context.Context, trim bool) {
	_, err := a.View(ctx)
	if err == nil && trim {
		err = a.keeper.Trim(ctx)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Warn("book of daily units not read, trying again", "error", err)
	}
}

// Answer is what svc.relayer.<account>.quota is told. Errors: those of the book; *msgs.Error of an account without a credential,
// whose allowance is nil.
func (a *Allowance) Answer(ctx context.Context) (msgs.QuotaAnswer, error) {
	if a == nil {
		return msgs.QuotaAnswer{}, &msgs.Error{Code: msgs.NotCapable, Cause: "this account has no credentials for the relayer, so that it has no daily units",
			Fix: "configure a builder's key with secret and passphrase, or a relayer key; wallets that can, go by the owner's gas without them"}
	}
	v, err := a.View(ctx)
	if err != nil {
		return msgs.QuotaAnswer{}, err
	}
	out := msgs.QuotaAnswer{
		Book: a.book, Tier: strings.ToLower(a.tier), Limit: v.Limit, Used: v.Used, Reserved: v.Reserved, Remaining: v.Remaining, Warning: v.Warn,
		ResetsMS: milli(v.Reset), LastCallMS: milli(v.LastCall), PerMinute: a.perMinute(),
	}
	if !v.Dry.IsZero() {
		out.RunsOutMS = new(milli(v.Dry))
	}
	if v.Blocked {
		out.BlockedUntilMS = new(milli(v.BlockedUntil))
	}
	return out, nil
}

// perMinute is the narrowest window in front of the book. Nothing is used of it before the first submit.
func (a *Allowance) perMinute() (out msgs.PerMinute) {
	if _, err := a.minute.Probe(a.request()); err != nil {
		return out
	}
	for _, l := range a.minute.Status() {
		if l.Per > 0 && l.Key == "" && (out.Limit == 0 || l.Limit < out.Limit) {
			out = msgs.PerMinute{Limit: l.Limit, Used: l.Used}
		}
	}
	return out
}

// milli is a moment in milliseconds; 0 for none.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
