// Package chain holds the truth about the sandbox's chain: one scenario, run on our contracts and on the real Safe 1.3.0 and
// ConditionalTokens, in process and on anvil. What happens must be the same in all four, to the last log; gas must be the
// same on both machines for the same contracts, and what ours cost beside the real ones stands in docs/chain.md.
//
// The real contracts and anvil come from npm when the tests run (npm ci) and are never committed. Without node and npm the
// tests skip, or fail with SLUICE_REQUIRE_ALL=1.
package chain
