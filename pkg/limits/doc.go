// Package limits keeps calls below the venue's documented limits.
//
// It owns the figures (Profile: dated, with their source) and the pacing (Limiter). A call costs at two layers: one
// request of its endpoint per IP, and one token per order or per cancel of the signer. Orders and cancels have buckets of
// their own, so a flood of orders never makes a cancel wait.
//
// Invariants: nothing is let through beyond a bucket; what the venue asks for (Penalise) only ever makes it slower; a
// waiter whose context ends takes nothing. The limiter counts what it lets through, not what arrives: one process for one
// IP and signer.
//
// How it fails: a call that costs more than a bucket can ever hold is refused at once with ErrTooBig.
package limits
