// Package limits keeps calls below the documented limits of venues and providers: never over, always as much.
//
// It owns the clock and the lock around a budget: Acquire waits until a request may leave from all its limits at once, takes
// what it costs, and gives a Permit, which is closed by what became of the request. The rooms behind it are pure:
//
//	catalogue  the figures, as dated data
//	gate       counting: windows, buckets, turns, what a venue asks for
//	budget     a profile in force: which request is charged to what, tiers, signals, status
//	signal     what an answer says about limits
//	door       the way of HTTP requests: none leaves without a permit
//	retry      whether and when to send again; what may not be, is not, by its type
//	quota      the book of a daily quota, reserved durably before it is spent
//	source     chains of sources with circuit breakers, batches
//	rehearse   plans and simulations in virtual time, against
//	referee    a venue that counts for itself
//
// Invariants: nothing is let through beyond a documented window or bucket, whatever the delays are; a request takes from all
// its counters or from none; what a venue asks for only makes it slower, and only a learned tier or limit faster, up to the
// documented figure; a waiter whose context ends takes nothing; an order flood never makes a cancel wait.
//
// How it fails: a request whose deadline is out of reach is refused at once with a *MissError, one that can never pass with
// gate.ErrNever. One limiter counts one process: several that share an address or a key each need a part of the figures.
package limits
