// Package relay holds the system tests of on-chain work: the relayer service on the sandbox, its chain and its relayer, with a real
// NATS server, in virtual time.
//
// Each test speaks to the service as a strategy does, by commands, and reads what happened from the streams, from the venue's journal
// and from the chain by eth_call. At the end of every test the judge of work reads all of it and must be content, everything that
// was said must hold against its schema, and every wallet must have what it had at the start plus what was told as confirmed, in
// each asset, to the unit.
//
// Owned: the plant (what is started, stopped, killed, cut off). Nothing here is imported by the product. It fails by failing tests; a test
// that hangs has let something of the bubble wait for something outside.
//
// TestAnythingGoesWrong lives a few random lives; SLUICE_RELAY_SEEDS=200 lives so many, SLUICE_RELAY_SEED=7 that one. SLUICE_RELAY_FULL=1 has
// every trouble meet every kind of wallet, and troubles last for hours.
package relay
