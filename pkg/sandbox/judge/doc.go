// Package judge recomputes, from two records that others made, what a run did wrong.
//
// The records are the sandbox venue's journal (what reached the venue, when, and what became of it) and the bus's
// streams (what was asked, in ASK_<account>, and what was told, in LOG_<account>). Nothing here is taken on the word
// of the services: each order at the venue must be explained by exactly one intent on the log and one command on
// the bus, each command by an event, each told state by the venue's own last line.
//
// It shares no code with what it judges: only the standard library is imported, decimals are big.Rat, and the
// decoding of commands, events and order bodies is its own. A test of this package checks its imports, because a
// judge that shares a mistake with the accused acquits it.
//
// Owned: the rules (check_*.go) and the [Verdict]. Not owned: fetching the records; the caller hands in two readers
// of JSON lines, taken after the run has come to rest. Lines of different streams may be in any order; messages of
// a stream are put in the order of their sequence numbers; the journal is read in the order in which it was written.
//
// [JudgeBooks] holds what the ledgers told against the chain's transfers in the same way: each effect of each transaction on
// each asset of a wallet must have been told once, as it is.
//
// # Times
//
// Everything is in Unix microseconds of one host's clock. A comparison of a venue's arrival with a bus's time stamp
// allows [Options.Tolerance]; what the log itself admits (an intent decided after the command's valid_until) and
// "sent before logged" allow none.
//
//   - A send is late when it arrives after valid_until + send-by, or when its intent was decided after valid_until,
//     or when it arrives more than send-by after its intent was stored with neither an earlier send of the same
//     bytes nor a look-up between to explain it.
//   - A send is after a barrier when its intent follows the barrier's event on the log, when it arrives more than
//     send-by after that event was stored, or when the order still rests at the venue at the end.
//
// # How it fails
//
// [Judge] returns an error only when a reader does. A line or payload that cannot be read is counted as unreadable
// and shown, and a verdict with one is not content: who cannot read cannot acquit. So is an empty record. Well-formed things of a kind that
// the judge does not know are counted by name as unfamiliar and acquit nobody and accuse nobody.
package judge
