// Package signal reads what an answer of a venue says about its limits.
//
// It owns the spellings: header families (X-RateLimit-*, Poly-RateLimit-*, any case), Retry-After in seconds or as a date,
// "resets in N seconds", scope and reset_at, the trading windows of 425 and 503, plans that are not paid for (402), and
// pages of HTML where an answer of JSON belongs. And the rule by which slowness is taken for a throttle, because a venue
// that queues what is over its limit refuses nothing.
//
// Invariants: what is absent is unknown and never zero; every wait lies between 0 and 25 hours; a moment that the venue
// names is compared with the venue's own clock when the answer bears one.
//
// How it fails: what cannot be read is as if it were not there.
package signal
