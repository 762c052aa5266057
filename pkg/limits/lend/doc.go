// Package lend lets several limiters share one allowance: one of them lends, the others borrow.
//
// It owns the protocol, as pure cores without I/O or clock. A Granter counts what all have used, and lends units of its counters
// for a short while. A Borrower stands between a limiter's gate and a granter elsewhere. A Record is what must be on disk: it
// says, for each counter, what was counted, what is lent, and how much more may be lent before the next record. pkg/limits/share
// carries both over NATS.
//
// Why nothing is ever exceeded. A unit is lent only when the true counters have room for it and for everything that is lent
// already, and only from a reserve that was on disk before. It stays counted until its borrower has said what became of it, or
// until a moment at which it must have arrived: the borrower may use it for Life after its last question that was answered, a
// request arrives within Late of that, and the granter counts from its answer, which is later. Who takes over reads the last
// record, goes on with the loans that it names, and takes the whole reserve as lent now; the granter before may hand out the rest of that
// reserve, and answer, for Valid after it sent its record and no longer. The taker-over counts until after that. What a borrower has
// that no record names is from the reserve of the granter that it has last heard, and moves out of that when it says so: it is lent nothing
// by another before it ignores that one, and a record says what it had then. Moments are
// carried over as ages, by the broker's time stamps of the two records: no two clocks are compared.
//
// Assumed are the broker's clock, which must not jump forward by more than the windows' slack, a store that keeps what it has
// acknowledged, and Late.
//
// Invariants: what is lent, reserved and counted never exceeds a layer; a purse of cancels is served before the other, and the
// rest as they have had least, an account at a time; what the venue asks of one is in force for all; an idle borrower of orders gives back what it holds; figures said twice or late change
// nothing, because all of them are sums.
//
// How it fails: a granter that cannot write lends what is left of its reserve, for Valid; a borrower that hears nothing uses what
// it holds, for Life, and cancels for longer.
package lend
