// Package polymarket speaks the venue's wire protocol of today (CLOB V2) for Go programs: order amounts, hashing
// and signing for every wallet kind, authentication headers, the CLOB's REST calls, and the frames of its market
// and user sockets.
//
// It owns the venue's spelling: addresses, type strings, field names, error texts. It holds no state beyond what a
// caller passes in, starts no goroutine, keeps no clock, and knows neither services nor the bus.
//
// Invariants:
//
//   - An order id is the EIP-712 digest of the order (Order.Hash), known before anything is sent. Signing is
//     deterministic (RFC 6979, low s): the same order and key give the same bytes for ever.
//   - Quantities are whole micro-units (pkg/money). No float enters an amount, a price or a fee.
//   - What is signed or authenticated is serialised once; the same buffer is hashed and sent.
//   - Secrets print as [secret] under fmt, slog and JSON. Credentials of the CLOB and of builders are different types.
//   - Unknown domain versions, chains, ticks and wallet kinds are refused, never guessed.
//
// How it fails: placing and cancelling answer with an Outcome, never with an error to be read. NeverLeft is said only
// when no byte of the request body can have been written; when bytes may have left and the answer is missing, cut short
// or not understood, the outcome is Unknown, and the order id is the way to find out. Reads return an error that is
// or wraps *Error when the venue answered. Messages that cannot be read are counted and returned as Unrecognised events.
//
// How it is tested: the vectors in testdata (see its README) are reproduced byte for byte, hashing is compared with
// go-ethereum's typed-data package, everything that parses is fuzzed. SLUICE_VECTORS=<folder> makes the same tests read
// another folder of the same file names.
package polymarket
