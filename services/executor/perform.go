package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sluice/pkg/actor"
	"sluice/pkg/limits"
	"sluice/pkg/limits/retry"
	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// performer does what the core of one account decides. Every failure is an outcome; what its context cuts short gives
// none, and stays open.
type performer struct {
	account string
	venue   Venue
	signer  signer
	limits  *limits.Limiter
	reply   func(to string, e msgs.Event)
	log     *slog.Logger
	count   *counters
	revoked *revoked
	singles singles
	crowd   crowd
	ready   ready
	ahead   ahead
	seen    *venueState
	witness witnesses
	dry     bool // sign, check, and post nothing
	keep    bool // a second cancel must stay possible
	holds   bool // the venue is reached through a door, which can hold a request
}

// Bounds of repeats. What is asked again is harmless to ask.
const (
	lookFirst = 250 * time.Millisecond // the venue shows an order within some tenths of a second
	lookLast  = 5 * time.Second
	sendBy    = sendByMS * time.Millisecond
)

// Perform does a job and returns when all of it has ended.
func (p *performer) Perform(ctx context.Context, job actor.Job) {
	var running sync.WaitGroup
	defer running.Wait()
	var posts []Post
	for _, d := range job.Deeds {
		switch d := d.(type) {
		case Post:
			posts = append(posts, d)
		case CancelOrders:
			p.revoked.add(d.OrderIDs, forEver)
			running.Go(func() { p.cancel(ctx, job, d.OrderIDs) })
		case CancelEverything:
			p.revoked.add(d.Own, forEver)
			running.Go(func() { p.cancelEverything(ctx, job, d) })
		case HoldBack:
			p.revoked.add(d.OrderIDs, d.Upto)
		case Lookup:
			running.Go(func() { p.lookup(ctx, job, d) })
		case Compare:
			running.Go(func() { p.compare(ctx, job, d) })
		case Audit:
			running.Go(func() { p.audit(ctx, job, d) })
		case Wait:
			running.Go(func() {
				if p.revoked.wait(ctx, d) == nil {
					job.Deliver(d.Then)
				}
			})
		case Reply:
			p.reply(d.To, d.Event)
		}
	}
	for chunk := range slices.Chunk(posts, msgs.MaxPostOrders) {
		p.post(ctx, job, chunk)
	}
}

// post sends up to 15 orders with one request, in the order in which they were decided. When the limit of batches has no room in
// time they go one by one: single orders have a limit of their own.
func (p *performer) post(ctx context.Context, job actor.Job, posts []Post) {
	by := job.Sent.Add(sendBy)
	permit, missed := p.permit(ctx, by, posts)
	if missed != nil && len(posts) > 1 {
		for i := range posts {
			p.post(ctx, job, posts[i:i+1])
		}
		return
	}
	if missed != nil {
		p.unsent(ctx, job, posts, noRoom(missed))
		return
	}
	var ids []msgs.OrderID
	var out []polymarket.Envelope
	var plain []bool // not post-only: if the venue takes it, it takes any
	for i := range posts {
		in := &posts[i].Intent
		if p.revoked.stops(in.OrderID, posts[i].After) {
			p.deliver(ctx, job, in.OrderID, polymarket.NeverLeft{Cause: errRevoked})
			continue
		}
		if expired(in.ValidUntilMS, time.Now().UnixMilli()) {
			p.deliver(ctx, job, in.OrderID, polymarket.NeverLeft{Cause: polymarket.ErrTooLate})
			continue
		}
		by = within(by, in)
		e, err := p.envelope(&posts[i])
		if err != nil {
			p.log.Error("order not signed", "order_id", in.OrderID, "error", err)
			p.deliver(ctx, job, in.OrderID, polymarket.Rejected{Reason: string(msgs.BadValue), VenueMessage: err.Error()})
			continue
		}
		if p.dry {
			p.deliver(ctx, job, in.OrderID, polymarket.Rejected{Reason: string(msgs.NotLive), VenueMessage: "dry run: signed and checked, not sent"})
			continue
		}
		ids, out, plain = append(ids, in.OrderID), append(out, e), append(plain, !in.PostOnly)
	}
	if len(out) == 0 {
		permit.NeverLeft()
		return
	}
	if len(out) < len(posts) {
		var err error
		if permit, err = permit.Exchange(ctx, limits.Posting(p.account, len(out))); err != nil {
			for _, id := range ids {
				p.deliver(ctx, job, id, polymarket.NeverLeft{Cause: noRoom(err)})
			}
			return
		}
	}
	began := time.Now()
	outcomes := p.leave(ctx, permit, ids, out, by)
	p.count.took("post", time.Since(began))
	for i, o := range outcomes {
		p.seen.see(o)
		p.heed(o)
		p.count.posted(o)
		p.log.Debug("posted", "order_id", ids[i], "outcome", o.Code(), "batch", len(out), "took_ms", time.Since(began).Milliseconds())
		p.revoked.judged(ids[i], o, plain[i]) // before it may wait again
		p.deliver(ctx, job, ids[i], o)
	}
}

// within is the earlier of a last moment to leave and the end of a command's validity, with a monotonic reading.
func within(by time.Time, in *msgs.Intent) time.Time {
	now := time.Now()
	if valid := now.Add(time.UnixMilli(in.ValidUntilMS).Sub(now)); in.ValidUntilMS != 0 && valid.Before(by) {
		return valid
	}
	return by
}

// opens reports whether whoever waits for the venue to take orders again may try: it has just judged one, or what became of one says
// nothing. Else the turn of those that follow each other would end with the first answer that is lost.
func opens(o polymarket.Outcome) bool {
	switch o.(type) {
	case polymarket.Accepted, polymarket.Rejected, polymarket.Unknown:
		return true
	}
	return false
}

// errRevoked is why an order did not leave that someone had cancelled meanwhile.
var errRevoked = errors.New("cancelled before it left")

// permit waits for what the limits ask of a request. Permits of orders were taken when they were decided, but not those
// of repeats. Errors: those of the limiter.
func (p *performer) permit(ctx context.Context, by time.Time, posts []Post) (limits.Permit, error) {
	ctx, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	orders := p.limits.Orders(p.account)
	again := 0
	for _, d := range posts {
		if d.Again {
			again++
		}
	}
	for held := len(posts) - again; held < len(posts); held++ {
		if _, err := orders.Wait(ctx, 1); err != nil {
			orders.Return(held) // else nobody would ever spend them
			return limits.Permit{}, err
		}
	}
	return orders.Post(ctx, len(posts))
}

// missed is why an order did not leave for which our own limits had no room in time.
type missed struct {
	in time.Duration // after which there may be some
}

func (m *missed) Error() string {
	return fmt.Sprintf("%v: the limits had no room for it, and may have some in %s", polymarket.ErrTooLate, m.in)
}

func (m *missed) Unwrap() error { return polymarket.ErrTooLate }

// noRoom is what the limiter's word comes to: not before the time to send would have come again, and not later than the longest back-off,
// because a stop may end before its time.
func noRoom(err error) *missed {
	in := sendBy
	if e, told := errors.AsType[*limits.MissError](err); told {
		in = min(max(in, time.Until(e.At)), retryLastMS*time.Millisecond)
	}
	return &missed{in}
}

// looks are the pauses of what is asked until it is answered.
func looks() *retry.Pauses { return retry.Policy{First: lookFirst, Last: lookLast}.Pauses(nil) }

// acquire waits for a permit of a request that must be made some time, whatever the limits say now. Its error is the
// context's.
func (p *performer) acquire(ctx context.Context, q limits.Request) (limits.Permit, error) {
	for pauses := looks(); ; {
		wait := pauses.Next()
		permit, err := p.limits.Acquire(ctx, q)
		if err == nil {
			return permit, nil
		}
		if ctx.Err() != nil {
			return permit, ctx.Err()
		}
		p.log.Warn("no permit, asking again", "endpoint", q.Endpoint, "error", err, "retry_after_ms", wait.Milliseconds())
		if err := pause(ctx, wait); err != nil {
			return permit, err
		}
	}
}

func (p *performer) unsent(ctx context.Context, job actor.Job, posts []Post, cause error) {
	for i := range posts {
		p.deliver(ctx, job, posts[i].Intent.OrderID, polymarket.NeverLeft{Cause: cause})
	}
}

// deliver hands an outcome over, unless the context has cut the deed short: then nobody knows, and the order stays open.
func (p *performer) deliver(ctx context.Context, job actor.Job, id msgs.OrderID, o polymarket.Outcome) {
	if ctx.Err() == nil {
		job.Deliver(Posted{OrderID: id, Outcome: o})
	}
}

// heed slows down when the venue asks for it.
func (p *performer) heed(o polymarket.Outcome) {
	r, ok := o.(polymarket.RetryAfter)
	if !ok || r.Reason == polymarket.ReasonPostOnly {
		return
	}
	p.log.Warn("venue takes no orders for a while", "reason", r.Reason, "retry_after_ms", r.Duration.Milliseconds(), "venue_message", r.VenueMessage)
	p.limits.Penalise(limits.Order, p.account, time.Now().Add(max(r.Duration, retryFirstMS*time.Millisecond)))
}

// pauseUntil waits for a moment, or for the end of ctx, whose error it returns.
func pauseUntil(ctx context.Context, ms int64) error {
	return pause(ctx, time.Until(time.UnixMilli(ms)))
}

func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
