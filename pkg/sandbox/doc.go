// Package sandbox is Polymarket on your machine: the venue's CLOB, REST and sockets, over a real matching engine and, if asked, a chain.
//
// It owns its markets, accounts, order book, balances, trades and the journal of all that happened. It speaks the
// venue's protocol from the venue's side and shares no code with the programs it tests: orders and logins are
// checked with go-ethereum's typed-data hashing, wallet addresses and HMACs with code of its own. Everything it
// decides by chance comes from one seed, and markets, tokens, accounts are the same at every start.
//
// Invariants: what an order may still take is held back in its wallet; cash plus minted sets never change but by
// trades, whose legs add up; a failed settlement gives back exactly what its trade moved; each request becomes one
// journal line, whether or not it was answered; nothing outlives Close.
//
// It fails as the venue fails, on purpose: see Faults. What it cannot read it refuses in the venue's own words.
//
// Beside the venue's own paths it serves /_sandbox/journal?since=N (JSON lines from that line on), /_sandbox/info,
// /_sandbox/transfers?after=N&limit=N&wait_ms=N&chain=ID (JSON lines: the logs of the chain's transactions after number N, as an exchange
// writes them), and /_sandbox/faults, where GET shows the faults and POST changes those it names: {"drop_answer":{"next":1}},
// {"cut_sockets":true}, {"tick_change":{"market":"sandbox-coin","tick":"0.001"}}, {"restart":{"down_ms":2000,"window_ms":5000}}; of the chain
// {"reorg":{"depth":3}}, {"base_fee":{"gwei":300}}, {"stale_rpc":{"blocks":5}}, {"resolve":{"market":"sandbox-coin","outcome":"Yes"}};
// {"game_start":{"market":"sandbox-coin"}} clears a book; {"forget_tx":{"hash":"0x…"}} drops what waits; of one of its nodes
// {"stale_rpc":{"node":2,"blocks":5}}, {"refuse_rpc":{"status":429,"next":3}}, {"cut_rpc":{"next":1}}, {"lose_txs":{"next":1}}.
//
// The venue's limits are counted by a second implementation with a table of its own (limits_*.go): windows per address at the
// edge, which refuses, queues or blocks what is over, and buckets per signer with the venue's headers. The journal says what was
// allowed and what was counted. GET /_sandbox/limits shows both; POST changes {"enforce":true}, {"edge":"queue"}, {"tiers":{"main":"Gold"}}.
//
// With Config.Chain trades settle on an EVM (package chain), which other programs reach at /rpc by JSON-RPC over HTTP and
// WebSocket, or at /rpc/1 to /rpc/3, nodes that fail each for itself. A trade is MINED when its settlement is in a block, RETRYING when it reverted, FAILED when it did so twice; what
// wallets do on the chain by themselves is in their books with its block. Without it settlement is only told.
//
// The relayer is served at /relayer, with a chain: it checks who submits and what was signed (package relay), charges a unit,
// asks the chain, sends with a key of its own, and tells NEW, EXECUTED, MINED, CONFIRMED, or INVALID and FAILED. The journal has
// each unit charged ("charge"), each state ("relay"), and what each transaction did for a wallet, whoever brought it ("execution").
//
// One mutex guards the state; no I/O happens under it. Time comes from the time package only, so that a sandbox
// can live in a testing/synctest bubble behind an in-memory listener.
package sandbox
