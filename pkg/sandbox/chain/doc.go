// Package chain is Polygon on your machine: an EVM in process with chain id 137 and the venue's contracts where production
// has them.
//
// It owns blocks, the state behind each, the pool of waiting transactions, and its endpoints, which speak JSON-RPC over
// HTTP and WebSocket to other programs. The contracts are our own (folder contracts, compiled by contracts/compile.mjs,
// the result committed in contracts/artefacts.json): same interface, same events, same amounts; not the same gas. What they
// leave out says so by failing. Wallets stand at the addresses that production derives; since those follow from creation
// code that is not ours, the chain itself places them when a factory asks (place.go). Signatures and nonces of all wallet
// kinds are checked; orders are not, the sandbox has done that.
//
// Invariants: a block holds only what its parent's state lets run; the tip is at least 25 gwei; what a reorganisation
// drops is pending again unless it was dropped on purpose; an endpoint that lags never answers from above its own head,
// whatever it is asked.
//
// Rules stop at Prague, because Polygon has no later ones. Time comes from the time package only, no goroutine outlives
// Close, and none is started but for blocks by time, so that a chain can live in a testing/synctest bubble.
//
// It fails on purpose: Reorg, SetBaseFee, Forget, and the faults of each Endpoint.
package chain
