// Package polymarket speaks the venue's wire protocol of today (CLOB V2) for Go programs: order amounts, hashing
// and signing for every wallet kind, authentication headers, the CLOB's REST calls, the frames of its market and user
// sockets, and for work on chain: calldata both ways, wallets and their signatures, the relayer's requests and answers.
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
//   - Before a wallet's money is signed for, the calls are read back out of the very bytes that are signed and an Allow is
//     asked about each; there is no other way to a signature. Calldata has one spelling (DecodeCalldata).
//   - One piece of on-chain work has one signature: the carriers bring the same bytes. A proxy wallet, which nothing protects
//     from a second execution, gets its own-gas call only for a refusal of the relayer; a deposit wallet has none.
//   - Unknown domain versions, chains, ticks and wallet kinds are refused, never guessed.
//
// How it fails: placing and cancelling answer with an Outcome, never with an error to be read. NeverLeft is said only
// when no byte of the request body can have been written; when bytes may have left and the answer is missing, cut short
// or not understood, the outcome is Unknown, and the order id is the way to find out. Reads return an error that is
// or wraps *Error when the venue answered. The relayer's calls fail with a *RelayerError, which says the reason, whether a
// submit may have been accepted or charged all the same, and what to do. Messages that cannot be read are counted and returned as Unrecognised events.
//
// How it is tested: the vectors in testdata (see its README) are reproduced byte for byte, hashing is compared with
// go-ethereum's typed-data package, calldata with its encoder and by running every operation on the sandbox's chain, everything
// that parses is fuzzed. SLUICE_VECTORS=<folder> makes the same tests read
// another folder of the same file names.
package polymarket
