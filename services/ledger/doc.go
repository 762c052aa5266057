// Package ledger keeps the books: double entry, append-only, from the executor's events, the private feed and the chain.
//
// # What it owns
//
// One account's books (Journal is their thinking), the database in which they stand (Store), the events
// evt.ledger.<account>, and the answers to svc.ledger.<account>.balances, .positions, .history, .holds and .position.
//
// # Subjects
//
// In: evt.order.<account>, feed.<account>.trade, the chain's transactions through Transfers, and the answer of
// svc.executor.<account>.orders where a part of the log is gone. Out: evt.ledger.<account>, dead.ledger.<reason>, and how far the streams are booked (actor.Readers).
//
// # Facts and overlay
//
// Facts (the wallet) are posted from what the chain shows, never from what somebody says. The overlay stands beside them:
// what open orders can still take is held, what is matched and not settled is leaving or coming. A settlement moves the
// facts and ends the overlay of its trades in one entry. Available is the wallet less what is held and leaving; what is
// coming is never available.
//
// # Invariants
//
//   - The postings of an entry sum to zero for each asset; a balance is the sum of its postings.
//   - Entries are never changed. Each bears the hash of itself and all before it, and events carry that hash out of the
//     database, so that a row that was changed together with every later hash is found.
//   - No natural key (a leg of a trade, a transaction) is booked twice, whatever comes twice and in whatever order; the
//     three inputs may be read in any interleaving and lead to the same balances.
//   - A transaction that a reorganisation drops is reversed by an entry of its own, and what it had settled is leaving and
//     coming again; it can be booked again.
//   - Of a chain that is followed by its final logs (FinalLogs) nothing is undone: only final blocks are read.
//   - How far an input is booked is committed with what it led to. Events are told after the commit, in order, each once.
//
// # How it fails
//
// What does not agree is an event (ledger.discrepancy) and changes nothing by itself: the chain counts. What cannot be read
// goes to dead.ledger. A database that does not take a write ends the service, and the next start reads again what was not
// committed. Books of another env, of another wallet, kept by another process, or older than what they have told are refused.
// A log that was emptied or rolled back is read again; .position keeps saying what was booked of the old one until the
// executor has compared it.
//
// # How it is tested
//
// The core by seeded inputs in random interleavings with repeats; the adapter by ending it between any two steps, with what
// a crash leaves of the database; flows in tests/flow, each of which ends with the books equal to the venue's balances.
package ledger
