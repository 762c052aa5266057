package relayer

import (
	"context"
	"time"

	"sluice/pkg/limits/quota"
)

// Units is the book of the relayer's daily units, durable and shared by all who spend them. A unit that is reserved stays charged
// until it is confirmed or voided. *quota.Keeper is one.
type Units interface {
	// Reserve charges a unit before the submit that costs it. Errors: *quota.Exhausted; the book's, and then nothing may leave.
	Reserve(ctx context.Context, id string, p quota.Purpose) error
	// Confirm records that it was spent, Void that it surely was not.
	Confirm(ctx context.Context, id string) error
	Void(ctx context.Context, id string) error
	// Block records that the relayer has nothing left for so long.
	Block(ctx context.Context, wait time.Duration) error
	View(ctx context.Context) (quota.View, error)
}

var _ Units = (*quota.Keeper)(nil)
