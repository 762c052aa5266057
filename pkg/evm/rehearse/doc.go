// Package rehearse has an endpoint try calls as a wallet would perform them, before anything is signed.
//
// It owns a small contract whose code stands at the wallet's address for the time of one eth_call (a state override): it performs
// the calls one after the other from there, so balances, permissions and receipts of tokens are the wallet's own, and tells
// which is the first that fails and what the contract says. Other questions can be asked at the same block.
//
// Invariants: nothing is signed and nothing is sent; an endpoint learns the calls and no signature; all answers of a Result
// are of one block of one endpoint; an answer without the contract's mark is no answer.
//
// How it fails: an endpoint that refuses overrides or leaves them aside is passed over, and the next one is asked. Where none
// is left, the error says so for each of them.
//
// The contract is compiled by contract/compile.mjs; a test compiles it again and compares.
package rehearse
