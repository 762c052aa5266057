package executor

import (
	"context"
	"time"

	"sluice/pkg/msgs"
	"sluice/pkg/polymarket"
)

// Poster places signed orders, 1 to 15 at once. There is one outcome for each, in order; none of them is an error. Nothing
// begins to leave after sendBy.
type Poster interface {
	Post(ctx context.Context, orders []polymarket.Envelope, sendBy time.Time) []polymarket.Outcome
}

// Canceller ends orders. A failure says why there is no answer; a cancel may be repeated at will.
type Canceller interface {
	Cancel(ctx context.Context, ids []msgs.OrderID) (CancelAnswer, polymarket.Outcome)
	CancelEverything(ctx context.Context) (CancelAnswer, polymarket.Outcome)
}

// Reader looks at what the venue has. found is false only when the venue itself says that it does not know the order.
type Reader interface {
	Order(ctx context.Context, id msgs.OrderID) (o VenueOrder, found bool, err error)
	// OpenOrders lists what rests, a page at a time: the first where cursor is "". next is "" behind the last.
	OpenOrders(ctx context.Context, cursor string) (page []VenueOrder, next string, err error)
	// Traded lists the account's own orders that have traded since, each at least once, in pages like OpenOrders.
	Traded(ctx context.Context, since time.Time, cursor string) (page []msgs.OrderID, next string, err error)
}

// Venue is all that an account needs of the venue.
type Venue interface {
	Poster
	Canceller
	Reader
}
