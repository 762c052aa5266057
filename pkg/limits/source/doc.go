// Package source asks several sources of the same kind of data, one after the other.
//
// It owns the chain: which sources there are, in which order, whose circuit is open, and what was known last. The circuit
// breaker is gobreaker's. A source's limits are asked for by its Ready function and charged by its Fetch.
//
// Invariants: a source whose circuit is open, or whose limits are spent, is passed over without a call; a throttle is no
// sickness and opens nothing; a value from the cache says so and how old it is; only reads go through a chain.
//
// It serves whoever asks several REST sources for one kind of data, such as a reference price. None of the services does: what they read of
// the venue has one source, and RPC endpoints have a pool of their own (pkg/evm), because there agreement counts and not the first
// answer.
//
// How it fails: when every source has failed and nothing is cached, the errors of all are joined.
package source
