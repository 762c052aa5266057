// Package evm reads an EVM chain and sends to it, through several endpoints of which none is trusted alone.
//
// It owns the pool of RPC endpoints: which of them is up, how far behind it is, what its errors mean and whose fault they
// are. Package sender, below it, owns the transactions of one key.
//
// Invariants: an endpoint of another chain is never used; one that is more than MaxLag blocks behind the others is not read;
// all calls of one logical read go to one endpoint; an error that every honest endpoint would answer (execution reverted,
// nonce too low, insufficient funds) is the caller's and never counts against the endpoint that said it; no error, log line
// or status shows more of an endpoint's URL than scheme and host, because the rest is often a key.
//
// There is no default endpoint. Public ones die, lie and throttle, and whoever moves money should know whom he asks.
//
// How it fails: *Error says what kind of failure it was, at which endpoint, why, and what to do; *UnavailableError lists
// why none could be asked. Nothing is retried at the same endpoint.
//
// It knows nothing of ours: any chain, any service.
package evm
