// Package relayer brings an account's on-chain work onto the chain: few units of the venue's relayer, the owner's gas when there
// are none left, each request executed once.
//
// # What it owns
//
// One wallet actor per account (Wallet thinks, the performer does), the packing of requests into units, the choice of who
// carries a unit, and its fate until the chain calls it final. Calldata, hashes and signatures are pkg/polymarket's, the
// transactions of own gas pkg/evm/sender's, the daily units pkg/limits/quota's.
//
// # Subjects
//
// In: cmd.tx.<account>.>, one lane in order; md.polymarket.market.> as facts; evt.ledger.<account> or svc.executor.<account>.orders
// for what resting orders need. Out: evt.tx.<account>. Questions: svc.relayer.<account>.request and quota.
//
// # Invariants
//
//   - A wallet has at most one open unit. What it signs is on the log, with its nonce, before a signature exists; the signature
//     is a function of that, so a restart makes the same bytes.
//   - A request stands in at most one payload that can still have effect, or in several with the same nonce of a wallet whose
//     nonce lets one of them have it. It gets another nonce only after the chain has finally used the first for something else.
//   - A unit of the quota is reserved durably before the submit that costs it, and charged until a definite refusal.
//   - A submit that may cost a unit in vain is repeated less and less often, whatever unit it is for; free reads are asked before.
//   - A request ends once: confirmed by a final block, failed, or dropped before it left. Only a given-up unit that is executed after
//     all adds a word, marked late.
//   - Nothing leaves after its deadline, and what cannot leave now is said to wait: for what, until when, and what would help.
//   - The last function before a signature reads what it would do out of its bytes and asks the account's policy.
//
// # How it fails
//
// An endpoint, relayer or chain that does not answer is asked on; what may have been accepted is looked up before anything else
// happens to it. A request that would revert is found by a rehearsal before a unit is spent and fails alone. A log that may have been
// lost or rolled back, or that has a unit of another chain than the one that is shown, is held: what is asked is dropped and no unit
// leaves, over restarts too, until an operator accepts it. Another env ends the actor with an error that says what to do.
//
// # How it is tested
//
// Wallet by transcripts (testdata) and over a random world that fails in every known way (TestEveryRequestOnceInARandomWorld, more
// with SLUICE_RELAYER_SEEDS), a day's packing against the optimum; performer and service against the sandbox's relayer and chain.
package relayer
