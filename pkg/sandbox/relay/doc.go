// Package relay is the relayer's paperwork: what a client may submit, what it signed, what the worker then sends, and what a
// transaction on the chain has executed for which wallet.
//
// It owns the relayer's wire form and the checks on it: wallets must be their owner's, signatures are recovered with
// go-ethereum's own typed-data hashing, calls may go to the venue's contracts alone. It shares no code with the programs that it
// tests, and holds no state: whose turn it is, what it costs and when it happens is the sandbox's to decide.
//
// Invariants: a Job that Read returns is signed by its owner (but a deposit wallet's creation, which nobody signs) and its
// transaction does just what was signed; two jobs have the same Key only when the same thing was signed.
//
// It fails with a Refusal, which is what the venue would answer.
package relay
