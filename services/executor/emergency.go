package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Emptied is what an emergency cancel came to.
type Emptied struct {
	Cancelled []msgs.OrderID // as far as the venue named them
	Open      []msgs.OrderID // what the venue still showed when it was asked last
}

// CancelDirectly ends everything that rests for an account with the venue's API alone: no log, no broker, no queue. It
// asks again until the venue shows nothing, once more a send-by time later, because an order may have been on its way, and
// returns then. It returns what it knows, and an error, when ctx ends first. Whatever still runs for the account may place
// new orders afterwards.
func CancelDirectly(ctx context.Context, api polymarket.CLOB, log *slog.Logger) (Emptied, error) {
	e := emergency{log: log}
	if api.Creds.Key == "" {
		err := e.insist(ctx, func() (err error) {
			try, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			api.Creds, err = api.CreateOrDeriveKey(try, 0)
			return err
		})
		if err != nil {
			return e.done, fmt.Errorf("get credentials from the venue: %w", err)
		}
	}
	e.venue = newCLOB(api, "", api.Creds)
	return e.done, e.cancel(ctx)
}

// emergency is an emergency cancel under way.
type emergency struct {
	venue interface {
		Canceller
		Reader
	}
	log  *slog.Logger
	done Emptied
}

// cancel ends everything and sees to it that nothing was on its way.
func (e *emergency) cancel(ctx context.Context) error {
	if err := e.empty(ctx); err != nil {
		return err
	}
	if err := pause(ctx, sendBy); err != nil {
		return fmt.Errorf("wait for orders on their way: %w", err)
	}
	return e.empty(ctx)
}

// empty cancels until the venue shows nothing.
func (e *emergency) empty(ctx context.Context) error {
	return e.insist(ctx, func() error {
		a, failed := e.venue.CancelEverything(ctx)
		e.done.Cancelled = append(e.done.Cancelled, a.Cancelled...)
		if failed != nil {
			return fmt.Errorf("cancel everything: %w", refusedBy{failed})
		}
		open, err := e.open(ctx)
		if err != nil {
			return fmt.Errorf("list open orders: %w", err)
		}
		if e.done.Open = open; len(open) > 0 {
			return fmt.Errorf("the venue still shows %d open orders", len(open))
		}
		return nil
	})
}

// open lists what the venue shows, as far as it answers.
func (e *emergency) open(ctx context.Context) (ids []msgs.OrderID, err error) {
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		if pages == maxListPages {
			return ids, fmt.Errorf("the list does not end with page %d", pages)
		}
		var page []VenueOrder
		page, cursor, err = e.venue.OpenOrders(ctx, cursor)
		for i := range page {
			ids = append(ids, page[i].OrderID)
		}
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// refusedBy is an outcome as an error.
type refusedBy struct{ polymarket.Outcome }

func (r refusedBy) Error() string { return r.String() }

// insist does f until it succeeds, later each time, or ctx ends; then the error says what was wrong last.
func (e *emergency) insist(ctx context.Context, f func() error) error {
	for pauses := looks(); ; {
		wait := pauses.Next()
		err := f()
		if err == nil {
			return nil
		}
		after := wait
		if r, ok := retryAfter(err); ok {
			after = max(after, r)
		}
		e.log.Warn("emergency cancel not done, asking again", "error", err, "retry_after_ms", after.Milliseconds())
		if pause(ctx, after) != nil {
			return err
		}
	}
}

// retryAfter is how long the venue wants to be left alone, where it says so.
func retryAfter(err error) (time.Duration, bool) {
	var said polymarket.Outcome
	if r, ok := errors.AsType[refusedBy](err); ok {
		said = r.Outcome
	} else if e, ok := errors.AsType[*polymarket.Error](err); ok {
		said = e.Outcome
	}
	r, ok := said.(polymarket.RetryAfter)
	return r.Duration, ok
}
